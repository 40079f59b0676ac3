"""Sums over paths as compiled programs, shared by all that are equal."""

import dataclasses
import functools
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base.compiling import plain, quick
from jumpax._base.errors import JumpaxWarning, UnsupportedError
from jumpax._base.host import is_staged, is_traced
from jumpax._base.types import ParameterValues, Word
from jumpax._base.watch import meet
from jumpax.gradients.baseline_simulations import BaselineSimulations
from jumpax.gradients.chunk import Sums
from jumpax.gradients.estimator import AbstractEstimator
from jumpax.gradients.exact_gradient import ExactGradient
from jumpax.gradients.guarded import Guarded, report
from jumpax.gradients.sampled import sample
from jumpax.gradients.sampling import Sampling


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2, 3))
def _once(
    sampling: Sampling,
    estimator: AbstractEstimator | None,
    baseline: BaselineSimulations | None,
    wrt: tuple[str, ...],
    theta: ParameterValues,
    words: tuple[Word, Word],
) -> Sums:
    if estimator is None:
        sums = sample(sampling, None, (), theta, words)
    else:
        estimator.check_sampling(sampling, wrt)
        sums = estimator.sums(sampling, wrt, theta, words)
    return sums if baseline is None else baseline.combine(sampling, sums, theta, words)


@_once.defjvp
def _refuse(*_: object) -> NoReturn:
    raise UnsupportedError(
        "second derivatives of an expectation are not available: the gradient is itself an average over paths. "
        "Use a Gauss-Newton or Fisher matrix from first derivatives."
    )


_program = jax.jit(_once, static_argnums=(0, 1, 2, 3))


@functools.cache
def _alone() -> Callable[..., Sums]:
    """The same as a program of its own, which may say how it is compiled."""
    return jax.jit(_once, static_argnums=(0, 1, 2, 3), compiler_options=plain())


def sample_sums(
    sampling: Sampling,
    estimator: AbstractEstimator | None,
    baseline: BaselineSimulations | None,
    wrt: tuple[str, ...],
    theta: ParameterValues,
    words: tuple[Word, Word],
) -> Sums:
    """Values, and by an estimator the derivatives with respect to `wrt`, summed over paths; not differentiable.

    Every call judges its own tails (`Guarded`); an estimator that is not guarded keeps its numbers.

    Raises:
        InputError: theta is numbers, and the estimator has no derivative there.

    Warns:
        JumpaxWarning: where one path carries too much of the variance of a derivative, or a derivative is not a number.
    """
    traced = is_traced((theta, words)) or is_staged()
    known = estimator.estimator if isinstance(estimator, Guarded) else estimator
    exact = isinstance(known, ExactGradient)
    run = _program if traced or exact or not sampling.outside(known, wrt) else _alone()
    if sampling.parts > 1 and not traced:
        run = functools.partial(meet, run)
    if estimator is None or exact:
        return run(sampling, estimator, baseline, wrt, theta, words)
    guarded = _guarded(estimator, traced)
    if traced:
        return run(sampling, guarded, baseline, wrt, theta, words)
    guarded.check(wrt, theta)
    sums = run(sampling, _looking(guarded), baseline, wrt, theta, words)
    if wrt and np.asarray(sums.tail.suspect):
        if guarded.replaceable:
            sums = run(sampling, guarded, baseline, wrt, theta, words)
        report(guarded, sampling, wrt, sums.tail)
    _tell_of_no_numbers(sums, known, wrt, theta)
    return sums


def _tell_of_no_numbers(
    sums: Sums, estimator: AbstractEstimator | None, wrt: tuple[str, ...], theta: ParameterValues
) -> None:
    """Warn of derivatives that are not numbers where the value is one; else the value tells."""
    broken = [name for p, name in enumerate(wrt) if np.isnan(np.asarray(sums.gradient)[..., p]).any()]
    if broken and not np.isnan(np.asarray(sums.value)).any():
        at = ", ".join(f"{name} = {float(value):g}" for name, value in theta.items() if not np.ndim(value))
        warnings.warn(
            f"{type(estimator).__name__}: the derivative with respect to {', '.join(map(repr, broken))} is not a number at {at}. A rate "
            "law whose value is finite may have a derivative that is not, as sqrt has at 0, and at a rate constant of 0 there is "
            "no score: rewrite the law, or take another estimator",
            JumpaxWarning,
            stacklevel=4,
        )


@functools.lru_cache(256)
def _guarded(estimator: AbstractEstimator, aloud: bool) -> Guarded:
    guarded = estimator if isinstance(estimator, Guarded) else Guarded(estimator, again=False)
    return dataclasses.replace(guarded, aloud=aloud)


@functools.lru_cache(256)
def _looking(guarded: Guarded) -> Guarded:
    """What a call needs where nothing fails; the score function is compiled only if something does."""
    return dataclasses.replace(guarded, looking=guarded.replaceable)


def compiled(
    sampling: Sampling,
    estimator: AbstractEstimator | None,
    wrt: tuple[str, ...],
    theta: ParameterValues,
    words: tuple[Word, Word],
) -> Callable[[], Sums]:
    """`sample_sums` at theta and key words, which are numbers, with nothing left to compile or load: to be called, and timed.

    Raises:
        InputError: the estimator has no derivative at theta.
        UnsupportedError: the estimator cannot treat this problem.
    """
    if estimator is not None:
        estimator.check(wrt, theta)
    leaves, structure = jax.tree.flatten(jax.tree.map(jnp.asarray, (theta, words)))
    kinds = tuple(jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, weak_type=leaf.weak_type) for leaf in leaves)
    known = _compiled.cache_info().misses
    program = _compiled(sampling, estimator, wrt, structure, kinds, bool(jax.config.read("jax_enable_x64")))
    call = functools.partial(program, *jax.tree.unflatten(structure, leaves))
    if _compiled.cache_info().misses > known:
        jax.block_until_ready(call())  # engines compile or load their kernels when they are first called
    return call


@functools.lru_cache(32)
def _compiled(
    sampling: Sampling,
    estimator: AbstractEstimator | None,
    wrt: tuple[str, ...],
    structure: Any,
    kinds: tuple[jax.ShapeDtypeStruct, ...],
    _wide: bool,
) -> Callable[..., Sums]:
    haste = not isinstance(estimator, ExactGradient) and sampling.outside(estimator, wrt)
    lowered = _program.lower(sampling, estimator, None, wrt, *jax.tree.unflatten(structure, kinds))
    return lowered.compile(quick() if haste else {})
