"""model: checkpoints of other codebases."""

from pathlib import Path
from typing import Annotated, Any

import typer

from s2r_bench.cli import common
from s2r_bench.cli.session import Session
from s2r_bench.errors import UsageError


def add_to(model: typer.Typer) -> None:
    """Register `model`."""
    common.command(
        model,
        "convert",
        examples=["s2r-bench model convert stage1_main.ckpt released/ --stage2 stage2_main.ckpt"],
    )(convert)


def convert(
    session: Session,
    source: Annotated[Path, typer.Argument(help="A .ckpt of the authors' release (stage I), or .safetensors.")],
    destination: Annotated[Path, typer.Argument(help="A new folder.")],
    stage2: Annotated[Path | None, typer.Option("--stage2", help="The checkpoint of stage II.", metavar="FILE")] = None,
    method: Annotated[str, typer.Option("--method", "-m", help="Whose layout is written.")] = "ours",
) -> None:
    """Convert the authors' checkpoints (ControlNet's names) into diffusers' layout; every name is accounted for."""
    from s2r_bench import registry

    module = registry.beside(registry.METHODS, "_convert", method)
    if module is None or not hasattr(module, "convert"):
        raise UsageError(f"--method {method}: there is no conversion to it; there is one to ours")
    sources = [source] if stage2 is None else [source, stage2]
    told = module.convert(sources, destination)
    session.answer(
        {"command": "model convert", "folder": str(destination), **told}, "\n".join(_lines(told, destination))
    )


def _lines(told: dict[str, Any], destination: Path) -> list[str]:
    lines: list[str] = []
    for stage in told["stages"]:
        used = ", ".join(f"{count} {part.rstrip('.')}" for part, count in stage["used"].items())
        lines.append(f"{stage['source']}: {sum(stage['used'].values())} names used ({used})")
        lines += [f"  left out: {len(names)} ({why})" for why, names in stage["left_out"].items()]
        lines += [f"  {destination / path}" for path in stage["written"]]
    lines.append(f"note: {told['lacking']}")
    return lines
