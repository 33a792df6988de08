"""Which pictures a group of runs gives, and what could not be drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from s2r_reports import figures, gap, learning, plots, rooms, scenes
from s2r_reports.frames import Entry, arm_names
from s2r_reports.scenes import Blobs, Scene
from s2r_reports.shapes import Reconstruction, draw_reconstructions, kept_reconstructions
from s2r_reports.summary import Summary, metrics_of
from s2r_reports.views import Clouds, View, kept_clouds, kept_views


@dataclass(frozen=True)
class Picture:
    """A picture's file, and where there is one the same for a dark page; `minor`: pages fold it."""

    title: str
    path: Path
    dark: Path | None = None
    minor: bool = False


@dataclass
class Pictures:
    """A group's pictures, what is missing, in words, and what its runs kept as 3-D views.

    `still` is the picture that stands for `scene` where there is no WebGL.
    """

    pictures: list[Picture] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    scene: Scene | None = None
    still: Picture | None = None


def draw(entries: Sequence[Entry], summary: Summary, out: Path, blobs: Blobs | None = None) -> Pictures:
    """Draw a group's pictures into `out`: charts, then what its runs kept. With `blobs`, 3-D views of that too."""
    drawn = Pictures()
    facts = summary.facts
    prefix = slug(f"{facts['task']}-{Path(facts['world']).name}-{facts['preset']}-{entries[0].group[:4]}")
    about = f"{facts['task']} on {facts['world']}, preset {facts['preset']}; captures: {facts['sensor']}"
    _charts(summary, about, out / prefix, drawn)
    arms = plots.charted(summary)
    _learning(entries, summary, about, out / prefix, drawn)
    shapes, kept = _shapes(entries, arms), rooms.kept_by_arm(arms, runs_of(entries))
    if shapes:
        drawn.missing += _lacking(arms, shapes, "reconstructions")
        path = draw_reconstructions(about, shapes, out / f"{prefix}-reconstructions.png")
        drawn.still = Picture(f"Reconstructions, first of each category: {about}", path)
        title = "The same objects, reconstructed by each arm's network"
        drawn.scene = None if blobs is None else scenes.of_reconstructions(title, shapes, blobs)
    elif kept:
        drawn.missing += _lacking(arms, kept, "labelled rooms")
        path = rooms.draw_rooms(about, kept, out / f"{prefix}-rooms.png")
        drawn.still = Picture(f"Rooms without their ceilings, the truth and each arm's labels: {about}", path)
        title = "The same rooms, labelled by each arm's network (ceilings left out)"
        drawn.scene = None if blobs is None else scenes.of_rooms(title, kept, blobs)
    elif facts["task"] != "classify":  # it keeps nothing to be looked at
        _views(entries, summary, about, out / prefix, drawn, blobs)
    if drawn.still is not None:
        drawn.pictures.append(drawn.still)
    return drawn


def runs_of(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Arm -> its runs, by seed."""
    names = arm_names(entries)
    found: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda one: one.record.spec.seed):
        found.setdefault(names[entry.record.spec.key], []).append(entry)
    return found


def slug(text: str) -> str:
    """`text` as a part of a file's name."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in text).strip("-")


def _charts(summary: Summary, about: str, prefix: Path, drawn: Pictures) -> None:
    """Figures with intervals, and cost against quality; those that say nothing of one arm alone are left out."""
    if len(summary.arms) < 2 or not gap.judged(summary):
        return
    names = gap.judged(summary)
    told = f", the first {plots.MOST_PANELS} of {len(names)}" if len(names) > plots.MOST_PANELS else ""

    def compare(path: Path) -> Path:
        return plots.comparison(about, summary, path)

    title = f"Figures that count{told}, with 95 % intervals; a diamond: surely the best; dotted: the anchors of the gap"
    drawn.pictures.append(Picture(title, *plots.in_both(compare, _file(prefix, "comparison"))))
    if plots.has_leads(summary):

        def lead(path: Path) -> Path:
            return plots.leads(about, summary, path)

        base = summary.judging.base
        title = f"By how much better than {base}, on the same samples and seeds, with 95 % intervals{told}"
        title += "; filled: the interval excludes zero"
        drawn.pictures.append(Picture(title, *plots.in_both(lead, _file(prefix, "leads"))))
    if plots.has_costs(summary):

        def cost(path: Path) -> Path:
            return plots.cost_against_quality(about, summary, path)

        title = (
            "Cost against quality (what was on the shelf already cost nothing; marks of about one cost side by side)"
        )
        drawn.pictures.append(Picture(title, *plots.in_both(cost, _file(prefix, "cost"))))


def _views(
    entries: Sequence[Entry], summary: Summary, about: str, prefix: Path, drawn: Pictures, blobs: Blobs | None
) -> None:
    """Of a task that keeps views and fused clouds: all arms on one view, figures by bin, a picture an arm."""
    views, clouds = _material(entries, summary, drawn)
    if views:
        arms = {arm: some[min(1, len(some) - 1)] for arm, some in views.items()}
        path = figures.overview(about, arms, clouds, _file(prefix, "overview"))
        drawn.still = Picture(f"All arms, one view: {about}", path)
    panels = _panels(summary)
    if panels:

        def bins(path: Path) -> Path:
            return figures.curves(about, panels, path, plots.colours(summary))

        title = "Figures by range, by incidence angle and by distance between pixels; dashed: the captures themselves"
        drawn.pictures.append(Picture(title, *plots.in_both(bins, _file(prefix, "bins"))))
    if clouds and blobs is not None:
        drawn.scene = scenes.of_clouds("The same scene as each arm's views give it, fused", clouds, blobs)
    for arm, some in views.items():
        title = f"{arm} - {about}"
        path = figures.arm_picture(title, some, clouds.get(arm), _file(prefix, slug(arm)))
        drawn.pictures.append(Picture(title, path, minor=True))


def _file(prefix: Path, name: str) -> Path:
    return prefix.with_name(f"{prefix.name}-{name}.png")


def _lacking(arms: Sequence[str], found: Mapping[str, object], what: str) -> list[str]:
    return [f"{arm}: no {what} kept by its runs, so it has no picture" for arm in arms if arm not in found]


def _material(
    entries: Sequence[Entry], summary: Summary, drawn: Pictures
) -> tuple[dict[str, list[View]], dict[str, Clouds]]:
    """Arm -> views, and arm -> clouds, each of the arm's first seed that kept any."""
    runs = runs_of(entries)
    views: dict[str, list[View]] = {}
    clouds: dict[str, Clouds] = {}
    for arm in plots.charted(summary):
        kept = next((some for some in map(kept_views, runs[arm]) if some), None)
        cloud = next((some for some in map(kept_clouds, runs[arm]) if some is not None), None)
        if kept is None:
            drawn.missing.append(f"{arm}: no views kept by its runs, so it has no picture")
        else:
            views[arm] = kept
        if cloud is None:
            drawn.missing.append(f"{arm}: no fused clouds kept by its runs")
        else:
            clouds[arm] = cloud
    return views, clouds


def _learning(entries: Sequence[Entry], summary: Summary, about: str, prefix: Path, drawn: Pictures) -> None:
    """The loss curves of the arms' own trainings, each of the first of its seeds that kept one."""
    runs = runs_of(entries)
    found = {arm: next(filter(None, map(learning.kept_curves, runs[arm])), {}) for arm in plots.charted(summary)}
    curves = {arm: stages for arm, stages in found.items() if stages}
    if not curves:
        return

    def learned(path: Path) -> Path:
        return learning.draw_curves(about, curves, path, plots.colours(summary))

    title = (
        "Loss of each simulator's training (first seed); dashed: on validation pairs, without adversarial parts "
        "and re-weighting. Losses of different methods mean different things"
    )
    drawn.pictures.append(Picture(title, *plots.in_both(learned, _file(prefix, "training")), minor=True))


def _shapes(entries: Sequence[Entry], arms: Sequence[str]) -> dict[str, dict[str, Reconstruction]]:
    """Arm -> reconstructions of its first seed that kept any, where the group's task keeps such."""
    runs = runs_of(entries)
    found = {arm: next((some for some in map(kept_reconstructions, runs[arm]) if some), {}) for arm in arms}
    return {arm: some for arm, some in found.items() if some}


def _panels(summary: Summary) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    """Panel -> arm -> bin -> shown value, for the figures that are taken by bin."""
    known, _ = metrics_of(summary.facts["task"])
    panels: dict[str, dict[str, dict[str, float]]] = {}
    for (arm, metric, name), cell in summary.bins.items():
        info = known[metric]
        title = f"{info.title} ({info.unit})" if info.unit else info.title
        panels.setdefault(title, {}).setdefault(arm, {})[name] = cell.interval.mean * info.scale
    return panels
