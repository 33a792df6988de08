"""What decides a diffusion simulator: networks, codes, sampler, training. Every switch is here."""

from typing import Literal

from pydantic import Field, model_validator

from s2r_bench.engine.loop import TrainOptions
from s2r_bench.options import Options


class NetOptions(Options):
    """The denoising networks, all from diffusers' classes.

    Attributes:
        pretrained: hub id or folder of a Stable Diffusion checkpoint in diffusers' layout (`unet/`, `vae/`);
            "S2R_SD21" = what that environment variable names; "checkpoint:NAME" = the folder NAME of the simulator's
            own checkpoint (converted ones have it); "" builds the networks below from random weights.
        channels: block widths of the UNet (and of its control encoder).
        layers: residual blocks a level.
        attention: number of the deepest levels that have self-attention (0 = none); ignored with `pretrained`.
        groups: groups of the group norms.
        condition: how the clean depth gets in. "hint": a ControlNet on the condition's latent with zero convolutions
            (the paper). "replace": the official code's form, where the control encoder sees the condition instead of
            x_t and its features are added as they are. "concat": channels of the UNet's input, no control encoder.
        freeze_encoder: train decoder and control encoder only (paper); "auto" = where the weights are pretrained.
    """

    pretrained: str = ""
    channels: tuple[int, ...] = (32, 64, 64)
    layers: int = Field(1, ge=1)
    attention: int = Field(0, ge=0)
    groups: int = Field(8, ge=1)
    condition: Literal["hint", "replace", "concat"] = "hint"
    freeze_encoder: Literal["auto", "yes", "no"] = "auto"


class CodeOptions(Options):
    """How depth maps become latents.

    Attributes:
        latent: "s2d" = lossless space-to-depth; "kl" = the AutoencoderKL of the pretrained checkpoint.
        s2d_factor: pixels of a latent cell's side.
        depth: code of depth. residual_form, spread: the coded residual, see `s2r_bench.depth_code`.
        by_range: one gain of the residual code for each range; False: one for all.
        validity: "distance" codes holes as the signed distance to the next border, cut at `reach` pixels, which has
            the same sign as "sign" and varies smoothly, as what a diffusion generates should.
        whiten: give every coefficient of the residual's cells (an orthonormal cosine transform of the pixels, so
            nothing is lost) the same spread. What the network gets wrong then has the noise's own spectrum.
        calibrate: fix two constants on draws for training frames: a factor of the coded residual and the threshold
            of validity, so that spread and hole rate are right. Few sampling steps average, which shrinks both.
        levels: move what is drawn to the nearest of the camera's discrete depths, if its training captures have such.
        geometry: add the clean depth's gradients and the viewing ray to the condition ("s2d" only; with a pretrained
            codec the condition is what the codec can carry).
        max_residual_m: captures farther than this from the clean depth count as missing (official: 0.5).
        upscale: nearest-neighbour enlargement before the codec and its exact inverse after it.
        channels: of the "kl" codec. "validity": the value in two and validity in the third. "alike": the value in all
            three, as the authors' release has it (`_diffusion/alike.py`); then no holes are made.
        side: pixels of the shorter side that maps are resized to before the codec, bilinearly, and back after it
            (release: 512 from 192); 0 = by `upscale`.
    """

    latent: Literal["s2d", "kl"] = "s2d"
    s2d_factor: int = Field(4, ge=1)
    depth: Literal["log", "linear"] = "log"
    residual_form: Literal["asinh", "linear"] = "asinh"
    spread: float = Field(0.5, gt=0)
    by_range: bool = True
    validity: Literal["distance", "sign"] = "sign"
    reach: float = Field(4.0, ge=1)
    whiten: bool = True
    calibrate: bool = True
    levels: bool = True
    geometry: bool = True
    max_residual_m: float = Field(0.2, gt=0)
    upscale: int = Field(1, ge=1)
    channels: Literal["validity", "alike"] = "validity"
    side: int = Field(0, ge=0)


class DiffusionOptions(Options):
    """The noise process, its target and its sampler.

    Attributes:
        prediction: what the network predicts; "sample" (x0) is the official code's, "epsilon" the paper text's.
        schedule: "scaled_linear" is Stable Diffusion's, "cosine" = squared cosine.
        zero_snr: make the last step pure noise (needed where few trailing steps start there).
        sampler: "ddim" (deterministic after the first draw) or "x0-renoise" (official: every step predicts x0 and
            adds fresh noise).
        steps: sampling steps. spacing: "trailing" starts at the last training step, as few-step sampling must.
        snr_cap: weigh the error of x0 with min(1 + SNR, cap): 1 is the plain loss of x0, which attends to structure and
            comes out smooth; a large cap is the plain loss of v, which attends to grain. 0 = the prediction's own.
        detail: draw the residual from around the last prediction of x0 instead of taking that prediction itself, with
            the spread that training pairs had around theirs at that noise level. Few steps end far from clean, where
            the prediction is a mean: without the draw, fine grain is missing.
        mask: take validity from the first prediction of x0, which at pure noise is its mean given the clean depth
            ("mean"), or from the last ("draw"). Most of a camera's holes come back in a second capture of the view.
        together: frames that go through the networks at once. A draw's last bits hang on it, and on nothing beside it.
    """

    prediction: Literal["epsilon", "v_prediction", "sample"] = "sample"
    schedule: Literal["scaled_linear", "cosine"] = "cosine"
    train_steps: int = Field(1000, ge=2)
    zero_snr: bool = True
    sampler: Literal["ddim", "x0-renoise"] = "ddim"
    steps: int = Field(10, ge=1)
    spacing: Literal["trailing", "leading"] = "trailing"
    snr_cap: float = Field(0.0, ge=0)
    detail: bool = True
    mask: Literal["mean", "draw"] = "mean"
    together: int = Field(4, ge=1)


class StageOptions(Options):
    """One diffusion stage: all of the above, the crop it trains on, and its training."""

    net: NetOptions = NetOptions()
    code: CodeOptions = CodeOptions()
    diffusion: DiffusionOptions = DiffusionOptions()
    train: TrainOptions = TrainOptions()
    crop: int = Field(64, ge=8)

    @model_validator(mode="after")
    def _fits_together(self) -> "StageOptions":
        code, net = self.code, self.net
        if code.side and code.upscale > 1:
            raise ValueError("maps are resized by code.side or by code.upscale, not by both")
        if code.latent == "kl":
            if not net.pretrained:
                raise ValueError(
                    "the kl codec is that of a checkpoint: name one with net.pretrained, or use code.latent=s2d"
                )
            if code.whiten or code.geometry or self.diffusion.detail:
                raise ValueError("the kl codec goes with code.whiten, code.geometry and diffusion.detail = false")
            if code.channels == "alike" and (code.calibrate or self.diffusion.mask == "mean"):
                raise ValueError(
                    "code.channels=alike has no validity: it goes with code.calibrate=false and diffusion.mask=draw"
                )
        elif code.channels == "alike" or code.side:
            raise ValueError("code.channels=alike and code.side are for code.latent=kl")
        elif self.crop % (code.s2d_factor * 2 ** (len(net.channels) - 1)):
            raise ValueError(f"crop must be a multiple of s2d_factor * 2^(levels - 1), not {self.crop}")
        return self
