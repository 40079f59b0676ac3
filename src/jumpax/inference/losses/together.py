"""Several data sets of one condition, from one simulation."""

from collections.abc import Mapping
from typing import final

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from jumpax._base.errors import InputError
from jumpax._base.types import Numeric, ParameterValues, Real
from jumpax.inference.losses.compared import Compared
from jumpax.inference.losses.loss import AbstractLoss
from jumpax.inference.losses.standardised import Standardised
from jumpax.networks import Network
from jumpax.observables import AbstractPathObservable, Several


@final
class Together(AbstractLoss):
    """The sum of several losses on the same paths: data sets of other species, other times or other kinds.

    loss = sum of the losses, each at its own times; the log-likelihood of all data if they are independent: other cells in
    each data set (for several counts of the same cells see `JointLogLikelihood`).

    Args:
        losses: two or more. All have times, or all are at steady state. None is a `ReactionSeries`: that is a condition of its own, for
            `Conditions`.

    Raises:
        InputError: fewer than two, something that is no loss, or losses with times beside losses without.

    Examples:
        >>> from jumpax.inference.losses import LogLikelihood, TimeSeries
        >>> both = Together(
        ...     LogLikelihood("M", [3, 5, 4], [1.0, 2.0, 2.0]),
        ...     TimeSeries([2.0, 3.0], {"P": [9.1, 12.0]}, {"P": 0.5}),
        ... )
        >>> both.times
        (1.0, 2.0, 3.0)
    """

    losses: tuple[AbstractLoss, ...]
    times: tuple[float, ...] | None = eqx.field(static=True)
    rows: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    """Where the times of each loss stand among all."""

    def __init__(self, *losses: AbstractLoss):
        if len(losses) < 2 or not all(isinstance(loss, AbstractLoss) for loss in losses):
            raise InputError(f"Together takes two or more of jumpax.losses, not {losses!r}")
        steady = [loss.times is None for loss in losses]
        if any(steady) and not all(steady):
            raise InputError(
                "Together has data with times beside data at steady state: these are two conditions, each a Problem of its "
                "own, for Conditions"
            )
        self.losses = losses
        each = [loss.times or (0.0,) for loss in losses]
        joined = sorted({time for times in each for time in times})
        self.times = None if steady[0] else tuple(joined)
        self.rows = tuple(tuple(joined.index(time) for time in times) if not steady[0] else (0,) for times in each)

    @property
    def likelihood(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether all are."""
        return all(loss.likelihood for loss in self.losses)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of all."""
        return tuple(dict.fromkeys(name for loss in self.losses for name in loss.parameters))

    def observable(self, network: Network) -> Several:
        """The observables of all."""
        return Several(tuple(loss.observable(network) for loss in self.losses))

    @property
    def linear(self) -> AbstractLoss | None:
        """Those of all; none if one has none, for what is left says less than the data."""
        parts = [loss.linear for loss in self.losses]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        return self if all(part is loss for part, loss in zip(parts, self.losses, strict=True)) else Together(*known)

    def residuals(self, expected: tuple[PyTree[Real], ...]) -> Float[Array, "times numbers"]:
        """Those of all, side by side; 0 at times that a loss does not have."""
        many = 1 if self.times is None else len(self.times)

        def wide(loss: AbstractLoss, own: PyTree[Real], rows: tuple[int, ...]) -> Float[Array, "times numbers"]:
            made = loss.residuals(own)
            return jax.numpy.zeros((many, made.shape[1]), made.dtype).at[np.array(rows)].set(made)

        each = zip(self.losses, expected, self.rows, strict=True)
        return jax.numpy.concatenate([wide(*one) for one in each], 1)

    def faults(self, network: Network, start: float) -> list[str]:
        """Those of all, and what is gathered along paths."""
        found = list(dict.fromkeys(fault for loss in self.losses for fault in loss.faults(network, start)))
        if found:
            return found
        along = [loss for loss in self.losses if isinstance(loss.observable(network), AbstractPathObservable)]
        return [
            f"{name} counts along paths, which Together does not: give it a Problem of its own, for Conditions with the same parameters"
            for name in dict.fromkeys(type(loss).__name__ for loss in along)
        ]

    def seen(self, expected: tuple[PyTree[Real], ...], values: ParameterValues) -> tuple[PyTree[Real], ...]:
        """What each compares with its data, at its own times."""
        each = zip(self.losses, expected, self.rows, strict=True)
        return tuple(loss.seen(_at(np.array(rows), own), values) for loss, own, rows in each)

    def wrong(self, values: Mapping[str, float]) -> list[str]:
        """Those of all."""
        return list(dict.fromkeys(fault for loss in self.losses for fault in loss.wrong(values)))

    def value(self, expected: tuple[PyTree[Real], ...], values: ParameterValues, paths: Numeric) -> Float[Array, ""]:
        """The sum."""
        return sum(loss.value(own, values, paths) for loss, own in zip(self.losses, expected, strict=True))  # pyright: ignore[reportReturnType]

    def whitened(
        self, expected: tuple[PyTree[Real], ...], jacobian: tuple[PyTree[Real], ...], paths: Numeric
    ) -> Float[Array, "batches entries free"]:
        """One below the other."""
        each = zip(self.losses, expected, jacobian, strict=True)
        return jax.numpy.concatenate([loss.whitened(own, slopes, paths) for loss, own, slopes in each], 1)

    def standardised(
        self, expected: tuple[PyTree[Real], ...], jacobian: tuple[PyTree[Real], ...]
    ) -> tuple[Standardised, ...]:
        """Those of all."""
        each = zip(self.losses, expected, jacobian, strict=True)
        return tuple(part for loss, own, slopes in each for part in loss.standardised(own, slopes))

    def compared(self, expected: tuple[PyTree[Real], ...]) -> tuple[Compared, ...]:
        """Those of all."""
        return tuple(one for loss, own in zip(self.losses, expected, strict=True) for one in loss.compared(own))

    def notes(self, expected: tuple[PyTree[Real], ...], paths: float) -> dict[str, object]:
        """Those of each, with its number."""
        each = enumerate(zip(self.losses, expected, strict=True), 1)
        return {f"{key}[{i}]": said for i, (loss, own) in each for key, said in loss.notes(own, paths).items()}


def _at(rows: Int[np.ndarray, " times"], expected: PyTree[Real]) -> PyTree[Real]:
    """An observable at some of the times."""
    return jax.tree.map(lambda leaf: leaf[:, rows], expected)
