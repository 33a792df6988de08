"""A linear support vector machine on frozen features: one against the rest, squared hinge, solved to its optimum.

For each class, with y = +1 for its samples and -1 for the others, over standardised features x,

    minimise  |w|^2 / 2 + C sum_i max(0, 1 - y_i (w x_i + b))^2

and a sample is of the class whose w x + b is largest. This is LIBLINEAR's form (but for the offset b, which is free
here); CrossPoint's evaluation takes LIBSVM's: plain hinge, one class against one. Features are centred and scaled by
the support's mean and standard deviation (ddof 0); one that does not vary is left as it is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import S2RError
from s2r_bench.types import FloatArray

TOLERANCE = 1e-8  # largest entry of the gradient at which it counts as solved, in units of C times the samples


@dataclass(frozen=True, eq=False)
class LinearSvm:
    """A trained machine: weights (K, D) and offsets (K,) on standardised features, their mean and scale (D,)."""

    weights: FloatArray
    offsets: FloatArray
    mean: FloatArray
    scale: FloatArray

    def margins(self, features: FloatArray) -> FloatArray:
        """(N, K): w x + b of each sample and class."""
        return np.asarray((features - self.mean) / self.scale @ self.weights.T + self.offsets)

    def predict(self, features: FloatArray) -> NDArray[np.int64]:
        """(N,) the class of each sample."""
        return np.asarray(self.margins(features).argmax(1), np.int64)


def fit_svm(features: FloatArray, labels: NDArray[np.int64], c: float = 1.0) -> LinearSvm:
    """Train on features (N, D) with labels 0 to K-1.

    Raises:
        ValueError: no samples, shapes that do not fit, values that are not finite, or a single class.
        S2RError: the solver did not reach the optimum.
    """
    features = np.asarray(features, np.float64)
    classes = np.unique(labels)
    if features.ndim != 2 or labels.shape != features.shape[:1] or not np.isfinite(features).all():
        raise ValueError(f"features must be finite (N, D) with N labels, not {features.shape} and {labels.shape}")
    if len(classes) < 2 or not np.array_equal(classes, np.arange(len(classes))):
        raise ValueError(f"labels must be 0 to K-1 of two classes or more, not {classes.tolist()}")
    mean, deviation = features.mean(0), features.std(0)
    scale = np.where(deviation > 0, deviation, 1.0)
    standard = (features - mean) / scale
    # w is a combination of the samples: in an orthonormal basis of their span there are N unknowns, not D
    basis = np.linalg.svd(standard, full_matrices=False)[2]
    reduced = standard @ basis.T
    solved = [solve(reduced, np.where(labels == label, 1.0, -1.0), c) for label in classes]
    weights = np.stack([w for w, _ in solved]) @ basis
    return LinearSvm(weights, np.array([b for _, b in solved]), mean, scale)


def solve(x: FloatArray, y: FloatArray, c: float) -> tuple[FloatArray, float]:
    """Weights (D,) and offset of one class against the rest; x (N, D), y (N,) of +1 and -1.

    Raises:
        S2RError: no optimum was reached.
    """
    from scipy.optimize import minimize

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        slack = np.maximum(0.0, 1 - y * (x @ theta[:-1] + theta[-1]))
        pull = -2 * c * slack * y
        gradient = np.append(theta[:-1] + x.T @ pull, pull.sum())
        return float(theta[:-1] @ theta[:-1] / 2 + c * (slack @ slack)), gradient

    options = {"maxiter": 10_000, "maxfun": 100_000, "ftol": 0.0, "gtol": TOLERANCE * c * len(y), "maxcor": 30}
    found = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options=options)
    if np.abs(found.jac).max() > 1e3 * TOLERANCE * c * len(y):  # rounding may stop the search shortly before
        raise S2RError(f"the linear SVM did not converge ({found.message}); give another svm_c")
    return found.x[:-1], float(found.x[-1])
