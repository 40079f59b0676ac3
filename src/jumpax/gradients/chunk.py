"""A chunk of paths: what a gradient rule gets, and what it gives back."""

import abc
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from jumpax.engines.program import Steps, Times
from jumpax.folds import AbstractFold
from jumpax.networks import Network


class Sums(NamedTuple):
    """What a chunk of paths contributes; sums over its paths, so that chunks add up."""

    paths: Float[Array, ""]
    value: Float[Array, "stops entries"]
    square: Float[Array, "stops entries"]
    """Of values less the chunk's mean."""
    gradient: Float[Array, "stops entries parameters"]
    gradient_square: Float[Array, "stops entries parameters"]
    """Of each path's contribution less the chunk's mean."""
    gradient_peak: Float[Array, "stops entries parameters"]
    """Largest of these squares: a path that carries a good part of the sum is a tail that is not resolved."""
    gradient_tail: Float[Array, "stops entries parameters many"] | None = None
    """The largest of them in order, one more than one of `TOP` paths has; for pilots only."""
    tail: Any = None
    """What the call says of its tails (`tails.Tail`), if anybody asked."""
    redrawn: Float[Array, ""] | None = None
    """How many of the paths were drawn again in float64; None where nobody has looked (engines `xla`, `gpu`)."""


class Totals(NamedTuple):
    """Gradient contributions of a chunk, summed over its paths."""

    gradient: Float[Array, "asked entries parameters"]
    square: Float[Array, "asked entries parameters"]
    """Sum of squares less the mean."""
    peak: Float[Array, "asked entries parameters"]
    """Largest square."""
    tail: Float[Array, "asked entries parameters many"] | None = None
    """The largest squares in order, if they were asked for."""


class Chunk(NamedTuple):
    """What was gathered along some paths, all with the same theta. Rows that are not `sound` are padding."""

    network: Network
    wrt: tuple[str, ...]
    """Names of the parameters to differentiate with respect to."""
    theta: Mapping[str, Float[Array, ""]]
    start: tuple[int, ...] | Int[Array, "paths species"]
    """Counts at the start; of each path, where their law is random."""
    begin: float
    """Time at the start."""
    stops: Times | Steps
    """All stops of the run: those asked for, and those that the fold wanted."""
    keep: Int[np.ndarray, " asked"]
    """Numbers, among all stops, of those that were asked for."""
    observe: Callable[[Float[Array, " species"]], Float[Array, " entries"]]
    """The observable of one state, flattened; of real counts, and differentiable where the user's function is."""
    counts: Float[Array, "paths asked species"]
    values: Float[Array, "paths asked entries"]
    """The observable at the stops asked for; 0 in rows that are not sound."""
    record: PyTree
    """The fold's record, leaves (paths, stops): all stops."""
    sound: Bool[Array, " paths"]
    tail: int = 0
    """How many of the largest squares are wanted."""
    start_scores: Float[Array, "paths parameters"] | None = None
    """Derivatives of ln P(counts at the start), where it has parameters of `wrt` in it; those that only the start reads come last in
    `wrt`, and folds know nothing of them."""

    explicit: Float[Array, "paths asked entries parameters"] | None = None
    """Derivatives of the observable at a fixed path, where parameters show in it."""

    @property
    def weight(self) -> Float[Array, " paths"]:
        """1 for rows that count, else 0."""
        return self.sound.astype(self.values.dtype)

    def asked(self, leaf: Array) -> Array:
        """A leaf of the record at the stops asked for, 0 in rows that are not sound."""
        rows = asked(leaf, self.keep)
        return jnp.where(self.sound.reshape(-1, *[1] * (rows.ndim - 1)), rows, jnp.zeros((), rows.dtype))

    def scores(
        self, of_path: Float[Array, "paths asked own"], reaches: Bool[np.ndarray, " asked"] | None = None
    ) -> Float[Array, "paths asked parameters"]:
        """Scores of the path together with those of its start: for all stops, or those whose window reaches back to it."""
        if self.start_scores is None:
            return of_path
        padded = jnp.pad(of_path, ((0, 0), (0, 0), (0, len(self.wrt) - of_path.shape[-1])))
        begun = jnp.ones(of_path.shape[1], bool) if reaches is None else jnp.asarray(reaches)
        return padded + jnp.where(begun[None, :, None], self.start_scores[:, None], 0.0)

    def totals(self, per_path: Float[Array, "paths asked entries parameters"]) -> Totals:
        """Sums over sound paths of per-path contributions."""
        weight = self.weight[:, None, None, None]
        rows = jnp.where(weight > 0, per_path, jnp.zeros((), per_path.dtype))
        total = rows.sum(0)
        squares = weight * (rows - (total / weight.sum())[None]) ** 2
        largest = None
        if self.tail:
            largest = jax.lax.top_k(jnp.moveaxis(squares, 0, -1), min(self.tail, len(squares)))[0]
        return Totals(total, squares.sum(0), squares.max(0), largest)


def asked(leaf: Array, keep: Int[np.ndarray, " asked"]) -> Array:
    """Some stops of a leaf (paths, stops); where that is all of them, the leaf."""
    return leaf if np.array_equal(keep, np.arange(leaf.shape[1])) else leaf[:, keep]


class AbstractRule(abc.ABC):
    """A fold, and how its records become derivatives."""

    of_fixed_path: ClassVar[bool] = False
    """Whether it gives the derivative of the path's probability, to which it adds `Chunk.explicit`, that of the observable at a fixed path."""

    @abc.abstractmethod
    def fold(self, network: Network, wrt: tuple[str, ...], stops: Times | Steps) -> AbstractFold:
        """What is gathered along each path for the derivatives with respect to the parameters `wrt`.

        Raises:
            UnsupportedError: this estimator cannot treat such a network or such stops.
        """

    @abc.abstractmethod
    def contributions(self, chunk: Chunk) -> Totals:
        """Gradient contributions, summed over the paths of the chunk."""
