"""Links between the pages, and the site's table of contents: files and headings are there, and no page is left out."""

import re
import tomllib
from functools import cache

import pytest

from tests.docs import pages

LINK = re.compile(r"\]\(([^()\s]+)\)")
CODE = re.compile(r"`[^`]*`")


def links(page):
    """Targets of the links on a page that lead to a file."""
    _, rest = pages.parted(page.read_text(encoding="utf-8"), page)
    text = CODE.sub("", "\n".join(line for _, line in rest))
    return [target for target in LINK.findall(text) if not re.match(r"[a-z]+:", target)]


@cache
def anchors(page):
    """Ids of a page's headings, as Python-Markdown makes them."""
    _, rest = pages.parted(page.read_text(encoding="utf-8"), page)
    titles = [line.lstrip("#").strip() for _, line in rest if re.match(r"#{1,6} ", line)]
    kept = [re.sub(r"[^\w\s-]", "", title.replace("`", "")).strip().lower() for title in titles]
    return {re.sub(r"[-\s]+", "-", title) for title in kept}


@pytest.mark.parametrize("page", pages.pages(), ids=lambda page: str(page.relative_to(pages.ROOT)))
def test_links_lead_somewhere(page):
    for target in links(page):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in anchors(found), f"{page}: {target}"


def test_links_and_headings_are_read():
    data = pages.ROOT / "docs" / "data.md"
    assert "https:" not in " ".join(links(data))
    assert "scans.md" in links(data)
    assert {"data-pair-folders-recorded-sequences-cad-corpora", "what-data-verify-says"} <= anchors(data)


def test_pages_stay_within_the_site():
    """A link from a page of the site to a file that is no part of it would be broken there."""
    docs = pages.ROOT / "docs"
    for page in sorted(docs.rglob("*.md")):
        for target in links(page):
            found = (page.parent / target.partition("#")[0]).resolve()
            assert found.is_relative_to(docs), f"{page}: {target}"


def test_every_page_is_in_the_table_of_contents():
    site = tomllib.loads((pages.ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    listed = [entry for part in site["nav"] for entry in _files(part)]
    there = [str(page.relative_to(pages.ROOT / "docs")) for page in sorted((pages.ROOT / "docs").rglob("*.md"))]
    assert sorted(listed) == sorted(there)


def _files(part):
    for value in part.values():
        if isinstance(value, str):
            yield value
        else:
            for one in value:
                yield from _files(one)
