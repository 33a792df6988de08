"""leaderboard: entries from finished runs, checked by anybody, and a static site of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from s2r_bench.cli import common
from s2r_bench.cli.compare import REPORTS, PresetOnly, Task, World, chosen
from s2r_bench.cli.session import Session
from s2r_bench.errors import UsageError

if TYPE_CHECKING:
    from types import ModuleType

    from s2r_bench.records import RunRecord
    from s2r_bench.steps.methods import Method

Text = str | None


def add_to(leaderboard: typer.Typer) -> None:
    """Register the commands."""
    common.command(
        leaderboard,
        "entry",
        examples=[
            "s2r-bench leaderboard entry ours -o ours.json --contact me@example.org",
            "s2r-bench leaderboard entry my.py:Mine -t recon --version 1.2 --url https://example.org -o mine.json",
        ],
    )(entry)
    common.command(leaderboard, "check", examples=["s2r-bench leaderboard check entries/*.json"])(check)
    common.command(leaderboard, "build", examples=["s2r-bench leaderboard build entries/ -o site/"])(build)
    common.command(leaderboard, "schema", examples=["s2r-bench leaderboard schema > entry.schema.json"])(schema)


def entry(
    session: Session,
    method: Annotated[str, typer.Argument(help="A simulator: its name, or path/to/file.py:Class.")],
    runs: Annotated[list[str] | None, typer.Argument(help="Keys or by-name names. [default: all its runs]")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.", metavar="FILE")] = Path("entry.json"),
    task: Task = None,
    world: World = None,
    preset: PresetOnly = None,
    name: Annotated[Text, typer.Option("--name", help="As it shall stand in tables. [default: the method's]")] = None,
    version: Annotated[
        Text, typer.Option("--version", help="Of the simulator. [default: s2r-bench's, for its own simulators]")
    ] = None,
    trained_on: Annotated[
        str, typer.Option("--trained-on", help="In words: data that the suite does not know of.")
    ] = "",
    contact: Annotated[str, typer.Option("--contact", help="Shown on the page.")] = "",
    url: Annotated[str, typer.Option("--url", help="Web address of the simulator.")] = "",
    licence: Annotated[str, typer.Option("--licence", help="Of this entry.")] = "",
) -> int:
    """Make a leaderboard entry of a simulator's finished runs and, beside them, those of its anchors."""
    from s2r_bench.steps.methods import find
    from s2r_bench.steps.published import contents_of

    found = find(method)
    every = chosen(session, None, task, None, world, preset)
    own = [run for run in (chosen(session, runs, task, None, world, preset) if runs else every)]
    own = [run for run in own if run.spec.method == found.name]
    if not own:
        raise UsageError(f"no finished run of {found.name} among those; `s2r-bench evaluate -m {method}` makes some")
    member = _member()
    about = {
        "card": _card(found, own, name, version),
        "data": _data(session, found, own, trained_on),
        "submitter": {"contact": contact, "url": url, "licence": licence},
    }
    made, notes = member.make(about, own, every, session.home, lambda spec: contents_of(spec, session.home))
    member.write(made, out)
    for note in notes:
        session.say(note)
    read = member.check([out], _look(session))[0]
    document = {"command": "leaderboard entry", "file": str(out), "tables": len(made.boards)}
    document |= {"notes": notes, "faults": list(read.faults)}
    lines = [f"{out}: {made.shown}, {len(made.boards)} tables", *read.faults]
    if not read.faults:
        lines.append(f"anybody can check it: s2r-bench leaderboard check {out}")
    session.answer(document, "\n".join(lines))
    return 5 if read.faults else 0


def check(
    session: Session,
    files: Annotated[list[Path], typer.Argument(help="Entries.", metavar="FILE...")],
    other_versions: Annotated[
        bool, typer.Option("--other-versions", help="Allow other protocols and data than this installation's.")
    ] = False,
) -> int:
    """Check entries: their form, their figures by their values, their protocols and data by this installation's."""
    found = _member().check(files, _look(session), other_versions)
    lines: list[str] = []
    for one in found:
        tables = len(one.entry.boards) if one.entry else 0
        lines += one.faults or [f"{one.path}: ok, {tables} table{'s' * (tables != 1)}"]
        lines += [f"note: {note}" for note in one.notes]
    document = {
        "command": "leaderboard check",
        "ok": not any(one.faults for one in found),
        "files": [
            {"file": str(one.path), "ok": not one.faults, "faults": list(one.faults), "notes": list(one.notes)}
            for one in found
        ],
    }
    session.answer(document, "\n".join(lines))
    return 0 if document["ok"] else 5


def build(
    session: Session,
    folder: Annotated[Path, typer.Argument(help="Folder of entries (*.json).", metavar="DIR")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the site.", metavar="DIR")] = Path("site"),
) -> None:
    """Write a static site of entries: one page that fetches nothing, a CSV of all figures, the entries themselves."""
    made = _member().build(folder, out, _look(session))
    for note in made.notes:
        session.say(note)
    document = {"command": "leaderboard build", "files": [str(path) for path in made.files], "notes": list(made.notes)}
    document |= {"entries": made.entries, "tables": made.tables, "tables_apart": made.apart}
    told = f"{made.entries} entries in {made.tables} tables"
    session.answer(document, f"{told}{f', {made.apart} of them apart' if made.apart else ''}: {made.files[0]}")


def schema(session: Session) -> None:
    """Print the JSON schema of an entry."""
    document = _member().schema()
    session.answer(document, json.dumps(document, indent=1))


def _card(method: "Method", own: "list[RunRecord]", name: str | None, version: str | None) -> dict[str, Any]:
    card = method.cls.card
    facts = {part: getattr(card, part) for part in ("title", "source", "licence", "training", "stochastic", "output")}
    return {
        **facts,
        "needs": tuple(card.needs),
        "name": name or method.name,
        "version": version or _version(method, own),
    }


def _version(method: "Method", own: "list[RunRecord]") -> str:
    """Of the package's own simulators the version that scored them."""
    from s2r_bench import registry

    if method.word not in registry.names(registry.METHODS):
        raise UsageError(f"{method.name} is not of s2r-bench: say which version of it this is, --version 1.0")
    found = {run.environment.get("s2r-bench", "") for run in own}
    if len(found) != 1 or "" in found:
        raise UsageError(f"its runs are of several versions of s2r-bench ({', '.join(sorted(found))}): say --version")
    return found.pop()


def _data(session: Session, method: "Method", own: "list[RunRecord]", statement: str) -> dict[str, Any]:
    from s2r_bench.steps.learned import learned_from

    found = learned_from(method, own, session.store)
    if method.trained and not (found.worlds or statement):
        raise UsageError(
            f"the training of {method.name} is not in {session.home}: say what it was trained on, --trained-on TEXT"
        )
    return {"worlds": found.worlds, "sensors": found.sensors, "scenes": found.scenes, "statement": statement}


def _look(session: Session) -> Callable[[Any], Any]:
    """What this installation makes of a board."""
    from s2r_bench.steps.published import Asked, known

    here, seen = _member().Here, dict[str, Any]()

    def look(board: Any) -> Any:
        names = Asked.__dataclass_fields__
        asked = {name: getattr(board, name) for name in names}
        key = json.dumps(asked, sort_keys=True)
        if key not in seen:
            seen[key] = here(**vars(known(Asked(**asked), session.home)))
        return seen[key]

    return look


def _member() -> "ModuleType":
    from s2r_bench import registry

    return registry.module(REPORTS, "leaderboard")
