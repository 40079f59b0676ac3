"""Mean rates as linear forms in means of functions of the counts."""

import functools
import operator
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jumpax.networks import Network
from jumpax.observables.factors import Coefficient, Factors
from jumpax.observables.reversal import reversal


class Term(NamedTuple):
    """One part of a mean rate: weight * c * E[h_r], times ln(c / c_back) if c_back is given; h_r as in `Factors`."""

    reaction: int
    coefficient: Coefficient
    back: Coefficient | None = None
    weight: float = 1.0
    kind: Literal["shape", "log_ratio"] = "shape"
    """Instead of h_r, with `log_ratio`: h_r(x) ln(h_r(x) / h_rbar(x + nu_r)), 0 where h_r is."""


@runtime_checkable
class Linear(Protocol):
    """What has terms."""

    network: Network

    @property
    def terms(self) -> Sequence[Term]:
        """Whose sum is the mean rate."""
        ...


def _groups(rates: Sequence[Linear]) -> list[tuple[list[tuple[int, str]], list[list[Term]]]]:
    """Functions of the counts that have equal coefficients in all rates; for each rate the terms of one of them."""
    uses: dict[tuple[int, str], list[list[Term]]] = {}
    for place, rate in enumerate(rates):
        for term in rate.terms:
            uses.setdefault((term.reaction, term.kind), [[] for _ in rates])[place].append(term)
    groups: dict[tuple, tuple[list[tuple[int, str]], list[list[Term]]]] = {}
    for function, terms in uses.items():
        signature = tuple(tuple(sorted((str(t.coefficient), str(t.back), t.weight) for t in row)) for row in terms)
        groups.setdefault(signature, ([], terms))[0].append(function)
    return list(groups.values())


def functions(rates: Sequence[Linear], counts: Mapping[str, Float[Array, "..."]]) -> Float[Array, "*batch functions"]:
    """The functions of the counts of which means are needed, as few as possible."""
    factors = Factors(rates[0].network)
    sums = [[_function(factors, kind, r, counts) for r, kind in members] for members, _ in _groups(rates)]
    return jnp.stack([functools.reduce(operator.add, terms) for terms in sums], -1)


def values(
    rates: Sequence[Linear], means: Float[Array, "*batch functions"], theta: Mapping[str, Any]
) -> list[Float[Array, "*batch"]]:
    """The mean rates from these means."""
    factors, totals = Factors(rates[0].network), [0.0 * means[..., 0] for _ in rates]
    for column, (_, uses) in enumerate(_groups(rates)):
        for place, terms in enumerate(uses):
            for term in terms:
                c = jnp.asarray(factors.value(term.coefficient, theta), means.dtype)
                if term.back is not None:
                    c = c * log_ratio(c, jnp.asarray(factors.value(term.back, theta), means.dtype))
                totals[place] = totals[place] + term.weight * c * means[..., column]
    return totals


def _function(factors: Factors, kind: str, reaction: int, counts: Mapping[str, Any]) -> Float[Array, "..."]:
    h = factors.shape(reaction, counts)
    if kind == "shape":
        return h
    later = after(factors.network, [counts[name] for name in factors.network.species], reaction)
    columns = dict(zip(factors.network.species, later, strict=True))
    return h * log_ratio(h, factors.shape(reversal(factors.network)[reaction], columns))


def after(network: Network, counts: Sequence[Any], reaction: int) -> tuple[Any, ...]:
    """Counts after a jump."""
    change = network.stoichiometry[:, reaction]
    return tuple(x + float(nu) if nu else x for x, nu in zip(counts, change, strict=True))


def log_ratio(up: Float[Array, "..."], down: Float[Array, "..."]) -> Float[Array, "..."]:
    """The logarithm of up / down, 0 where up is 0, infinite where only down is."""
    there = up > 0
    return jnp.where(there, jnp.log(jnp.where(there, up, jnp.ones_like(up))) - jnp.log(down), jnp.zeros_like(up))
