"""Sizes of the diffusion simulators. A preset only changes numbers; `paper` is Stable Diffusion 2.1 as published."""

from collections.abc import Mapping
from typing import Any

_PRESETS: dict[str, Mapping[str, Any]] = {
    "smoke": {
        "stage": {
            "net": {"channels": (16, 32), "groups": 4, "condition": "concat"},
            "diffusion": {"prediction": "sample", "steps": 2},
            "train": {"steps": 4, "batch": 2, "log_every": 2},
            "crop": 32,
        },
        "ours": {"discriminator": {"points": 32, "width": 8, "min_points": 16, "patch": 16, "train": {"steps": 2}}},
    },
    "tiny": {
        "stage": {
            "net": {"channels": (48, 80, 112), "condition": "concat"},
            "diffusion": {"prediction": "sample", "steps": 12, "detail": False},
            "train": {"steps": 250, "batch": 16, "lr": 1e-3},
            "crop": 64,
        },
    },
    "small": {
        "stage": {
            "net": {"channels": (128, 256, 384), "layers": 2, "attention": 1, "groups": 32},
            "diffusion": {"prediction": "sample", "steps": 10},
            "train": {"steps": 20000, "batch": 32, "lr": 3e-4, "ema": 0.9995},
            "crop": 128,
        },
    },
    "paper": {
        "stage": {
            "net": {"pretrained": "S2R_SD21"},
            "code": {
                "latent": "kl",
                "geometry": False,
                "whiten": False,
                "validity": "sign",
                "spread": 0.25,
                "upscale": 2,
                "max_residual_m": 0.5,
                "calibrate": False,
            },
            "diffusion": {
                "prediction": "sample",
                "schedule": "scaled_linear",
                "zero_snr": False,
                "spacing": "leading",
                "steps": 50,
                "detail": False,
                "mask": "draw",
            },
            "train": {
                "steps": 20000,
                "batch": 48,
                "lr": 3e-5,
                "schedule": "constant",
                "warmup": 0,
                "ema": 0.0,
            },
            "crop": 512,
        },
        "ours": {
            "later_share": 1.0,
            "discriminator": {"patch": 48, "points": 1024, "width": 64, "min_points": 256},
        },
    },
}

STAGE_PRESETS: Mapping[str, Mapping[str, Any]] = {**_PRESETS, "sd21": _PRESETS["paper"]}
