"""What `doctor` looks at. A library counts as there only when it really imports."""

import importlib
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from s2r_bench import registry
from s2r_bench.cli.session import APT_LINE
from s2r_bench.steps.methods import listed

FREE_GB = 2.0


@dataclass(frozen=True)
class Check:
    """One thing looked at, what was found, and what mends it."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def examine(home: Path) -> list[Check]:
    """All checks; none raises."""
    every: list[Callable[[], Check]] = [
        _python,
        _torch,
        _cuda,
        _open3d,
        *(
            lambda name=name: _package(name)
            for name in ("cv2", "diffusers", "accelerate", "scipy", "h5py", "pandas", "trimesh")
        ),
        lambda: _disk(home),
        _threads,
    ]
    checks = [_guarded(check) for check in every]
    return checks + _plug_ins()


def _guarded(check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as wrong:  # a broken library raises whatever it likes; doctor goes on
        return Check(getattr(check, "__name__", "check").strip("_"), False, f"{type(wrong).__name__}: {wrong}")


def _python() -> Check:
    ok = sys.version_info >= (3, 11)
    return Check("python", ok, f"{platform.python_version()} ({sys.executable})", "Python 3.11 or newer is needed")


def _torch() -> Check:
    found = _package("torch")
    return found if found.ok else Check("torch", False, found.found, "pip install torch==2.13.0")


def _cuda() -> Check:
    import torch

    if not torch.cuda.is_available():
        return Check("device", True, "CPU only (no CUDA device; presets smoke and tiny are meant for that)")
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return Check("device", True, f"CUDA {torch.version.cuda}: {', '.join(names)}")


def _open3d() -> Check:
    try:
        open3d = importlib.import_module("open3d")
    except (ImportError, OSError) as wrong:
        return Check("open3d", False, f"cannot be imported: {wrong}", APT_LINE)
    version = getattr(open3d, "__version__", None)
    if version is None:  # what is left when one of open3d and open3d-cpu was removed
        remedy = "pip uninstall -y open3d open3d-cpu && pip install open3d-cpu"
        return Check("open3d", False, "an empty package: open3d and open3d-cpu were both installed", remedy)
    both = [name for name in ("open3d", "open3d-cpu") if _version(name)]
    if len(both) > 1:
        return Check("open3d", False, "open3d and open3d-cpu are both installed", "pip uninstall -y open3d; reinstall")
    return Check("open3d", True, str(version))


def _package(name: str) -> Check:
    try:
        found = importlib.import_module(name)
    except (ImportError, OSError) as wrong:
        return Check(name, False, f"cannot be imported: {wrong}", "pip install -c constraints.txt s2r-bench")
    return Check(name, True, str(getattr(found, "__version__", "?")))


def _version(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _disk(home: Path) -> Check:
    there = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(there).free / 2**30
    if not os.access(there, os.W_OK):
        return Check("disk", False, f"{there} cannot be written to", "choose another place: S2R_HOME or --home")
    enough = free >= FREE_GB
    return Check(
        "disk", enough, f"{free:.1f} GiB free in {home}", f"less than {FREE_GB:g} GiB: free some, or set S2R_HOME"
    )


def _threads() -> Check:
    import torch

    return Check("threads", True, f"{torch.get_num_threads()} of {os.cpu_count()} cores")


def _plug_ins() -> list[Check]:
    own = registry.names(registry.METHODS)
    return [
        Check(one.name, not one.fault, one.fault or f"installed method: {one.summary}", "mend or remove that package")
        for one in listed()
        if one.fault or one.name not in own
    ]
