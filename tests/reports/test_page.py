"""The page in a browser: no error, nothing fetched, views that turn together, any width, light and dark."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from s2r_reports.document import write_report

GAINS = {"no-sim": 0.0, "ours": 0.03, "oracle": 0.06}
SIZES = {"no-sim": 0.3, "ours": 0.6, "oracle": 1.0}


@pytest.fixture(scope="module")
def report(made: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of three tasks, each of which keeps something else that is seen in 3-D."""
    home = tmp_path_factory.mktemp("page")
    runs: list[Any] = [
        (made.recon(arm, gain=gain), made.keep_shape(home / f"r-{arm}", SIZES[arm])) for arm, gain in GAINS.items()
    ]
    runs += [(made.segmented(arm, 0.4 + GAINS[arm]), made.keep_room(home / f"s-{arm}", SIZES[arm])) for arm in GAINS]
    runs += [(made.record(arm), made.keep_artifacts(home / f"f-{arm}", 0.01)) for arm in ("floor", "ours")]
    write_report(runs, home / "report", ("html",))
    return home / "report" / "report.html"


class Opened:
    """A page of the report, and what went wrong on it."""

    def __init__(self, browser: Any, path: Path, *, width: int = 1280, scheme: str = "light", script: str = "") -> None:
        size = {"width": width, "height": 900}
        self.context = browser.new_context(viewport=size, color_scheme=scheme, offline=True)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda told: told.type == "error" and self.errors.append(told.text))
        self.page.on("pageerror", lambda wrong: self.errors.append(str(wrong)))
        self.page.on("request", lambda asked: self.requests.append(asked.url))
        if script:
            self.page.add_init_script(script)
        self.page.goto(path.as_uri())

    def __enter__(self) -> "Opened":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def stage(self, number: int = 0) -> Any:
        """A viewer that has been drawn."""
        stage = self.page.locator(".stage").nth(number)
        stage.scroll_into_view_if_needed()
        self.page.wait_for_function("place => document.querySelectorAll('.stage')[place].dataset.view", arg=number)
        return stage

    def pictures(self, stage: Any) -> list[str]:
        """What each pane shows."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        found: list[str] = stage.locator("canvas").evaluate_all("some => some.map(one => one.toDataURL())")
        return found

    def painted(self, stage: Any) -> list[int]:
        """How many pixels of each pane are not empty."""
        count = (
            "some => some.map(one => one.getContext('2d').getImageData(0, 0, one.width, one.height)"
            ".data.filter((value, place) => place % 4 === 3 && value > 0).length)"
        )
        found: list[int] = stage.locator("canvas").evaluate_all(count)
        return found


def test_nothing_is_fetched_and_nothing_goes_wrong(browser: Any, report: Path) -> None:
    with Opened(browser, report) as opened:
        for number in range(opened.page.locator(".stage").count()):
            assert min(opened.painted(opened.stage(number))) > 100
        assert opened.page.locator(".stage").count() == 3
        assert opened.errors == []
        assert [url for url in opened.requests if not url.startswith(("data:", "blob:"))] == [report.as_uri()]


def test_arrow_keys_turn_all_views_together(browser: Any, report: Path) -> None:
    with Opened(browser, report) as opened:
        stage = opened.stage()
        before, view = opened.pictures(stage), stage.get_attribute("data-view")
        assert len(set(before)) == len(before) - 1 == 4  # scan and CAD are the same points here
        stage.focus()
        opened.page.keyboard.press("ArrowRight")
        after = opened.pictures(stage)
        assert all(one != other for one, other in zip(before, after, strict=True))
        outline = stage.evaluate("one => getComputedStyle(one).outlineStyle + getComputedStyle(one).outlineWidth")
        assert outline == "solid3px"
        opened.page.keyboard.press("+")
        assert opened.pictures(stage) != after
        opened.page.keyboard.press("0")
        assert opened.pictures(stage) == before
        assert stage.get_attribute("data-view") == view


def test_dragging_one_view_turns_the_others(browser: Any, report: Path) -> None:
    with Opened(browser, report) as opened:
        stage = opened.stage()
        before = opened.pictures(stage)
        box = stage.locator("canvas").nth(2).bounding_box()
        opened.page.mouse.move(box["x"] + 50, box["y"] + 50)
        opened.page.mouse.down()
        opened.page.mouse.move(box["x"] + 120, box["y"] + 60, steps=4)
        opened.page.mouse.up()
        assert all(one != other for one, other in zip(before, opened.pictures(stage), strict=True))


def test_another_object_can_be_chosen(browser: Any, report: Path) -> None:
    with Opened(browser, report) as opened:
        opened.stage()
        select = opened.page.locator("figure.scene select").first
        assert select.locator("option").all_text_contents() == ["a", "b"]
        select.select_option("b")
        assert min(opened.painted(opened.stage())) > 100
        assert opened.errors == []


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_does_not_scroll_sideways(browser: Any, report: Path, width: int) -> None:
    with Opened(browser, report, width=width) as opened:
        opened.page.evaluate("() => document.querySelectorAll('details').forEach(one => one.open = true)")
        assert opened.page.evaluate("() => document.documentElement.scrollWidth") <= width
        sticky = opened.page.locator("tbody th[scope=row]").first
        assert sticky.evaluate("one => getComputedStyle(one).position") == "sticky"


def test_light_and_dark_are_both_readable(browser: Any, report: Path) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        with Opened(browser, report, scheme=scheme) as opened:
            told = "() => { const s = getComputedStyle(document.body); return [s.color, s.backgroundColor] }"
            shades[scheme] = [_luminance(colour) for colour in opened.page.evaluate(told)]
            source = opened.page.locator(".themed img").first.evaluate("one => one.currentSrc.length")
            shades[scheme].append(source)
    for ink, paper, _ in shades.values():
        assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) > 7
    assert shades["light"][1] > 0.9 > 0.1 > shades["dark"][1]
    assert shades["light"][2] != shades["dark"][2]  # charts have their own


def _luminance(colour: str) -> float:
    parts = [float(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_without_webgl_there_are_still_pictures(browser: Any, report: Path) -> None:
    script = "HTMLCanvasElement.prototype.getContext = () => null"
    with Opened(browser, report, script=script) as opened:
        assert not opened.page.locator(".stage").first.is_visible()
        still = opened.page.locator("details.still img")
        assert still.count() == 3
        opened.page.locator("details.still").first.scroll_into_view_if_needed()  # only then is it loaded
        still.first.wait_for(state="visible", timeout=10_000)
        still.first.scroll_into_view_if_needed()
        assert still.first.evaluate("one => one.decode().then(() => one.naturalWidth)") > 100
        assert opened.errors == []


def test_everything_is_printed(browser: Any, report: Path) -> None:
    with Opened(browser, report) as opened:
        page = opened.page.pdf()
        assert page.startswith(b"%PDF")
        assert opened.page.evaluate("() => document.querySelectorAll('details:not([open]):not(.still)').length") > 0
        opened.page.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
        assert opened.page.evaluate("() => document.querySelectorAll('details:not([open]):not(.still)').length") == 0


def test_a_page_without_3d_carries_no_viewer(made: ModuleType, tmp_path: Path) -> None:
    write_report([made.recon("no-sim"), made.recon("ours", gain=0.1)], tmp_path, ("html",))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "three.js" not in page
    assert "http" not in page
    assert len(page) < 1_000_000
