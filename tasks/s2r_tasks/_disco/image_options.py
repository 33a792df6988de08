"""Sizes and chances of what the denoiser sees of images: apart from its code, so that features do not hang on that."""

from pydantic import Field, model_validator

from s2r_bench.options import Options


class ImageOptions(Options):
    """Conditioning on images.

    Attributes:
        views: images that the network takes; 0 = it is not made for images. Published: 5.
        fewest: in training as many as chance says, from so many to `views`.
        drop: share of training items whose images are all left out (classifier-free; published option: 0.5).
        heads: of the attention.
        finest: largest side of planes that look at images: the grid has its third power of queries.
        backbone: what makes features of images: a hub id whose weights are in the local cache, a folder, or "test".
        tokens: features along a side of an image. width: of each.
    """

    views: int = Field(0, ge=0)
    fewest: int = Field(2, ge=1)
    drop: float = Field(0.0, ge=0, le=1)
    heads: int = Field(8, ge=1)
    finest: int = Field(32, ge=1)
    backbone: str = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"
    tokens: int = Field(16, ge=1)
    width: int = Field(1280, ge=1)

    @model_validator(mode="after")
    def _fits_together(self) -> "ImageOptions":
        if 0 < self.views < self.fewest:
            raise ValueError(f"fewest = {self.fewest} is more than views = {self.views}")
        return self
