"""The law that does not change in time."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from jaxtyping import Float, Int

from jumpax._base.errors import InputError, SimulationError
from jumpax.exact.fault import ChainFault, Guard
from jumpax.exact.first_order import Theta, first_order
from jumpax.exact.generator import Sparse, advice, exit_rates, generator
from jumpax.exact.law import Law
from jumpax.exact.state_space import StateSpace

_SHIFT = 1e-9
_SWEEPS = 100
_TOLERANCE = 1e-13
_AGREEMENT = 1e-9  # of the laws found from two starts; they differ where the iteration creeps instead of settling
_UNRESOLVED = (
    "the stationary law cannot be resolved: sets of states are connected by rates that are too slow against the "
    "fastest (1e-10 of it or less); use distribution() at a late time"
)
Solve = Callable[[Float[np.ndarray, " states"]], Float[np.ndarray, " states"]]


def stationary(space: StateSpace, theta: Theta, *, tolerance: float = 1e-6) -> Law:
    """The stationary law of the network on the space, with transitions out of the space left out.

    Solves `Q p = 0` by inverse iteration, `p <- (s - Q)^-1 s p`, with one sparse factorisation of a matrix whose
    inverse is non-negative, and the derivative `Q dp = -dQ p`, `sum dp = 0` with the same factors. States outside the
    one closed class have probability 0. Exact on a space without a boundary; otherwise the error is that of the
    truncation, of which `leak` (share of events that would leave the space) is an indicator: compare with larger
    limits.

    Args:
        space: where to solve. In three or more dimensions the factorisation fills up; 1e4 states take a second or so.
        theta: value of each parameter.
        tolerance: refuse a larger leak.

    Returns:
        A Law without leading axes; differentiable once in theta.

    Raises:
        InputError: there are several closed classes, so that the law depends on the start; theta makes no sense.
        SimulationError: the leak is above the tolerance, or the classes are so weakly connected that the iteration
            does not settle.

    Examples:
        >>> from jumpax.networks import MassAction, Network, Reaction
        >>> network = Network([Reaction("∅ -> X", MassAction("k")), Reaction("X -> ∅", MassAction("g"))])
        >>> law = stationary(StateSpace.reachable(network, {"X": 0}, limits=40), {"k": 5.0, "g": 1.0})
        >>> print(law.mean().round(6), law.covariance().round(6))
        [5.] [[5.]]
    """
    return guarded_stationary(space, theta, tolerance, None)


def guarded_stationary(space: StateSpace, theta: Theta, tolerance: float, guard: Guard | None) -> Law:
    """As `stationary`; with a guard, parameters without a law raise no error (see `first_order`)."""

    def method(space: StateSpace, propensities: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, derivatives = _solve(space, propensities, slopes)
        if not value[0, -1] <= tolerance:
            raise ChainFault(
                "leak",
                f"in the stationary law {value[0, -1]:.2e} of all events would leave the state space, more than the "
                f"tolerance of {tolerance:g}; {advice(space, propensities)}",
            )
        return value, derivatives

    result = first_order(space, theta, method, 1, guard)
    return Law(result[0, :-1], result[0, -1], space)


def _solve(
    space: StateSpace,
    propensities: Float[np.ndarray, "reactions states"],
    slopes: Float[np.ndarray, "parameters reactions states"],
) -> tuple[Float[np.ndarray, "1 states_and_leak"], Float[np.ndarray, "parameters 1 states_and_leak"]]:
    """Law and leak, and their derivatives."""
    whole = generator(space, propensities, reflecting=True)
    members = _closed_class(space, whole)
    matrix = whole[members][:, members]
    shift = _SHIFT * (float(-matrix.diagonal().min()) or 1.0)
    solve = _factors(shift, matrix)
    starts = np.full(len(members), 1.0 / len(members)), np.eye(1, len(members))[0]
    law, other = (_settle(lambda p: solve(shift * p), start, lambda p: p / p.sum()) for start in starts)
    if np.abs(law - other).sum() > _AGREEMENT:
        raise SimulationError(_UNRESOLVED)
    value, derivatives = np.zeros((1, space.size + 1)), np.zeros((len(slopes), 1, space.size + 1))
    value[0, members] = law
    p = value[0, :-1]
    lost, events = _lost(space, propensities) @ p, exit_rates(space, propensities) @ p
    value[0, -1] = leak = lost / events if events > 0 else 0.0
    for derivative, slope in zip(derivatives[:, 0], slopes):
        drive = (generator(space, slope, reflecting=True) @ p)[members]
        derivative[members] = _settle(
            lambda u, drive=drive: solve(drive + shift * u), np.zeros(len(members)), lambda u: u - law * u.sum()
        )
        u = derivative[:-1]
        more_lost = _lost(space, slope) @ p + _lost(space, propensities) @ u
        more_events = exit_rates(space, slope) @ p + exit_rates(space, propensities) @ u
        derivative[-1] = (more_lost - leak * more_events) / events if events > 0 else 0.0
    return value, derivatives


def _lost(space: StateSpace, propensities: Float[np.ndarray, "reactions states"]) -> Float[np.ndarray, " states"]:
    """Total propensity of leaving the space, per state."""
    return np.where(space.targets == space.size, propensities, 0.0).sum(axis=0)


def _closed_class(space: StateSpace, matrix: Sparse) -> Int[np.ndarray, " members"]:
    """The states that are visited for ever; InputError if there are several such sets."""
    from scipy.sparse.csgraph import connected_components

    count, label = cast(Any, connected_components(matrix.T, directed=True, connection="strong"))
    target, source = matrix.nonzero()
    closed = np.ones(count, bool)
    closed[label[source[label[source] != label[target]]]] = False
    classes = np.flatnonzero(closed)
    if len(classes) > 1:
        examples = [space.describe_state(int(np.argmax(label == c))) for c in classes[:3]]
        raise InputError(
            f"there are {len(classes)} sets of states that are never left, for example those of "
            f"({'), ('.join(examples)}): the law for long times depends on the start. Use distribution() at a late "
            f"time, or a space grown from one of these states"
        )
    return np.flatnonzero(label == classes[0])


def _factors(shift: float, matrix: Sparse) -> Solve:
    """Solver of `(shift - matrix) x = b`: diagonally dominant by columns, so no pivoting is needed."""
    import scipy.sparse as sp
    from scipy.sparse.linalg import splu

    shifted = sp.csc_array(shift * sp.eye_array(matrix.shape[0]) - matrix)
    return splu(shifted, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}).solve


def _settle(step: Solve, start: Float[np.ndarray, " states"], project: Solve) -> Float[np.ndarray, " states"]:
    """Fixed point of a contraction, projected after each step."""
    now = start
    for _ in range(_SWEEPS):
        before, now = now, project(step(now))
        if np.abs(now - before).sum() <= _TOLERANCE * np.abs(now).sum():
            return now
    raise SimulationError(_UNRESOLVED)
