"""Training state on disk: one safetensors file a checkpoint, and `latest.json`, written last, that names it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from s2r_bench.errors import DataError
from s2r_bench.files import read_json, whole, write_json

__all__ = ["latest_state", "read_json", "read_tensors", "write_json", "write_state", "write_tensors"]


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file whole or not at all."""
    from safetensors.torch import save_file

    with whole(path) as part:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, part)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        DataError: it is missing, empty, or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise DataError(f"{path} is missing: the checkpoint is not complete; train again or fetch it again")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes): the checkpoint is damaged; train again or fetch it again")
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as wrong:
        raise DataError(f"{path} is not a readable safetensors file ({wrong}); train again or fetch it again") from None


def write_state(folder: Path, step: int, tensors: Mapping[str, Tensor], note: Mapping[str, Any]) -> None:
    """Leave the state of `step` in `folder`; the one before it goes only when this one is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"step-{step:07d}.safetensors"
    write_tensors(folder / name, tensors)
    write_json(folder / "latest.json", {"step": step, "file": name, **note})
    for old in folder.glob("step-*.safetensors"):
        if old.name != name:
            old.unlink()


def latest_state(folder: Path) -> tuple[int, dict[str, Tensor], dict[str, Any]] | None:
    """(step, tensors, note) of the last complete checkpoint in `folder`, or None where there is none."""
    if not (folder / "latest.json").is_file():
        return None
    note = read_json(folder / "latest.json")
    return int(note["step"]), read_tensors(folder / note["file"]), note
