"""config and doctor: what would be run, and whether this machine can."""

from pathlib import Path
from typing import Annotated

import typer

from s2r_bench.cli import common
from s2r_bench.cli.session import Session
from s2r_bench.errors import UsageError


def add_config(config: typer.Typer) -> None:
    """Register `config`."""
    common.command(config, "show", examples=["s2r-bench config show quickstart"])(show)
    common.command(config, "schema", examples=["s2r-bench config schema > suite.schema.json"])(schema)
    common.command(config, "init", examples=["s2r-bench config init suite.yaml"])(init)


def add_doctor(app: typer.Typer) -> None:
    """Register `doctor`."""
    common.command(app, "doctor", panel="Help", examples=["s2r-bench doctor --strict"])(doctor)


def show(
    session: Session,
    suite: Annotated[str, typer.Argument(help="suite.yaml or a built-in name.")] = "quickstart",
    set_: common.Sets = None,
) -> None:
    """Print a suite as it would be run: file, environment and --set resolved."""
    from s2r_bench.config import as_yaml, load_suite

    config = load_suite(suite, sets=set_ or [])
    session.answer(config.model_dump(mode="json"), as_yaml(config).rstrip())


def schema(session: Session) -> None:
    """Print the JSON schema of suite files, for editors."""
    import json

    from s2r_bench.config import SuiteConfig

    document = SuiteConfig.model_json_schema()
    session.answer(document, json.dumps(document, indent=1))


def init(
    session: Session,
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there.")] = Path("suite.yaml"),
) -> None:
    """Write a commented suite file to start from."""
    from s2r_bench.config import template
    from s2r_bench.files import write_text

    if file.exists():
        raise UsageError(f"{file} is there already; name another file")
    write_text(file, template())
    session.answer({"file": str(file)}, f"{file}\nrun it: s2r-bench run {file}")


def doctor(
    session: Session,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 5 if anything is wrong.")] = False,
) -> int:
    """Check Python, torch, Open3D and its system libraries, disk space: each is really imported."""
    from s2r_bench.cli.checks import examine

    checks = examine(session.home)
    lines = [f"{'ok  ' if check.ok else 'FAIL'} {check.name:<12} {check.found}" for check in checks]
    lines += [f"     {check.name}: {check.remedy}" for check in checks if not check.ok]
    wrong = [check.name for check in checks if not check.ok]
    session.answer({"ok": not wrong, "checks": [vars(check) for check in checks]}, "\n".join(lines))
    return 5 if wrong and strict else 0
