"""The loss curves of the simulators' own trainings, as runs kept them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from s2r_bench.files import whole
from s2r_reports.frames import Entry
from s2r_reports.views import artifacts

DPI = 110
HEIGHT, WIDTH, ACROSS = 2.1, 3.7, 3
TRAINED, HELD_OUT = "train_loss", "val_loss"

Curve = Sequence[Mapping[str, float]]


def kept_curves(entry: Entry) -> dict[str, Curve]:
    """Stage -> rows of "step", "train_loss" and, where pairs were held out, "val_loss"; none where nothing was kept."""
    try:
        rows = json.loads((artifacts(entry) / "training_curve.json").read_text(encoding="utf-8"))
        found: dict[str, list[Mapping[str, float]]] = {}
        for row in rows:
            if TRAINED in row and "step" in row:
                kept = {name: float(row[name]) for name in ("step", TRAINED, HELD_OUT) if name in row}
                found.setdefault(str(row["stage"]), []).append(kept)
    except (OSError, ValueError, KeyError, TypeError):  # as for a damaged view: the report shows the rest
        return {}
    return {stage: some for stage, some in found.items() if len(some) > 1}


def draw_curves(title: str, curves: Mapping[str, Mapping[str, Curve]], path: Path, palette: Mapping[str, str]) -> Path:
    """Write a panel for each arm and stage, each with a scale of its own; the held-out loss is dashed."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    panels = [(arm, stage, rows) for arm, stages in curves.items() for stage, rows in stages.items()]
    columns = min(ACROSS, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(WIDTH * columns, HEIGHT * lines + 0.7), dpi=DPI, layout="constrained")
    figure.suptitle(title, fontsize=10)
    for place, (arm, stage, rows) in enumerate(panels):
        axis = figure.add_subplot(lines, columns, place + 1)
        colour = palette.get(arm, rcParams["text.color"])
        for name, style in ((TRAINED, "-"), (HELD_OUT, "--")):
            known = [row for row in rows if name in row]
            axis.plot([row["step"] for row in known], [row[name] for row in known], style, color=colour, lw=1.4)
        axis.set_title(f"{arm}, {stage}", fontsize=9)
        axis.tick_params(labelsize=8)
        axis.grid()
    figure.supxlabel("optimiser steps", fontsize=8)
    with whole(path) as part:
        figure.savefig(part, format="png")
    return path
