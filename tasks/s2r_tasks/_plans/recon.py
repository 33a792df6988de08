"""What `recon` trains and stores: an autoencoder for all, a diffusion an arm and seed, and its fine-tuning."""

from collections.abc import Mapping

from s2r_bench.plan import Stored, Training
from s2r_bench.types import CATEGORIES
from s2r_tasks._recon.options import ReconOptions

FLOAT, HALF = 4, 2  # bytes


def trainings(options: ReconOptions, facts: Mapping[str, int], budget: int | None) -> list[Training]:
    """The autoencoder is shared by all; a pretraining by all shots."""
    o = options
    networks = len(CATEGORIES) if o.per_category else 1
    each = "one network a category" if o.per_category else "one network for all categories"
    found = [
        Training("autoencoder", o.vae_train.steps, o.vae_train.batch, "all", networks, note=each),
        Training("pretraining", o.pretrain.steps, o.pretrain.batch, "arm", networks, note=each),
    ]
    if o.shots != "0":
        tuning = f"{each}, shots {o.shots}"
        found.append(Training("fine-tuning", o.finetune.steps, o.finetune.batch, "round", networks, note=tuning))
    return found


def stored(options: ReconOptions, facts: Mapping[str, int]) -> list[Stored]:
    """Points with labels, latents and clouds of each object."""
    data, vae = options.data, options.vae
    points = (data.surface + data.volume + data.near) * 3 * FLOAT + data.volume + data.near
    latent = options.poses * 2 * 3 * vae.latent * (vae.side // 2) ** 2 * HALF
    return [
        Stored("labelled points of an object", points, None, "all", note="surface, volume and near points"),
        Stored("latents of an object", latent, None, "all", note=f"mean and spread of {options.poses} poses"),
        Stored("cloud of an object", data.stored * 3 * FLOAT, None, "arm", note=f"{data.stored:,} points"),
    ]
