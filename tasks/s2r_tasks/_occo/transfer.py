"""From a pretrained encoder to the network that is trained on real scans, with a report of what came across.

Two rules. `mapped` moves the encoder: weights of the same name and shape, and of the layer that meets the cloud those
columns that both have. An encoder pretrained on xyz sees (x_j - x_i, x_i), three channels each; in the segmentation's
first layer, which sees nine of either, these are columns 0:3 and 9:12. The other columns keep their initial values.

`name_shape` is the released code's: whatever has the name and the shape of something in the file is copied. Between the
published encoder and the published segmentation these are two normalisations, 256 of 983 552 parameters, and nobody is
told. It is here to audit that.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from s2r_bench.errors import DataError
from s2r_bench.files import write_json
from s2r_bench.options import Options
from s2r_tasks._occo.encoder import Network
from s2r_tasks._occo.published import published_names, shortened, without_doubles, without_prefixes


class TransferOptions(Options):
    """How weights move.

    Attributes:
        rule: see above.
        at_least: per cent of the whole network's parameters that have to come across.
        allow_partial: go on with less.
    """

    rule: Literal["mapped", "name_shape"] = "mapped"
    at_least: float = Field(15.0, ge=0, le=100)
    allow_partial: bool = False


@dataclass(frozen=True)
class Copied:
    """One weight that came across. `part`: "all", or the columns. `parameters`: 0 for running statistics."""

    name: str
    shape: tuple[int, ...]
    part: str
    parameters: int


@dataclass(frozen=True)
class Skipped:
    """One weight of the network that keeps its initial values, and why."""

    name: str
    shape: tuple[int, ...]
    reason: str


@dataclass(frozen=True)
class TransferReport:
    """What came across, what did not, and what of the source nobody asked for.

    `parameters` counts the whole network's, `encoder_parameters` those of its encoder; statistics are no parameters.
    """

    rule: str
    source: str
    network: str
    copied: tuple[Copied, ...]
    skipped: tuple[Skipped, ...]
    unused: tuple[str, ...]
    parameters: int
    encoder_parameters: int

    @property
    def copied_parameters(self) -> int:
        """How many parameters came across."""
        return sum(one.parameters for one in self.copied)

    @property
    def percent(self) -> float:
        """Their share of the network, in per cent."""
        return 100 * self.copied_parameters / self.parameters

    @property
    def encoder_percent(self) -> float:
        """The share of the encoder's parameters that came across, in per cent."""
        of_encoder = sum(one.parameters for one in self.copied if one.name.startswith("encoder."))
        return 100 * of_encoder / self.encoder_parameters

    def as_json(self) -> dict[str, Any]:
        """The report as what JSON can say, totals first."""
        totals = {
            "copied_parameters": self.copied_parameters,
            "percent": self.percent,
            "encoder_percent": self.encoder_percent,
        }
        return totals | asdict(self)


def transfer(
    state: Mapping[str, Tensor],
    network: Network,
    options: TransferOptions | None = None,
    *,
    source: str = "",
    report: Path | None = None,
) -> TransferReport:
    """Copy what the rule allows into `network`, in place.

    Args:
        state: of a pretrained network or encoder, ours or as `read_published` gives it.
        network: what the weights are for.
        options: rule and threshold.
        source: what the report calls the state; a file's name, say.
        report: where to write the report as JSON; it is written also if too little comes across.

    Raises:
        DataError: less than `at_least` per cent would come across; the network is left as it was.
    """
    options = options or TransferOptions()
    plan = _mapped(state, network) if options.rule == "mapped" else _by_name_and_shape(state, network)
    own = network.state_dict()
    done = _report(plan, network, own, options.rule, source)
    if report is not None:
        write_json(report, done.as_json())
    if done.percent < options.at_least and not options.allow_partial:
        raise DataError(
            f"pretrained weights {source or 'given'} fill {done.percent:.2f} % of the {done.network}'s parameters by "
            f"the rule {options.rule}, {options.at_least:g} % expected: "
            f"{shortened([f'{one.name}: {one.reason}' for one in done.skipped if one.name.startswith('encoder.')])}. "
            "Pretrain an encoder of this form and size, or set allow_partial=true"
        )
    with torch.no_grad():
        for name, tensor in plan.values.items():
            own[name].copy_(tensor)  # a state dict shares its tensors with the network
    return done


def other_sizes(state: Mapping[str, Tensor], network: Network) -> list[str]:
    """A line for each weight of the encoder that the state has in another size, so that it cannot come across.

    Fewer channels of the cloud are no other size: their columns are moved. Statistics follow their weights.
    """
    given, found = without_doubles(without_prefixes(state)), []
    for name, old in network.encoder.named_parameters():
        new = given.get(name)
        if new is None or new.shape == old.shape:
            continue
        groups = network.encoder.entry.get(name, 0)
        if not (groups and _fewer_channels(new, old, groups)):
            found.append(f"{name} has shape {tuple(new.shape)}, expected {tuple(old.shape)}")
    return found


@dataclass
class _Plan:
    """Own name -> new value, which part of it is new, and how many numbers; why the others stay; what is left over."""

    values: dict[str, Tensor] = field(default_factory=dict)
    parts: dict[str, tuple[str, int]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)

    def copy(self, name: str, value: Tensor, part: str, count: int) -> None:
        """Give a weight a new value."""
        self.values[name], self.parts[name] = value, (part, count)


def _mapped(state: Mapping[str, Tensor], network: Network) -> _Plan:
    plan, given = _Plan(), without_doubles(without_prefixes(state))
    plan.unused = list(given)
    for own, old in network.state_dict().items():
        if not own.startswith("encoder."):
            plan.reasons[own] = "not the encoder's"
            continue
        name = own.removeprefix("encoder.")
        new = given.get(name)
        if new is None:
            plan.reasons[own] = "not in the source"
            continue
        plan.unused.remove(name)
        groups = network.encoder.entry.get(name, 0)
        if new.shape == old.shape:
            plan.copy(own, new, "all", new.numel())
        elif groups and _fewer_channels(new, old, groups):
            plan.copy(own, *_columns(new, old, groups), new.numel())
        else:
            plan.reasons[own] = f"shape {tuple(new.shape)} in the source"
    return plan


def _by_name_and_shape(state: Mapping[str, Tensor], network: Network) -> _Plan:
    given, names, own = without_prefixes(state), published_names(network), network.state_dict()
    plan = _Plan(unused=[name for name in given if name not in names])
    for name, target in names.items():  # a tensor's second name may fit where its first did not
        new = given.get(name)
        if new is not None and new.shape == own[target].shape:
            plan.copy(target, new, "all", new.numel())
        elif target not in plan.reasons:
            plan.reasons[target] = "not in the source" if new is None else f"shape {tuple(new.shape)} in the source"
    for target in plan.values:
        plan.reasons.pop(target, None)
    return plan


def _fewer_channels(new: Tensor, old: Tensor, groups: int) -> bool:
    alike = new.shape[:1] + new.shape[2:] == old.shape[:1] + old.shape[2:]
    return alike and new.shape[1] < old.shape[1] and new.shape[1] % groups == 0


def _columns(new: Tensor, old: Tensor, groups: int) -> tuple[Tensor, str]:
    """`old` with the columns of `new` in the places that its first channels have in each group."""
    mixed, few, many = old.clone(), new.shape[1] // groups, old.shape[1] // groups
    for group in range(groups):
        mixed[:, group * many : group * many + few] = new[:, group * few : (group + 1) * few]
    return mixed, "columns " + ", ".join(f"{group * many}:{group * many + few}" for group in range(groups))


def _report(plan: _Plan, network: Network, own: Mapping[str, Tensor], rule: str, source: str) -> TransferReport:
    sizes = {name: parameter.numel() for name, parameter in network.named_parameters()}
    copied = (
        Copied(name, tuple(own[name].shape), part, count if name in sizes else 0)
        for name, (part, count) in plan.parts.items()
    )
    skipped = (Skipped(name, tuple(own[name].shape), reason) for name, reason in plan.reasons.items())
    return TransferReport(
        rule=rule,
        source=source,
        network=type(network).__name__,
        copied=tuple(copied),
        skipped=tuple(skipped),
        unused=tuple(plan.unused),
        parameters=sum(sizes.values()),
        encoder_parameters=sum(size for name, size in sizes.items() if name.startswith("encoder.")),
    )
