"""What the paper claims: every number of its tables, as data beside this file. Never mixed into what was measured."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOURCE = "Stable-Sim2Real (Xu et al., ICCV 2025), numbers as printed in its tables"
DATA = Path(__file__).with_name("paper_results.csv")
DIGITS = {"miou": 1, "chamfer_l2": 2, "f_score": 1, "accuracy": 1, "picked_as_real": 1, "psnr": 1}
WORLDS = {
    "recon": ("lasa", "LASA"),
    "fidelity": ("lasa", "LASA"),
    "classification": ("scanobjectnn", "ScanObjectNN"),
    "segmentation": ("s3dis", "S3DIS"),
    "user study": ("lasa", "LASA"),
}
"""Task -> the world that its figures are of: our name and the data set's own."""


@dataclass(frozen=True)
class Claim:
    """One number, scaled as printed: shares in %, Chamfer x1000.

    Attributes:
        table: "1" to "5", "I" to "IV", or the section that states it.
        task, protocol: the paper's.
        method: our name of it ("no-sim" for "w/o sim. data"), or of an ablation ("no-residual").
        category: of objects, "all" for the whole set.
        metric: "miou", "chamfer_l2", "f_score", "accuracy", ...
    """

    table: str
    task: str
    protocol: str
    method: str
    category: str
    metric: str
    value: float


@cache
def claims() -> tuple[Claim, ...]:
    """All numbers, in the paper's order.

    >>> next(claim.value for claim in claims() if (claim.table, claim.method, claim.category) == ("1", "ours", "sofa"))
    62.9
    """
    with DATA.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return tuple(Claim(**{**row, "value": float(row["value"])}) for row in rows)  # type: ignore[arg-type]


def of_table(table: str, task: str) -> dict[tuple[str, str, str], float]:
    """(method, category, metric) -> value of a table's part on one task, in the paper's order."""
    found = (claim for claim in claims() if claim.table == table and claim.task == task)
    return {(claim.method, claim.category, claim.metric): claim.value for claim in found}


THEIRS = "the paper's own figures"


def said_of(task: str, world: str) -> str:
    """Whose figures the paper's are, for headings: they are of another data world unless `world` is theirs."""
    name, title = WORLDS[task]
    return f"{THEIRS}, on {title}" + ("" if world == name else ": another data world, not comparable in size")
