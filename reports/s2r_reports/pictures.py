"""Which pictures a group of runs gives, and what could not be drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from s2r_reports import figures
from s2r_reports.frames import Entry, arm_names, long_frame
from s2r_reports.shapes import Reconstruction, draw_reconstructions, kept_reconstructions
from s2r_reports.summary import Summary, metrics_of
from s2r_reports.views import Clouds, View, kept_clouds, kept_views

if TYPE_CHECKING:
    import pandas as pd

BY_BIN = ("w1_range", "bias_range", "spread_range", "std_range", "spread_angle", "autocorrelation")


@dataclass
class Pictures:
    """Titled picture files, and what is missing, in words."""

    titled: list[tuple[str, Path]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[Path]:
        """The files alone."""
        return [path for _, path in self.titled]


def draw(entries: Sequence[Entry], summary: Summary, out: Path) -> Pictures:
    """Draw a group's pictures into `out`: all arms on one view, figures by bin, then a picture an arm."""
    drawn = Pictures()
    facts = summary.facts
    prefix = _slug(f"{facts['task']}-{Path(facts['world']).name}-{facts['preset']}-{entries[0].group[:4]}")
    about = f"{facts['task']} on {facts['world']}, preset {facts['preset']}; captures: {facts['sensor']}"
    shapes = _shapes(entries, summary)
    if shapes:
        lacking = [arm for arm in summary.arms if arm not in shapes]
        drawn.missing += [f"{arm}: no reconstructions kept by its runs, so it has no picture" for arm in lacking]
        path = draw_reconstructions(about, shapes, out / f"{prefix}-reconstructions.png")
        drawn.titled.append((f"Reconstructions, first of each category: {about}", path))
        return drawn
    views, clouds = _material(entries, summary, drawn)
    if views:
        arms = {arm: some[min(1, len(some) - 1)] for arm, some in views.items()}
        path = figures.overview(about, arms, clouds, out / f"{prefix}-overview.png")
        drawn.titled.append((f"All arms, one view: {about}", path))
    panels = _panels(long_frame(entries), summary)
    if panels:
        drawn.titled.append(("Figures by bin", figures.curves(about, panels, out / f"{prefix}-bins.png")))
    for arm, some in views.items():
        title = f"{arm} - {about}"
        path = figures.arm_picture(title, some, clouds.get(arm), out / f"{prefix}-{_slug(arm)}.png")
        drawn.titled.append((title, path))
    return drawn


def _material(
    entries: Sequence[Entry], summary: Summary, drawn: Pictures
) -> tuple[dict[str, list[View]], dict[str, Clouds]]:
    """Arm -> views, and arm -> clouds, each of the arm's first seed that kept any."""
    names = arm_names(entries)
    views: dict[str, list[View]] = {}
    clouds: dict[str, Clouds] = {}
    for arm in summary.arms:
        runs = [entry for entry in entries if names[entry.record.spec.key] == arm]
        runs.sort(key=lambda entry: entry.record.spec.seed)
        kept = next((some for some in map(kept_views, runs) if some), None)
        cloud = next((some for some in map(kept_clouds, runs) if some is not None), None)
        if kept is None:
            drawn.missing.append(f"{arm}: no views kept by its runs, so it has no picture")
        else:
            views[arm] = kept
        if cloud is None:
            drawn.missing.append(f"{arm}: no fused clouds kept by its runs")
        else:
            clouds[arm] = cloud
    return views, clouds


def _shapes(entries: Sequence[Entry], summary: Summary) -> dict[str, dict[str, Reconstruction]]:
    """Arm -> reconstructions of its first seed that kept any, where the group's task keeps such."""
    names = arm_names(entries)
    found: dict[str, dict[str, Reconstruction]] = {}
    for entry in sorted(entries, key=lambda one: one.record.spec.seed):
        arm = names[entry.record.spec.key]
        found[arm] = found.get(arm) or kept_reconstructions(entry)
    return {arm: found[arm] for arm in summary.arms if found.get(arm)}


def _panels(frame: "pd.DataFrame", summary: Summary) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    """Panel -> arm -> bin -> shown value, for the figures that are taken by bin."""
    known, _ = metrics_of(summary.facts["task"])
    panels: dict[str, dict[str, dict[str, float]]] = {}
    for metric in BY_BIN:
        if metric not in known:
            continue
        info = known[metric]
        lines = {arm: _line(frame, arm, metric, info.scale) for arm in summary.arms}
        judged = [arm for arm in summary.arms if arm not in summary.references] or list(summary.arms)
        # the reference arm "ceiling" may answer half of the views only: its captured side is not the whole one; and an
        # arm that makes clouds has no such figures
        told = (_line(frame, arm, f"captured_{metric}", info.scale) for arm in judged)
        lines["captured"] = next((line for line in told if line), {})
        kept = {name: line for name, line in lines.items() if line}
        if kept:
            panels[f"{info.title} ({info.unit})" if info.unit else info.title] = kept
    return panels


def _line(frame: "pd.DataFrame", arm: str, metric: str, scale: float) -> dict[str, float]:
    rows = frame[(frame["arm"] == arm) & (frame["metric"] == metric) & (frame["category"] != "")]
    return {str(name): float(value) * scale for name, value in rows.groupby("category")["value"].mean().items()}


def _slug(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in text).strip("-")
