"""Which rows of the paper's ablations (tables 5, II, III and IV) a run's options are."""

from collections.abc import Mapping
from typing import Any

BASE: Mapping[str, Any] = {"stages": 2, "residual": True, "rule": "hard", "omega": 0.5, "lam": 1.5}
"""The paper's own method, which closes every one of those tables."""
ROWS_OF_BASE = {"5": "stages-2", "II": "patch-128", "III": "width-64", "IV": "weights-0.5-1.5"}
SIZES = {"patch": ("II", 128), "width": ("III", 64)}  # of the discriminator; the paper's sizes, of its frames


def ablation(method: str, options: Mapping[str, Any], preset: str) -> dict[str, str]:
    """Table -> row for a run of `method`; empty where it is none of them.

    A run with a single switch turned is a row of one table, one without any of all. Patch sizes and widths are the
    paper's at the preset `paper` alone: frames are smaller at others.

    >>> ablation("ours", {"stages": 3, "residual": True, "reweight": {"rule": "hard"}}, "tiny")
    {'5': 'stages-3'}
    >>> sorted(ablation("ours", {}, "tiny"))
    ['5', 'IV']
    """
    if method != "ours":
        return {}
    weights, net = options.get("reweight", {}), options.get("discriminator", {})
    found = {name: {**options, **weights}.get(name, usual) for name, usual in BASE.items()}
    turned = {name: value for name, value in found.items() if value != BASE[name]}
    sizes = {name: net.get(name, usual) for name, (_, usual) in SIZES.items()} if preset == "paper" else {}
    odd = {name: size for name, size in sizes.items() if size != SIZES[name][1]}
    if not turned and not odd:
        known = {"5", "IV", *(SIZES[name][0] for name in sizes)}
        return {table: row for table, row in ROWS_OF_BASE.items() if table in known}
    if not turned and len(odd) == 1:
        ((name, size),) = odd.items()
        return {SIZES[name][0]: f"{name}-{size}"}
    return {} if odd else _switched(turned, found)


def _switched(turned: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, str]:
    """The row of a run of which only switches are turned, not sizes."""
    if set(turned) == {"stages"}:
        return {"5": f"stages-{found['stages']}"}
    if set(turned) == {"residual"}:
        return {"5": "no-residual"}
    if set(turned) == {"rule"}:
        return {"none": {"5": "no-reweighting"}, "soft": {"IV": "weights-confidence"}}.get(found["rule"], {})
    if set(turned) <= {"omega", "lam"}:
        return {"IV": f"weights-{found['omega']:g}-{found['lam']:g}"}
    return {}
