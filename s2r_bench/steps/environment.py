"""What the machine is. It is saved beside every result and decides nothing, except which device is used."""

import importlib.metadata
import os
import platform
import sys

from s2r_bench import __version__
from s2r_bench.errors import EnvironmentLacksError, UsageError

DEVICES = ("auto", "cpu", "cuda")
PACKAGES = (
    *("torch", "diffusers", "accelerate", "numpy", "scipy", "h5py"),
    *("open3d", "open3d-cpu", "opencv-python-headless"),
)


def pick_device(wanted: str) -> str:
    """`cpu` or `cuda[:N]`; "auto" takes a CUDA device where there is one.

    Raises:
        UsageError: no such kind of device.
        EnvironmentLacksError: CUDA was asked for and is not there.
    """
    kind = wanted.partition(":")[0]
    if kind not in DEVICES:
        raise UsageError(f"there is no device {wanted!r}; there are: {', '.join(DEVICES)}")
    if kind == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        _, colon, index = wanted.partition(":")
        if colon:
            if int(index) >= torch.cuda.device_count():
                raise EnvironmentLacksError(
                    f"--device {wanted}: there are {torch.cuda.device_count()} CUDA devices here, counted from 0"
                )
            torch.cuda.set_device(int(index))  # libraries that only know "cuda" take the current one
        return "cuda" if wanted == "auto" else wanted
    if kind == "cuda":
        raise EnvironmentLacksError(
            f"--device {wanted}: torch {torch.__version__} finds no CUDA device here; use --device cpu, "
            "or install the CUDA build of torch and a driver (nvidia-smi shows it)"
        )
    return "cpu"


def environment(device: str) -> dict[str, str]:
    """Versions, device and threads."""
    import torch

    facts = {"s2r-bench": __version__, "python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            facts[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    facts["device"] = torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu"
    facts["threads"] = str(torch.get_num_threads())
    facts["cores"] = str(os.cpu_count())
    return facts


def reset_peak_memory(device: str) -> None:
    """Count the peak of a CUDA device from now on; a process's own cannot be reset."""
    if device.startswith("cuda"):
        import torch

        # before CUDA is initialised there is nothing to reset, which is an error
        torch.cuda.init()  # type: ignore[no-untyped-call]
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory_mb(device: str) -> float:
    """The most memory, MiB: allocated on a CUDA device since `reset_peak_memory`, else of this whole process so far."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource
    except ImportError:
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
