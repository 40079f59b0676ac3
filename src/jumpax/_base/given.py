"""Functions that users give: what goes wrong in them while JAX traces them, in words."""

import inspect
import sysconfig
import traceback
from collections.abc import Callable, Mapping
from numbers import Real
from pathlib import Path
from typing import Any, TypeGuard

import jax
import numpy as np

from jumpax._base.errors import InputError, JumpaxError, unknown_name
from jumpax._base.source import expression

_BOOLEAN = (
    "decides by the value of a number (if, while, and, or, not, min, max, a comparison in a chain): write "
    "jnp.where(condition, a, b), jnp.logical_and(a, b), jnp.logical_or(a, b), jnp.minimum(a, b), jnp.maximum(a, b)"
)
_INDEX = (
    "uses a number as an index, as a key or as the length of a loop (range): write jnp.asarray(table)[i] with a whole number i "
    "of JAX, or choose by jnp.where(condition, a, b)"
)
_REMEDIES: tuple[tuple[type[Exception], str], ...] = (
    (jax.errors.TracerBoolConversionError, _BOOLEAN),
    (
        jax.errors.TracerArrayConversionError,
        "calls a function of NumPy or SciPy, which wants numbers: take that of JAX, as jnp.exp for np.exp, "
        "jax.scipy.special for scipy.special (import jax.numpy as jnp)",
    ),
    (jax.errors.TracerIntegerConversionError, _INDEX),
    (
        jax.errors.ConcretizationTypeError,
        "makes a number of Python (float, int, round, math.exp, .item()): leave float out, write jnp.floor(x) for int(x), "
        "jnp.exp(x) for math.exp(x) (import jax.numpy as jnp)",
    ),
)
_TEXTS = {
    "truth value of an array": _BOOLEAN,
    "Only integer scalar arrays can be converted": _INDEX,
    "unhashable type: 'DynamicJaxprTracer'": _INDEX,
    "array is 0-dimensional": "takes an entry of a count, which is a number without entries: leave the index out",
}
"""Remedies by what plain errors say."""
_WHY = "JAX calls it once, with placeholders, and runs what it has seen for every state."
_LIBRARIES = tuple(
    str(Path(place))
    for place in (*map(sysconfig.get_path, ("purelib", "platlib", "stdlib")), Path(__file__).parents[1])
)


def explain(fault: Exception, what: str) -> None:
    """Raise what can be told better; note on everything else where it comes from, and return, for it to be raised again.

    Args:
        fault: raised by a function that a user gave.
        what: what the function is to the user, as the start of a sentence.

    Raises:
        InputError: with the remedy, where Python asks for a number and there is only a placeholder.
    """
    if isinstance(fault, JumpaxError):
        return
    remedy = next((remedy for kind, remedy in _REMEDIES if isinstance(fault, kind)), None)
    if remedy is None and isinstance(fault, TypeError | ValueError | IndexError):
        remedy = next((remedy for text, remedy in _TEXTS.items() if text in str(fault)), None)
    if remedy is not None:
        raise InputError(f"{what} {remedy}. {_WHY}{_place(fault)}") from fault
    fault.add_note(f"jumpax: in {what}")


def call(function: Callable[..., Any], arguments: tuple[object, ...], what: str) -> Any:
    """What a function that a user gave returns; `what` it is to the user.

    Raises:
        InputError: see `explain`.
    """
    try:
        return function(*arguments)
    except Exception as fault:
        explain(fault, what)
        raise


def observe(observable: Callable[[Any], Any], counts: Mapping[str, object], kind: str = "observable") -> Any:
    """What an observable, or a condition, makes of counts by name.

    Raises:
        InputError: it reads a species that there is not, decides by values, or does not return numbers.
    """
    try:
        made = observable(counts)
    except Exception as fault:
        what = f"the {kind} {_named(observable)}"
        if isinstance(fault, KeyError) and fault.args and fault.args[0] not in counts:
            raise InputError(
                f"{what} reads an {unknown_name('species', fault.args[0], counts)}{_place(fault)}"
            ) from fault
        if isinstance(fault, AttributeError) and fault.obj is counts:
            raise InputError(
                f"{what} reads .{fault.name} of the counts, which are read by name, as in counts[{next(iter(counts))!r}]"
                f"{_place(fault)}"
            ) from fault
        explain(fault, what)
        raise
    return numbers(made, kind, observable)


def numbers(made: Any, kind: str, function: Any = None) -> Any:
    """What a function that a user gave returned, if that is numbers.

    Raises:
        InputError: it is something else, or nothing.
    """
    what = kind if function is None else f"the {kind} {_named(function)}"
    leaves = jax.tree.leaves(made, is_leaf=lambda leaf: leaf is None)
    if wrong := [leaf for leaf in leaves if not _number(leaf)]:
        raise InputError(
            f"{what} returns {shown(wrong[0])}; it must return a number, an array of numbers, or a "
            f"tuple, list or dict of them{' (is a return missing?)' if wrong[0] is None else ''}"
        )
    if not leaves:
        raise InputError(f"{what} returns no number at all")
    return made


def check_function(value: object, kind: str, example: str) -> None:
    """Whether something can be called with counts at all.

    Raises:
        InputError: it is a class, text, or something else.
    """
    if isinstance(value, type):
        raise InputError(f"{kind} {value.__name__} is a class; give one of its kind, {value.__name__}(...). {example}")
    if not callable(value):
        raise InputError(f"{kind} must be a function of the counts, not {shown(value)}. {example}")


def is_real(value: object) -> TypeGuard[float]:
    """Whether it is one real number, of Python or NumPy; a truth value is none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def _number(leaf: Any) -> bool:
    return not np.iscomplexobj(leaf) and (hasattr(leaf, "dtype") or isinstance(leaf, bool | int | float))


def shown(value: Any) -> str:
    """A value in a sentence, briefly."""
    if hasattr(value, "dtype"):
        return f"{'a' if np.ndim(value) == 0 else 'an array of shape ' + str(np.shape(value)) + ' of'} {value.dtype}"
    text = repr(value)
    return text if len(text) < 100 else f"an object of type {type(value).__name__}"


def arguments_of(function: Callable[..., object], what: str) -> tuple[str, ...]:
    """Names of the arguments without a default; those with one keep it.

    Raises:
        InputError: they cannot be known; `what` it is to the user, as the start of a sentence.
    """
    try:
        arguments = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise InputError(f"{what}: the arguments of {function!r} cannot be read; wrap it in a lambda") from None
    if wrong := [a for a in arguments if a.kind in (a.VAR_POSITIONAL, a.VAR_KEYWORD, a.KEYWORD_ONLY)]:
        raise InputError(f"{what} takes named arguments only, not {wrong[0]} as in {function!r}; wrap it in a lambda")
    return tuple(argument.name for argument in arguments if argument.default is argument.empty)


def _named(function: Any) -> str:
    """A function as its user knows it."""
    try:
        arguments = tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        arguments = ()
    if written := expression(function, arguments):
        return f"`{written}`"
    name = getattr(function, "__name__", None)
    return repr(function) if name is None else ("function" if name == "<lambda>" else repr(name))


def _place(fault: Exception) -> str:
    """The last line of the user's own that was running."""
    for frame in reversed(traceback.extract_tb(fault.__traceback__)):
        if frame.line and not frame.filename.startswith(_LIBRARIES):
            return f" At line {frame.lineno} of {Path(frame.filename).name}: {frame.line}"
    return ""
