"""The class itself: its parts, its card, its options, and that it refuses before it is fitted."""

import inspect
import math
from collections.abc import Callable
from typing import Any, get_args

from s2r_bench.conformance.outcome import DoesNotApply, Fault, check, told
from s2r_bench.conformance.subject import Subject
from s2r_bench.errors import NotFittedError, UsageError
from s2r_bench.options import PRESETS
from s2r_bench.simulator import Card, Output, Simulator, Training
from s2r_bench.steps.leakage import declaration_faults


@check(
    "contract",
    "The class has all parts of the contract, and takes what the runners hand it.",
    remedy="write card, options_type, __init__(options, device), fit, simulate, save and load as in "
    "s2r_bench/simulator.py; `s2r-bench methods new DIR` writes a class that has them",
)
def contract(subject: Subject) -> str:
    """The parts are there and can be called as the runners call them."""
    if subject.faults:
        raise Fault("; ".join(subject.faults))
    cls: Any = subject.method.cls
    calls: dict[str, tuple[object, ...]] = {"fit": ("pairs", "budget", 0, "workdir"), "simulate": ("frames", "seeds")}
    for name, given in {**calls, "save": ("folder",), "load": ("folder",)}.items():
        try:
            inspect.signature(getattr(cls, name)).bind("self", *given)
        except TypeError as wrong:
            raise Fault(f"{name} does not take {len(given)} arguments: {wrong}") from None
    made = subject.new()
    if not isinstance(made, Simulator):
        raise Fault("an instance does not keep the protocol: is `options` an attribute of it?")
    if made.options != subject.options:
        raise Fault("`options` are not those that it was made with")
    return f"{cls.__name__} of {subject.method.word}"


@check(
    "card",
    "The card is filled in.",
    remedy='fill in Card(title, source, training, stochastic, licence, depth_range_m): training is "paired", '
    '"unpaired" or "untrained", output "depth" or "cloud", depth in metres',
    needs=("contract",),
)
def card(subject: Subject) -> str:
    """Nothing is empty or impossible."""
    given = subject.method.cls.card
    faults = [f"{name} is empty" for name in ("title", "source", "licence") if not _word(getattr(given, name))]
    if given.training not in get_args(Training):
        faults.append(f"training is {given.training!r}")
    if not isinstance(given.stochastic, bool):
        faults.append(f"stochastic is {given.stochastic!r}, not True or False")
    if given.output not in get_args(Output):
        faults.append(f"output is {given.output!r}")
    faults += [f"needs {need!r}" for need in given.needs if need not in ("normals", "mesh", "truth")]
    faults += _range_faults(given)
    if faults:
        raise Fault("; ".join(faults))
    low, high = given.depth_range_m
    kind = "stochastic" if given.stochastic else "one answer"
    return f"{given.title}: {given.training}, {kind}, {low:g} to {high:g} m, {given.licence}"


@check(
    "leakage",
    "The card declares the scenes that it has seen before any fit, in a form that the leakage guard can read.",
    remedy="seen_scenes=frozenset({...}) in the card: ids of the scenes that weights it ships were trained on; "
    "'area_*' for all that begin so, 'lasa/*' for a whole world; frozenset() if it has seen none",
    needs=("contract",),
)
def leakage(subject: Subject) -> str:
    """The declaration can be read."""
    given = subject.method.cls.card
    faults = declaration_faults(given)
    if faults:
        raise Fault("; ".join(faults))
    some = sorted(given.seen_scenes)
    told = f"{', '.join(some[:3])}{', ...' if len(some) > 3 else ''}"
    return f"{len(some)} declared as seen before a fit: {told}" if some else "no scene seen before a fit"


def _word(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _range_faults(given: Card) -> list[str]:
    try:
        low, high = (float(value) for value in given.depth_range_m)
    except (TypeError, ValueError):
        return [f"depth_range_m is {given.depth_range_m!r}, not (nearest, farthest)"]
    return [] if 0 <= low < high and not math.isnan(high) else [f"depth_range_m is {low:g} to {high:g} m"]


@check(
    "options",
    "Options exist at every preset and survive being written down.",
    remedy="subclass s2r_bench.options.Options with typed, defaulted fields that JSON can hold; `presets` and "
    "`simulation_only` name fields that exist",
    needs=("contract",),
)
def options(subject: Subject) -> str:
    """Presets can be made, options come back from JSON, and cannot be changed."""
    kind = subject.method.cls.options_type
    for preset in PRESETS:
        try:
            made = kind.preset(preset)
        except UsageError as wrong:
            raise Fault(f"preset {preset}: {wrong}") from None
        if kind.preset("smoke", made.model_dump(mode="json")) != made:
            raise Fault(f"the options of preset {preset} are others after they were written as JSON and read again")
    if not kind.model_config.get("frozen"):
        raise Fault("options can be changed after they were made (model_config is not frozen)")
    _simulation_only(subject)
    return f"{len(kind.model_fields)} options at {len(PRESETS)} presets"


def _simulation_only(subject: Subject) -> None:
    plain = subject.options.model_dump(mode="json")
    for name in getattr(subject.method.cls.options_type, "simulation_only", ()):
        inner: Any = plain
        for part in name.split("."):
            if not isinstance(inner, dict) or part not in inner:
                raise Fault(f"simulation_only names {name!r}, which is no option")
            inner = inner[part]


@check(
    "not-fitted",
    "It refuses to simulate or to save before it is fitted or loaded.",
    remedy="raise s2r_bench.errors.NotFittedError in simulate and save while there is nothing fitted",
    needs=("contract",),
)
def not_fitted(subject: Subject) -> str:
    """NotFittedError, by name."""
    if not subject.trained:
        raise DoesNotApply("it is never fitted")
    fresh = subject.new()
    folder = subject.folder()
    calls: dict[str, Callable[[], object]] = {
        "simulate": lambda: subject.draw(fresh),
        "save": lambda: fresh.save(folder),
    }
    for name, call in calls.items():
        try:
            call()
        except NotFittedError:
            continue
        except Exception as wrong:
            raise Fault(f"{name} before fit raised {told(wrong)}") from None
        raise Fault(f"{name} before fit raised nothing")
    return "NotFittedError from simulate and save"
