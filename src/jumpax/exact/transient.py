"""Laws in time: the master equation by uniformization, and the embedded jump chain."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.exact.fault import ChainFault, Guard
from jumpax.exact.first_order import Method, Theta, first_order
from jumpax.exact.generator import advice, exit_rates, generator, plus_identity
from jumpax.exact.law import Law
from jumpax.exact.power_series import Window, poisson_window, power_series
from jumpax.exact.state_space import Counts, StateSpace, check_space

Probabilities: TypeAlias = Float[np.ndarray | Array, " states"]
_MOST_TERMS = 20_000_000


def distribution(
    space: StateSpace,
    theta: Theta,
    times: Sequence[float | int] | np.ndarray,
    x0: Counts | None = None,
    *,
    initial: Probabilities | None = None,
    tolerance: float = 1e-6,
) -> Law:
    """The law of the state at given times: the finite state projection of the chemical master equation.

    `dp/dt = Q p` is solved by uniformization, `p(t) = sum_k Poisson(k; L t) (1 + Q/L)^k p(0)` with L above the largest
    exit rate: all terms are positive, one series serves all times, and stopping it costs at most 1e-12 of probability
    (1e-12 of the derivative's 1-norm, or of 1 if that is larger). Transitions out of the space gather in a sink, whose
    content is the leak: the true law lies above the computed one by exactly that much in total. The work is
    `L max(times)` sparse products of the size of the space, times one plus the number of parameters for a derivative.

    Args:
        space: where to solve.
        theta: value of each parameter; JAX numbers may be traced.
        times: (times,) increasing, >= 0; fixed, not differentiated.
        x0: counts at time 0; default the state that the space was grown from.
        initial: or probabilities (states,) at time 0, not differentiated; what they lack of 1 counts as leaked already.
        tolerance: refuse a larger leak at any of the times.

    Returns:
        A Law with leading axis times; differentiable once in theta.

    Raises:
        InputError: times, theta or x0 make no sense.
        SimulationError: more than `tolerance` has leaked, or a propensity is negative or not finite. (Inside `jit`
            these reach the caller as JAX's own error, with the same text.)
        UnsupportedError: time-dependent laws; second derivatives.

    Source: Munsky and Khammash (2006), https://doi.org/10.1063/1.2145882; Jensen (1953) for uniformization.

    Examples:
        >>> from jumpax.networks import MassAction, Network, Reaction
        >>> network = Network([Reaction("∅ -> X", MassAction("k")), Reaction("X -> ∅", MassAction("g"))])
        >>> space = StateSpace.reachable(network, {"X": 0}, limits=40)
        >>> law = distribution(space, {"k": 5.0, "g": 1.0}, [1.0, 2.0])
        >>> [f"{mean:.3f}" for mean in law.mean()[:, 0]]
        ['3.161', '4.323']
    """
    return guarded_distribution(space, theta, times, x0, initial, tolerance, None)


def guarded_distribution(
    space: StateSpace,
    theta: Theta,
    times: Sequence[float | int] | np.ndarray,
    x0: Counts | None,
    initial: Probabilities | None,
    tolerance: float,
    guard: Guard | None,
) -> Law:
    """As `distribution`; with a guard, parameters without a law raise no error (see `first_order`)."""
    moments = _times(times)
    start = _start(space, x0, initial)

    def method(space: StateSpace, propensities: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rate = 1.01 * float(exit_rates(space, propensities).max())  # strictly above: no state is left with certainty
        if rate * moments.max(initial=0.0) > _MOST_TERMS:
            raise UnsupportedError(
                f"uniformization would take {rate * moments.max():.1e} steps, for the fastest state is left {rate:.3g} "
                f"times per unit of time; use a smaller space, shorter times, or stationary()"
            )
        scale = rate if rate > 0 else 1.0
        step = plus_identity(generator(space, propensities) / scale)
        windows = [poisson_window(scale * time) for time in moments]
        return power_series(step, [generator(space, s) / scale for s in slopes], start, windows)

    return _law(space, theta, method, moments, tolerance, "time", guard)


def jump_chain(
    space: StateSpace,
    theta: Theta,
    steps: Sequence[int] | np.ndarray,
    x0: Counts | None = None,
    *,
    initial: Probabilities | None = None,
    tolerance: float = 1e-6,
) -> Law:
    """The law of the state after given numbers of reactions: the embedded jump chain.

    Reaction r follows with probability `a_r / a_0`. A state with no possible reaction is held. Exact but for rounding
    and the leak; differentiable once in theta.

    Args:
        space: where to solve.
        theta: value of each parameter.
        steps: (steps,) increasing numbers of reactions, >= 0.
        x0: as in `distribution`.
        initial: as in `distribution`.
        tolerance: refuse a larger leak at any of the steps.

    Returns:
        A Law with leading axis steps.

    Raises:
        InputError, SimulationError, UnsupportedError: as `distribution`.

    Examples:
        >>> from jumpax.networks import MassAction, Network, Reaction
        >>> network = Network([Reaction("A -> B", MassAction("k")), Reaction("A -> C", MassAction("h"))])
        >>> space = StateSpace.reachable(network, {"A": 2, "B": 0, "C": 0})
        >>> print(jump_chain(space, {"k": 3.0, "h": 1.0}, [1, 5]).mean())
        [[1.   0.75 0.25]
         [0.   1.5  0.5 ]]
    """
    numbers = _times(steps)
    if not np.array_equal(numbers, np.round(numbers)):
        raise InputError(f"steps must be whole numbers, not {steps!r}")
    if numbers.max(initial=0.0) > _MOST_TERMS:
        raise UnsupportedError(f"the law after {numbers.max():.1e} steps would take as many products; use fewer steps")
    start = _start(space, x0, initial)
    windows = [Window(int(number), np.ones(1)) for number in numbers]

    def method(space: StateSpace, propensities: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        total = exit_rates(space, propensities)
        inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
        shares = propensities * inverse
        step = plus_identity(generator(space, shares))
        changes = [(slope - shares * exit_rates(space, slope)) * inverse for slope in slopes]
        return power_series(step, [generator(space, change) for change in changes], start, windows)

    return _law(space, theta, method, numbers, tolerance, "step")


def _law(
    space: StateSpace,
    theta: Theta,
    method: Method,
    times: np.ndarray,
    tolerance: float,
    clock: str,
    guard: Guard | None = None,
) -> Law:
    """The law that a method gives, once its leak has been found small enough."""

    def checked(space: StateSpace, propensities: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values, derivatives = method(space, propensities, slopes)
        leak = values[:, -1]
        if not leak.max(initial=0.0) <= tolerance:
            at = int(np.argmax(leak > tolerance))
            raise ChainFault(
                "leak",
                f"{leak[at]:.2e} of the probability has left the state space by {clock} {times[at]:g}, more than the "
                f"tolerance of {tolerance:g}; {advice(space, propensities)}",
            )
        return values, derivatives

    result = first_order(space, theta, checked, len(times), guard)
    return Law(result[:, :-1], result[:, -1], space)


def _times(times: float | int | Sequence[float | int] | np.ndarray) -> Float[np.ndarray, " times"]:
    if isinstance(times, Tracer):
        raise InputError("times must be known numbers, not traced by jit or grad")
    values = np.atleast_1d(np.asarray(times, np.float64))
    if values.ndim != 1 or not np.isfinite(values).all() or (values < 0).any() or (np.diff(values) < 0).any():
        raise InputError(f"times (or steps) must be a list of increasing numbers >= 0, not {times!r}")
    return values


def _start(
    space: StateSpace, x0: Counts | None, initial: Probabilities | None
) -> Float[np.ndarray, " states_and_sink"]:
    """Probabilities at the start; what they lack of 1 is in the sink."""
    check_space(space)
    start = np.zeros(space.size + 1)
    if x0 is not None and initial is not None:
        raise InputError("give either x0 or initial, not both")
    if isinstance(initial, Tracer):
        raise InputError("initial must be known numbers, not traced by jit or grad")
    if initial is not None:
        given = np.asarray(initial, np.float64)
        if given.shape != (space.size,) or not (given >= 0).all() or given.sum() > 1.0 + 1e-6:
            raise InputError(f"initial must hold {space.size} probabilities, >= 0 and adding up to 1 at most")
        start[:-1], start[-1] = given, max(0.0, 1.0 - given.sum())
    elif x0 is not None:
        start[space.index(x0)] = 1.0
    elif len(space.starts) > 1:
        raise InputError("the space was grown from several starts; say which by x0, or give initial probabilities")
    else:
        start[list(space.starts)] = 1.0
    return start
