"""The leaderboard in a browser: nothing fetched, no error, sorted by mouse and keyboard, any width, light and dark."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from s2r_reports import leaderboard


@pytest.fixture
def page(maker: Any, made: ModuleType, here: Any) -> Path:
    folder = maker.folder / "entries"
    folder.mkdir()
    for name, gain in (("alpha", 0.01), ("beta", 0.03), ("gamma", 0.02)):
        leaderboard.write(maker.entry(maker.recon(name, gain, 1), name), folder / f"{name}.json")
    leaderboard.build(folder, maker.folder / "site", here)
    return Path(maker.folder / "site" / "index.html")


def test_sorting_widths_and_themes(browser: Any, page: Path) -> None:
    for width, scheme in ((1280, "light"), (390, "dark")):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        opened = context.new_page()
        errors: list[str] = []
        requests: list[str] = []
        opened.on("console", lambda told, errors=errors: errors.append(told.text))
        opened.on("pageerror", lambda wrong, errors=errors: errors.append(str(wrong)))
        opened.on("request", lambda asked, requests=requests: requests.append(asked.url))
        opened.goto(page.as_uri())
        table = opened.locator("table.board").first
        rows = table.locator("tbody").first.locator("th a")
        assert rows.all_text_contents() == ["beta", "gamma", "alpha"]
        entry, iou = table.locator("thead button").first, table.locator("thead button", has_text="mIoU")
        entry.click()
        assert rows.all_text_contents() == ["alpha", "beta", "gamma"]
        iou.focus()
        opened.keyboard.press("Enter")
        assert rows.all_text_contents() == ["beta", "gamma", "alpha"]
        opened.keyboard.press("Space")
        assert rows.all_text_contents() == ["alpha", "gamma", "beta"]
        sorts = table.locator("thead th").evaluate_all("some => some.map(one => one.ariaSort)")
        assert sorts.count("ascending") == 1
        assert sorts.count("none") == len(sorts) - 1
        assert table.locator("tbody.anchors th").count() == 2  # they stay below
        assert "Sorted by mIoU" in opened.locator("[role=status]").first.text_content()
        opened.evaluate("() => document.querySelectorAll('details').forEach(one => one.open = true)")
        assert opened.evaluate("() => document.documentElement.scrollWidth") <= width
        shade = opened.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert (shade == "rgb(255, 255, 255)") == (scheme == "light")
        assert errors == []
        assert requests == [page.as_uri()]
        context.close()
