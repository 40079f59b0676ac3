"""Propensities of all reactions for a block of lanes: species and reactions along the first axis, lanes along the last."""

import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base import given
from jumpax._base.errors import InputError
from jumpax._base.types import Count, Numeric, Real
from jumpax.engines.arrays.sections import Cuts, Sections, add_at, cuts_of, evaluate, picked, take
from jumpax.networks import Stacked

Kind = Literal["path", "spread", "shared", "unused"]
"""How a parameter meets the lanes: it has values of its own per path; it is shared and small, so that every
lane holds a copy and no sum over lanes is needed per event; it is shared; the propensities do not read it."""


@dataclass(frozen=True)
class Structure:
    """What of a network and its params is known before any number is. Static."""

    network: Stacked
    kinds: tuple[Kind, ...]
    names: tuple[str, ...]
    """Of the parameters, in order."""
    groups: tuple[int, ...]
    """Sizes of the arrays that the propensities come in."""
    features: int
    cuts: Cuts
    """Of the species, into sections."""


class Leaves(NamedTuple):
    """Params for a block of lanes."""

    laned: tuple[Real, ...]
    """Leaves of kinds path and spread, lanes last."""
    shared: tuple[Real, ...]
    """Leaves of kind shared."""


def filled(kinds: Sequence[Kind], values: Sequence[Real], lanes: int) -> Leaves:
    """Params for a block of so many lanes, from values lanes last for those per path."""
    laned, shared = [], []
    for kind, value in zip(kinds, values, strict=True):
        if kind == "path":
            laned.append(value)
        elif kind == "spread":
            laned.append(jnp.broadcast_to(value[:, None], (*value.shape, lanes)))
        elif kind == "shared":
            shared.append(value)
    return Leaves(tuple(laned), tuple(shared))


def structure(network: Stacked, own: Collection[str], observed: Sequence[int] = ()) -> Structure:
    """Look at what the propensities read.

    Args:
        network: what reacts.
        own: names of the parameters that have a value for each path.
        observed: numbers of the species that are gathered.

    Raises:
        InputError: features read a parameter that has a value for each path.
    """
    names, real = tuple(network.shapes), jnp.zeros((), float).dtype
    if network.features is not None:
        shared = {n: jax.ShapeDtypeStruct(s, real) for n, s in network.shapes.items() if n not in own}
        try:
            jax.eval_shape(network.features, shared)
        except KeyError as missing:
            raise InputError(
                f"features read theta[{missing}], which has a value for each path: W must be the same for all paths"
            ) from None
    theta = [jax.ShapeDtypeStruct(network.shapes[name], real) for name in names]
    state = [
        jax.ShapeDtypeStruct((n,), real) for n in (len(network.species), *([network.width] if network.width else []))
    ]

    def rates(theta: list[Array], state: list[Array]) -> tuple[Real, ...]:
        arguments = (state[0], dict(zip(names, theta, strict=True)), *state[1:])
        return _groups(given.call(network.propensities, arguments, "the function of propensities"), real)

    traced = jax.make_jaxpr(rates)(theta, state)
    read = {id(v) for e in traced.jaxpr.eqns for v in e.invars} | {id(v) for v in traced.jaxpr.outvars}
    used = [id(v) in read for v in traced.jaxpr.invars[: len(names)]]
    kinds: tuple[Kind, ...] = tuple(
        _kind(name in own, len(network.shapes[name]), some) for name, some in zip(names, used, strict=True)
    )
    groups = tuple(out.shape[0] for out in traced.out_avals)
    ends = np.cumsum(groups)[:-1]
    changed = [part for which, _ in network.changes for part in np.split(which, ends)]
    cuts = cuts_of(len(network.species), traced.jaxpr, len(names), [*changed, np.array(observed, int)])
    return Structure(network, kinds, names, groups, network.width, cuts)


def _kind(own: bool, axes: int, used: bool) -> Kind:
    if not used:
        return "unused"
    if own:
        return "path"
    return "spread" if axes == 1 else "shared"


def _groups(given: Numeric | tuple[Numeric, ...] | list[Numeric], kind: np.dtype) -> tuple[Real, ...]:
    """The propensities as a tuple of floating arrays, none of them empty."""
    arrays = given if isinstance(given, tuple | list) else (given,)
    return tuple(jnp.asarray(a, kind) for a in arrays if np.shape(a) != (0,))


def propensities(model: Structure, leaves: Leaves, counts: Real | Sections, inputs: Real | None) -> tuple[Real, ...]:
    """Propensities, one array (group, lanes) per group.

    Args:
        model: what is known.
        leaves: params.
        counts: (species, lanes), floating; or their sections.
        inputs: u, (features, lanes), if there are features.
    """

    def one(laned: Sequence[Real], counts: Real | Sections, inputs: Real | None) -> tuple[Real, ...]:
        own, common = iter(laned), iter(leaves.shared)
        kind = (counts[0] if isinstance(counts, tuple) else counts).dtype
        nothing = jnp.zeros((), kind)
        filled = [nothing if k == "unused" else next(common if k == "shared" else own) for k in model.kinds]
        params = dict(zip(model.names, filled, strict=True))

        def rates(counts: Real) -> tuple[Real, ...]:
            return _groups(model.network.propensities(counts, params, *(() if inputs is None else (inputs,))), kind)

        return evaluate(rates, model.cuts, counts) if isinstance(counts, tuple) else rates(counts)

    return jax.vmap(one, in_axes=-1, out_axes=-1)(leaves.laned, counts, inputs)


def along(model: Structure, values: Sections) -> tuple[Real, ...]:
    """What each reaction changes, times values per species: zeta^T values, one array per group."""
    out, first, real = [], 0, values[0].dtype
    for size in model.groups:
        total = None
        for which, amount in model.network.changes:
            part = amount[first : first + size]
            if part.any():
                taken = take(model.cuts, values, which[first : first + size])
                if (part == part[0]).all():
                    term = taken if part[0] == 1 else taken * real.type(part[0])
                else:
                    term = taken * jnp.asarray(part, real)[:, None]
                total = term if total is None else total + term
        out.append(total)
        first += size
    return tuple(out)


def fire(model: Structure, counts: Sections, reaction: Count, cuts: Cuts | None = None, sign: int = 1) -> Sections:
    """Counts after (or, with sign -1, before) each lane's reaction; a negative number of a reaction is none."""
    for which, amount in model.network.changes:
        at, by = _touched(which, amount, reaction, counts[0].dtype)
        counts = add_at(model.cuts if cuts is None else cuts, counts, at, sign * by)
    return counts


def change_of(
    model: Structure, values: Sequence[Real | None], reaction: Count, real: np.dtype
) -> Float[Array, " lanes"]:
    """The number zeta_r . values of each lane's reaction; 0 without one. Sections of values that are None are zero."""
    terms = []
    for which, amount in model.network.changes:
        at, by = _touched(which, amount, reaction, real)
        terms.append(by * picked(model.cuts, values, at, real))
    return functools.reduce(jnp.add, terms)


def _touched(which: np.ndarray, amount: np.ndarray, reaction: Count, real: np.dtype) -> tuple[Count, Real]:
    """The species that each lane's reaction changes, -1 for none, and by how much."""
    fires = reaction >= 0
    at = jnp.where(fires, jnp.asarray(which, jnp.int32)[jnp.maximum(reaction, 0)], -1)
    if (amount == amount[0]).all():
        return at, jnp.full(at.shape, amount[0], real)
    return at, jnp.asarray(amount, real)[jnp.maximum(reaction, 0)]


def fresh_inputs(weights: Real, counts: Real) -> Real:
    """Features W x, by a sum over species in their order, which does not depend on the number of lanes."""
    return jnp.sum(weights[:, :, None] * counts[None], axis=1)
