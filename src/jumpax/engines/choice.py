"""Which engine runs a program."""

import functools
import importlib
import os
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jumpax._base.errors import InputError, JumpaxWarning, UnsupportedError
from jumpax.engines.engine import AbstractEngine, precision_of, run_threads
from jumpax.engines.inputs import Inputs
from jumpax.engines.program import Program
from jumpax.engines.recorded import Recorded
from jumpax.engines.xla import Xla

ENGINES = {
    "cpu": "jumpax.engines.cpu:Cpu",
    "gpu": "jumpax.engines.gpu:Gpu",
    "gpu_on_host": "jumpax.engines.gpu:on_host",
    "xla": "jumpax.engines.xla:Xla",
    "reference": "jumpax.engines.reference:Reference",
}
"""Where each engine is found; imported when it is asked for, since Numba takes a while."""
LARGEST = 6_000
"""Operations of a turn up to which a kernel is printed and compiled, in some seconds; larger programs run on `xla`."""


@functools.cache
def engine_named(name: str) -> AbstractEngine:
    """An engine.

    Raises:
        InputError: for a name that is not known.
    """
    if name not in ENGINES:
        raise InputError(f"unknown engine {name!r}; known: {', '.join(ENGINES)}")
    module, _, kind = ENGINES[name].partition(":")
    return getattr(importlib.import_module(module), kind)()


def engine_for(program: Program, name: str | None) -> AbstractEngine:
    """The engine asked for; else `cpu` or `gpu`, where JAX computes, if the program can be printed, and `xla` elsewhere.

    Warns:
        JumpaxWarning: naming what keeps a program from the fast engine.
    """
    if name is not None:
        return engine_named(name)
    return engine_named(_default(program, platform()))


def platform() -> str:
    """Where JAX computes unless arrays lie elsewhere: that of `jax.default_device`, if there is one."""
    device: Any = jax.config.jax_default_device  # type: ignore[attr-defined]
    if device is None:
        return jax.default_backend()
    return "gpu" if device == "cuda" else getattr(device, "platform", device)


@functools.lru_cache(maxsize=256)
def _default(program: Program, backend: str) -> str:
    if backend not in ("cpu", "gpu"):
        return "xla"
    from jumpax.engines.cpu import operations

    try:
        with precision_of(program):
            if operations(program) > LARGEST:
                return "xla"
        engine_named(backend)
    except UnsupportedError as refusal:
        warnings.warn(
            f"the {backend} engine cannot run this model, the slower xla engine does: {refusal}",
            JumpaxWarning,
            stacklevel=4,
        )
        return "xla"
    return backend


def default_threads(engine: AbstractEngine) -> int:
    """As many threads as cores where they help: XLA has a pool of its own."""
    if engine.name != "cpu":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gather(engine: AbstractEngine, program: Program, inputs: Inputs, room: int) -> Recorded:
    """A whole run inside a JAX program, as traced operations or as one call to the host; (room,) rows."""
    if engine.traceable:
        return engine.gather(program, inputs, room)
    shapes = jax.eval_shape(functools.partial(Xla().gather, program, room=room), inputs=inputs)
    engine.prepare(program, inputs)

    def host(packed: Any) -> Any:
        given = jax.tree.map(_unpack, packed, jax.tree.map(lambda leaf: leaf.dtype, inputs))
        recorded = run_threads(engine, program, given, default_threads(engine))
        return jax.tree.map(lambda leaf, like: _words(_fill(room, leaf, like)), recorded, shapes)

    packed = jax.pure_callback(
        host, jax.tree.map(_words_of, shapes), jax.tree.map(_pack, inputs), vmap_method="sequential"
    )
    return jax.tree.map(
        lambda leaf, like: lax.bitcast_convert_type(leaf, like.dtype) if _wide(like) else leaf, packed, shapes
    )


def _wide(leaf: Any) -> bool:
    """Whether a number has 64 bits.

    Such numbers cross to the host as two words: the thread that runs the callback need not have heard of
    `jax.enable_x64`, and would round them.
    """
    return leaf.dtype.itemsize == 8


def _pack(leaf: Any) -> Any:
    leaf = jnp.asarray(leaf)
    return lax.bitcast_convert_type(leaf, jnp.uint32) if _wide(leaf) else leaf


def _unpack(leaf: Any, dtype: np.dtype) -> np.ndarray:
    return np.ascontiguousarray(leaf).view(dtype)[..., 0] if dtype.itemsize == 8 else np.asarray(leaf)


def _words_of(shape: Any) -> Any:
    return jax.ShapeDtypeStruct((*shape.shape, 2), np.uint32) if _wide(shape) else shape


def _words(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array)[..., None].view(np.uint32) if _wide(array) else array


def _fill(room: int, leaf: np.ndarray, shape: Any) -> np.ndarray:
    """Rows for all the room there is."""
    rows = np.zeros(shape.shape, shape.dtype)
    rows[: len(leaf)] = leaf
    return rows
