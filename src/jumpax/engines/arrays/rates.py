"""Propensities of all reactions for a block of lanes: species and reactions along the first axis, lanes along the last."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base import given
from jumpax._base.errors import InputError, unknown_name
from jumpax._base.types import Count, Real
from jumpax.engines.arrays.sections import Cuts, Sections, add_at, cuts_of, evaluate, picked, take
from jumpax.networks import Stacked, VectorNetwork

Kind = Literal["path", "spread", "shared", "unused"]
"""How a leaf of the params meets the lanes: it has values of its own per path; it is shared and small, so that every
lane holds a copy and no sum over lanes is needed per event; it is shared; the propensities do not read it."""


@dataclass(frozen=True)
class Structure:
    """What of a network and its params is known before any number is. Static."""

    network: Stacked | VectorNetwork
    tree: Any
    kinds: tuple[Kind, ...]
    names: tuple[str, ...]
    """Name in the params of each leaf."""
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


def filled(kinds: Sequence[Kind], values: Sequence[Any], lanes: int) -> Leaves:
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


def structure(
    network: Stacked | VectorNetwork,
    params: Mapping[str, Any],
    per_path: Sequence[str],
    paths: int,
    observed: Sequence[int] = (),
) -> Structure:
    """Look at shapes, and at what the propensities read.

    Raises:
        InputError: for params, propensities or features of other shapes than the network needs.
    """
    if not isinstance(params, Mapping):
        raise InputError(f"params must be a mapping of names to arrays; got {type(params).__name__}")
    if wrong := [unknown_name("entry of params in per_path", name, params) for name in per_path if name not in params]:
        raise InputError(" ".join(wrong))
    leaves, tree = jax.tree.flatten(dict(params))
    names = jax.tree.leaves({k: jax.tree.map(lambda _, k=k: k, v) for k, v in params.items()})
    if faults := [
        fault for name, x in zip(names, leaves, strict=True) for fault in _wrong(name, x, name in per_path, paths)
    ]:
        raise InputError("; ".join(faults))
    real = jnp.zeros((), float).dtype
    shapes = [np.shape(x)[1:] if n in per_path else np.shape(x) for n, x in zip(names, leaves, strict=True)]
    one = [jax.ShapeDtypeStruct(s, real) for s in shapes]
    width = _features(network, {k: v for k, v in params.items() if k not in per_path}, real)
    x = [jax.ShapeDtypeStruct((n,), real) for n in (len(network.species), *(() if width is None else (width,)))]

    def rates(leaves: Any, x: Any) -> tuple:
        arguments = (x[0], jax.tree.unflatten(tree, leaves), *x[1:])
        return _groups(given.call(network.propensities, arguments, "the function of propensities"), real)

    try:
        traced = jax.make_jaxpr(rates)(one, x)
    except KeyError as missing:
        raise InputError(f"propensities look for {missing}; the params are {', '.join(map(repr, params))}") from missing
    sizes = tuple(out.shape for out in traced.out_avals)
    if any(len(s) != 1 for s in sizes) or sum(s[0] for s in sizes) != network.reactions:
        raise InputError(
            f"propensities must give one number per reaction, {network.reactions} in all, in one array or a tuple of "
            f"arrays with one axis; got shapes {', '.join(map(str, sizes))}"
        )
    read = {id(v) for e in traced.jaxpr.eqns for v in e.invars} | {id(v) for v in traced.jaxpr.outvars}
    used = [id(v) in read for v in traced.jaxpr.invars[: len(leaves)]]
    kinds: tuple[Kind, ...] = tuple(
        _kind(n in per_path, len(s), u) for n, s, u in zip(names, shapes, used, strict=True)
    )
    groups = tuple(s[0] for s in sizes)
    ends = np.cumsum(groups)[:-1]
    changed = [part for which, _ in network.changes for part in np.split(which, ends)]
    cuts = cuts_of(len(network.species), traced.jaxpr, len(leaves), [*changed, np.array(observed, int)])
    return Structure(network, tree, kinds, tuple(names), groups, width or 0, cuts)


def _features(network: Stacked | VectorNetwork, shared: Mapping[str, Any], real: Any) -> int | None:
    """How many features there are."""
    features = network.features
    if features is None:
        return None
    try:
        shape = np.shape(jax.eval_shape(lambda p: given.call(features, (p,), "the function of features"), shared))
    except KeyError as missing:
        raise InputError(
            f"features reads params[{missing}], which is not there or in per_path: W must be the same for all paths"
        ) from None
    if len(shape) != 2 or shape[1] != len(network.species):
        raise InputError(f"features must give an array (features, {len(network.species)} species); got {shape}")
    return shape[0]


def _wrong(name: str, leaf: Any, own: bool, paths: int) -> list[str]:
    """What is wrong with a leaf of the params."""
    faults = []
    kind = getattr(leaf, "dtype", np.result_type(type(leaf)) if isinstance(leaf, bool | int | float) else None)
    if kind is None or not any(jnp.issubdtype(kind, some) for some in (jnp.floating, jnp.integer, jnp.bool_)):
        faults.append(f"params[{name!r}] must be real numbers; got {type(leaf).__name__} {str(leaf)[:40]}")
    if own and np.shape(leaf)[:1] != (paths,):
        faults.append(
            f"params[{name!r}] is in per_path, so its first axis must have {paths} entries, one per path, in one array; "
            f"got shape {np.shape(leaf)}"
        )
    return faults


def _kind(own: bool, axes: int, used: bool) -> Kind:
    if not used:
        return "unused"
    if own:
        return "path"
    return "spread" if axes == 1 else "shared"


def _groups(given: Any, kind: Any) -> tuple[Real, ...]:
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
        params = jax.tree.unflatten(model.tree, filled)

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


def change_of(model: Structure, values: Sequence[Real | None], reaction: Count, real: Any) -> Float[Array, " lanes"]:
    """The number zeta_r . values of each lane's reaction; 0 without one. Sections of values that are None are zero."""
    terms = []
    for which, amount in model.network.changes:
        at, by = _touched(which, amount, reaction, real)
        terms.append(by * picked(model.cuts, values, at, real))
    return functools.reduce(jnp.add, terms)


def _touched(which: np.ndarray, amount: np.ndarray, reaction: Count, real: Any) -> tuple[Count, Real]:
    """The species that each lane's reaction changes, -1 for none, and by how much."""
    fires = reaction >= 0
    at = jnp.where(fires, jnp.asarray(which, jnp.int32)[jnp.maximum(reaction, 0)], -1)
    if (amount == amount[0]).all():
        return at, jnp.full(at.shape, amount[0], real)
    return at, jnp.asarray(amount, real)[jnp.maximum(reaction, 0)]


def fresh_inputs(weights: Real, counts: Real) -> Real:
    """Features W x, by a sum over species in their order, which does not depend on the number of lanes."""
    return jnp.sum(weights[:, :, None] * counts[None], axis=1)
