"""The pages in a real browser: keys and clicks, resumed, narrow and wide, light and dark, nothing fetched."""

import json
import re

import pytest

pytest.importorskip("uvicorn", reason="the extra `study` is not installed")

from s2r_reports import study as door
from tests.reports.study.conftest import fill, made


def ready(page):
    page.wait_for_selector("#trial:not([hidden]) #yes:enabled")


def answered(page, count):
    page.locator("#count").filter(has_text=re.compile(f"^{count + 1} of ")).wait_for()
    ready(page)


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_answered_by_keys_with_a_reload_and_a_kill_between(folder, start, opened):
    running = start(folder, participants=1)
    page = opened(running.links["p01"])
    page.wait_for_selector("#intro .pair:nth-child(2) img")
    assert page.inner_text("#told") == "what the sensor captured there"
    page.keyboard.press("c")  # before the start a key does nothing
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "start":
            break
    page.keyboard.press("Enter")
    ready(page)
    assert page.inner_text("#question") == "Was this captured by the sensor?"
    for number, key in enumerate("cscC"):
        answered(page, number)
        page.keyboard.press(key)
    answered(page, 4)
    page.reload()
    ready(page)
    assert page.inner_text("#count") == "5 of 12"
    page.keyboard.press("x")
    page.keyboard.press("Control+s")
    assert page.inner_text("#count") == "5 of 12"
    running.kill()
    page.keyboard.press("s")  # the server is gone: the page goes on asking
    page.wait_for_selector("#trouble:not([hidden])")
    assert "nothing is lost" in page.inner_text("#trouble")
    again = start(folder, participants=1, port=running.port)
    answered(page, 5)
    assert page.is_hidden("#trouble")
    for number in range(5, 12):
        answered(page, number)
        page.click("#yes" if number % 2 else "#no")
    page.wait_for_selector("#done:not([hidden])")
    assert "saved" in page.inner_text("#done-text")
    page.reload()
    page.wait_for_selector("#done:not([hidden])")
    lines = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    assert [line["picked"] for line in lines] == [True, False, True, True, False, *[n % 2 == 1 for n in range(5, 12)]]
    assert all(0 < line["seconds"] < 30 for line in lines)
    assert all(url.startswith((running.url, "data:")) for url in opened.asked)
    assert again.url == running.url
    assert [text for text in opened.said if "ERR_CONNECTION_REFUSED" not in text] == []


def test_an_unknown_link_says_so(folder, start, opened):
    running = start(folder, participants=1)
    page = opened(running.url + "/s/unknown")
    assert "This link is not known" in page.content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 860), (390, 844)])
def test_narrow_and_wide_light_and_dark(folder, start, opened, width, height, scheme):
    page = opened(start(folder, participants=1).links["p01"], width, height, color_scheme=scheme)
    page.wait_for_selector("#intro .pair img")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth)")
    assert fits(page)
    opened.shot(page, f"intro-{width}-{scheme}")
    page.click("#start")
    ready(page)
    assert fits(page)
    opened.shot(page, f"trial-{width}-{scheme}")
    for name in ("#yes", "#no"):  # both answers are on the screen without scrolling, and large enough for a thumb
        box = page.locator(name).bounding_box()
        assert box["y"] + box["height"] <= height
        assert box["height"] >= 44
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in dark[4:-1].split(",")) < 300) == (scheme == "dark")
    assert opened.said == []


def test_the_single_file_from_reading_to_results(folder, opened, tmp_path):
    page = opened((folder / "study.html").as_uri())
    page.wait_for_selector("#intro .pair img")
    page.click("#start")
    for number in range(12):
        answered(page, number)
        if number == 5:
            page.reload()
            ready(page)
            assert page.inner_text("#count") == "6 of 12"
        page.keyboard.press("cs"[number % 2])
    page.wait_for_selector("#save:not([hidden])")
    opened.shot(page, "done-static")
    with page.expect_download() as download:
        page.click("#save")
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    document, _ = door.results(folder, [file], False, None)
    assert document["participants"]["counted"] == 1
    assert document["damaged"] == []
    assert sum(row["picked"] for row in document["sources"]) == 6
    assert all(url.startswith(("file:", "data:", "blob:")) for url in opened.asked)
    assert opened.said == []


def test_wording_of_a_real_sensor(tmp_path, opened):
    made(fill(tmp_path, "Kinect v1"), tmp_path, tmp_path / "s", static=True)
    page = opened((tmp_path / "s" / "study.html").as_uri())
    page.wait_for_selector("#intro .pair img")
    assert "Real capture" in page.inner_text("#examples")
    page.click("#start")
    ready(page)
    assert page.inner_text("#question") == "Is this a real capture?"
    assert page.inner_text("#yes kbd") == "R"
    assert opened.said == []
