"""Which engine runs a program."""

import functools
import importlib
import warnings
from typing import Any

import jax

from jumpax._base.errors import InputError, JumpaxWarning, UnsupportedError
from jumpax.engines.engine import AbstractEngine, precision_of
from jumpax.engines.program import Program
from jumpax.engines.size import check_program, compilation
from jumpax.networks import Network
from jumpax.networks.needs import Need, check_needs

ENGINES = {
    "cpu": "jumpax.engines.cpu:Cpu",
    "gpu": "jumpax.engines.gpu:Gpu",
    "tables": "jumpax.engines.tables.engine:Tables",
    "arrays": "jumpax.engines.arrays.engine:Arrays",
    "gpu_on_host": "jumpax.engines.gpu:on_host",
    "xla": "jumpax.engines.xla:Xla",
    "reference": "jumpax.engines.reference:Reference",
}
"""Where each engine is found; imported when it is asked for, since LLVM takes a while."""
LARGE = 200
"""Reactions from which a network runs on `tables`, where it can."""
LARGEST = 20_000
"""Operations of a turn up to which a kernel is compiled; larger programs run on `xla`. It takes 0.4 s for 1,700 operations,
1.6 s for 5,500, 9 s for 16,000 and 25 s for 32,000, of processor time and with tracing; never more than 200 MB."""
FAR = 1.5
"""Times so many operations, by an estimate, from which they need not be counted."""


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

    Raises:
        TooLargeError: its compilation would take too much memory.
        UnsupportedError: it does not offer what the network needs.

    Warns:
        JumpaxWarning: naming what keeps a program from the fast engine; compilation takes long.
    """
    if name is None and is_large(program.network) and fits_tables(program):
        name = "tables"
    if name is None and Need.FAMILY in program.network.needs:
        name = "arrays"
    chosen = engine_named(_default(program, platform()) if name is None else name)
    check_needs(program.network, chosen.offers, f"engine {chosen.name!r}")
    if chosen.name not in ("arrays", "tables"):  # which take seconds
        check_program(program, chosen.name)
    return chosen


def check_large(program: Program, name: str | None) -> None:
    """Refuse or announce a large program where it is asked for; a small one waits until it is wanted.

    Raises:
        TooLargeError: its compilation would take too much memory.
    """
    if too_large_to_count(program):
        engine_for(program, name)


def too_large_to_count(program: Program) -> bool:
    """Whether a program has so many operations that to count them, which needs a trace, would take long itself."""
    return compilation(program, "cpu").operations > FAR * LARGEST


def platform() -> str:
    """Where JAX computes unless arrays lie elsewhere: that of `jax.default_device`, if there is one."""
    device: Any = jax.config.jax_default_device  # type: ignore[attr-defined]
    if device is None:
        return jax.default_backend()
    return "gpu" if device == "cuda" else getattr(device, "platform", device)


def is_large(network: Network) -> bool:
    """Whether paths are drawn in the order of the engine for large networks."""
    if network.reaction_count < LARGE:  # and nothing more is imported
        return False
    from jumpax.engines.tables.engine import unfit

    return unfit(network) is None


def left_out_by_tables(program: Program) -> str | None:
    """What of a program keeps a large network from its engine; None if that is an operation of a law, or nothing."""
    from jumpax.engines.tables.engine import misfit

    return misfit(program) if is_large(program.network) else None


@functools.lru_cache(maxsize=256)
def fits_tables(program: Program) -> bool:
    """Whether the engine for large networks can run a program."""
    from jumpax.engines.tables.engine import misfit, plan

    if misfit(program) is not None:
        return False
    try:
        plan(program)
    except UnsupportedError as refusal:
        warnings.warn(f"the engine for large networks cannot run this one: {refusal}", JumpaxWarning, stacklevel=5)
        return False
    return True


@functools.lru_cache(maxsize=256)
def _default(program: Program, backend: str) -> str:
    if backend not in ("cpu", "gpu") or program.network.needs - AbstractEngine.offers:
        return "xla"
    from jumpax.engines.cpu import operations

    try:
        with precision_of(program):
            if too_large_to_count(program) or operations(program) > LARGEST:
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
