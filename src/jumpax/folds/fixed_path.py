"""A fold with the derivatives of what it gathers, along the path as it is."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from jumpax._base.types import Flag, Real
from jumpax.folds.around import AbstractAround
from jumpax.folds.derivatives import levels, parameter_derivatives
from jumpax.folds.fold import AbstractFold, Counts, Propensities, Size
from jumpax.folds.lasting import Lasting
from jumpax.networks import Network


@dataclasses.dataclass(frozen=True)
class FixedPath(AbstractAround):
    """Runs a fold, and beside it the derivative of every real number in it with respect to each parameter, for a path that stays as it is.

    With F what the fold makes of a path, d E[F] / d theta = E[F S] + E[d F / d theta]: the score S knows of the path's probability alone,
    this of what parameters do to F beside it, by propensities and weights. By forward differentiation of the hooks.

    Args:
        network: what reacts.
        fold: what is gathered; nothing in it that depends on parameters and times may be compared (`dependence`).
        wrt: names of the parameters.

    Record: that of the fold, and for each name the derivatives of its floating leaves, in their order.
    """

    network: Network
    fold: AbstractFold
    wrt: tuple[str, ...]

    def size(self, network) -> Size:
        own, times = self.fold.size(network), 1 + len(self.wrt)
        return Size(own.numbers * times, own.carried * times, 3 * own.operations * times)

    def init(self, counts, theta, now) -> PyTree:
        return self._moved(lambda _, theta, __: self.fold.init(counts, theta, now), (), None, theta)

    def stop(self, carry, counts, theta, index) -> tuple[PyTree, PyTree]:
        own, slopes = carry
        (after, record), moved = self._moved(
            lambda own, theta, _: self.fold.stop(own, counts, theta, index), own, slopes, theta
        )
        many = len(_reals(after))
        return (after, tuple(s[:many] for s in moved)), (record, tuple(s[many:] for s in moved))

    def advance(self, carry, counts, propensities, theta, now, dt) -> PyTree:
        return self._moved(
            lambda own, theta, rates: self.fold.advance(own, counts, Lasting(self.network, rates), theta, now, dt),
            carry[0], carry[1], theta, self._lasting(propensities, now), self._rows(counts, theta, now),
        )  # fmt: skip

    def sample(self, carry, counts, propensities, theta, now, dt, words) -> PyTree:
        return self._moved(
            lambda own, theta, rates: self.fold.sample(own, counts, Lasting(self.network, rates), theta, now, dt, words),
            carry[0], carry[1], theta, self._lasting(propensities, now), self._rows(counts, theta, now),
        )  # fmt: skip

    def event(self, carry, counts, propensities, theta, now, jump) -> PyTree:
        return self._moved(
            lambda own, theta, rates: self.fold.event(own, counts, rates, theta, now, jump),
            carry[0], carry[1], theta, tuple(propensities), self._rows(counts, theta, now),
        )  # fmt: skip

    def cap(self, carry, counts, propensities, theta) -> Real:
        return self.fold.cap(carry[0], counts, propensities, theta)

    def ready(self, carry) -> Flag:
        return self.fold.ready(carry[0])

    def done(self, carry) -> Flag:
        return self.fold.done(carry[0])

    def _lasting(self, propensities: Propensities, like: Real) -> tuple[Real, ...]:
        """Those that hold; others cannot be read, and are not."""
        reactions = self.network.reactions
        return tuple(
            jnp.zeros_like(like) if reaction.law.time_dependent else propensities[r]
            for r, reaction in enumerate(reactions)
        )

    def _rows(self, counts: Counts, theta: Mapping[str, Real], now: Real) -> list[dict[str, Real]]:
        return parameter_derivatives(self.network, self.wrt, levels(counts, now), theta, now)

    def _moved(
        self,
        hook: Callable[[Any, Mapping[str, Real], tuple[Real, ...]], Any],
        carry: PyTree,
        slopes: Any,
        theta: Mapping[str, Real],
        rates: tuple[Real, ...] = (),
        rows: list[dict[str, Real]] | None = None,
    ) -> tuple[Any, tuple[tuple[Real, ...], ...]]:
        """What a hook makes of the carry, and of its slopes for each parameter."""
        leaves, structure = jax.tree.flatten(carry)
        places = [i for i, leaf in enumerate(leaves) if _is_real(leaf)]

        def of(reals: tuple[Real, ...], theta: dict[str, Real], rates: tuple[Real, ...]) -> Any:
            own = list(leaves)
            for i, real in zip(places, reals, strict=True):
                own[i] = real
            return hook(jax.tree.unflatten(structure, own), theta, rates)

        here = (tuple(leaves[i] for i in places), dict(theta), rates)
        after, moved = of(*here), []
        for p, name in enumerate(self.wrt):
            unit = {n: jnp.ones_like(v) if n == name else jnp.zeros_like(v) for n, v in theta.items()}
            steps = tuple(
                row.get(name, jnp.zeros_like(rate)) for rate, row in zip(rates, rows or [{}] * len(rates), strict=True)
            )
            start = () if slopes is None else tuple(slopes[p])
            tangent = jax.jvp(of, here, (start, unit, steps))[1]
            moved.append(tuple(
                slope for slope, leaf in zip(jax.tree.leaves(tangent), jax.tree.leaves(after), strict=True) if _is_real(leaf)
            ))  # fmt: skip
        return after, tuple(moved)


def _is_real(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.floating)


def _reals(tree: PyTree) -> list[Any]:
    return [leaf for leaf in jax.tree.leaves(tree) if _is_real(leaf)]


def read_slopes(read: Callable[[Any], Any], record: PyTree, slopes: Any) -> Any:
    """Derivatives of what is read off a record, by those of its floating leaves for each parameter: a last axis more."""
    leaves, structure = jax.tree.flatten(record)
    places = [i for i, leaf in enumerate(leaves) if _is_real(leaf)]

    def of(reals: tuple[Any, ...]) -> Any:
        own = list(leaves)
        for i, real in zip(places, reals, strict=True):
            own[i] = real
        return read(jax.tree.unflatten(structure, own))

    here = tuple(leaves[i] for i in places)
    return jnp.stack([jax.jvp(of, (here,), (tuple(slope),))[1] for slope in slopes], -1)
