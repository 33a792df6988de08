"""Networks that answer several items at once, each as if it were alone.

Convolutions and products of a fixed number of items treat all of them alike. Elementwise functions on a CPU do not: the
last few numbers of a thread's share go through another routine, which rounds otherwise, and whose they are hangs on the
item's place. So these functions are taken item by item; they are a few per cent of the time.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_ELEMENTWISE: frozenset[Any] = frozenset(
    {torch.nn.functional.silu, torch.nn.functional.gelu, torch.sigmoid, torch.tanh, torch.exp}
    | {torch.Tensor.sigmoid, torch.Tensor.tanh, torch.Tensor.exp}
)


class ItemByItem(TorchFunctionMode):
    """Inside, elementwise functions of tensors on the CPU see one item of the first axis at a time."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The function's own answer, put together from those for the items."""
        others = dict(kwargs or {})
        if func not in _ELEMENTWISE or others.get("inplace") or not args or args[0].device.type != "cpu":
            return func(*args, **others)
        return torch.cat([func(item, *args[1:], **others) for item in args[0].split(1)])
