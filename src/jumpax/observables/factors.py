"""Propensities as a coefficient of theta times a function of the counts."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import UnsupportedError
from jumpax.networks import MassAction, Network, Reaction

Coefficient: TypeAlias = str | float
"""The name of a parameter, or a number."""

_DRAWS = 8


@dataclasses.dataclass(frozen=True)
class Factors:
    """a_r(x, theta) = c_r(theta) h_r(x), with c_r a parameter or a number, for every reaction of a network.

    A mean over states of what is linear in the propensities is then linear in means of the h_r, which are functions of the
    counts alone: observables. Laws of one parameter are tried at 8 random states.

    Raises:
        UnsupportedError: naming the reactions whose law is not of this form.

    Examples:
        >>> from jumpax.networks import zoo
        >>> Factors(zoo.birth_death().network).coefficients
        ('birth', 'death')
    """

    network: Network

    def __post_init__(self):
        found = [_coefficient(self.network, reaction) for reaction in self.network.reactions]
        if wrong := [r.name for r, c in zip(self.network.reactions, found, strict=True) if c is None]:
            raise UnsupportedError(
                f"the rates of {', '.join(map(repr, wrong))} are not one parameter times a function of the counts, so a mean "
                "rate is not made of means of observables; gather it along paths with PathSums(...)"
            )

    @functools.cached_property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """c_r of each reaction."""
        found = (_coefficient(self.network, reaction) for reaction in self.network.reactions)
        return tuple(c for c in found if c is not None)

    def shape(self, reaction: int, counts: Mapping[str, Float[Array, "..."]]) -> Float[Array, "..."]:
        """h_r at these counts, 1/time over the unit of c_r."""
        return _shape(self.network.reactions[reaction], self.coefficients[reaction], counts)

    def value(self, coefficient: Coefficient, theta: Mapping[str, Any]) -> Any:
        """The number behind a coefficient."""
        return theta[coefficient] if isinstance(coefficient, str) else coefficient


def _shape(reaction: Reaction, coefficient: Coefficient, counts: Mapping[str, Any]) -> Float[Array, "..."]:
    like = next(iter(counts.values()))
    if isinstance(reaction.law, MassAction):
        made = MassAction(1.0).propensity(counts, {}, like * 0, reaction.reactants)
    else:
        theta = {coefficient: jnp.ones_like(like)} if isinstance(coefficient, str) else {}
        made = reaction.propensity(counts, theta, like * 0)
    return jnp.broadcast_to(jnp.asarray(made, like.dtype), jnp.shape(like))


def _coefficient(network: Network, reaction: Reaction) -> Coefficient | None:
    """c_r, or None where there is none."""
    law = reaction.law
    if isinstance(law, MassAction):
        return law.rate
    if law.time_dependent or len(law.parameters) > 1:
        return None
    if not law.parameters:
        return 1.0
    (name,) = law.parameters
    draw = np.random.default_rng(20261120)
    with jax.enable_x64(True), jax.ensure_compile_time_eval():
        counts = {s: jnp.asarray(draw.integers(0, 12, _DRAWS), float) for s in network.species}
        one = _shape(reaction, name, counts)
        scale = jnp.asarray(draw.uniform(0.5, 2.0, _DRAWS))
        many = reaction.propensity(counts, {name: scale}, jnp.zeros(_DRAWS))
        return name if bool(jnp.all(jnp.abs(many - scale * one) <= 1e-12 * jnp.abs(many))) else None
