"""Functions of JAX on the host: their elementwise operations one by one, by NumPy and SciPy.

A program of XLA is handed to threads of its own, which takes longer than thousands of densities do, above all where the other cores are busy.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

import jax
import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn
from jaxtyping import Array

LANES = 997
"""Of the arrays a function is traced with: any number that no array of its own has."""
Host: TypeAlias = np.ndarray | np.generic
"""Numbers on the host."""


def _lgamma(x: Host) -> Host:
    from scipy.special import gammaln  # slow to import

    return gammaln(x)


def _digamma(x: Host) -> Host:
    from scipy.special import digamma

    return digamma(x)


def _erf(x: Host) -> Host:
    from scipy.special import erf

    return erf(x)


_PLAIN: dict[str, Callable[..., Host]] = {
    "add": np.add, "add_any": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide, "neg": np.negative,
    "max": np.maximum, "min": np.minimum, "abs": np.abs, "sign": np.sign, "floor": np.floor, "ceil": np.ceil, "pow": np.power,
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sqrt": np.sqrt, "square": np.square,
    "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "lgamma": _lgamma, "digamma": _digamma, "erf": _erf, "is_finite": np.isfinite,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "and": np.logical_and, "or": np.logical_or, "not": np.logical_not,
}  # fmt: skip
_CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
}
"""Operations that are programs themselves, and where these stand."""


def host_function(function: Callable[..., Sequence[Array]], many: int) -> Callable[..., list[Host]] | None:
    """A function of `many` arrays of lanes, elementwise, for NumPy arrays of any length; None if some operation is not known.

    Results that do not depend on lanes may be single numbers.

    Examples:
        >>> import jax.numpy as jnp
        >>> both = host_function(lambda x, y: (jnp.where(x > y, jnp.log(x), 0.0),), 2)
        >>> both(np.array([1.0, np.e]), np.array([2.0, 1.0]))
        [array([0., 1.])]
    """
    with jax.enable_x64(True):
        closed = jax.make_jaxpr(function)(*[np.ones(LANES)] * many)
    if any(np.shape(const) for const in closed.consts) or not _known(closed.jaxpr):
        return None
    slots = _Slots([None] * many)
    results = slots.inlined(closed.jaxpr, closed.consts, list(range(many)))
    first, steps = slots.first, slots.steps

    def run(*arrays: np.ndarray) -> list[Host]:
        values = [*arrays, *first[many:]]
        with np.errstate(all="ignore"):
            for operation, given, place in steps:
                values[place] = operation(*[values[slot] for slot in given])
        return [values[slot] for slot in results]

    return run


@final
@dataclass(frozen=True)
class _Slots:
    """A program as a list of steps, each an operation with the places of what it takes and of what it gives."""

    first: list[Host | None]
    """Constants in their places; None for what is computed."""
    steps: list[tuple[Callable[..., Host], tuple[int, ...], int]] = field(default_factory=list)

    def _new(self, value: Host | None = None) -> int:
        self.first.append(value)
        return len(self.first) - 1

    def inlined(self, jaxpr: Jaxpr, consts: Sequence[Host], given: list[int]) -> list[int]:
        """Places of the results of a program."""
        known = dict(zip(jaxpr.invars, given, strict=True))
        known |= {variable: self._new(value) for variable, value in zip(jaxpr.constvars, consts, strict=True)}

        def place(variable: Any) -> int:
            return self._new(np.asarray(variable.val)[()]) if hasattr(variable, "val") else known[variable]

        for equation in jaxpr.eqns:
            taken = [place(variable) for variable in equation.invars]
            if equation.primitive.name in _CALLS:
                inner, own = _inner(equation)
                made = self.inlined(inner, own, taken)
            elif _is_shape(equation):
                made = taken
            else:
                made = [self._new()]
                operation = _operation(equation)
                assert operation is not None  # `_known` has looked
                self.steps.append((operation, tuple(taken), made[0]))
            known.update(zip(equation.outvars, made, strict=True))
        return [place(variable) for variable in jaxpr.outvars]


def _inner(equation: JaxprEqn) -> tuple[Jaxpr, Sequence[Host]]:
    """The program of a call, and its constants."""
    found = equation.params[_CALLS[equation.primitive.name]]
    return (found.jaxpr, found.consts) if hasattr(found, "consts") else (found, ())


def _known(jaxpr: Jaxpr) -> bool:
    """Whether all operations are elementwise, of single numbers and lanes, and can be computed here."""
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if not all(_plain(variable.aval) for variable in (*equation.invars, *equation.outvars)):
            return False
        if name in _CALLS:
            if not _known(_inner(equation)[0]):
                return False
        elif not _is_shape(equation) and _operation(equation) is None:
            return False
    return True


def _is_shape(equation: Any) -> bool:
    """Whether numbers stay what they are, and NumPy sees to their shape."""
    if equation.primitive.name == "convert_element_type":
        return equation.params["new_dtype"] == equation.invars[0].aval.dtype
    return equation.primitive.name in ("broadcast_in_dim", "reshape", "squeeze")


def _plain(value: Any) -> bool:
    """A real number in float64 or a truth value, or one per lane: whole numbers divide in another way."""
    return value.shape in ((), (LANES,)) and value.dtype in (np.float64, np.bool_)


def _operation(equation: JaxprEqn) -> Callable[..., Host] | None:
    """What computes an equation; None if nothing does."""
    name = equation.primitive.name
    if name == "select_n":
        return _select if len(equation.invars) == 3 else None
    if name == "integer_pow":
        power = equation.params["y"]
        return np.square if power == 2 else lambda x: np.power(x, float(power))
    if name == "convert_element_type":
        wanted = equation.params["new_dtype"]
        return lambda x: np.asarray(x).astype(wanted)
    return _PLAIN.get(name)


def _select(flag: Host, no: Host, yes: Host) -> Host:
    """Which of two; mostly it is the same for all."""
    if not flag.any():
        return no
    return yes if flag.all() else np.where(flag, yes, no)
