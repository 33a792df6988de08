"""The server over real HTTP: what it gives, what it refuses, and that a killed one loses and doubles nothing."""

import asyncio
import collections
import concurrent.futures
import http.client
import json
import random
import re
import signal
import threading
import time

import pytest

pytest.importorskip("starlette", reason="the extra `study` is not installed")
pytest.importorskip("uvicorn", reason="the extra `study` is not installed")
httpx = pytest.importorskip("httpx", reason="the extra `dev` is not installed")

from s2r_reports._study import server  # noqa: E402
from s2r_reports._study.layout import read_study  # noqa: E402
from tests.reports.study.conftest import METHODS  # noqa: E402

TOKENS = {"token-of-the-first-one": "p01", "token-of-the-second": "p02"}
ONE, TWO = (f"/s/{token}" for token in TOKENS)


@pytest.fixture
def desk(folder):
    study = read_study(folder)
    journal = server.journal_of(folder, study)
    yield server.Desk(folder, study, TOKENS, journal)
    journal.close()


@pytest.fixture
def ask(desk):
    """One request to the application in this process: (status, JSON or text)."""

    def request(method, path, **more):
        async def send():
            transport = httpx.ASGITransport(server.application(desk), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://study") as client:
                return await client.request(method, path, **more)

        return run(send())

    return request


def run(coroutine):
    """What a coroutine returns, run in a thread of its own: tests of pages may have a loop open in this one."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def answer(ask, base, sample, picked=True, seconds=1.0):
    return ask("POST", f"{base}/answers", json={"sample": sample, "picked": picked, "seconds": seconds})


def test_a_participant_from_the_first_to_the_last_sample(ask, desk):
    state = ask("GET", f"{ONE}/state").json()
    assert (state["answered"], state["total"]) == (0, 12)
    assert state["words"]["question"] == "Was this captured by the sensor?"
    seen = []
    while state["next"]:
        image = ask("GET", f"{ONE}/images/{state['next']}.png")
        assert (image.status_code, image.headers["content-type"], image.content[1:4]) == (200, "image/png", b"PNG")
        seen.append(state["next"])
        state = answer(ask, ONE, state["next"], len(seen) % 2 == 0).json()
    assert seen == desk.study.order("p01")
    assert state["answered"] == 12
    assert ask("GET", "/status").json() == {"participants": 2, "begun": 1, "finished": 1, "answers": 12}
    assert ask("GET", f"{TWO}/state").json()["answered"] == 0
    lines = [json.loads(line) for line in (desk.folder / "answers.jsonl").read_text().splitlines()]
    assert [line["sample"] for line in lines] == seen
    assert [line["position"] for line in lines] == list(range(12))
    assert {line["participant"] for line in lines} == {"p01"}


def test_repeating_an_answer_changes_nothing(ask, desk):
    first = desk.study.order("p01")[0]
    once = answer(ask, ONE, first)
    again = answer(ask, ONE, first, seconds=9.0)
    assert (once.status_code, again.status_code) == (200, 200)
    assert once.json() == again.json()
    other = answer(ask, ONE, first, picked=False)
    assert other.status_code == 409
    assert other.json()["state"] == once.json()
    assert len((desk.folder / "answers.jsonl").read_text().splitlines()) == 1


def test_answers_out_of_order_are_refused(ask, desk):
    refused = answer(ask, ONE, desk.study.order("p01")[1])
    assert refused.status_code == 409
    assert refused.json()["state"]["next"] == desk.study.order("p01")[0]
    example = desk.study.examples[0][0]
    assert answer(ask, ONE, example).status_code == 400
    assert (desk.folder / "answers.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"sample": "S", "picked": true, "seconds": 1}', "text/plain", 415),
        (b'{"sample": "S", "picked": true, "seconds": 1}', None, 415),
        (b"{" + b" " * 3000 + b"}", "application/json", 413),
        (b"[" * 2000, "application/json", 400),
        (b"", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"null", "application/json", 400),
        (b'{"sample": "S", "picked": "yes", "seconds": 1}', "application/json", 400),
        (b'{"sample": "S", "picked": 1, "seconds": 1}', "application/json", 400),
        (b'{"sample": "S", "picked": true, "seconds": NaN}', "application/json", 400),
        (b'{"sample": "S", "picked": true, "seconds": 1e999}', "application/json", 400),
        (b'{"sample": "S", "picked": true, "seconds": -1}', "application/json", 400),
        (b'{"sample": "S", "picked": true, "seconds": 1, "participant": "p02"}', "application/json", 400),
        (b'{"sample": ["S"], "picked": true, "seconds": 1}', "application/json", 400),
        (b'{"sample": "<script>alert(1)</script>", "picked": true, "seconds": 1}', "application/json", 400),
        (b'{"sample": "../key.json", "picked": true, "seconds": 1}', "application/json", 400),
    ],
)
def test_hostile_bodies(ask, desk, body, kind, status):
    body = body.replace(b'"S"', json.dumps(desk.study.order("p01")[0]).encode())
    said = ask("POST", f"{ONE}/answers", content=body, headers={"content-type": kind} if kind else {})
    assert said.status_code == status
    assert said.headers["content-type"] == "application/json"
    assert "<script>" not in said.text
    assert (desk.folder / "answers.jsonl").read_bytes() == b""


def test_a_body_without_end_is_cut_off(ask):
    sent = []

    async def endless():
        while True:
            sent.append(1)
            yield b"[" * 500

    said = ask("POST", f"{ONE}/answers", content=endless(), headers={"content-type": "application/json"})
    assert said.status_code == 413
    assert len(sent) < 20


@pytest.mark.parametrize(
    "path",
    [
        "/s/unknown/state",
        "/s/unknown",
        "/s/p01/state",
        "/key.json",
        "/study.json",
        "/answers.jsonl",
        f"{ONE}/images/key.json",
        f"{ONE}/images/..%2fkey.json",
        f"{ONE}/images/%2e%2e%2fkey.json",
        f"{ONE}/images/..%5ckey.json",
        f"{ONE}/images/0000000000000000.png",
        f"{ONE}/images/%00.png",
        "/%2e%2e/key.json",
        "/page.html",
    ],
)
def test_what_is_not_there_is_not_found(ask, path):
    said = ask("GET", path)
    assert said.status_code == 404
    assert "source" not in said.text


def test_another_participants_images_need_a_token(ask, desk):
    assert ask("GET", f"/s/nobody/images/{desk.study.samples[0]}.png").status_code == 404
    assert ask("POST", f"{ONE}/state").status_code == 405
    assert ask("GET", f"{ONE}/answers").status_code == 405


def test_every_reply_carries_the_security_headers_and_no_name_of_a_source(ask, desk):
    sample = desk.study.order("p01")[0]
    paths = ["/", "/status", "/page.js", "/page.css", ONE, f"{ONE}/state", f"{ONE}/images/{sample}.png", "/nothing"]
    for path in paths:
        said = ask("GET", path)
        assert said.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in said.headers["content-security-policy"]
        assert said.headers["x-content-type-options"] == "nosniff"
        assert said.headers["referrer-policy"] == "no-referrer"
        assert said.headers["x-frame-options"] == "DENY"
        if not path.endswith(".png"):
            assert said.headers["cache-control"] == "no-store"
            assert not re.search(rf"(?<![\w-])({'|'.join(METHODS)})(?![\w-])", said.text)
            assert "http://" not in said.text
            assert "https://" not in said.text
    page = ask("GET", ONE).text
    assert "<style" not in page
    assert "onclick" not in page
    assert page.count("<script") == 1


def test_a_full_disk_is_told_and_the_answer_can_be_sent_again(ask, desk, monkeypatch):
    first = desk.study.order("p01")[0]

    def full(*_given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert answer(ask, ONE, first).status_code == 503
    monkeypatch.undo()
    assert ask("GET", f"{ONE}/state").json()["answered"] == 0
    assert answer(ask, ONE, first).status_code == 200
    assert len((desk.folder / "answers.jsonl").read_text().splitlines()) == 1


def test_other_names_of_the_host_are_refused(desk):
    async def send(host):
        app = server.application(desk, ("127.0.0.1", "localhost"))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{host}") as client:
            return await client.get(f"{ONE}/state")

    assert run(send("127.0.0.1:8377")).status_code == 200
    evil = run(send("evil.example"))
    assert evil.status_code == 400
    assert "x-frame-options" in evil.headers


def raw(port, line):
    """A request line as it stands, which no client has cleaned: the reply's status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", line, skip_host=False)
    connection.endheaders()
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    return reply.status, reply.getheader("server"), body


def test_path_tricks_on_the_wire_and_a_second_server(folder, start):
    running = start(folder)
    token = running.links["p01"].rpartition("/")[2]
    assert running.url.startswith("http://127.0.0.1:")
    for line in [
        f"/s/{token}/images/../../../key.json",
        f"/s/{token}/images/..%2f..%2fkey.json",
        "//key.json",
        "/../key.json",
        f"/s/{token}/images//etc/passwd",
        f"/s/{token}/images/" + "a" * 20_000,
    ]:
        status, name, body = raw(running.port, line)
        assert status in (400, 404)
        assert name is None
        assert b"source" not in body
    import subprocess
    import sys

    words = [sys.executable, "-m", "s2r_bench", "study", "serve", str(folder), "--port", "0"]
    second = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 2
    assert "another server has" in second.stderr
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(20) == 130
    assert "what is done is saved" in running.process.stderr.read()


class Person:
    """A participant whose client repeats every request until it is answered, and doubles some."""

    def __init__(self, link, number):
        self.link, self.chance, self.said = link, random.Random(number), {}

    def call(self, client, method, path, **more):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                reply = client.request(method, self.link + path, **more)
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            if reply.status_code < 500:
                return reply
            time.sleep(0.05)
        raise AssertionError("no reply for a minute")

    def run(self):
        with httpx.Client(timeout=10) as client:
            state = self.call(client, "GET", "/state").json()
            while state["next"]:
                picked = self.chance.random() < 0.5
                body = {"sample": state["next"], "picked": picked, "seconds": self.chance.random()}
                self.said[state["next"]] = picked
                for _ in range(2 if self.chance.random() < 0.3 else 1):
                    reply = self.call(client, "POST", "/answers", json=body)
                    assert reply.status_code == 200, reply.text
                state = reply.json()


def test_twenty_participants_and_a_server_that_is_killed_half_way(folder, start):
    running = start(folder, participants=20)
    people = [Person(link, number) for number, link in enumerate(running.links.values())]
    threads = [threading.Thread(target=person.run) for person in people]
    for thread in threads:
        thread.start()
    journal, total = folder / "answers.jsonl", 20 * 12
    end = time.monotonic() + 60
    while journal.read_bytes().count(b"\n") < total // 2 and time.monotonic() < end:
        time.sleep(0.002)
    running.kill()
    at_kill = journal.read_bytes().count(b"\n")
    assert total // 2 <= at_kill < total
    again = start(folder, participants=20, port=running.port)
    assert again.links == running.links
    for thread in threads:
        thread.join(90)
        assert not thread.is_alive()
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert len(lines) == total
    assert max(collections.Counter((line["participant"], line["sample"]) for line in lines).values()) == 1
    for label, person in zip(running.links, people, strict=True):
        assert {line["sample"]: line["picked"] for line in lines if line["participant"] == label} == person.said
    assert httpx.get(f"{again.url}/status").json() == {
        "participants": 20,
        "begun": 20,
        "finished": 20,
        "answers": total,
    }
