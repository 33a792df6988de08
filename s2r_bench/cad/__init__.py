"""CAD corpora: folders of meshes, and the Sweet Home 3D furniture library, as `CadModel`s in metres, y up."""

from s2r_bench.cad.corpus import Corpus, Failure, iter_models, read_models
from s2r_bench.cad.report import MeshReport, mesh_report

__all__ = ["Corpus", "Failure", "MeshReport", "iter_models", "mesh_report", "read_models"]
