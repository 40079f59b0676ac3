"""What an estimator does on one problem: its gradient, spread and cost."""

import dataclasses
import time
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jumpax._base import random
from jumpax._base.devices import of_first
from jumpax._base.types import ParameterValues, Word
from jumpax.engines.journal import answered
from jumpax.gradients.compiled import compiled
from jumpax.gradients.estimator import AbstractEstimator
from jumpax.gradients.sampling import Sampling
from jumpax.gradients.tails import TOP, tail_index


class Measured(NamedTuple):
    """A gradient estimate with what it cost."""

    paths: int
    value: Float[np.ndarray, "stops entries"]
    gradient: Float[np.ndarray, "stops entries parameters"]
    error: Float[np.ndarray, "stops entries parameters"]
    """Standard error of the gradient."""
    shares: Float[np.ndarray, "stops entries parameters"]
    """Largest share that one path has in the sum of squared deviations; near 1: a tail not resolved."""
    index: Float[np.ndarray, "stops entries parameters"]
    """Upper confidence limit of the tail index of the deviations (`tails.tail_index`); infinite if it was not asked for."""
    seconds: float
    """Processor time (on a GPU, wall time) of one path with the whole gradient, compilation left out."""

    @property
    def variance(self) -> Float[np.ndarray, "stops entries parameters"]:
        """Of the gradient from one path."""
        return self.error**2 * self.paths

    @property
    def heaviest(self) -> float:
        """Largest of the shares."""
        return float(self.shares.max(initial=0.0))

    @property
    def work(self) -> Float[np.ndarray, "stops entries parameters"]:
        """Variance times processor time per path: the squared error that one second of work leaves."""
        return self.variance * self.seconds


def measure(
    sampling: Sampling,
    estimator: AbstractEstimator | None,
    wrt: tuple[str, ...],
    theta: ParameterValues,
    words: tuple[Word, Word],
    paths: int,
    runs: int = 3,
    tail: bool = False,
) -> Measured:
    """Gradient, its error and its cost by one estimator; plain paths without one. With `tail`, the index of its tail too.

    The cost is the least processor time of some equal runs, so that other work on the machine counts as little as possible. It is
    recorded in a journal with all the rest: no other run would choose by the same times.

    Raises:
        InputError: the estimator has no derivative at theta.
        UnsupportedError: the estimator cannot treat this problem.
    """
    short = dataclasses.replace(sampling, paths=paths, tail=paths // TOP + 1 if tail else 0, devices="one")
    made = answered(
        lambda: ("pilot", short, estimator, wrt, dict(theta), words, runs),
        lambda: _measured(short, estimator, wrt, theta, words, runs),
        lambda: Measured(*[0] * len(Measured._fields)),  # type: ignore[arg-type]
    )
    if sampling.devices == "all":  # where all processes have to choose the same
        made = of_first(made)
    return made._replace(paths=int(made.paths), seconds=float(made.seconds))


def _measured(
    short: Sampling,
    estimator: AbstractEstimator | None,
    wrt: tuple[str, ...],
    theta: ParameterValues,
    words: tuple[Word, Word],
    runs: int,
) -> Measured:
    """With so many paths, and room for their tails."""
    program = compiled(short, estimator, wrt if estimator else (), theta, words)
    clock = time.process_time if jax.default_backend() == "cpu" else time.perf_counter
    spent = []
    for _ in range(runs):
        begin = clock()
        made = jax.block_until_ready(program())
        spent.append(clock() - begin)
    sums = jax.tree.map(lambda leaf: np.asarray(leaf, float), made)
    n = float(sums.paths)
    square = np.maximum(sums.gradient_square, 0)
    share = np.divide(sums.gradient_peak, square, out=np.zeros_like(square), where=square > 0)
    index = np.full_like(share, np.inf) if sums.gradient_tail is None else tail_index(sums.gradient_tail)
    return Measured(
        short.paths, sums.value / n, sums.gradient / n, np.sqrt(square / (n * max(n - 1, 1))),
        share, index, min(spent) / short.paths,
    )  # fmt: skip


def pooled(parts: Sequence[Measured]) -> tuple[np.ndarray, np.ndarray]:
    """Inverse-variance mean of independent estimates of one gradient, and its standard error."""
    floor = 1e-6 * max(np.abs(m.gradient).max(initial=0.0) for m in parts) + 1e-100  # squared, still a number
    weights = [1 / np.maximum(m.error, floor) ** 2 for m in parts]
    total = sum(weights)
    mean = sum(w * m.gradient for w, m in zip(weights, parts, strict=True)) / total
    return np.asarray(mean), np.asarray(1 / np.sqrt(total))


def salted(words: tuple[Word, Word], number: int) -> tuple[Word, Word]:
    """Key words for one of several measurements under one key."""
    key = (np.asarray(words[0]), np.asarray(words[1]))
    with np.errstate(over="ignore"):  # words are numbers modulo 2^32
        return random.threefry2x32(key, (np.uint32(0x7069), np.uint32(number)))  # type: ignore[arg-type]
