"""Imports go one way, functions stay short, and no file is loaded under two names."""

import ast
import collections
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {
    "s2r_bench": ROOT / "s2r_bench",
    "s2r_baselines": ROOT / "baselines" / "s2r_baselines",
    "s2r_metrics": ROOT / "metrics" / "s2r_metrics",
    "s2r_tasks": ROOT / "tasks" / "s2r_tasks",
    "s2r_reports": ROOT / "reports" / "s2r_reports",
}
MAY_IMPORT = {
    "s2r_metrics": {"s2r_metrics"},
    "s2r_bench": {"s2r_bench"},
    "s2r_baselines": {"s2r_baselines", "s2r_bench"},
    "s2r_tasks": {"s2r_tasks", "s2r_bench", "s2r_metrics"},
    "s2r_reports": {"s2r_reports", "s2r_bench"},
}
# what a report may know of the core: records and what they are made of, never a runner
REPORTS_KNOW = ("errors", "files", "records", "registry", "seeds", "task", "store", "types", "worlds", "geometry")
LONGEST = 80


def sources(room):
    return sorted(ROOMS[room].rglob("*.py"))


def imported(path):
    """Dotted names that a file imports of our own rooms."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] in ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_one_way(room):
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(room)
        for name in imported(path)
        if name.partition(".")[0] not in MAY_IMPORT[room]
    ]
    assert wrong == []


def test_reports_read_records_and_never_run_anything():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources("s2r_reports")
        for name in imported(path)
        if name.startswith("s2r_bench.") and name.split(".")[1] not in REPORTS_KNOW
    ]
    assert wrong == []


def test_simulators_do_not_import_each_other():
    members = {path.stem for path in ROOMS["s2r_baselines"].iterdir() if not path.name.startswith(("_", "."))}
    for path in sources("s2r_baselines"):
        own = path.relative_to(ROOMS["s2r_baselines"]).parts[0].removesuffix(".py")
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "s2r_baselines" and len(parts) > 1 and parts[1] in members:
                assert parts[1] == own, f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("room", ROOMS)
def test_functions_are_short(room):
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for path in sources(room)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno + 1 > LONGEST
    ]
    assert long == []


# writes a format that others chose; what others wrote is walked by s2r_bench/data/plain_pickle.py, without pickle
WRITES_PICKLES = ROOMS["s2r_tasks"] / "_occo" / "data" / "point_bert.py"


def test_no_pickle():
    for room in ROOMS:
        for path in sources(room):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(import|from) pickle\b", text) or path == WRITES_PICKLES
            assert "pickle.load" not in text
            assert "Unpickler" not in text
            assert "allow_pickle=True" not in text
            for call in ast.walk(ast.parse(text)):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "torch.load":
                    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
                    where = f"{path.relative_to(ROOT)}:{call.lineno}"
                    assert given.get("weights_only") == "True", f"{where}: safetensors, or tensors and nothing else"


def test_each_file_has_one_module_name():
    names = collections.defaultdict(set)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and any(Path(file).is_relative_to(folder) for folder in ROOMS.values()) and name != "__main__":
            names[file].add(name)
    assert {file: found for file, found in names.items() if len(found) > 1} == {}


def test_tasks_import_metrics_from_their_own_files():
    """A task's digest follows imports to files; what a package hands out lazily it would not see."""
    lazy = ROOMS["s2r_metrics"] / "__init__.py"
    for path in sources("s2r_tasks"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "s2r_metrics":
                for alias in node.names:
                    assert (lazy.parent / f"{alias.name}.py").is_file(), f"{path.relative_to(ROOT)}: {alias.name}"
