"""What a simulator has seen beside the pairs of its fit: the scenes that its card declares, for the leakage guard."""

from s2r_bench.errors import UsageError
from s2r_bench.simulator import Card
from s2r_bench.steps.methods import Method

EVERY = "*"


def declared(method: Method) -> frozenset[str]:
    """The scenes that a method's card declares as seen.

    Raises:
        UsageError: they cannot be read as scene ids; to guess would let leakage pass.
    """
    faults = declaration_faults(method.cls.card)
    if faults:
        example = "seen_scenes=frozenset({'redkitchen', 'lasa/*'})"
        raise UsageError(f"{method.name}: {'; '.join(faults)}. Example: {example}")
    return method.cls.card.seen_scenes


def declaration_faults(card: Card) -> list[str]:
    """What is wrong with the declaration; empty if nothing is."""
    given: object = card.seen_scenes
    if not isinstance(given, frozenset):
        return [f"card.seen_scenes is a {type(given).__name__}, not a frozenset of scene ids"]
    faults = []
    for scene in sorted(given, key=repr):
        if not isinstance(scene, str):
            faults.append(f"card.seen_scenes holds {scene!r}, which is no text")
        elif not scene or scene != scene.strip():
            faults.append(f"card.seen_scenes holds {scene!r}: a scene id is neither empty nor has it blanks around it")
        elif EVERY in scene[:-1]:
            faults.append(f"card.seen_scenes holds {scene!r}: {EVERY} stands at the end alone")
    return faults
