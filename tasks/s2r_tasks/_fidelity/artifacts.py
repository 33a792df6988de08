"""What a report draws: a fixed sample of views, and the fused clouds of one sequence."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from s2r_bench.files import whole, write_json
from s2r_bench.seeds import rng_of
from s2r_bench.types import FloatArray
from s2r_bench.worlds.base import World
from s2r_tasks._fidelity.clouds import CloudOptions, fused
from s2r_tasks._fidelity.distribution import Missing
from s2r_tasks._fidelity.views import Views, sequences

FOLDER = "artifacts"
CLOUD_POINTS = 20_000


def keep_views(workdir: Path, answer: Views, captured: Views, count: int) -> dict[str, str]:
    """Write clean, captured and answered depth of `count` evenly spaced views; name -> path below `workdir`."""
    total = len(answer.setting)
    chosen = sorted({(2 * place + 1) * total // (2 * count) for place in range(min(count, total))})
    kept = {}
    for place, index in enumerate(chosen):
        frame = answer.setting.frames[index]
        kept[f"view_{place}"] = _save(
            workdir,
            f"view_{place}.npz",
            id=np.array(frame.id),
            K=frame.K,
            clean=_zeroed(answer.setting.clean[index], answer.domain[index]),
            captured=_zeroed(captured.depth[index], captured.setting.clean[index] > 0),
            simulated=_zeroed(answer.depth[index], answer.domain[index]),
        )
    return kept


def keep_clouds(workdir: Path, answer: Views, captured: Views, options: CloudOptions) -> dict[str, str]:
    """Write the fused clean, captured and answered clouds of the first sequence; name -> path below `workdir`."""
    name, indices = next(iter(sequences(captured.setting.frames).items()))
    sides = {"clean": captured.clean, "captured": captured, "simulated": answer}
    try:
        clouds = {side: _thin(fused(views, indices, options), name) for side, views in sides.items()}
    except Missing:
        return {}
    camera = captured.setting.frames[indices[len(indices) // 2]].world_from_cam
    return {"clouds": _save(workdir, "clouds.npz", id=np.array(name), world_from_cam=camera, **clouds)}


def _zeroed(depth: torch.Tensor, where: torch.Tensor) -> np.ndarray[Any, Any]:
    return torch.where(where, depth, torch.zeros_like(depth)).numpy()


def _thin(points: FloatArray, name: str) -> np.ndarray[Any, Any]:
    if len(points) > CLOUD_POINTS:
        points = points[np.sort(rng_of("clouds", name).choice(len(points), CLOUD_POINTS, replace=False))]
    return points.astype(np.float32)


def _save(workdir: Path, name: str, **arrays: np.ndarray[Any, Any]) -> str:
    with whole(workdir / FOLDER / name) as part, part.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # the stub takes any name for its flag
    return f"{FOLDER}/{name}"


def keep_world(workdir: Path, world: World) -> dict[str, str]:
    """Write what reports must say of the world; name -> path below `workdir`."""
    facts = {"name": world.name, "sensor": world.sensor, "owns_sensor": world.owns_sensor, "preset": world.preset}
    write_json(workdir / FOLDER / "world.json", facts)
    return {"world": f"{FOLDER}/world.json"}
