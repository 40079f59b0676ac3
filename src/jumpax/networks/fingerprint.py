"""Text that stays the same from process to process, for whatever a network is made of."""

import dataclasses
import functools
import hashlib
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

_LONG, _SHORT = 100_000, 200
"""Characters from which a text is kept in pieces, and up to which that of a thing is remembered, since it may come again."""


class _Pieces:
    """A text that is too long to be copied into every text that it is part of."""

    def __init__(self, pieces: list[Any], length: int):
        self.pieces, self.length = pieces, length

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[str]:
        for piece in self.pieces:
            if isinstance(piece, str):
                yield piece
            else:
                yield from piece


_Text: TypeAlias = str | _Pieces


def digest(value: Any) -> str:
    """SHA-256 of the fingerprint, in hexadecimal.

    Two equal values have the same fingerprint in every process of the same Python version. Functions are written as their
    bytecode, constants, defaults, the values they close over and the globals they name: a comment or the place in a file
    does not matter, and the value of a constant does. Anything unknown, such as an object of a class that is no dataclass, is
    written as its type.
    """
    made, text = hashlib.sha256(), _Writer().text(value, ())
    for piece in (text,) if isinstance(text, str) else text:
        made.update(piece.encode())
    return made.hexdigest()


class _Writer:
    """Writes fingerprints."""

    def __init__(self):
        self.known: dict[int, tuple[Any, str]] = {}
        """Texts by identity of what they are of, which is kept so that no other thing gets that identity."""
        self.odd = 0
        """How many things were met that may be part of themselves, so that their text depends on where they stand."""

    def text(self, value: Any, seen: tuple[int, ...]) -> _Text:
        """The fingerprint of a value inside of others."""
        write, head, odd = _writer(type(value))
        if write is None:
            return f"{head}:{value!r}"
        if id(value) in self.known:
            return self.known[id(value)][1]
        if id(value) in seen:
            self.odd += 1
            return "again"
        before = self.odd
        self.odd += odd
        made = write(self, value, head, (*seen, id(value)))
        if self.odd == before and isinstance(made, str) and len(made) < _SHORT:
            self.known[id(value)] = (value, made)
        return made

    def _items(self, value: Any, head: str, seen: tuple[int, ...]) -> _Text:
        return _join(head, [self.text(v, seen) for v in value])

    def _fields(self, value: Any, head: str, seen: tuple[int, ...]) -> _Text:
        return _join(head, [self.text(getattr(value, name), seen) for name in _field_names(type(value))])

    def _mapping(self, value: Any, head: str, seen: tuple[int, ...]) -> _Text:
        pairs = [_join("", [self.text(k, seen), self.text(v, seen)]) for k, v in value.items()]
        return _join(head, sorted(map(_whole, pairs)))

    def _set(self, value: Any, head: str, seen: tuple[int, ...]) -> _Text:
        return _join(head, sorted(_whole(self.text(v, seen)) for v in value))

    def _function(self, value: Any, head: str, seen: tuple[int, ...]) -> _Text:
        outside = [cell.cell_contents for cell in value.__closure__ or ()]
        named = {name: value.__globals__[name] for name in _names(value.__code__) if name in value.__globals__}
        parts = (value.__code__, value.__defaults__, value.__kwdefaults__, outside, named)
        return _join("function", [self.text(part, seen) for part in parts])

    def _method(self, value: Any, head: str, seen: tuple[int, ...]) -> _Text:
        return _join("method", [self.text(value.__func__, seen), self.text(value.__self__, seen)])

    def _code(self, value: Any, head: str, seen: tuple[int, ...]) -> _Text:
        return _join("code", [value.co_code.hex(), *(self.text(v, seen) for v in (value.co_names, value.co_consts))])

    def _module(self, value: Any, head: str, seen: tuple[int, ...]) -> _Text:
        return f"module:{value.__name__}"

    def _other(self, value: Any, head: str, seen: tuple[int, ...]) -> _Text:
        if isinstance(value, np.generic | np.ndarray) or hasattr(value, "__array__"):
            array = np.asarray(value)
            return _join("array", [str(array.dtype), str(array.shape), array.tobytes().hex()])
        if isinstance(value, functools.partial):
            return _join(head, [self.text(part, seen) for part in (value.func, value.args, value.keywords)])
        if (inner := getattr(value, "__wrapped__", None)) is not None:  # as jax.jit leaves it
            return _join(head, [self.text(inner, seen)])
        return _join(head, [str(getattr(value, "__module__", "")), str(getattr(value, "__qualname__", ""))])


_WRITERS: tuple[tuple[tuple[type, ...], Callable[..., _Text]], ...] = (
    ((types.FunctionType,), _Writer._function),
    ((types.MethodType,), _Writer._method),
    ((types.CodeType,), _Writer._code),
    ((types.ModuleType,), _Writer._module),
    ((Mapping,), _Writer._mapping),
    ((set, frozenset), _Writer._set),
    ((list, tuple), _Writer._items),
)


@functools.cache
def _writer(kind: type) -> tuple[Callable[..., _Text] | None, str, bool]:
    """What writes values of a type, what they begin with, and whether they may be part of themselves; none for plain ones."""
    if issubclass(kind, str | bytes | bool | int | float | complex | types.NoneType):
        return None, kind.__name__, False
    plain = _Writer._fields if dataclasses.is_dataclass(kind) else _Writer._other
    write = next((write for kinds, write in _WRITERS if issubclass(kind, kinds)), plain)
    return write, f"{kind.__module__}.{kind.__qualname__}", write not in (_Writer._items, _Writer._fields)


@functools.cache
def _field_names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _names(code: types.CodeType) -> list[str]:
    """The global names of a function and of the functions inside it."""
    inner = [name for const in code.co_consts if isinstance(const, types.CodeType) for name in _names(const)]
    return [*code.co_names, *inner]


def _whole(text: _Text) -> str:
    return text if isinstance(text, str) else "".join(text)


def _join(head: str, parts: Iterable[_Text]) -> _Text:
    """The text of something made of parts, each with its length before it."""
    pieces: list[_Text] = []
    for part in parts:
        pieces += (f",{len(part)}:" if pieces else f"{head}({len(part)}:", part)
    pieces.append(")" if pieces else f"{head}()")
    length = sum(map(len, pieces))
    return _Pieces(pieces, length) if length > _LONG else "".join(pieces)  # type: ignore[arg-type]  # no long piece then
