"""Arrays over the species in sections, so that compiled loops run over whole arrays.

Where a network reads its counts in slices, the derivative of a slice is an array padded with zeros, and sums of such arrays
are loops with a branch at every number. In sections, cut where the slices begin and end, there is nothing to pad.
"""

import itertools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import core
from jax.extend.core import Jaxpr
from jaxtyping import Array, Float

from jumpax._base.trees import Tree
from jumpax._base.types import Count, Real

Cuts = tuple[int, ...]
"""Where sections begin, from 0, and where the last one ends."""
Sections = tuple[Real, ...]
"""An array over species, (section, lanes) each."""
_MOST = 16


def runs(which: np.ndarray) -> list[np.ndarray]:
    """The numbers, parted where they do not follow each other."""
    return np.split(which, np.flatnonzero(np.diff(which) != 1) + 1)


def cuts_of(species: int, jaxpr: Jaxpr, place: int, others: Sequence[np.ndarray]) -> Cuts:
    """Where to cut: at the slices that a program takes of its argument number `place`, and at the runs of others."""
    at = {0, species}
    for e in jaxpr.eqns:
        if e.primitive.name == "slice" and e.invars[0] is jaxpr.invars[place]:
            at |= {e.params["start_indices"][0], e.params["limit_indices"][0]}
    for which in others:
        parts = runs(which) if len(which) else []
        if len(parts) <= _MOST:
            at |= {int(end) for run in parts for end in (run[0], run[-1] + 1)}
    return tuple(sorted(at)) if len(at) <= _MOST + 1 else (0, species)


def split(cuts: Cuts, values: Array) -> tuple[Array, ...]:
    """The sections of an array, along its first axis."""
    return tuple(values[a:b] for a, b in itertools.pairwise(cuts))


def take(cuts: Cuts, values: Sections, which: np.ndarray) -> Float[Array, "taken lanes"]:
    """Rows by number; as slices, where the numbers run on."""
    parts = runs(which)
    if len(parts) > _MOST:
        return jnp.concatenate(values)[which]
    pieces = []
    for run in parts:
        for part, first, end in zip(values, cuts[:-1], cuts[1:], strict=True):
            low, high = max(run[0], first), min(run[-1] + 1, end)
            if low < high:
                pieces.append(part if (low, high) == (first, end) else part[low - first : high - first])
    return pieces[0] if len(pieces) == 1 else jnp.concatenate(pieces)


def picked(cuts: Cuts, values: Sequence[Real | None], at: Count, real: np.dtype) -> Float[Array, " lanes"]:
    """The number at one species per lane; 0 for a negative one, and in sections that are None."""
    total = jnp.zeros(at.shape, real)
    for part, first, end in zip(values, cuts[:-1], cuts[1:], strict=True):
        if part is None:
            continue
        here = (at >= first) & (at < end)
        found = jnp.take_along_axis(part, jnp.where(here, at - first, 0)[None], 0)[0]
        total = jnp.where(here, found, total)
    return total


def add_at(cuts: Cuts, values: Sections, at: Count, by: Real) -> Sections:
    """Sections with a number added at one species per lane."""
    out = []
    for part, first, end in zip(values, cuts[:-1], cuts[1:], strict=True):
        number = np.arange(first, end, dtype=np.int32)[:, None]
        out.append(part + jnp.where(number == at[None], by[None], part.dtype.type(0)))
    return tuple(out)


def evaluate(function: Callable[[Array], Tree], cuts: Cuts, parts: Sequence[Array]) -> Tree:
    """The function of the joined parts (one axis), its slices read from the parts themselves."""
    if len(parts) == 1:
        return function(parts[0])
    whole = jax.ShapeDtypeStruct((cuts[-1],), parts[0].dtype)
    closed, shape = jax.make_jaxpr(function, return_shape=True)(whole)
    jaxpr, (argument,) = closed.jaxpr, closed.jaxpr.invars
    found = {}
    for e in jaxpr.eqns:
        if e.primitive.name == "slice" and e.invars[0] is argument and e.params["strides"] in (None, (1,)):
            begin, end = e.params["start_indices"][0], e.params["limit_indices"][0]
            if begin in cuts and end in cuts:
                inside = parts[cuts.index(begin) : cuts.index(end)]
                found[e.outvars[0]] = inside[0] if len(inside) == 1 else jnp.concatenate(inside)
    others = [e for e in jaxpr.eqns if not (e.outvars and e.outvars[0] in found)]
    direct = jaxpr.replace(constvars=[*jaxpr.constvars, *found], eqns=others)
    out = core.eval_jaxpr(direct, [*closed.consts, *found.values()], jnp.concatenate(parts))
    return jax.tree.unflatten(jax.tree.structure(shape), out)
