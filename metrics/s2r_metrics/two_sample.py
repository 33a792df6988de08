"""Classifier two-sample test (Lopez-Paz and Oquab, ICLR 2017): can a small classifier tell two sets apart?

Held-out accuracy of 0.5 = it cannot; 1 = always. The classifier is fixed (one hidden layer, full-batch Adam, fixed
seed), so that figures compare between arms; it says how easily *this* classifier tells them apart, no more.
"""

import torch
from torch import Tensor, nn

from s2r_metrics import _checks

HIDDEN = 48
STEPS = 150
LEARNING_RATE = 0.01
WEIGHT_DECAY = 1e-2


def two_sample_accuracy(a: Tensor, b: Tensor, fold_a: Tensor, fold_b: Tensor) -> float:
    """Cross-validated balanced accuracy of telling rows of `a` (n, d) from rows of `b` (m, d).

    Each fold is scored by a classifier trained on the other folds; rows that belong together (one scene, one stretch
    of frames) must share a fold. Balanced: the mean of the two sets' own accuracies, so that sizes do not count.

    Args:
        a: (n, d) features of one set.
        b: (m, d) features of the other.
        fold_a: (n,) int64 fold of each row of `a`.
        fold_b: (m,) int64 fold of each row of `b`.

    Raises:
        ValueError: empty or non-finite features, another width, or fewer than two folds that hold rows of both.

    >>> a = torch.arange(40.0)[:, None] % 5; fold = torch.arange(40) % 2
    >>> two_sample_accuracy(a, a + 100, fold, fold)
    1.0
    """
    _checks.finite("a", a)
    _checks.finite("b", b)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"features must be (n, d) and (m, d), not {tuple(a.shape)} and {tuple(b.shape)}")
    folds = sorted(set(fold_a.tolist()) & set(fold_b.tolist()))
    if len(folds) < 2:
        raise ValueError(f"a two-sample test needs two folds with rows of both sets, there are {len(folds)}")
    right_a, right_b, seen_a, seen_b = 0.0, 0.0, 0, 0
    for fold in folds:
        test_a, test_b = fold_a == fold, fold_b == fold
        judge = _fit(a[~test_a], b[~test_b])
        right_a += float((judge(a[test_a]) < 0).sum())
        right_b += float((judge(b[test_b]) > 0).sum())
        seen_a += int(test_a.sum())
        seen_b += int(test_b.sum())
    return (right_a / seen_a + right_b / seen_b) / 2


class _Judge(nn.Module):
    """Standardises features with the training set's own figures, then one hidden layer; above 0 means set b."""

    def __init__(self, train: Tensor) -> None:
        super().__init__()
        self.mean = train.mean(0)
        self.scale = train.std(0).clamp_min(1e-6)
        draw = torch.Generator().manual_seed(0)
        width = train.shape[1]
        self.inner = nn.Parameter(torch.randn(width, HIDDEN, generator=draw) / width**0.5)
        self.inner_bias = nn.Parameter(torch.zeros(HIDDEN))
        self.outer = nn.Parameter(torch.randn(HIDDEN, generator=draw) / HIDDEN**0.5)
        self.outer_bias = nn.Parameter(torch.zeros(()))

    def forward(self, rows: Tensor) -> Tensor:
        """(n,) log-odds that each row is of set b."""
        standard = ((rows - self.mean) / self.scale).clamp(-5, 5)
        return torch.tanh(standard @ self.inner + self.inner_bias) @ self.outer + self.outer_bias


def _fit(a: Tensor, b: Tensor) -> _Judge:
    # always on the CPU in float32: the figure must not depend on the device
    first, second = a.detach().float().cpu(), b.detach().float().cpu()
    rows = torch.cat([first, second])
    target = torch.cat([torch.zeros(len(first)), torch.ones(len(second))])
    weight = torch.cat([torch.full((len(first),), 0.5 / len(first)), torch.full((len(second),), 0.5 / len(second))])
    judge = _Judge(rows)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    with torch.enable_grad():
        for _ in range(STEPS):
            optimiser.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(judge(rows), target, weight=weight, reduction="sum")
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return judge.requires_grad_(False)
