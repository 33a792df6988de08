"""Saving and loading: what comes back, what is refused, and that nothing is pickled."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from pickletools import genops

import numpy as np

from s2r_bench.conformance.child import Order, follow
from s2r_bench.conformance.compare import must_equal
from s2r_bench.conformance.outcome import DoesNotApply, Fault, check, told
from s2r_bench.conformance.pairs import read_frames, write_frames
from s2r_bench.conformance.subject import SEED, Subject
from s2r_bench.errors import DataError

GARBAGE = b"this is not what was saved here"
DAMAGES: dict[str, Callable[[Path, bytes], object]] = {
    "missing": lambda path, kept: path.unlink(),
    "empty": lambda path, kept: path.write_bytes(b""),
    "cut in half": lambda path, kept: path.write_bytes(kept[: len(kept) // 2]),
    "overwritten": lambda path, kept: path.write_bytes(GARBAGE),
}


def _saved(subject: Subject) -> tuple[Path, list[Path]]:
    folder = subject.folder()
    subject.fitted.save(folder)
    return folder, sorted(path for path in folder.rglob("*") if path.is_file())


@check(
    "saved",
    "What was saved and loaded again draws the same, bit for bit.",
    remedy="save all that simulate depends on, and load all of it",
    needs=("values", "repeats"),
)
def saved(subject: Subject) -> str:
    """A round trip in this process."""
    folder, files = _saved(subject)
    fresh = subject.new()
    fresh.load(folder)
    must_equal(subject.shown, subject.draw(fresh), "after save and load")
    size = sum(path.stat().st_size for path in files) / 2**20
    return f"{len(files)} files, {size:.2f} MiB: the same draws"


@check(
    "process",
    "Another process that loads what was saved draws the same, bit for bit.",
    remedy="let nothing decide a draw that another process has otherwise: Python's hash(), id(), time, global state",
    needs=("values", "repeats", "saved"),
)
def process(subject: Subject) -> str:
    """The round trip in another process, in which Python's own hashes are others."""
    if subject.capture is not None:
        raise DoesNotApply("it needs the world's own sensor")
    place = subject.folder()
    folder, _ = _saved(subject)
    write_frames(subject.frames, place / "frames.npz")
    order = Order(
        subject.method.word,
        subject.options.model_dump(mode="json"),
        subject.device,
        SEED,
        saved=str(folder),
        frames=str(place / "frames.npz"),
        out=str(place / "drawn.npz"),
    )
    follow(order, place)
    must_equal(subject.shown, read_frames(place / "drawn.npz"), "in another process")
    return "the same draws"


@check(
    "no-pickle",
    "Nothing that was saved is a pickle, which would run code when it is read.",
    remedy="save safetensors, json or npz without objects; no pickle, torch.save or joblib",
    needs=("fit",),
)
def no_pickle(subject: Subject) -> str:
    """By content, whatever the file is called."""
    folder, files = _saved(subject)
    for path in files:
        if _is_pickle(path):
            raise Fault(f"{path.relative_to(folder)} is a pickle")
    kinds = sorted({path.suffix or path.name for path in files})
    return f"{len(files)} files: {', '.join(kinds)}" if files else "nothing is saved"


def _is_pickle(path: Path) -> bool:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as members:
            if any(name.endswith(".pkl") for name in members.namelist()):
                return True  # as torch.save writes
    if path.suffix in (".npz", ".npy"):
        return _holds_objects(path)
    with path.open("rb") as file:
        try:
            return sum(1 for _ in genops(file)) > 1  # all of it is opcodes, up to the one that ends a pickle
        except Exception:  # whatever bytes that are no pickle make of it
            return False


def _holds_objects(path: Path) -> bool:
    try:
        loaded = np.load(path, allow_pickle=False)
        return any(array.dtype.hasobject for array in (loaded.values() if path.suffix == ".npz" else [loaded]))
    except ValueError as wrong:
        return "allow_pickle" in str(wrong)


@check(
    "damaged",
    "A missing or damaged file is refused by name.",
    remedy="raise s2r_bench.errors.DataError with the file's name in load (s2r_bench.files.read_json and "
    "s2r_bench.engine.checkpoint.read_tensors do)",
    needs=("fit",),
)
def damaged(subject: Subject) -> str:
    """Each file missing, empty, cut in half, overwritten."""
    folder, files = _saved(subject)
    if not files:
        raise DoesNotApply("nothing is saved")
    for path in files:
        kept = path.read_bytes()
        for damage, apply in DAMAGES.items():
            apply(path, kept)
            _must_refuse(subject, folder, path, damage)
            path.write_bytes(kept)
    return f"DataError for each of {len(files)} files, {', '.join(DAMAGES)}"


def _must_refuse(subject: Subject, folder: Path, path: Path, damage: str) -> None:
    name = path.relative_to(folder)
    try:
        subject.new().load(folder)
    except DataError as refused:
        if path.name not in str(refused):
            raise Fault(f"{name} {damage}: the error does not name the file: {refused}") from None
    except Exception as wrong:
        raise Fault(f"{name} {damage}: load raised {told(wrong)}, not DataError") from None
    else:
        raise Fault(f"{name} {damage}: load took it")
