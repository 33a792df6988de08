"""The pages of the study as files, and how they are put together."""

import base64
import hashlib
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent


@cache
def asset(name: str) -> str:
    """The text of one of the files here."""
    return (HERE / name).read_text(encoding="utf-8")


def script() -> str:
    """All of the page's script: what draws clouds, and the page itself."""
    return asset("cloud.js") + asset("page.js")


def served_page() -> str:
    """The page of the server: style and script are files of their own, as its Content-Security-Policy asks."""
    head = '<link rel="stylesheet" href="/page.css">\n<script src="/page.js" defer></script>'
    return asset("page.html").replace("<!-- head -->", head).replace("<!-- data -->", "")


def single_page(data: str) -> str:
    """The page as one file with `data` (JSON without any `<`) inside; it may run its own script and nothing else."""
    style, code = asset("page.css"), script()
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(code)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{style}</style>'
    tail = f'<script type="application/json" id="study">{data}</script>\n<script>{code}</script>'
    return asset("page.html").replace("<!-- head -->", head).replace("<!-- data -->", tail)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
