"""A published checkpoint as the start of an arm of its own: `published`, beside `random-init`.

The arm exists where `task.published_weights` names a file. Nothing is pretrained for it: the encoder's weights in the
file (OcCo's, CrossPoint's, STRL's: `module.conv1.0.weight`, `bn1.weight` ...) take the place of a pretraining's.
"""

from functools import lru_cache
from pathlib import Path

from torch import Tensor

from s2r_bench.errors import DataError
from s2r_bench.files import sha256
from s2r_bench.options import Options
from s2r_tasks._occo.encoder import Network
from s2r_tasks._occo.options import ClassifyNetworks, SegmentNetworks
from s2r_tasks._occo.published import read_published, shortened
from s2r_tasks._occo.transfer import other_sizes

PUBLISHED = "published"
Sizes = ClassifyNetworks | SegmentNetworks


def check_named(path: str) -> None:
    """Refuse a file that is not there, before anything is trained for the other arms; "" names none.

    Raises:
        DataError: it is named, and not there.
    """
    if path and not Path(path).is_file():
        raise DataError(f"{path} is missing: task.published_weights names a checkpoint (.pth, .pt or .t7)")


def weights_key(path: str) -> str:
    """SHA-256 of the file; part of every key that its weights decide.

    Raises:
        DataError: there is no such file.
    """
    check_named(path)
    known = Path(path).stat()
    return _digest_of(Path(path), known.st_size, known.st_mtime_ns)


def weights_name(path: str) -> str:
    """What reports call the file: its name, and the beginning of its SHA-256.

    Raises:
        DataError: there is no such file.
    """
    return f"{Path(path).name}, SHA-256 {weights_key(path)[:16]}"


def published_start(path: str, network: Network, sizes: Sizes) -> dict[str, Tensor]:
    """The state in the file, if it is of the network's form and sizes.

    Whether enough of it comes across is for `transfer` to say. By the rule `name_shape`, which is there to see what is
    left out, and with `allow_partial`, other sizes pass.

    Raises:
        DataError: missing, damaged, a file that would run code, without a weight of the encoder, or of other sizes.
    """
    state = read_published(Path(path))
    if sizes.transfer.rule == "name_shape" or sizes.transfer.allow_partial:
        return state
    wrong = other_sizes(state, network)
    if wrong:
        raise DataError(f"{path} is of other sizes than task.networks: {shortened(wrong)}. {_remedy(sizes)}")
    return state


def _remedy(sizes: Sizes) -> str:
    """What to do about other sizes: take the published ones or, where these are they, another file."""
    kind = sizes.encoder if isinstance(sizes, ClassifyNetworks) else "dgcnn"
    published: Options = getattr(type(sizes)(), kind)
    if getattr(sizes, kind) == published:
        what = "objects (conv1 to conv5)" if isinstance(sizes, ClassifyNetworks) else "blocks (conv1 to conv6)"
        return f"These are the published sizes of an encoder of {what}: give a checkpoint of such a one"
    fields = published.model_dump(mode="json").items()
    typed = " ".join(f"--set task.networks.{kind}.{name}={value}".replace(", ", ",") for name, value in fields)
    return f"Published checkpoints have the published sizes: take --preset paper, or {typed}"


@lru_cache(maxsize=16)
def _digest_of(path: Path, _size: int, _mtime_ns: int) -> str:
    return sha256(path)  # a grid asks for the same file once a cell
