"""Means over windows of time."""

import itertools
from collections.abc import Mapping
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError
from jumpax._base.types import Column, Numbers, Numeric, ParameterValues
from jumpax.inference.losses.compared import Compared, Series
from jumpax.inference.losses.loss import AbstractLoss
from jumpax.inference.losses.standardised import Standardised
from jumpax.inference.losses.time_series import TimeSeries
from jumpax.networks import Network
from jumpax.observables import Moments, Windows


@final
class WindowMeans(AbstractLoss):
    """Means of counts over windows of time, as an exposure or a time average gives them, over independent paths.

    loss = sum over windows and species of ((E[average of x] - mean) / standard error)^2 / 2. The averages are quadratures
    of E[x] at the nodes of `Windows`. Exact if the errors are Gaussian and those of different windows independent: means over many
    paths, and others in each window; not for one path that is followed (see `TimeSeries`). The simulated noise adds a bias
    O(1/paths).

    Args:
        edges: of the windows, increasing.
        means: for each species its mean in each window, in molecules.
        standard_errors: of those means: for each species a number, or one per window.
        nodes: of the quadrature, per window.
        paths: of how many paths these are the means, if known (see `TimeSeries`).

    Raises:
        InputError: edges out of order, missing numbers, standard errors that are not positive.

    Warns:
        JumpaxWarning: the means are those of one path, or look like it.

    Examples:
        >>> loss = WindowMeans([0.0, 1.0, 2.0], {"X": [3.0, 5.0]}, {"X": 0.1}, nodes=2)
        >>> [round(time, 4) for time in loss.times]
        [0.2113, 0.7887, 1.2113, 1.7887]
    """

    windows: Windows = eqx.field(static=True)
    series: TimeSeries

    def __init__(
        self,
        edges: Column,
        means: Mapping[str, Column],
        standard_errors: Mapping[str, Column],
        *,
        nodes: int = 4,
        paths: int | None = None,
    ):
        self.windows = Windows(edges, nodes)
        if wrong := [n for n, column in means.items() if np.shape(column) != (len(self.windows),)]:
            raise InputError(
                f"needed is one mean per window, of which there are {len(self.windows)}: {', '.join(wrong)}"
            )
        self.series = TimeSeries(self.windows.edges[1:], means, standard_errors, paths=paths)

    @property
    def species(self) -> tuple[str, ...]:
        """Whose means they are."""
        return self.series.species

    @property
    def times(self) -> tuple[float, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The nodes of all windows."""
        return self.windows.times

    def observable(self, network: Network) -> Moments:
        """The means of the species."""
        return self.series.observable(network)

    def faults(self, network: Network, start: float) -> list[str]:
        """The species must exist, no window may begin before the start."""
        early = [] if self.windows.edges[0] >= start else [f"the first window begins before the start, {start:g}"]
        return self.series.faults(network, start) + early

    def value(
        self, expected: Float[Numbers, "times species moments"], values: ParameterValues, paths: Numeric
    ) -> Float[Array, ""]:
        """Half the sum of squares."""
        return self.series.value(self.windows.mean(expected, 0), values, paths)

    @property
    def linear(self) -> AbstractLoss:
        """Itself."""
        return self

    def residuals(self, expected: Float[Numbers, "times species moments"]) -> Float[Array, "times species"]:
        """(E[average of x] - mean) / standard error, at the last node of each window."""
        made = self.series.residuals(self.windows.mean(expected, 0))
        last = np.arange(1, len(self.windows) + 1) * self.windows.nodes - 1
        return jnp.zeros((len(self.times), made.shape[1]), made.dtype).at[last].set(made)

    def whitened(
        self, expected: object, jacobian: Float[Numbers, "batches times species moments free"], paths: Numeric
    ) -> Float[Array, "batches entries free"]:
        """Jacobian of the averages, in units of their standard errors."""
        return self.series.whitened(jnp.zeros(()), self.windows.mean(jacobian, 1), paths)

    def standardised(
        self,
        expected: Float[np.ndarray, "times species moments"],
        jacobian: Float[np.ndarray, "times species moments columns"],
    ) -> tuple[Standardised, ...]:
        """Averages over their standard errors, taken to be independent."""
        expected, jacobian = (np.asarray(self.windows.mean(x, 0)) for x in (expected, jacobian))
        return self.series.standardised(expected, jacobian)

    def compared(self, expected: Float[np.ndarray, "times species moments"]) -> tuple[Compared, ...]:
        """The averages of each species, drawn in the middle of their windows."""
        middles = {end: (begin + end) / 2 for begin, end in itertools.pairwise(self.windows.edges)}
        found = self.series.compared(np.asarray(self.windows.mean(expected, 0)))
        return tuple(
            one._replace(times=np.array([middles[end] for end in one.times]))
            for one in found
            if isinstance(one, Series) and one.times is not None
        )

    def notes(self, expected: object, paths: float) -> dict[str, object]:
        """Number of means, and what they are taken for."""
        return self.series.notes(expected, paths)
