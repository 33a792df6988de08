"""A command against the options that the command line really has, and its names against those that there are."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import typer

from s2r_bench import registry
from s2r_bench.cli.app import app

PLACEHOLDER = re.compile(r"[A-Z]|^my-|[/.]|^1$")  # NAME, my-sim, a file or a folder, what stands for a variable


@cache
def _root() -> Any:
    return typer.main.get_command(app)


def commands() -> Iterator[Any]:
    """Every command, of groups too."""
    waiting = [_root()]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += getattr(one, "commands", {}).values()


def parsed(words: list[str]) -> tuple[str | None, Any]:
    """What the parser says against the words (None: nothing), and the context of the command that they name."""
    found, rest = _root(), list(words)
    while rest and hasattr(found, "commands") and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name not in found.commands:
            return f"there is no command {name!r}; there are: {', '.join(found.commands)}", None
        found = found.commands[name]
    if not rest and words:
        return None, None  # a command or a group that is named as such
    try:
        return None, found.make_context(found.name, rest)
    except Exception as wrong:  # typer carries click's exceptions with it, under a private name
        if hasattr(wrong, "format_message"):
            return wrong.format_message(), None
        if type(wrong).__name__ == "Exit":  # --help and --version have answered
            return None, None
        raise


def unknown_names(context: Any) -> list[str]:
    """Methods, tasks, presets and suites that a command names and nobody knows."""
    if context is None:
        return []
    given, command = context.params, context.command.name
    methods = given.get("method") or []
    methods = [methods] if isinstance(methods, str) else list(methods)
    known = {"method": set(registry.names(registry.METHODS)), "task": set(registry.names(registry.TASKS))}
    wrong = [f"method {name}" for name in methods if not PLACEHOLDER.search(name) and name not in known["method"]]
    task = given.get("task")
    if task and not PLACEHOLDER.search(task) and task not in known["task"]:
        wrong.append(f"task {task}")
    if given.get("preset") not in (None, "smoke", "tiny", "small", "paper", "sd21"):
        wrong.append(f"preset {given['preset']}")
    if command == "run" and not PLACEHOLDER.search(given["suite"]):
        wrong += [] if given["suite"] in _suites() else [f"suite {given['suite']}"]
    return wrong


def _suites() -> set[str]:
    from importlib.resources import files

    return {one.name.removesuffix(".yaml") for one in files("s2r_bench.suites").iterdir() if one.name.endswith(".yaml")}
