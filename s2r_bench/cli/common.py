"""Flags that commands share, and the decorator that gives every command the common ones after its own."""

import inspect
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from s2r_bench.cli.session import Session
from s2r_bench.store import Overwrite, default_home

P = ParamSpec("P")

Seed = Annotated[
    int | None, typer.Option("--seed", help="Seed of everything random. [default: 0]", rich_help_panel="Run")
]
Seeds = Annotated[
    int | None, typer.Option("--seeds", min=1, help="How many seeds, counted from --seed.", rich_help_panel="Run")
]
Preset = Annotated[
    str | None,
    typer.Option("--preset", help="Sizes: smoke, tiny, small or paper (= sd21). [default: tiny]", metavar="NAME"),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="An option of the method (METHOD.NAME where there may be several), world.NAME or task.NAME; repeat.",
        metavar="NAME=VALUE",
    ),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="YAML file; flags win over it.", metavar="FILE")
]
Device = Annotated[
    str | None, typer.Option("--device", help="auto, cpu or cuda. [default: auto]", rich_help_panel="Run")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        help="Cells at a time. [default: one more than cores, at most 4; 1 on a GPU]",
        rich_help_panel="Run",
    ),
]
MaxSteps = Annotated[
    int | None, typer.Option("--max-steps", min=1, help="Optimiser steps, instead of the preset's number.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Print what would be done, do nothing.", rich_help_panel="Run")
]
OverwriteFlag = Annotated[
    Overwrite,
    typer.Option("--overwrite", help="Which of the runs that are there are run again.", rich_help_panel="Run"),
]
Offline = Annotated[
    bool, typer.Option("--offline", envvar="S2R_OFFLINE", help="Use no network.", rich_help_panel="Run")
]
Data = Annotated[
    str | None, typer.Option("--data", "-d", help="A world (mini, kinect, s3dis) or a folder.", metavar="NAME|DIR")
]
Leakage = Annotated[
    bool, typer.Option("--allow-leakage", help="Score on scenes seen in training; stamped on the result.")
]

_COMMON: dict[str, tuple[Any, Any]] = {
    "json": (
        Annotated[bool, typer.Option("--json", help="One JSON document on stdout.", rich_help_panel="Common")],
        False,
    ),
    "quiet": (Annotated[bool, typer.Option("--quiet", "-q", help="Say only errors.", rich_help_panel="Common")], False),
    "verbose": (Annotated[bool, typer.Option("--verbose", "-v", help="Say more.", rich_help_panel="Common")], False),
    "home": (
        Annotated[
            Path | None,
            typer.Option(
                "--home", envvar="S2R_HOME", help="Where data and results lie.", rich_help_panel="Common", metavar="DIR"
            ),
        ],
        None,
    ),
    "traceback": (
        Annotated[
            bool, typer.Option("--traceback", envvar="S2R_DEBUG", help="Show errors in full.", rich_help_panel="Common")
        ],
        False,
    ),
}


def group(name: str, help: str, panel: str, root: typer.Typer) -> typer.Typer:
    """A command group such as `data`, added to `root`."""
    made = typer.Typer(name=name, help=help, no_args_is_help=True, context_settings=HELP)
    root.add_typer(made, rich_help_panel=panel)
    return made


HELP = {"help_option_names": ["-h", "--help"]}


def command(
    app: typer.Typer, name: str, *, examples: Sequence[str], panel: str | None = None
) -> Callable[[Callable[Concatenate[Session, P], int | None]], Callable[..., None]]:
    """Register a function as a command. Its first parameter is the `Session`; it returns its exit code (None = 0)."""

    def register(work: Callable[Concatenate[Session, P], int | None]) -> Callable[..., None]:
        def called(**given: Any) -> None:
            common = {key: given.pop(key) for key in _COMMON}
            session = Session(
                json=common["json"],
                quiet=common["quiet"],
                verbose=common["verbose"],
                home=(common["home"] or default_home()).expanduser().absolute(),
                debug=common["traceback"],
            )
            if given.get("offline"):
                os.environ["HF_HUB_OFFLINE"] = "1"
            code = session.run(partial(work, session, **given))
            raise typer.Exit(code)

        own = list(inspect.signature(work).parameters.values())[1:]
        keyword = inspect.Parameter.KEYWORD_ONLY
        shared = [
            inspect.Parameter(key, keyword, default=start, annotation=kind) for key, (kind, start) in _COMMON.items()
        ]
        parameters = [parameter.replace(kind=keyword) for parameter in own] + shared
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        called.__doc__, called.__name__ = work.__doc__, work.__name__
        epilog = "Examples: " + "   ".join(f"`{example}`" for example in examples)
        app.command(name, epilog=epilog, rich_help_panel=panel, context_settings=HELP)(called)
        return called

    return register
