"""study: can people tell simulated samples from captured ones?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from s2r_bench.cli import common
from s2r_bench.cli.compare import REPORTS, Method, PresetOnly, World, chosen
from s2r_bench.cli.session import Session
from s2r_bench.errors import UsageError

if TYPE_CHECKING:
    from types import ModuleType

    from s2r_bench.worlds.base import Split
    from s2r_bench.worlds.pair_folder import FolderPairs

PORT = 8377
HERE = ("127.0.0.1", "localhost", "::1")

Folder = Annotated[Path, typer.Argument(help="Folder of the study.", metavar="DIR")]


def add_to(study: typer.Typer) -> None:
    """Register the commands."""
    examples = [
        "s2r-bench study build -o study/ --samples 10 --examples 20",
        "s2r-bench study build --from ours=sims/ours --from sd=sims/sd --captured pairs/ --show clouds --static",
    ]
    common.command(study, "build", examples=examples)(build)
    common.command(study, "serve", examples=["s2r-bench study serve study/ --participants 17"])(serve)
    common.command(study, "results", examples=["s2r-bench study results study/ mailed/*.json -o report/"])(results)


def build(
    session: Session,
    runs: Annotated[
        list[str] | None, typer.Argument(help="Keys or by-name names of fidelity runs. [default: all]")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the study.", metavar="DIR")] = Path("study"),
    samples: Annotated[int, typer.Option("--samples", min=1, help="Of each method, and of the captures.")] = 10,
    examples: Annotated[int, typer.Option("--examples", min=1, help="Pairs that participants see first.")] = 20,
    same_views: Annotated[bool, typer.Option("--same-views", help="The same views of every method.")] = False,
    static: Annotated[bool, typer.Option("--static", help="Also write study.html, which needs no server.")] = False,
    from_: Annotated[
        list[str] | None,
        typer.Option("--from", help="A folder of `s2r-bench simulate`, instead of runs; repeat.", metavar="NAME=DIR"),
    ] = None,
    captured: Annotated[
        str | None,
        typer.Option("--captured", help="With --from: the world, or pairs, whose captures are shown.", metavar="DATA"),
    ] = None,
    show: Annotated[
        Literal["views", "clouds"],
        typer.Option("--show", help="A sample is a view, or (with --from) all views of a place or model, fused."),
    ] = "views",
    split: Annotated[str, typer.Option("--split", help="With --from: of folders that have splits.")] = "test",
    method: Method = None,
    world: World = None,
    preset: PresetOnly = None,
    seed: common.Seed = None,
    dry_run: common.DryRun = False,
) -> None:
    """Draw, shuffle and render samples of several methods and captures, with the solution in a file of its own."""
    member = _member()
    folders = _folders(from_ or [])
    if folders and (runs or method or world):
        raise UsageError("--from takes folders instead of runs: leave out keys, -m and --world")
    if captured is not None and not folders:
        raise UsageError("--captured goes with --from; captures of runs lie beside their samples")
    records = [] if folders or show == "clouds" else chosen(session, runs, "fidelity", method, world, preset)
    captures = _captures(session, captured, split, preset)
    pools = member.pools_of(records, session.home, folders, captures, split, show)
    if dry_run:
        counts = member.counts_of(pools)
        lines = [f"{name}: {count} {show}" for name, count in counts.items()]
        session.answer({"dry_run": True, show: counts, "sensor": pools.sensor}, "\n".join(lines))
        return
    made = member.build(
        pools,
        out,
        lambda done, total: session.progress(done, total, "pictures"),
        samples=samples,
        examples=examples,
        seed=seed or 0,
        same_views=same_views,
        static=static,
        show=show,
    )
    document: dict[str, Any] = {"command": "study build", "out": str(out), "samples": len(made.samples)}
    document |= {"sources": len(pools.sources) + 1, "examples": len(made.examples), "captures": made.captures}
    text = f"{out}: {len(made.samples)} samples of {document['sources']} sources, {len(made.examples)} examples first"
    text += f"\nask: s2r-bench study serve {out}"
    if static:
        document["page"] = str(out / "study.html")
        text += f"\nor send {out / 'study.html'}, and nothing else of the folder: key.json is the solution"
    session.answer(document, text)


def serve(
    session: Session,
    folder: Folder,
    participants: Annotated[int, typer.Option("--participants", min=1, help="Links for so many people.")] = 17,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: one that is free.")] = PORT,
) -> None:
    """Serve a study; stop it and start it again at any time: every answer is on the disk."""
    if host not in HERE:
        session.warn(f"everyone who can reach {host} can open the study, over plain HTTP; links are the only secret")

    def tell(serving: Any) -> None:
        lines = [f"{label}  {link}" for label, link in serving.links.items()]
        session.answer({"url": serving.url, "links": dict(serving.links)}, "\n".join(lines))
        session.say(f"a link for each participant; progress: {serving.url}/status; Ctrl-C stops")

    _member().serve(folder, host, port, participants, tell, session.warn)


def results(
    session: Session,
    folder: Folder,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files that study.html has saved.", metavar="ANSWERS.json")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write study.md, .csv, .json there.", metavar="DIR")
    ] = None,
    unfinished: Annotated[
        bool, typer.Option("--include-unfinished", help="Count those too who did not finish.")
    ] = False,
) -> None:
    """How often each method's samples were picked as captured, with intervals, d' and agreement."""
    document, text = _member().results(folder, files or [], unfinished, out)
    session.answer(document, text)


def _captures(session: Session, word: str | None, split: str, preset: str | None) -> "Path | FolderPairs | None":
    """Where captures come from: a world's pairs, or a folder."""
    from s2r_bench.worlds.base import WORLDS, open_world
    from s2r_bench.worlds.pair_folder import FolderPairs

    if word is None or word not in WORLDS or Path(word).exists():
        if word is not None and preset is not None:
            raise UsageError("--preset goes with a world; the folder of --captured is as it is")
        return None if word is None else Path(word)
    pairs = open_world(word, preset=preset or "tiny", home=session.home).pairs(cast("Split", split))
    if not isinstance(pairs, FolderPairs):
        raise UsageError(f"the pairs of {word} lie in no folder; give one with --captured DIR")
    return pairs


def _folders(words: list[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for word in words:
        name, equals, folder = word.partition("=")
        if not (equals and name and folder):
            raise UsageError(f"--from takes NAME=DIR, not {word!r}")
        if name in found:
            raise UsageError(f"--from names {name!r} twice; every source needs a name of its own")
        found[name] = Path(folder)
    return found


def _member() -> "ModuleType":
    from s2r_bench import registry

    return registry.module(REPORTS, "study")
