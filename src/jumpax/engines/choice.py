"""Which engine runs a program."""

import functools
import importlib
import os
import warnings
from typing import Any

import jax
import numpy as np

from jumpax._base.errors import InputError, JumpaxWarning, UnsupportedError
from jumpax.engines.engine import AbstractEngine, precision_of, run_threads
from jumpax.engines.inputs import Inputs
from jumpax.engines.program import Program
from jumpax.engines.recorded import Recorded
from jumpax.engines.xla import Xla

ENGINES = {
    "cpu": "jumpax.engines.cpu:Cpu",
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
    """The engine asked for; else `cpu` where JAX computes on a CPU and the program can be printed, and `xla` elsewhere.

    Warns:
        JumpaxWarning: naming the operation that keeps a program from the fast engine.
    """
    if name is not None:
        return engine_named(name)
    return engine_named(_default(program, jax.default_backend()))


@functools.lru_cache(maxsize=256)
def _default(program: Program, backend: str) -> str:
    if backend != "cpu":
        return "xla"
    from jumpax.engines.cpu import operations

    try:
        with precision_of(program):
            return "cpu" if operations(program) <= LARGEST else "xla"
    except UnsupportedError as refusal:
        warnings.warn(
            f"the cpu engine cannot run this model, the slower xla engine does: {refusal}", JumpaxWarning, stacklevel=4
        )
        return "xla"


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

    def host(inputs: Inputs) -> Recorded:
        inputs = jax.tree.map(np.asarray, inputs)
        recorded = run_threads(engine, program, inputs, default_threads(engine))
        return jax.tree.map(functools.partial(_fill, room), recorded, shapes)

    return jax.pure_callback(host, shapes, inputs, vmap_method="sequential")


def _fill(room: int, leaf: np.ndarray, shape: Any) -> np.ndarray:
    """Rows for all the room there is."""
    rows = np.zeros(shape.shape, shape.dtype)
    rows[: len(leaf)] = leaf
    return rows
