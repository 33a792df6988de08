"""Weights under their published names, and checkpoints of others: read as tensors, never as code.

Published DGCNN checkpoints hold each normalisation twice, as `conv3.1.*` and as `bn3.*`, and most carry a prefix or two
(`module.` of data-parallel training). Here every tensor has one name; the second one is made, and understood.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.serialization import safe_globals

from s2r_bench.errors import DataError
from s2r_tasks._occo.encoder import Encoder, Network

STATES = ("model_state_dict", "state_dict", "model", "base_model")  # OcCo, Pointcept, OpenPoints, Point-BERT
_PREFIXES = re.compile(r"^((module|backbone|base_model|encoder|decoder|head|feat)\.)+")
_SECOND_NAME = re.compile(r"^conv(\d+)\.1\.")
_SCALAR: Any = np.float64(0).__reduce__()[0]
_NUMBERS: list[Any] = [
    # what NumPy scalars are stored as, under its old and its new module name: scores beside the weights
    (_SCALAR, "numpy.core.multiarray.scalar"),
    (_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "int32")),
]


def read_published(path: Path) -> dict[str, Tensor]:
    """Name -> tensor of a `.pth`, `.pt` or `.t7` file, names without prefixes.

    The tensors are looked for under the names in `STATES`, else in the file's own dictionary.

    Raises:
        DataError: missing, damaged, no dictionary of tensors, or a file that would run code; it is not run.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing: name a checkpoint (.pth, .pt or .t7)")
    try:
        with safe_globals(_NUMBERS):
            held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as wrong:  # a damaged file fails in any way
        raise DataError(_refusal(path, wrong)) from None
    for name in STATES:
        if isinstance(held, Mapping) and isinstance(held.get(name), Mapping):
            held = held[name]
            break
    tensors = {name: t for name, t in held.items() if isinstance(t, Tensor)} if isinstance(held, Mapping) else {}
    if not tensors:
        raise DataError(
            f"{path} holds no tensors by name: expected a state dict, alone or under one of {', '.join(STATES)}"
        )
    return without_prefixes(tensors)


def without_prefixes(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state under its bare names; of two that become one, the longer: it is the encoder's.

    >>> list(without_prefixes({"module.feat.conv1.weight": torch.zeros(1)}))
    ['conv1.weight']
    """
    ordered = sorted(state, key=len)  # the longer comes later, and stays
    return {_PREFIXES.sub("", name): state[name] for name in ordered}


def without_doubles(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same with one name for each tensor: `bn3.*` goes, or becomes `conv3.1.*` where that is not there."""
    kept = {}
    for name, tensor in state.items():
        number, _, rest = name.removeprefix("bn").partition(".")
        first = f"conv{number}.1.{rest}"
        if not name.startswith("bn") or f"conv{number}.0.weight" not in state:
            kept[name] = tensor
        elif first not in state:
            kept[first] = tensor
    return kept


def published_names(model: nn.Module) -> dict[str, str]:
    """Published name (bare, second names included) -> the model's own, of all that its state holds."""
    names = {}
    for own in model.state_dict():
        bare = _PREFIXES.sub("", own)
        names[bare] = own
        if _SECOND_NAME.match(bare):
            names[_SECOND_NAME.sub(r"bn\1.", bare)] = own
    return names


def published_state(model: nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """The model's state under its published names; `prefix` "module." is what OcCo's own checkpoints carry."""
    state, encoder = model.state_dict(), model.encoder if isinstance(model, Network) else model
    inner = encoder.prefix if isinstance(encoder, Encoder) else ""
    found = {}
    for bare, own in published_names(model).items():
        of_encoder = own.startswith("encoder.") or model is encoder
        found[prefix + (inner if of_encoder else "") + bare] = state[own]
    return found


def load_published(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Set all of a model's weights from a state under published names.

    Raises:
        DataError: it lacks some, has others, or has some in another shape.
    """
    given = without_prefixes(state)
    names, wanted = published_names(model), model.state_dict()
    found = {names[name]: tensor for name, tensor in given.items() if name in names}
    wrong = [f"{name} is not there" for name in wanted if name not in found]
    wrong += [f"{name} is not expected" for name in given if name not in names]
    wrong += [
        f"{name} has shape {tuple(tensor.shape)}, not {tuple(wanted[name].shape)}"
        for name, tensor in found.items()
        if tensor.shape != wanted[name].shape
    ]
    if wrong:
        raise DataError(f"these are not the weights of a {type(model).__name__} of this size: {shortened(wrong)}")
    model.load_state_dict(found)


def shortened(lines: list[str], most: int = 4) -> str:
    """The first few of many lines, in one.

    >>> shortened(["a", "b", "c"], 2)
    'a; b; and 1 more'
    """
    more = f"; and {len(lines) - most} more" if len(lines) > most else ""
    return "; ".join(lines[:most]) + more


def _refusal(path: Path, wrong: Exception) -> str:
    """One line for an error of torch's reader, which would advise to trust the file."""
    if "weights only load failed" in str(wrong).lower():
        code = re.search(r"GLOBAL ([\w.]+)", str(wrong))
        asks = f"it asks for {code[1]}" if code else "it holds something else"
        return f"{path} is refused: {asks}, and a checkpoint is tensors and numbers only"
    reason = next(iter(str(wrong).splitlines()), "") or type(wrong).__name__
    return f"{path} is not a readable checkpoint ({reason}); fetch it again"
