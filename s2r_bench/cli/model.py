"""model: checkpoints of other codebases."""

from pathlib import Path
from typing import Annotated, Any

import typer

from s2r_bench.cli import common
from s2r_bench.cli.session import Session


def add_to(model: typer.Typer) -> None:
    """Register `model`."""
    common.command(
        model,
        "convert",
        examples=[
            "s2r-bench model convert stage1_main.ckpt released/ --stage2 stage2_main.ckpt --scenes train.lst",
            "s2r-bench model convert stage1_main.ckpt released/ --set stage.diffusion.steps=20",
        ],
    )(convert)


def convert(
    session: Session,
    source: Annotated[Path, typer.Argument(help="A .ckpt of the authors' release (stage I), or .safetensors.")],
    destination: Annotated[Path, typer.Argument(help="A new folder.")],
    stage2: Annotated[Path | None, typer.Option("--stage2", help="The checkpoint of stage II.", metavar="FILE")] = None,
    method: Annotated[str, typer.Option("--method", "-m", help="Whose layout is written.")] = "ours",
    scenes: Annotated[
        Path | None,
        typer.Option("--scenes", help="Its train.lst: the scenes that it may not be scored on.", metavar="FILE"),
    ] = None,
    set_: common.Sets = None,
) -> None:
    """Convert the authors' checkpoints (ControlNet's names) into one that simulates; every name is accounted for."""
    from s2r_bench.options import parse_set
    from s2r_bench.steps.convert import convert as converted

    sources = [source] if stage2 is None else [source, stage2]
    told = converted(sources, destination, method, parse_set(set_ or ()), scenes)
    document = {"command": "model convert", "folder": str(destination), **told}
    session.answer(document, "\n".join(_lines(told, destination)))


def _lines(told: dict[str, Any], destination: Path) -> list[str]:
    lines: list[str] = []
    for stage in told["stages"]:
        used = ", ".join(f"{count} {part.rstrip('.')}" for part, count in stage["used"].items())
        lines.append(f"{stage['source']}: {sum(stage['used'].values())} names used ({used})")
        lines += [f"  left out: {len(names)} ({why})" for why, names in stage["left_out"].items()]
        lines += [f"  {destination / path}" for path in stage["written"]]
    lines += [f"note: {note}" for note in told["lacking"]]
    lines.append(f"{destination} is a checkpoint: s2r-bench simulate --checkpoint {destination} -d ...")
    return lines
