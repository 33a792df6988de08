"""From metres to what a network sees, and back: the log code of depth and the coded residual.

    u = ln(d / near) / ln(far / near),  s = 2u - 1 in [-1, 1]           (depth code, near 0.05 m, far 5 m)
    r = (s_captured - s_clean) / 2                                      (residual, in [-1, 1])
    c = spread * r / sigma                       "linear"
    c = spread * asinh(r / sigma) / norm         "asinh"                (coded residual, of standard deviation `spread`)

The raw residual of a depth camera has a spread of about 0.002: a few millimetres at 2 m. `sigma` and `norm` are fixed
on the training pairs, so that the coded residual fills the range whatever the sensor. The asinh form keeps the long
tail (flying pixels, shadows) from dominating a squared loss; it is its own invertible function, not a clip.
Sources: depth code of the authors' release; the residual's sign is captured minus clean, so that adding it back works.
"""

from dataclasses import asdict, dataclass
from typing import Literal

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


@dataclass(frozen=True)
class ResidualCode:
    """The coded residual, with the constants that were fixed on the training pairs."""

    sigma: float
    norm: float = 1.0
    spread: float = 0.5
    form: ResidualForm = "asinh"

    @classmethod
    def fitted(cls, residuals: Tensor, form: ResidualForm = "asinh", spread: float = 0.5) -> "ResidualCode":
        """Fix the constants on a sample of residuals r (1-D, code units).

        Raises:
            ValueError: fewer than two residuals, or all alike: then there is no noise to model.
        """
        if residuals.numel() < 2 or float(residuals.std()) == 0:
            raise ValueError("the training pairs hold no residual: captured and clean depth are the same everywhere")
        r = residuals.double()
        if form == "linear":
            return cls(sigma=float(r.std()), spread=spread, form=form)
        mad = float((r - r.median()).abs().median()) * 1.4826
        sigma = max(mad, float(r.std()) * 1e-2)
        return cls(sigma=sigma, norm=float(torch.asinh(r / sigma).std()), spread=spread, form=form)

    def encode(self, residual: Tensor) -> Tensor:
        """Coded residual of the same shape."""
        scaled = residual / self.sigma
        return self.spread * (torch.asinh(scaled) / self.norm if self.form == "asinh" else scaled)

    def decode(self, code: Tensor) -> Tensor:
        """The inverse of `encode`."""
        scaled = code / self.spread
        return self.sigma * (torch.sinh(scaled * self.norm) if self.form == "asinh" else scaled)

    def as_dict(self) -> dict[str, float | str]:
        """Plain values for a JSON file."""
        return asdict(self)


def residual_of(code: DepthCode, clean: Tensor, captured: Tensor) -> Tensor:
    """The residual (s_captured - s_clean) / 2 from metres, same shape."""
    return (code.encode(captured) - code.encode(clean)) / 2


def apply_residual(code: DepthCode, clean: Tensor, residual: Tensor) -> Tensor:
    """Metres: the clean depth moved by the residual r."""
    return code.decode(code.encode(clean) + 2 * residual)


def _log(value: float) -> float:
    return float(torch.log(torch.tensor(value, dtype=torch.float64)))
