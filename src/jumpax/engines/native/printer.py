"""Prints a scalar jaxpr as straight lines."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend import core
from jax.extend.core import Jaxpr

from jumpax._base import math, whole
from jumpax._base.errors import UnsupportedError
from jumpax._base.types import Numeric

_PLAIN = {
    "add": "add", "add_any": "add", "sub": "sub", "mul": "mul", "div": "div", "neg": "neg", "abs": "abs_", "max": "max_",
    "min": "min_", "and": "and_", "or": "or_", "xor": "xor", "not": "not_", "shift_left": "shl",
    "shift_right_logical": "lshr", "shift_right_arithmetic": "ashr", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge",
    "eq": "eq", "ne": "ne", "sqrt": "sqrt",
}  # fmt: skip
_LIBRARY = {
    "exp": math.exp, "log": math.log, "pow": math.power, "floor": whole.floor, "ceil": whole.ceil, "rem": whole.remainder,
    "sign": whole.sign,
}  # fmt: skip
"""Operations that are a call into a library elsewhere, and our straight lines for them."""
_NAMED = {"multiply_add": "muladd"}
"""Compiled functions of ours that are one instruction."""
_CONTRACTED = {"add": "addc", "add_any": "addc", "sub": "subc", "mul": "mulc"}
_PASSED = {"broadcast_in_dim", "copy", "copy_p", "reshape", "squeeze", "stop_gradient"}
"""Of no effect on scalars."""


def _function(equation: Any) -> Callable[..., Any] | None:
    """Our straight lines for an operation on real numbers, if it needs some."""
    if _kind(equation.outvars[0]).kind != "f":
        return None
    if equation.primitive.name == "round":
        return whole.round_half_even if int(equation.params["rounding_method"]) else whole.round_half_away
    return _LIBRARY.get(equation.primitive.name)


def _kind(atom: Any) -> np.dtype:
    return np.dtype(atom.aval.dtype)


class Line(NamedTuple):
    """One operation on named numbers."""

    name: str
    operation: str
    arguments: tuple[str, ...]


def _needed(lines: Sequence[Line], results: Sequence[str]) -> list[Line]:
    """The lines that results depend on."""
    out, read = [], set(results)
    for line in reversed(lines):
        if line.name in read:
            read.update(line.arguments)
            out.append(line)
    return out[::-1]


class Printer:
    """Turns jaxprs into lines; constants are gathered by name."""

    def __init__(self):
        self.constants: dict[str, Any] = {}
        self._known: dict[tuple[str, bytes], str] = {}
        self._count = 0
        self._made: dict[tuple[str, ...], str] = {}
        self._natural: frozenset[str] = frozenset()

    def constant(self, value: Any, dtype: np.dtype) -> str:
        """Name of a constant."""
        number = np.asarray(value, dtype)
        if number.size != 1:
            raise UnsupportedError(f"an array constant of shape {number.shape} cannot be printed")
        where = (dtype.name, number.tobytes())
        if where not in self._known:
            self._known[where] = name = f"c{len(self.constants)}"
            self.constants[name] = number.reshape(())[()]
        return self._known[where]

    def lines(
        self, closed: core.ClosedJaxpr, arguments: Sequence[str], natural: Iterable[str] = ()
    ) -> tuple[list[Line], list[str]]:
        """Lines that compute a jaxpr of scalars, without those that nothing needs, and the names of its results.

        Args:
            closed: what to compute.
            arguments: names of what it takes.
            natural: those of the arguments that are never negative where the results matter.

        Raises:
            UnsupportedError: naming the operation that has no printed form.
        """
        out: list[Line] = []
        self._made, self._natural = {}, frozenset(natural)
        results = self._run(closed.jaxpr, closed.consts, list(arguments), out, contract=False)
        return _needed(out, results), results

    def _run(
        self, jaxpr: Jaxpr, consts: Sequence[Numeric], arguments: list[str], out: list[Line], contract: bool
    ) -> list[str]:
        names: dict[Any, str] = dict(zip(jaxpr.invars, arguments, strict=True))
        for variable, value in zip(jaxpr.constvars, consts, strict=True):
            names[variable] = self.constant(value, _kind(variable))

        def name(atom: Any) -> str:
            if isinstance(atom, core.Literal):
                return self.constant(atom.val, _kind(atom))
            return names[atom]

        for equation in jaxpr.eqns:
            inputs = [name(atom) for atom in equation.invars]
            inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
            if equation.params.get("name") in _NAMED:
                results = [self._assign(out, _NAMED[equation.params["name"]], *inputs)]
            elif inner is not None:
                closed = inner if hasattr(inner, "consts") else core.ClosedJaxpr(inner, ())
                # the elementary functions are right with and without contraction, and faster with it
                inside = contract or equation.primitive.name == "custom_jvp_call"
                results = self._run(closed.jaxpr, closed.consts, inputs, out, inside)
            elif (function := _function(equation)) is not None:
                shapes = [jax.ShapeDtypeStruct((), _kind(atom)) for atom in equation.invars]
                ours = jax.make_jaxpr(function)(*shapes)
                results = self._run(ours.jaxpr, ours.consts, inputs, out, contract)
            else:
                results = [self._one(equation, inputs, out, contract)]
            names.update(zip(equation.outvars, results, strict=True))
        return [name(atom) for atom in jaxpr.outvars]

    def _one(self, equation: Any, inputs: list[str], out: list[Line], contract: bool) -> str:
        primitive, result = equation.primitive.name, equation.outvars[0]
        if result.aval.shape != ():
            raise UnsupportedError(
                f"{primitive} makes an array of shape {result.aval.shape}; only scalars can be printed"
            )
        if primitive in _PASSED:
            return inputs[0]
        kind = _kind(result).name
        if (same := self._known_result(primitive, equation, inputs)) is not None:
            return same
        if contract and primitive in _CONTRACTED and kind.startswith("float"):
            operation = _CONTRACTED[primitive]
        elif primitive in _PLAIN:
            operation = _PLAIN[primitive]
        elif primitive == "select_n" and len(inputs) == 3:
            operation, inputs = "select", [inputs[0], inputs[2], inputs[1]]
        elif primitive == "convert_element_type":
            if _kind(equation.invars[0]) == _kind(result):
                return inputs[0]
            operation = f"to_{kind}"
        elif primitive == "bitcast_convert_type":
            operation = f"as_{kind}"
        elif primitive in ("integer_pow", "square"):
            return self._power(inputs[0], equation.params.get("y", 2), _kind(result), out)
        else:
            raise UnsupportedError(f"the operation {primitive!r} has no printed form")
        return self._assign(out, operation, *inputs)

    def _known_result(self, primitive: str, equation: Any, inputs: list[str]) -> str | None:
        """The name of a result that needs no instruction: x + 0, x - 0, x * 1, n >= 0, and what a known flag selects."""
        if primitive in ("add", "add_any", "sub", "mul"):
            neutral = self.constant(primitive == "mul", _kind(equation.outvars[0]))
            if inputs[1] == neutral:
                return inputs[0]
            return inputs[1] if inputs[0] == neutral and primitive != "sub" else None
        if primitive == "ge" and inputs[0] in self._natural and inputs[1] == self.constant(0, np.dtype(np.int32)):
            return self.constant(True, np.dtype(bool))
        if primitive == "select_n" and inputs[0] == self.constant(True, np.dtype(bool)):
            return inputs[2]
        return None

    def _assign(self, out: list[Line], operation: str, *inputs: str) -> str:
        made = (operation, *inputs)
        if made not in self._made:
            self._count += 1
            self._made[made] = f"v{self._count}"
            out.append(Line(self._made[made], operation, inputs))
        return self._made[made]

    def _power(self, base: str, exponent: int, dtype: np.dtype, out: list[Line]) -> str:
        """base^exponent by squaring."""
        result, square, left = None, base, abs(exponent)
        while left:
            if left & 1:
                result = square if result is None else self._assign(out, "mul", result, square)
            left >>= 1
            if left:
                square = self._assign(out, "mul", square, square)
        one = self.constant(1, dtype)
        if result is None:
            return one
        return result if exponent > 0 else self._assign(out, "div", one, result)
