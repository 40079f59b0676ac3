"""What an estimator does on one problem: its gradient, spread and cost."""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jumpax._base.types import Word
from jumpax.gradients.compiled import sample_sums
from jumpax.gradients.estimator import AbstractEstimator
from jumpax.gradients.sampling import Sampling


class Measured(NamedTuple):
    """A gradient estimate with what it cost."""

    paths: int
    value: Float[np.ndarray, "stops entries"]
    gradient: Float[np.ndarray, "stops entries parameters"]
    error: Float[np.ndarray, "stops entries parameters"]
    """Standard error of the gradient."""
    heaviest: float
    """Largest share that one path has in the sum of squared deviations of any component; near 1: a tail not resolved."""
    seconds: float
    """Processor time of one path with the whole gradient, compilation left out."""

    @property
    def variance(self) -> Float[np.ndarray, "stops entries parameters"]:
        """Of the gradient from one path."""
        return self.error**2 * self.paths

    @property
    def work(self) -> Float[np.ndarray, "stops entries parameters"]:
        """Variance times processor time per path: the squared error that one second of work leaves."""
        return self.variance * self.seconds


def measure(
    sampling: Sampling,
    estimator: AbstractEstimator | None,
    wrt: tuple[str, ...],
    theta: Mapping[str, Any],
    words: tuple[Word, Word],
    paths: int,
    repeats: int = 3,
) -> Measured:
    """Gradient, its error and its cost by one estimator; plain paths without one.

    The cost is the least processor time of some repeats, so that other work on the machine counts as little as possible.

    Raises:
        UnsupportedError: the estimator cannot treat this problem.
    """
    short = dataclasses.replace(sampling, paths=paths)

    def once() -> Any:
        return jax.block_until_ready(sample_sums(short, estimator, None, wrt if estimator else (), theta, words))

    sums = jax.tree.map(lambda leaf: np.asarray(leaf, float), once())
    spent = []
    for _ in range(repeats):
        begin = time.process_time()
        once()
        spent.append(time.process_time() - begin)
    n = float(sums.paths)
    square = np.maximum(sums.gradient_square, 0)
    share = np.divide(sums.gradient_peak, square, out=np.zeros_like(square), where=square > 0)
    return Measured(
        paths, sums.value / n, sums.gradient / n, np.sqrt(square / (n * max(n - 1, 1))),
        float(share.max(initial=0)), min(spent, default=float("nan")) / paths,
    )  # fmt: skip
