"""Sizes of all networks of the tasks `classify` and `segment`, with their presets; defaults are the published sizes."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from s2r_bench.options import Options
from s2r_tasks._occo.completion import Completion
from s2r_tasks._occo.decoder import DecoderOptions
from s2r_tasks._occo.dgcnn import BlockEncoder, BlockOptions, ObjectEncoder, ObjectOptions
from s2r_tasks._occo.encoder import Encoder
from s2r_tasks._occo.heads import Classifier, HeadOptions, Segmenter
from s2r_tasks._occo.neighbours import BUDGET
from s2r_tasks._occo.pointnet import PointNetEncoder, PointNetOptions
from s2r_tasks._occo.transfer import TransferOptions


class ClassifyNetworks(Options):
    """Completion of objects, and classification from its encoder.

    Attributes:
        partial: points of a partial cloud. points: of an object to classify.
        encoder: which one. dgcnn, pointnet: its sizes.
        decoder, head, transfer: see there. The complete cloud has `decoder.fine` points.
    """

    partial: int = Field(1024, ge=1)
    points: int = Field(1024, ge=1)
    encoder: Literal["dgcnn", "pointnet"] = "dgcnn"
    dgcnn: ObjectOptions = ObjectOptions()
    pointnet: PointNetOptions = PointNetOptions()
    decoder: DecoderOptions = DecoderOptions()
    head: HeadOptions = HeadOptions()
    transfer: TransferOptions = TransferOptions()

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @model_validator(mode="after")
    def _fits_together(self) -> "ClassifyNetworks":
        if self.encoder == "dgcnn" and self.dgcnn.k > min(self.partial, self.points):
            raise ValueError(f"dgcnn.k = {self.dgcnn.k} neighbours need clouds of as many points (partial, points)")
        return self

    def built_encoder(self, budget: int = BUDGET) -> Encoder:
        """A fresh encoder of clouds (B, N, 3); `budget`: bytes of the search for neighbours."""
        if self.encoder == "pointnet":
            return PointNetEncoder(self.pointnet)
        return ObjectEncoder(self.dgcnn, budget=budget)

    def completion(self, budget: int = BUDGET) -> Completion:
        """A fresh network to pretrain."""
        return Completion(self.built_encoder(budget), self.decoder)

    def classifier(self, classes: int, budget: int = BUDGET) -> Classifier:
        """A fresh classifier."""
        return Classifier(self.built_encoder(budget), self.head, classes)


class SegmentNetworks(Options):
    """Completion of objects with an encoder in the segmentation's form, and segmentation from it.

    Attributes:
        partial: points of a partial cloud. points: of a block. channels: of a block's points.
        dgcnn, decoder, head, transfer: see there.
    """

    partial: int = Field(1024, ge=1)
    points: int = Field(4096, ge=1)
    channels: int = Field(9, ge=3)
    dgcnn: BlockOptions = BlockOptions()
    decoder: DecoderOptions = DecoderOptions()
    head: HeadOptions = HeadOptions()
    transfer: TransferOptions = TransferOptions()

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @model_validator(mode="after")
    def _fits_together(self) -> "SegmentNetworks":
        if self.dgcnn.k > min(self.partial, self.points):
            raise ValueError(f"dgcnn.k = {self.dgcnn.k} neighbours need clouds of as many points (partial, points)")
        return self

    def completion(self, budget: int = BUDGET) -> Completion:
        """A fresh network to pretrain, on clouds (B, N, 3)."""
        return Completion(BlockEncoder(self.dgcnn, 3, budget), self.decoder)

    def segmenter(self, classes: int, budget: int = BUDGET) -> Segmenter:
        """A fresh network for blocks (B, N, channels)."""
        return Segmenter(BlockEncoder(self.dgcnn, self.channels, budget), self.head, classes)


_SMOKE_DECODER = {"coarse": 8, "grid": 2, "hidden": 16, "folding": 8}
_TINY_DECODER = {"coarse": 64, "hidden": 256, "folding": 128}
_SMALL_DECODER = {"coarse": 128}

ClassifyNetworks.presets = {
    "smoke": {
        "partial": 32,
        "points": 32,
        "dgcnn": {"k": 4, "widths": (4, 4, 8, 8), "features": 16},
        "pointnet": {"widths": (4, 8), "features": 16},
        "decoder": _SMOKE_DECODER,
        "head": {"hidden": (16, 8)},
    },
    "tiny": {
        "partial": 256,
        "points": 256,
        "dgcnn": {"k": 10, "widths": (32, 32, 64, 128), "features": 256},
        "pointnet": {"widths": (32, 64), "features": 256},
        "decoder": _TINY_DECODER,
        "head": {"hidden": (128, 64)},
    },
    "small": {"partial": 512, "points": 512, "decoder": _SMALL_DECODER},
}

SegmentNetworks.presets = {
    "smoke": {
        "partial": 32,
        "points": 32,
        "dgcnn": {"k": 4, "width": 4, "features": 16},
        "decoder": _SMOKE_DECODER,
        "head": {"hidden": (16, 8)},
    },
    "tiny": {
        "partial": 256,
        "points": 512,
        "dgcnn": {"k": 10, "width": 32, "features": 256},
        "decoder": _TINY_DECODER,
        "head": {"hidden": (128, 64)},
    },
    "small": {"partial": 512, "points": 2048, "decoder": _SMALL_DECODER},
}
