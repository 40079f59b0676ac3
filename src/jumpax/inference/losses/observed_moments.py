"""Means and spreads of counts that are not what is there."""

from collections.abc import Mapping, Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jumpax._base.errors import InputError, unknown_name
from jumpax._base.types import Numeric, ParameterValues, Real
from jumpax.inference.losses.compared import Compared, Series
from jumpax.inference.losses.loss import AbstractLoss
from jumpax.inference.losses.observation import AbstractObservation, check_observations
from jumpax.inference.losses.standardised import Standardised
from jumpax.networks import Network
from jumpax.observables import Moments, Observable

Laws = AbstractObservation | Sequence[AbstractObservation]
ALL = ""
"""In the place of a species: all of them."""


@final
class ObservedMoments(AbstractLoss):
    """A loss of means, or of means and spreads, behind a law of observation.

    The first two moments of the observed counts follow from those of the true ones: E[c] = p E[n] and
    E[c^2] = p^2 E[n^2] + p (1 - p) E[n] for `Capture`, those of n + Poisson(b) for `Background`. Exact; no law of the true
    counts is needed.

    Args:
        loss: `TimeSeries`, `Deviations`, `WindowMeans`, `TargetMoments`, or `MomentMatch` of order 1 or 2.
        observation: a law or a list of them in order, for all species; or such a list by species.

    Raises:
        InputError: what is no loss or no law of observation; when the problem is made, a loss of something else than one or
            two moments.

    Examples:
        >>> from jumpax.inference.losses import Capture, TimeSeries
        >>> means = TimeSeries([1.0, 2.0], {"M": [3.7, 1.3]}, {"M": 0.2})
        >>> ObservedMoments(means, Capture("p")).parameters
        ('p',)
    """

    loss: AbstractLoss
    laws: tuple[tuple[str, tuple[AbstractObservation, ...]], ...] = eqx.field(static=True)
    """By species."""
    times: tuple[float, ...] | None = eqx.field(static=True)

    def __init__(self, loss: AbstractLoss, observation: Laws | Mapping[str, Laws]):
        if not isinstance(loss, AbstractLoss):
            raise InputError(f"ObservedMoments takes one of jumpax.losses, not {loss!r}")
        named = observation if isinstance(observation, Mapping) else {ALL: observation}
        self.loss, self.times = loss, loss.times
        self.laws = tuple((name, check_observations(steps)) for name, steps in named.items())

    @property
    def species(self) -> tuple[str, ...]:
        """Those of the loss."""
        given = getattr(self.loss, "species", ())
        return (given,) if isinstance(given, str) else given

    @property
    def likelihood(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the loss is."""
        return self.loss.likelihood

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of the laws, and of the loss."""
        own = [name for _, steps in self.laws for step in steps for name in step.parameters]
        return tuple(dict.fromkeys((*own, *self.loss.parameters)))

    def observable(self, network: Network) -> Observable:
        """That of the loss, of the true counts."""
        return self.loss.observable(network)

    def faults(self, network: Network, start: float) -> list[str]:
        """Those of the loss, and what is no loss of one or two moments."""
        if found := self.loss.faults(network, start):
            return found
        observable = self.loss.observable(network)
        if not isinstance(observable, Moments) or observable.order > 2:
            return [
                f"ObservedMoments is for means and second moments, not for {type(self.loss).__name__}; a LogLikelihood has an "
                "observation of its own"
            ]
        unknown = [name for name, _ in self.laws if name != ALL and name not in self.species]
        return [f"observation: {unknown_name('species', name, self.species)}" for name in unknown]

    def seen(self, expected: Float[Array, "batches times species order"], values: ParameterValues) -> PyTree[Real]:
        """Moments of the observed counts."""
        laws, columns = dict(self.laws), []
        for place, name in enumerate(self.species):
            moments = tuple(expected[:, :, place, order] for order in range(expected.shape[-1]))
            for step in laws.get(name, laws.get(ALL, ())):
                moments = step.moments(moments, values)
            columns.append(jnp.stack(moments, -1))
        return self.loss.seen(jnp.stack(columns, 2), values)

    def wrong(self, values: Mapping[str, float]) -> list[str]:
        """Values that no law has."""
        own = [fault for _, steps in self.laws for step in steps for fault in step.wrong(values, np.ones(1))]
        return list(dict.fromkeys((*own, *self.loss.wrong(values))))

    def value(self, expected: PyTree[Real], values: ParameterValues, paths: Numeric) -> Float[Array, ""]:
        """That of the loss."""
        return self.loss.value(expected, values, paths)

    @property
    def linear(self) -> AbstractLoss | None:
        """That of the loss behind the same laws, for observed moments are linear in true ones."""
        linear = self.loss.linear
        return self if linear is self.loss else None if linear is None else ObservedMoments(linear, dict(self.laws))

    def residuals(self, expected: PyTree[Real]) -> Float[Array, "times numbers"]:
        """Those of the loss."""
        return self.loss.residuals(expected)

    def whitened(
        self, expected: PyTree[Real], jacobian: PyTree[Real], paths: Numeric
    ) -> Float[Array, "batches entries free"]:
        """That of the loss."""
        return self.loss.whitened(expected, jacobian, paths)

    def standardised(self, expected: PyTree[Real], jacobian: PyTree[Real]) -> tuple[Standardised, ...]:
        """That of the loss."""
        return self.loss.standardised(expected, jacobian)

    def compared(self, expected: PyTree[Real]) -> tuple[Compared, ...]:
        """Those of the loss: of observed counts, so of no species."""
        return tuple(
            one._replace(species="") if isinstance(one, Series) else one for one in self.loss.compared(expected)
        )

    def notes(self, expected: PyTree[Real], paths: float) -> dict[str, object]:
        """Those of the loss."""
        return self.loss.notes(expected, paths)
