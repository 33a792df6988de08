"""Every figure of the task `fidelity`, in the order of its tables. Stored numbers are metres and shares."""

from collections.abc import Mapping

from s2r_bench.task import MetricInfo

DISTRIBUTION = "distributional"
TWO_D = "2-D"
THREE_D = "3-D"
DIAGNOSED = "of itself"
DESCRIBED = "described"
"""Figures by bin and the captures' own: drawn as curves and exported, not listed in tables."""
NOT_OF_CLOUDS: Mapping[str, str] = {
    group: "it makes points, which have no depth of a pixel of their own" for group in (DISTRIBUTION, TWO_D)
}
"""Groups of figures that say nothing of a simulator whose output is clouds, and why."""
_MM = 1000.0


def _lower_mm(title: str, group: str = DISTRIBUTION) -> MetricInfo:
    return MetricInfo(title, "mm", _MM, "lower", group)


def _described(title: str, unit: str, scale: float, digits: int = 1) -> MetricInfo:
    return MetricInfo(title, unit, scale, "none", DESCRIBED, digits=digits)


SCORED: Mapping[str, MetricInfo] = {
    "w1_range_mean": _lower_mm("residual W1, mean over 0.5 m ranges"),
    "w1_angle_mean": _lower_mm("residual W1, mean over incidence angles"),
    "w1": _lower_mm("residual W1, all pixels"),
    "w1_frame": _lower_mm("residual W1 within a frame"),
    "bias_range_diff": _lower_mm("bias by range, difference"),
    "spread_range_diff": _lower_mm("robust spread by range, difference"),
    "std_range_diff": _lower_mm("std by range, difference"),
    "bias_angle_diff": _lower_mm("bias by incidence, difference"),
    "spread_angle_diff": _lower_mm("robust spread by incidence, difference"),
    "hole_rate_diff": MetricInfo("hole rate, difference", "%", 100, "lower", DISTRIBUTION),
    "hole_rate_edge_diff": MetricInfo("hole rate at edges, difference", "%", 100, "lower", DISTRIBUTION),
    "hole_rate_flat_diff": MetricInfo("hole rate off edges, difference", "%", 100, "lower", DISTRIBUTION),
    "autocorrelation_diff": MetricInfo("autocorrelation, difference", "", 1, "lower", DISTRIBUTION, digits=2),
    "two_sample_accuracy": MetricInfo("patch classifier accuracy", "%", 100, "target", DISTRIBUTION, target=0.5),
    "diversity": MetricInfo("std over draws", "mm", _MM, "none", DISTRIBUTION),
    "hole_iou": MetricInfo("hole IoU", "%", 100, "higher", TWO_D),
    "mae": _lower_mm("mean abs error", TWO_D),
    "median_ae": _lower_mm("median abs error", TWO_D),
    "chamfer_l2": MetricInfo("Chamfer L2 x1000", "", 1000, "lower", THREE_D, digits=3),
    "f_score": MetricInfo("F-score at 1 %", "%", 100, "higher", THREE_D),
    "f_score_10mm": MetricInfo("F-score at 10 mm", "%", 100, "higher", THREE_D),
    "voxel_iou": MetricInfo("voxel IoU", "%", 100, "higher", THREE_D),
    "consistency_diff": _lower_mm("multi-view disagreement, difference", THREE_D),
}

# what a simulator says of itself (`s2r_bench.simulator.Diagnosable`)
DIAGNOSES: Mapping[str, MetricInfo] = {
    "codec_mae_mm": MetricInfo("codec error", "mm", 1, "none", DIAGNOSED),
    "codec_mae_edge_mm": MetricInfo("codec error at edges", "mm", 1, "none", DIAGNOSED),
    "stage1_told": MetricInfo("stage I patches told from captures", "%", 100, "none", DIAGNOSED),
    "stage2_told": MetricInfo("stage II patches told from captures", "%", 100, "none", DIAGNOSED),
    "captured_kept": MetricInfo("captured patches taken for captures", "%", 100, "none", DIAGNOSED),
}

_BASIC: Mapping[str, MetricInfo] = {
    "bias_range": _described("bias by range", "mm", _MM),
    "spread_range": _described("robust spread by range", "mm", _MM),
    "std_range": _described("std by range", "mm", _MM),
    "bias_angle": _described("bias by incidence", "mm", _MM),
    "spread_angle": _described("robust spread by incidence", "mm", _MM),
    "hole_rate": _described("hole rate", "%", 100),
    "hole_rate_edge": _described("hole rate at edges", "%", 100),
    "hole_rate_flat": _described("hole rate off edges", "%", 100),
    "autocorrelation": _described("autocorrelation", "", 1, 2),
    "consistency": _described("multi-view disagreement", "mm", _MM),
}

METRICS: Mapping[str, MetricInfo] = {
    **SCORED,
    **DIAGNOSES,
    "w1_range": _described("residual W1 by range", "mm", _MM),
    "w1_angle": _described("residual W1 by incidence", "mm", _MM),
    **_BASIC,
    **{
        f"captured_{name}": MetricInfo(f"{info.title}, captured", info.unit, info.scale, "none", DESCRIBED)
        for name, info in _BASIC.items()
    },
}
