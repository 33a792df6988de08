"""The site: a strict build passes, a broken link stops it, formulas are MathML, nothing is asked of another host."""

import functools
import http.server
import re
import shutil
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs import pages

LACKING = [name for name in ("zensical", "latex2mathml") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(LACKING), reason=f"not installed: {', '.join(LACKING)}; pip install -e .[docs]")
ELSEWHERE = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=["']?(?:https?:)?//[^"'>\s]+""")
STYLED = re.compile(r"""(?:@import\s+|url\()["']?(?:https?:)?//""")


def build(root):
    """Build the site of a copy; exit code and what was said."""
    command = [sys.executable, str(root / "docs" / "tool" / "build.py")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def copied(root):
    shutil.copytree(pages.ROOT / "docs", root / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(pages.ROOT / "zensical.toml", root)
    return root


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = copied(tmp_path_factory.mktemp("site"))
    code, said = build(root)
    assert code == 0, said
    return root / "site"


def test_every_page_is_there(site):
    made = {str(path.relative_to(site).with_suffix(".md")) for path in site.rglob("*.html")} - {"404.md"}
    assert made == {str(page.relative_to(pages.ROOT / "docs")) for page in (pages.ROOT / "docs").rglob("*.md")}
    assert not (site / "tool").exists()


def test_nothing_is_asked_of_another_host(site):
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        text = path.read_text(encoding="utf-8")
        assert ELSEWHERE.findall(text) + STYLED.findall(text) == [], path


def test_formulas_are_mathml(site):
    for page in ("metrics", "protocols"):
        text = (site / "reference" / f"{page}.html").read_text(encoding="utf-8")
        source = (pages.ROOT / "docs" / "reference" / f"{page}.md").read_text(encoding="utf-8")
        assert text.count('display="block"') == source.count("$$") // 2 > 8
        body = re.sub(r"<(math|code|script)\b.*?</\1>", "", text, flags=re.DOTALL)
        assert not re.findall(r"\$[^$\s]|\\[a-z]{2,}", body[body.index("<article") : body.index("</article")])


@pytest.mark.parametrize("broken", ["[x](nowhere.md)", "[x](data.md#nowhere)"])
def test_a_broken_link_stops_the_build(tmp_path, broken):
    root = copied(tmp_path)
    with (root / "docs" / "study.md").open("a") as page:
        page.write(f"\n{broken}\n")
    code, said = build(root)
    assert code != 0
    assert "study.md" in said


@pytest.mark.parametrize("formula", [r"\frac{1}{", r"\nosuch x"])
def test_a_formula_that_cannot_be_read_stops_the_build(tmp_path, formula):
    root = copied(tmp_path)
    with (root / "docs" / "study.md").open("a") as page:
        page.write(f"\n$$\n{formula}\n$$\n")
    code, said = build(root)
    assert code != 0, said


@pytest.fixture
def served(site):
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *words: None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def test_in_a_browser(browser, served):
    for width in (1280, 390):
        page, asked, wrong = browser.new_page(viewport={"width": width, "height": 900}), [], []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("console", lambda said, wrong=wrong: wrong.append(said.text) if said.type == "error" else None)
        for name in ("index", "reference/metrics", "reference/protocols", "simulators", "tutorials/laptop"):
            page.goto(f"{served}{name}.html", wait_until="networkidle")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than {width}"
        assert [url for url in asked if not url.startswith((served, "data:", "blob:"))] == []
        assert wrong == []
        page.close()


def test_what_a_user_without_the_tool_is_told(tmp_path):
    root = copied(tmp_path)
    script = str(root / "docs" / "tool" / "build.py")
    # isolated: no site-packages, so nothing is installed
    done = subprocess.run([sys.executable, "-I", "-S", script], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "pip install" in done.stderr
    assert not Path(root / "site").exists()
