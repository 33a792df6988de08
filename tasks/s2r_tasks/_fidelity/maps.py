"""Figures of one view against its capture: one score a frame, so that arms can be compared frame by frame."""

from collections.abc import Iterator

from s2r_bench.records import Score
from s2r_metrics.depth import hole_iou
from s2r_metrics.samples import median, residual_wasserstein
from s2r_tasks._fidelity.views import Views

MIN_PIXELS = 50


def frame_scores(answer: Views, captured: Views, failures: dict[str, str]) -> Iterator[Score]:
    """Hole IoU, mean and median absolute error on jointly valid pixels, and W1, for each view.

    A view without enough jointly valid pixels goes to `failures` with its reason.
    """
    for index, frame in enumerate(answer.setting.frames):
        domain = answer.domain[index]
        mine, truth = answer.valid[index], captured.valid[index] & domain
        if not domain.any():
            failures[frame.id] = "no clean depth to score against"
            continue
        yield Score(frame.id, "", "hole_iou", hole_iou(mine, truth, domain))
        both = mine & truth
        if int(both.sum()) < MIN_PIXELS:
            failures[frame.id] = f"only {int(both.sum())} pixels are valid on both sides, {MIN_PIXELS} are needed"
            continue
        error = (answer.residual[index] - captured.residual[index])[both].abs()
        yield Score(frame.id, "", "mae", float(error.double().mean()))
        yield Score(frame.id, "", "median_ae", median(error))
        distance = residual_wasserstein(answer.residual[index][mine], captured.residual[index][truth])
        yield Score(frame.id, "", "w1_frame", distance)
