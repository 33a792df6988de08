"""The study's web server: Starlette and uvicorn, one process, one file of answers.

GET  /s/TOKEN                 the page             GET /page.js, /page.css
GET  /s/TOKEN/state           where this participant is: counts, the next sample's id, wording, examples
GET  /s/TOKEN/images/ID.png   a picture
GET  /s/TOKEN/clouds/ID.bin   the same as a cloud that can be turned, where the study shows clouds
POST /s/TOKEN/answers         {"sample": ID, "picked": bool, "seconds": s}; repeating it changes nothing
GET  /status                  how many have begun and finished

It reads study.json, images/, clouds/ and participants.json, and never key.json: it cannot tell what it does not know.
"""

import socket
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from s2r_reports._study.answers import Journal, parsed, picked_of, seconds_of
from s2r_reports._study.layout import ANSWERS, CLOUDS, IMAGES, Study
from s2r_reports._study.web import asset, script, served_page

LONGEST_BODY = 2048
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
)
NO_STORE = {"cache-control": "no-store"}
KEPT = {"cache-control": "private, max-age=3600"}
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Desk:
    """What the handlers share: the study, who takes part, and the answers.

    Attributes:
        folder: of the study.
        study: what the pages may know.
        tokens: secret token -> participant's label.
        journal: the answers.
    """

    folder: Path
    study: Study
    tokens: Mapping[str, str]
    journal: Journal

    @cached_property
    def orders(self) -> dict[str, list[str]]:
        """Participant -> the samples in their order."""
        return {label: self.study.order(label) for label in self.tokens.values()}

    def participant(self, request: Request) -> str:
        """Whose token the address holds.

        Raises:
            HTTPException: nobody's (404).
        """
        label = self.tokens.get(request.path_params["token"])
        if label is None:
            raise HTTPException(404, "This link is not known; please use the one that you were given")
        return label

    def state(self, label: str) -> dict[str, Any]:
        """Where a participant is."""
        answered = self.journal.answered(label)
        left = [sample for sample in self.orders[label] if sample not in answered]
        study = self.study
        return {
            "words": asdict(study.words),
            "examples": study.examples,
            "width": study.width,
            "height": study.height,
            "show": study.show,
            "total": len(study.samples),
            "answered": len(answered),
            "next": left[0] if left else None,
            "after": left[1] if len(left) > 1 else None,
        }

    def take(self, label: str, raw: object) -> tuple[int, dict[str, Any]]:
        """Keep an answer; returns the reply's status and body. Nothing awaits in here, so no two answers cross.

        Raises:
            HTTPException: it is no answer (400), or could not be saved (503).
        """
        sample, picked, seconds = _answer_of(raw, self.study)
        known, state = self.journal.answered(label).get(sample), self.state(label)
        if known is not None and known.picked == picked:
            return 200, state
        if known is not None:
            return 409, {"error": "This picture was answered before; the first answer stands", "state": state}
        if sample != state["next"]:
            return 409, {"error": "This is not the picture that comes next", "state": state}
        try:
            self.journal.add(label, sample, picked, seconds, state["answered"])
        except OSError:
            raise HTTPException(503, "The answer could not be saved") from None
        return 200, self.state(label)


def _answer_of(raw: object, study: Study) -> tuple[str, bool, float]:
    try:
        if not isinstance(raw, dict) or set(raw) != {"sample", "picked", "seconds"}:
            raise ValueError("expected an object with sample, picked and seconds")
        if not isinstance(raw["sample"], str) or raw["sample"] not in study.samples:
            raise ValueError("there is no such sample")
        return raw["sample"], picked_of(raw["picked"]), seconds_of(raw["seconds"])
    except ValueError as wrong:
        raise HTTPException(400, str(wrong)) from None


def application(desk: Desk, hosts: Sequence[str] = ("*",)) -> ASGIApp:
    """The study as an ASGI application; `hosts` are the names that it may be called by."""

    async def page(request: Request) -> Response:
        desk.participant(request)
        return HTMLResponse(served_page(), headers=NO_STORE)

    async def state(request: Request) -> Response:
        return JSONResponse(desk.state(desk.participant(request)), headers=NO_STORE)

    async def answers(request: Request) -> Response:
        label = desk.participant(request)
        status, said = desk.take(label, await _body(request))
        return JSONResponse(said, status, headers=NO_STORE)

    async def image(request: Request) -> Response:
        desk.participant(request)
        name = request.path_params["name"].removesuffix(".png")
        if name not in desk.study.images:  # a member of a fixed set: no name can lead out of the folder
            raise HTTPException(404, "There is no such picture")
        return Response((desk.folder / IMAGES / f"{name}.png").read_bytes(), media_type="image/png", headers=KEPT)

    async def cloud(request: Request) -> Response:
        desk.participant(request)
        name = request.path_params["name"].removesuffix(".bin")
        if desk.study.show != "clouds" or name not in desk.study.images:
            raise HTTPException(404, "There is no such cloud")
        data = (desk.folder / CLOUDS / f"{name}.bin").read_bytes()
        return Response(data, media_type="application/octet-stream", headers=KEPT)

    routes = [
        Route("/", _root),
        Route("/status", _status(desk)),
        Route("/page.js", _file(script(), "text/javascript")),
        Route("/page.css", _file(asset("page.css"), "text/css")),
        Route("/s/{token}", page),
        Route("/s/{token}/state", state),
        Route("/s/{token}/answers", answers, methods=["POST"]),
        Route("/s/{token}/images/{name}", image),
        Route("/s/{token}/clouds/{name}", cloud),
    ]
    known_hosts = Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    app = Starlette(routes=routes, middleware=[known_hosts], exception_handlers={HTTPException: _refused})
    return _Guarded(app)


async def _body(request: Request) -> object:
    """The request's JSON.

    Raises:
        HTTPException: another content type (415), too long (413), no JSON (400).
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "Answers are JSON")
    data = b""
    async for piece in request.stream():  # whatever length it claims
        data += piece
        if len(data) > LONGEST_BODY:
            raise HTTPException(413, f"An answer has {LONGEST_BODY} bytes at most", {"connection": "close"})
    try:
        return parsed(data)
    except ValueError as wrong:
        raise HTTPException(400, str(wrong)) from None


async def _root(_request: Request) -> Response:
    return PlainTextResponse("A user study runs here. Please use the link that you were given.\n", headers=NO_STORE)


def _status(desk: Desk) -> Handler:
    async def status(_request: Request) -> Response:
        counts = [len(desk.journal.answered(label)) for label in desk.tokens.values()]
        total = len(desk.study.samples)
        said = {"participants": len(counts), "begun": sum(count > 0 for count in counts)}
        said |= {"finished": counts.count(total), "answers": sum(counts)}
        return JSONResponse(said, headers=NO_STORE)

    return status


def _file(text: str, kind: str) -> Handler:
    async def file(_request: Request) -> Response:
        return Response(text, media_type=kind, headers=NO_STORE)

    return file


async def _refused(_request: Request, wrong: Exception) -> Response:
    assert isinstance(wrong, HTTPException)
    return JSONResponse({"error": wrong.detail}, wrong.status_code, headers={**NO_STORE, **(wrong.headers or {})})


class _Guarded:
    """The application with the security headers on every reply, errors among them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = _with_headers(message)
            await send(message)

        await self.app(scope, receive, sent)


def _with_headers(message: MutableMapping[str, Any]) -> Message:
    extra = [(name.encode(), value.encode()) for name, value in HEADERS]
    return {**message, "headers": [*message.get("headers", []), *extra]}


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on; port 0 lets the system choose one.

    Raises:
        OSError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a restart takes the same port at once
        made.bind((host, port))
        made.listen(128)
    except OSError:
        made.close()
        raise
    return made


def run(desk: Desk, taken: socket.socket, hosts: Sequence[str]) -> None:
    """Serve until a signal ends it."""
    config = uvicorn.Config(
        application(desk, hosts),
        access_log=False,  # addresses hold tokens
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        limit_concurrency=256,
        ws="none",
        lifespan="off",
    )
    uvicorn.Server(config).run(sockets=[taken])


def journal_of(folder: Path, study: Study) -> Journal:
    """The study's journal, opened for this process."""
    return Journal(folder / ANSWERS, frozenset(study.samples))
