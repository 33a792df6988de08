"""From metres to what a network sees, and back: the log code of depth and the coded residual.

    u = ln(d / near) / ln(far / near),  s = 2u - 1 in [-1, 1]           (depth code, near 0.05 m, far 5 m)
    r = (s_captured - s_clean) / 2                                      (residual, in [-1, 1])
    n = (r - shift(d)) / sigma(d)                                       (by range)
    c = spread * n / norm                        "linear"
    c = spread * asinh(n) / norm                 "asinh"                (coded residual, standard deviation `spread`)

The raw residual of a depth camera has a spread of about 0.002: a few millimetres at 2 m. `shift`, `sigma` and `norm`
are fixed on the training pairs, so that the coded residual fills the range whatever the sensor. The asinh form keeps
the long tail (flying pixels, shadows) from dominating a squared loss; it is an invertible function, not a clip.
Sources: depth code of the authors' release; the residual's sign is captured minus clean, so that adding it back works.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

ResidualForm = Literal["linear", "asinh"]


@dataclass(frozen=True)
class DepthCode:
    """The invertible code of depth. `kind` "log" is the paper's; "linear" spreads metres evenly."""

    near: float = 0.05
    far: float = 5.0
    kind: Literal["log", "linear"] = "log"

    def encode(self, metres: Tensor) -> Tensor:
        """Depth code in [-1, 1], any shape; depth outside [near, far] is clamped, a missing pixel (0) becomes -1."""
        d = metres.clamp(self.near, self.far)
        if self.kind == "linear":
            return 2 * (d - self.near) / (self.far - self.near) - 1
        return 2 * torch.log(d / self.near) / _log(self.far / self.near) - 1

    def decode(self, code: Tensor) -> Tensor:
        """Metres from the code; the inverse of `encode` within [near, far], continued beyond."""
        u = (code + 1) / 2
        if self.kind == "linear":
            return self.near + u * (self.far - self.near)
        return self.near * torch.exp(u * _log(self.far / self.near))


KNOTS_M = (0.4, 0.8, 1.2, 1.6, 2.0, 2.4, 2.8, 3.2, 3.6, 4.0, 4.5)
KNOT_WIDTH_M = 0.3
KNOT_MIN_PIXELS = 500


@dataclass(frozen=True)
class ResidualCode:
    """The coded residual, with the constants that were fixed on the training pairs.

    Attributes:
        shift, sigma: median and robust deviation of r at each of KNOTS_M of clean depth, linear in between: a depth
            camera's noise grows with range, and a code that grows with it spends its range evenly.
        norm: standard deviation of the coded training residuals before scaling.
        spread: their standard deviation after it.
    """

    shift: tuple[float, ...]
    sigma: tuple[float, ...]
    norm: float = 1.0
    spread: float = 0.5
    form: ResidualForm = "asinh"

    @classmethod
    def fitted(
        cls,
        clean: Tensor,
        residuals: Tensor,
        form: ResidualForm = "asinh",
        spread: float = 0.5,
        *,
        by_range: bool = True,
    ) -> "ResidualCode":
        """Fix the constants on training pixels.

        Args:
            clean: (N,) clean depth in metres.
            residuals: (N,) their residual r.
            form: see the module.
            spread: see the class.
            by_range: one gain a range; False: one for all.

        Raises:
            ValueError: fewer than two residuals, or all alike: then there is no noise to model.
        """
        if residuals.numel() < 2 or float(residuals.std()) == 0:
            raise ValueError("the training pairs hold no residual: captured and clean depth are the same everywhere")
        r, z = residuals.double(), clean.double()
        whole = _location_and_scale(r)
        found = []
        for knot in KNOTS_M:
            near = r[(z - knot).abs() < KNOT_WIDTH_M]
            found.append(_location_and_scale(near) if by_range and near.numel() >= KNOT_MIN_PIXELS else None)
        filled = _nearest_known(found, whole)
        shift, sigma = tuple(a for a, _ in filled), tuple(b for _, b in filled)
        unit = cls(shift, sigma, 1.0, 1.0, form)
        return cls(shift, sigma, float(unit.encode(z, r).std()), spread, form)

    def encode(self, clean: Tensor, residual: Tensor) -> Tensor:
        """Coded residual of the same shape."""
        shift, sigma = self._at(clean)
        scaled = (residual - shift) / sigma
        return self.spread / self.norm * (torch.asinh(scaled) if self.form == "asinh" else scaled)

    def decode(self, clean: Tensor, code: Tensor) -> Tensor:
        """The inverse of `encode`."""
        shift, sigma = self._at(clean)
        scaled = code * (self.norm / self.spread)
        return shift + sigma * (torch.sinh(scaled) if self.form == "asinh" else scaled)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ResidualCode":
        """The inverse of `as_dict`."""
        return cls(**{**values, "shift": tuple(values["shift"]), "sigma": tuple(values["sigma"])})

    def _at(self, clean: Tensor) -> tuple[Tensor, Tensor]:
        knots = torch.tensor(KNOTS_M, dtype=clean.dtype, device=clean.device)
        above = torch.bucketize(clean.contiguous(), knots).clamp(1, len(KNOTS_M) - 1)
        share = ((clean - knots[above - 1]) / (knots[above] - knots[above - 1])).clamp(0, 1)
        tables = (torch.tensor(table, dtype=clean.dtype, device=clean.device) for table in (self.shift, self.sigma))
        shift, sigma = (table[above - 1] + share * (table[above] - table[above - 1]) for table in tables)
        return shift, sigma


def _location_and_scale(r: Tensor) -> tuple[float, float]:
    median = r.median()
    mad = 1.4826 * (r - median).abs().median()
    return float(median), max(float(mad), 1e-2 * float(r.std()), 1e-7)


def _nearest_known(found: list[tuple[float, float] | None], whole: tuple[float, float]) -> list[tuple[float, float]]:
    known = [index for index, value in enumerate(found) if value is not None]
    if not known:
        return [whole] * len(found)
    nearest = [min(known, key=lambda k, i=index: abs(k - i)) for index in range(len(found))]  # type: ignore[misc]
    return [found[index] or whole for index in nearest]


def residual_of(code: DepthCode, clean: Tensor, captured: Tensor) -> Tensor:
    """The residual (s_captured - s_clean) / 2 from metres, same shape."""
    return (code.encode(captured) - code.encode(clean)) / 2


def apply_residual(code: DepthCode, clean: Tensor, residual: Tensor) -> Tensor:
    """Metres: the clean depth moved by the residual r."""
    return code.decode(code.encode(clean) + 2 * residual)


def _log(value: float) -> float:
    return float(torch.log(torch.tensor(value, dtype=torch.float64)))
