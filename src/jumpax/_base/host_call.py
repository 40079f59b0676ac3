"""A call from a compiled program of XLA to a function of Python."""

import functools
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from jumpax._base import foreign

Work = Callable[[list[np.ndarray], list[np.ndarray]], None]
"""Reads arrays, which are the program's own, and fills others."""

TARGET = "jumpax_host_call"
_functions: dict[str, Work] = {}
"""By name. They stay, for nobody says when the last program that calls one of them is gone."""
_names: dict[Hashable, str] = {}
_naming = threading.Lock()


def call_host(function: Work, likes: Sequence[jax.ShapeDtypeStruct], arguments: Sequence[Array]) -> list[Array]:
    """What a function of Python fills arrays with, when a compiled program gets there.

    On a processor the function works on the buffers of XLA, and the program may be kept on disk: it knows functions by names,
    which are the same in every process that makes the same programs in the same order. (`jax.pure_callback` names them by their
    address, so JAX keeps no program with one.) Elsewhere it is `call_back`.

    Args:
        function: hashable; equal ones share a name, and so compiled programs.
        likes: shapes and types of what it fills.
        arguments: what it reads.

    What it raises becomes the message of a `jax.errors.JaxRuntimeError`.
    """
    name = _name(function)

    def here(*arguments: Array) -> list[Array]:
        _register()
        return list(jax.ffi.ffi_call(TARGET, likes, vmap_method="sequential")(*arguments, function=name))

    return lax.platform_dependent(*arguments, cpu=here, default=functools.partial(call_back, function, likes))


def _name(function: Work) -> str:
    key = cast(Hashable, function)
    with _naming:
        if key not in _names:
            name = f"{len(_names)}"
            _functions[name], _names[key] = function, name
        return _names[key]


@functools.cache
def _register() -> None:
    foreign.register(TARGET, lambda name, given, made: _functions[name](given, made))


def call_back(function: Work, likes: Sequence[jax.ShapeDtypeStruct], *arguments: Array) -> list[Array]:
    """As `call_host`, on any platform, by a callback of JAX: for functions that are not to be kept for ever.

    Numbers cross in words of 32 bits: the thread that runs it need not have heard of `jax.enable_x64`.
    """
    given = [(a.shape, np.dtype(a.dtype)) for a in arguments]

    def call(*words: Any) -> list[np.ndarray]:
        made = [np.empty(like.shape, like.dtype) for like in likes]
        function([_numbers(np.asarray(w), *one) for w, one in zip(words, given, strict=True)], made)
        return [_words(array) for array in made]

    wide = [jax.ShapeDtypeStruct(_words(np.empty(like.shape, like.dtype)).shape, np.uint32) for like in likes]
    words = jax.pure_callback(
        call,
        wide,
        *(a.astype(jnp.uint32) if a.dtype == bool else lax.bitcast_convert_type(a, jnp.uint32) for a in arguments),
        vmap_method="sequential",
    )
    return [lax.bitcast_convert_type(word, like.dtype) for word, like in zip(words, likes, strict=True)]


def _numbers(words: np.ndarray, shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
    return np.asarray(words != 0 if kind == np.bool_ else words.view(kind)).reshape(shape)


def _words(array: np.ndarray) -> np.ndarray:
    """The same bits as XLA's conversion has them: a number of 64 of them becomes two."""
    return (array[..., None] if array.dtype.itemsize == 8 else array).view(np.uint32)
