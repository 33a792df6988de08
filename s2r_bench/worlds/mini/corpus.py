"""CAD models of a folder or library in the place of the procedural corpus: what pretraining then sees simulated."""

import hashlib
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
from pydantic import Field

from s2r_bench.cad.corpus import read_models
from s2r_bench.cad.frame import longest_side
from s2r_bench.errors import DataError
from s2r_bench.options import Options
from s2r_bench.types import CadModel, Mesh

LEAST_SIDE = 1e-6


class CorpusOptions(Options):
    """Where the CAD corpus comes from. Rooms, captures and all that learns from pairs do not depend on it."""

    path: str = Field("", description="a folder of meshes or a library; empty: procedural furniture")
    side: float = Field(0.0, ge=0, description="longest side of every model, metres; 0: as the files say")
    limit: int = Field(0, ge=0, description="take that many models, in the order of their names; 0: all")


def corpus_models(options: CorpusOptions) -> list[CadModel]:
    """The models of `options.path`, read once a process; those that cannot be read are counted on standard error.

    Raises:
        DataError: there is nothing, or nothing that can be read.
    """
    return list(_models(options.path, options.side, options.limit))


def corpus_key(options: CorpusOptions) -> str:
    """Changes with the options and with the names and sizes of the files.

    Raises:
        DataError: there is nothing at the path.
    """
    path = Path(options.path)
    if not path.exists():
        raise DataError(f"world.corpus.path: there is nothing at {path}; give a folder of meshes, or leave it out")
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    text = hashlib.sha256(f"{options.side} {options.limit}".encode())
    for file in files:
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        text.update(f"|{name} {file.stat().st_size}".encode())
    return text.hexdigest()[:16]


@lru_cache(maxsize=2)
def _models(path: str, side: float, limit: int) -> tuple[CadModel, ...]:
    found = read_models(Path(path), limit=limit or None)
    if found.failures:
        first = found.failures[0]
        sys.stderr.write(
            f"{path}: {len(found.failures)} CAD models cannot be read and are left out, such as {first.id}: "
            f"{first.reason}\n"
        )
    if not found.models:
        raise DataError(f"world.corpus.path: none of the models at {path} can be read; see `s2r-bench data describe`")
    return tuple(_sized(model, side) for model in found.models) if side else found.models


def _sized(model: CadModel, side: float) -> CadModel:
    own = longest_side(model.mesh)
    if own < LEAST_SIDE:
        raise DataError(f"{model.id} is a point: its longest side is {own} m")
    vertices = np.asarray(model.mesh.vertices) * (side / own)
    return CadModel(model.id, model.category, Mesh(vertices, model.mesh.faces), model.source, model.licence)
