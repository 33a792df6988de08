"""Groups of runs that differ by their shots alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from s2r_bench.records import content_key
from s2r_reports.frames import Entry
from s2r_reports.summary import Summary


def families(groups: Sequence[tuple[Sequence[Entry], Summary]]) -> list[list[tuple[str, Summary]]]:
    """Sets of two groups or more that are equal in all but shots, each as (shots, summary) in ascending order."""
    found: dict[str, dict[str, Summary]] = {}
    for entries, summary in groups:
        spec = entries[0].record.spec
        task = spec.options.get("task", {})
        if task.get("shots") is None:
            continue
        inputs = {name: digest for name, digest in spec.inputs.items() if name not in ("task", "simulator")}
        rest = {name: value for name, value in task.items() if name != "shots"}
        key = [spec.task, spec.protocol, spec.world, spec.preset, inputs, rest, spec.options.get("world", {})]
        found.setdefault(content_key(key), {})[str(task["shots"])] = summary
    return [sorted(some.items(), key=lambda pair: amount(pair[0])) for some in found.values() if len(some) > 1]


def amount(shots: Any) -> float:
    """For order: shots as a number, "full" last.

    >>> sorted(["1.0", "full", "0", "0.25"], key=amount)
    ['0', '0.25', '1.0', 'full']
    """
    text = str(shots)
    return float(text) if text.replace(".", "", 1).isdigit() else float("inf")


def order_of(entries: Sequence[Entry]) -> tuple[Any, ...]:
    """Where a group stands in a report: by task, the downstream ones first, then by world, preset and shots."""
    spec = entries[0].record.spec
    task: Mapping[str, Any] = spec.options.get("task", {})
    places = {"recon": 0, "classify": 1, "segment": 2, "fidelity": 3}
    return (places.get(spec.task, 9), spec.task, spec.world, spec.preset, amount(task.get("shots", 0)))
