"""Text that stays the same from process to process, for whatever a network is made of."""

import dataclasses
import hashlib
import types
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def digest(value: Any) -> str:
    """SHA-256 of the fingerprint, in hexadecimal."""
    return hashlib.sha256(fingerprint(value).encode()).hexdigest()


def fingerprint(value: Any, seen: tuple[int, ...] = ()) -> str:
    """A text that two equal values share in every process of the same Python version.

    Functions are written as their bytecode, constants, defaults, the values they close over and the globals they name:
    a comment or the place in a file does not matter, and the value of a constant does. Anything unknown is written as
    its type.
    """
    if value is None or isinstance(value, str | bytes | bool | int | float | complex):
        return f"{type(value).__name__}:{value!r}"
    if id(value) in seen:
        return "again"
    seen = (*seen, id(value))
    head = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, types.FunctionType):
        return _function(value, seen)
    if isinstance(value, types.MethodType):
        return _join("method", [fingerprint(value.__func__, seen), fingerprint(value.__self__, seen)])
    if isinstance(value, types.CodeType):
        return _join("code", [value.co_code.hex(), *(fingerprint(v, seen) for v in (value.co_names, value.co_consts))])
    if isinstance(value, types.ModuleType):
        return f"module:{value.__name__}"
    if isinstance(value, Mapping):
        return _join(head, sorted(_join("", [fingerprint(k, seen), fingerprint(v, seen)]) for k, v in value.items()))
    if isinstance(value, set | frozenset):
        return _join(head, sorted(fingerprint(v, seen) for v in value))
    if isinstance(value, list | tuple):
        return _join(head, [fingerprint(v, seen) for v in value])
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _join(head, [fingerprint(getattr(value, f.name), seen) for f in dataclasses.fields(value)])
    if isinstance(value, np.generic | np.ndarray) or hasattr(value, "__array__"):
        array = np.asarray(value)
        return _join("array", [str(array.dtype), str(array.shape), array.tobytes().hex()])
    return _join(head, [str(getattr(value, "__module__", "")), str(getattr(value, "__qualname__", ""))])


def _function(function: types.FunctionType, seen: tuple[int, ...]) -> str:
    outside = [cell.cell_contents for cell in function.__closure__ or ()]
    named = {name: function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__}
    parts = (function.__code__, function.__defaults__, function.__kwdefaults__, outside, named)
    return _join("function", [fingerprint(part, seen) for part in parts])


def _names(code: types.CodeType) -> list[str]:
    """The global names of a function and of the functions inside it."""
    inner = [name for const in code.co_consts if isinstance(const, types.CodeType) for name in _names(const)]
    return [*code.co_names, *inner]


def _join(head: str, parts: Iterable[str]) -> str:
    return f"{head}({','.join(f'{len(part)}:{part}' for part in parts)})"
