"""The command tree. Importing it imports no torch, diffusers, open3d or pandas: `--help` must be instant."""

from typing import Annotated

import typer

from s2r_bench import __version__
from s2r_bench.cli import assets, compare, compute, episodes, help_, leaderboard, methods, model, study
from s2r_bench.cli.common import HELP, group

app = typer.Typer(
    name="s2r-bench",
    no_args_is_help=True,
    context_settings=HELP,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog="Exit codes: 0 done, 1 some cells failed, 2 usage, 3 data or weights, 4 environment, 5 verification failed, "
    "130/143 interrupted and saved.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"s2r-bench {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train, run and compare simulators of depth cameras by how much their data helps."""


compute.add_to(app)
compare.add_to(app, group("results", "Stored results.", "Compare", app))
leaderboard.add_to(group("leaderboard", "Entries of simulators that anybody can check, as a page.", "Compare", app))
study.add_to(group("study", "The user study: who can tell simulated from captured?", "Compare", app))
data = group("data", "Data worlds and pair folders.", "Assets", app)
assets.add_data(data)
episodes.add_to(data)
methods.add_to(group("methods", "Simulators: this package's, and your own.", "Assets", app))
model.add_to(group("model", "Checkpoints of other codebases.", "Assets", app))
help_.add_config(group("config", "Suite files: resolved, schema, template.", "Help", app))
help_.add_doctor(app)
