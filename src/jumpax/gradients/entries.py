"""Observables as scalars: what a fold may compute, from a function that makes arrays."""

import dataclasses
import functools
import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jax.extend.core import Jaxpr, JaxprEqn
from jaxtyping import Array

from jumpax._base import given
from jumpax._base.types import Numeric, Real
from jumpax.observables import Observable

_REDUCE = {
    "reduce_sum": operator.add,
    "reduce_prod": operator.mul,
    "reduce_max": jnp.maximum,
    "reduce_min": jnp.minimum,
}


@dataclasses.dataclass(frozen=True)
class Entries:
    """The entries of an observable, one scalar each, from the counts of all species.

    Arrays that the observable makes on the way (`stack`, indexing, one-hot vectors) are taken apart into scalars; where an
    operation cannot be, the whole observable is left as it is, which only the `xla` engine runs.
    """

    observable: Observable
    species: tuple[str, ...]

    def __call__(self, counts: Sequence[Real]) -> tuple[Real, ...]:
        """Flattened result, in the type of the counts."""

        def flat(*counts: Real) -> list[Array]:
            made = jax.tree.leaves(given.observe(self.observable, dict(zip(self.species, counts, strict=True))))
            return [jnp.asarray(leaf, counts[0].dtype) for leaf in made]

        closed = jax.make_jaxpr(flat)(*counts)
        try:
            leaves = _scalars(closed.jaxpr, closed.consts, [_cell(c) for c in counts])
        except NotImplementedError:
            return tuple(leaf[at] for leaf in flat(*counts) for at in np.ndindex(leaf.shape))
        return tuple(jnp.asarray(entry, counts[0].dtype) for leaf in leaves for entry in leaf.reshape(-1))


def _cell(value: object) -> np.ndarray:
    """An array of objects without axes."""
    out = np.empty((), object)
    out[()] = value
    return out


def _objects(value: Numeric) -> np.ndarray:
    """A constant as an array of scalars."""
    array = np.asarray(value)
    out = np.empty(array.shape, object)
    for at in np.ndindex(array.shape):
        out[at] = jnp.asarray(array[at])
    return out


def _scalars(jaxpr: Jaxpr, consts: Sequence[Numeric], arguments: list[np.ndarray]) -> list[np.ndarray]:
    """Run a jaxpr on arrays of scalars."""
    known = dict(zip(jaxpr.invars, arguments, strict=True))
    known |= {v: _objects(c) for v, c in zip(jaxpr.constvars, consts, strict=True)}

    def read(atom: core.Literal | core.Var) -> np.ndarray:
        return _objects(atom.val) if isinstance(atom, core.Literal) else known[atom]

    for equation in jaxpr.eqns:
        inputs = [read(atom) for atom in equation.invars]
        inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
        if inner is not None:
            closed = inner if hasattr(inner, "consts") else core.ClosedJaxpr(inner, ())
            results = _scalars(closed.jaxpr, closed.consts, inputs)
        else:
            results = [_one(equation, inputs)]
        known.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _one(equation: Any, inputs: list[np.ndarray]) -> np.ndarray:
    name, params, shape = equation.primitive.name, equation.params, equation.outvars[0].aval.shape
    if name in ("reshape", "squeeze"):
        return inputs[0].reshape(shape)
    if name == "broadcast_in_dim":
        middle = [1] * len(shape)
        for axis, size in zip(params["broadcast_dimensions"], inputs[0].shape, strict=True):
            middle[axis] = size
        return np.broadcast_to(inputs[0].reshape(middle), shape)
    if name == "concatenate":
        return np.concatenate(inputs, params["dimension"])
    if name == "stack":
        return np.stack(inputs, params["axis"])
    if name == "slice":
        strides = params["strides"] or (1,) * len(shape)
        return inputs[0][tuple(map(slice, params["start_indices"], params["limit_indices"], strides))]
    if name == "iota":
        axes = [1] * len(shape)
        axes[params["dimension"]] = -1
        return _objects(
            np.broadcast_to(np.arange(shape[params["dimension"]], dtype=params["dtype"]).reshape(axes), shape)
        )
    if name in _REDUCE:
        axes = [a for a in range(inputs[0].ndim) if a not in params["axes"]] + list(params["axes"])
        rows = inputs[0].transpose(axes).reshape(*shape, -1)
        out = np.empty(shape, object)
        for at in np.ndindex(shape):
            out[at] = functools.reduce(_REDUCE[name], rows[at])
        return out
    if not _elementwise(equation) or any(leaf.ndim not in (0, len(shape)) for leaf in inputs):
        raise NotImplementedError(name)
    spread, out = [np.broadcast_to(leaf, shape) for leaf in inputs], np.empty(shape, object)
    for at in np.ndindex(shape):
        out[at] = equation.primitive.bind(*[leaf[at] for leaf in spread], **params)
    return out


def _elementwise(equation: JaxprEqn) -> bool:
    """Whether an operation treats each entry alone: then it has no parameter that speaks of axes."""
    return not {"axis", "axes", "dimension", "dimensions", "dimension_numbers", "permutation"} & set(equation.params)
