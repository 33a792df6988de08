"""A training step and a sampling run against the plain loops of diffusers' examples, same networks, same latents.

Plain training is what diffusers' ControlNet example does in a step: `DDPMScheduler.add_noise`, ControlNet and UNet,
mean squared error, backward, clipped gradients, AdamW. Plain sampling is a loop over `DDIMScheduler.step`. Both sides
take turns in one process; what counts is the ratio. The last column says how far the results of both sides differ.

    python benchmarks/train_and_sample.py [--json] [--repeats N] [--preset tiny] [--batch N]
"""

import argparse
import copy
import json
import time
from dataclasses import asdict
from typing import Any

import torch
from made import MadePairs, Ratio, by_turns, largest, stage_options, table, timed, untrained_stage
from torch import Tensor, nn

from s2r_baselines._diffusion.nets import Denoiser
from s2r_baselines._diffusion.stage import Stage, _Items, draw_generator
from s2r_bench.engine.loop import Loop, TrainOptions, step_rng

SEED, LR = 0, 1e-4


class PlainTraining:
    """The example's step on a copy of the networks, with the draws of our loop so that losses can be compared."""

    def __init__(self, network: Denoiser, stage: Stage) -> None:
        from diffusers import DDPMScheduler

        self.network = copy.deepcopy(network).train()
        self.scheduler = DDPMScheduler.from_config(stage.process.scheduler.config)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=LR, weight_decay=1e-2)
        self.losses: list[float] = []

    def step(self, batch: dict[str, Tensor], generator: torch.Generator) -> None:
        clean, condition = batch["target"], batch["condition"]
        timesteps = torch.randint(len(self.scheduler.betas), (len(clean),), generator=generator)
        noise = torch.randn(clean.shape, generator=generator)
        noisy = self.scheduler.add_noise(clean, noise, timesteps)
        wanted = self.scheduler.get_velocity(clean, noise, timesteps)
        down, middle = self.network.control(noisy, timesteps, None, controlnet_cond=condition, return_dict=False)
        output = self.network.unet(
            noisy,
            timesteps,
            None,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            return_dict=False,
        )[0]
        loss = nn.functional.mse_loss(output.float(), wanted.float())
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.losses.append(float(loss.detach()))


class Turns:
    """Hands out one batch and runs the plain step in between: the loop's time is what passes from call to call."""

    def __init__(self, plain: PlainTraining, make_batch: Any) -> None:
        self.plain, self.make_batch = plain, make_batch
        self.ours: list[tuple[float, float]] = []
        self.reference: list[tuple[float, float]] = []
        self.left: tuple[float, float] | None = None

    def __call__(self, step: int, rank: int) -> dict[str, Tensor]:
        if self.left is not None:
            self.ours.append((time.process_time() - self.left[0], time.perf_counter() - self.left[1]))
        batch = self.make_batch.fixed
        self.reference.append(timed(lambda: self.plain.step(batch, step_rng(SEED, step, rank, "noise"))))
        self.left = time.process_time(), time.perf_counter()
        return self.make_batch(step)  # type: ignore[no-any-return]


class Batches:
    """One fixed batch of latents, or a batch made anew at every step as `Stage.fit` makes it."""

    def __init__(self, stage: Stage, size: int, *, anew: bool) -> None:
        self.items, self.size, self.anew = _Items(stage, MadePairs(), None, None), size, anew
        self.fixed = self.items.batch(SEED, 0, 0, size)
        # the example's loss has no weights
        self.fixed["weight"] = torch.ones_like(self.fixed["weight"])

    def __call__(self, step: int) -> dict[str, Tensor]:
        return self.items.batch(SEED, step, 0, self.size) if self.anew else self.fixed


def training(name: str, stage: Stage, size: int, repeats: int, *, ema: float, anew: bool = False) -> Ratio:
    network = copy.deepcopy(stage.denoiser)
    assert network is not None
    plain = PlainTraining(network, stage)
    turns = Turns(plain, Batches(stage, size, anew=anew))
    # one turn for warmth, and one call more closes the last turn
    options = TrainOptions(steps=repeats + 2, batch=size, lr=LR, warmup=0, schedule="constant", ema=ema, log_every=1)
    result = Loop(network, options, seed=SEED).run(turns, stage._loss)
    losses = torch.tensor([row["train_loss"] for row in result.curve])
    apart = f"loss {largest(losses, torch.tensor(plain.losses)):.1e}" if not anew else "other batches"
    return Ratio.of(name, turns.ours[1:], turns.reference[1 : len(turns.ours)], apart)


class PlainSampling:
    """`DDIMScheduler.step` in a loop, with the same start."""

    def __init__(self, stage: Stage, condition: Tensor, shape: tuple[int, ...]) -> None:
        from diffusers import DDIMScheduler

        self.stage, self.condition, self.shape = stage, condition, shape
        self.scheduler = DDIMScheduler.from_config(stage.process.scheduler.config)

    @torch.no_grad()
    def __call__(self) -> Tensor:
        denoiser = self.stage.denoiser
        assert denoiser is not None
        self.scheduler.set_timesteps(self.stage.options.diffusion.steps)
        noisy = torch.randn(self.shape[1:], generator=draw_generator(1, 2, 0))[None]
        for timestep in self.scheduler.timesteps:
            output = denoiser(noisy, timestep.expand(1), self.condition)
            stepped = self.scheduler.step(output, timestep, noisy)
            noisy = stepped.prev_sample
        clean: Tensor = stepped.pred_original_sample
        return clean


def sampling(stage: Stage, repeats: int) -> list[Ratio]:
    frame = MadePairs()[0].clean
    condition = stage._encode_condition(stage.condition(frame, None)[None])
    shape = (1, stage.codec.latent_channels(2), *condition.shape[-2:])
    plain = PlainSampling(stage, condition, shape)
    denoiser = stage.denoiser
    assert denoiser is not None

    def process() -> Tensor:
        return stage.process.sample(
            lambda x, t: denoiser(x, t, condition), shape, [draw_generator(1, 2, 0)], stage.device
        )

    apart = f"latents {largest(process(), plain()):.1e}"
    steps, size = stage.options.diffusion.steps, "x".join(str(side) for side in reversed(frame.size))
    return [
        by_turns(f"{steps} DDIM steps, latents of one {size} frame", process, plain, repeats, apart),
        by_turns(
            f"{steps} DDIM steps, depth to depth, against latents alone",
            lambda: stage.depth(frame, stage.draws([frame], [draw_generator(1, 2, 0)])[0]),
            plain,
            repeats,
            "with codes",
        ),
    ]


def measured(preset: str, batch: int, repeats: int, steps: int) -> list[Ratio]:
    # a ControlNet and v-prediction whatever the preset has: that is what the example has a loop for
    hint = {"condition": "hint", "attention": 0}
    options = stage_options(preset, net=hint, diffusion={"steps": steps, "prediction": "v_prediction", "snr_cap": 0})
    stage = untrained_stage(options, MadePairs())
    what = f"training step, batch {batch}"
    return [
        training(f"{what}, no weight averaging", stage, batch, repeats, ema=0.0),
        training(f"{what}, with averaging (our default)", stage, batch, repeats, ema=0.995),
        training(f"{what}, averaging and crops coded anew", stage, batch, repeats, ema=0.995, anew=True),
        *sampling(stage, repeats),
    ]


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--json", action="store_true", help="print JSON instead of a table")
    words.add_argument("--repeats", type=int, default=7)
    words.add_argument("--preset", default="tiny", choices=("smoke", "tiny"))
    words.add_argument("--batch", type=int, default=4)
    words.add_argument("--steps", type=int, default=4, help="sampling steps")
    chosen = words.parse_args()
    rows = measured(chosen.preset, chosen.batch, chosen.repeats, chosen.steps)
    print(json.dumps([asdict(row) for row in rows], indent=1) if chosen.json else table(rows))


if __name__ == "__main__":
    main()
