"""What the words of a report mean: its data worlds and its arms."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from s2r_bench import registry
from s2r_reports.summary import Summary

METHODS = "s2r_baselines"
WORLDS = {
    "mini": "procedural furniture in procedural rooms, made on the spot. Its captures come from a virtual sensor, an "
    "active-stereo camera that is simulated physically (projected dots, shadows, noise, matching, lost pixels): no "
    "device recorded any of them.",
    "kinect": "rooms recorded by a Kinect; the clean side is rendered from the fused surface of each room.",
    "s3dis": "rooms of S3DIS, scanned and labelled by point; CADs and captures to learn from are the mini world's.",
}
CUSTOM = "pairs of clean and captured depth from a folder."
REFERENCES = {
    "floor": "the clean depth as it is: no simulation at all",
    "ceiling": "captures against captures: as near as captures are to each other",
    "empty": "the trivial answer: nothing",
    "box": "the trivial answer: the category's mean box",
    "mean-shape": "the trivial answer: the category's mean shape",
    "random-init": "fresh weights, no pretraining: what the labels alone give",
    "published": "a published checkpoint's encoder (task.published_weights), pretrained by others",
}


def worlds(summaries: Sequence[Summary]) -> dict[str, str]:
    """Name and meaning of each data world that occurs, with its sensor."""
    found = {}
    for summary in summaries:
        name = summary.facts["world"]
        about = WORLDS.get(name, CUSTOM)
        found[Path(name).name] = f"{about} Captures: {summary.facts['sensor']}."
    return found


def arms(summaries: Sequence[Summary]) -> dict[str, str]:
    """Arm -> what it is, where that is known: references, and methods by the first line of their docstring."""
    known = set(registry.names(METHODS))
    found = {}
    for arm in dict.fromkeys(arm for summary in summaries for arm in summary.arms):
        method = arm.partition(" (")[0]
        if arm in REFERENCES:
            found[arm] = REFERENCES[arm]
        elif method in known:
            found[arm] = registry.summary(METHODS, method).rstrip(".")
    return found


def listed(items: Iterable[tuple[str, str]]) -> str:
    """Markdown lines of names and meanings."""
    return "\n".join(f"- `{name}`: {about}" for name, about in items)
