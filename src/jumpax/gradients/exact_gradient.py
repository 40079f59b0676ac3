"""The exact gradient: the master equation where it is small enough, and whether it is."""

import dataclasses
import functools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jumpax._base.errors import InputError, JumpaxError, JumpaxWarning, UnsupportedError
from jumpax._base.types import ParameterValues, Word
from jumpax.engines.program import Steps, Times
from jumpax.engines.simulate import simulate
from jumpax.exact import Law, StateSpace, distribution, jump_chain
from jumpax.exact.state_space import Limits
from jumpax.gradients.chunk import Sums
from jumpax.gradients.estimator import AbstractEstimator
from jumpax.gradients.sampling import Sampling
from jumpax.networks import Network, check_counts, check_network, check_theta
from jumpax.networks.starts import Start

BUDGET = 2e8
"""Work of an exact gradient, as `exact_cost` counts it: some seconds."""
PILOT = 64
"""Paths that show how far the counts go."""


@dataclasses.dataclass(frozen=True)
class ExactGradient(AbstractEstimator):
    """Value and gradient from the master equation on a finite set of states: no noise, standard errors 0.

    Probabilities and their derivatives come by uniformization (`jumpax.exact.distribution`), after numbers of events
    from the embedded jump chain. Any observable. The work is states x Lambda t x (1 + parameters), with Lambda the
    largest total propensity of a state, some 1e8 a second; `exact_cost` tells it beforehand. No path is drawn,
    whatever number of them was asked for.

    Exact up to the truncation: what leaves the limits is lost from the value, at most `tolerance` of the probability.
    Everything is computed in float64 and handed over in the precision of the expectation.

    Args:
        limits: largest count of each species that no conservation law bounds; a number for all species, or by name. For
            example `exact_cost(network, x0, theta, times).limits`.
        tolerance: refuse to lose more probability than this.
        states: refuse to treat more states than this.

    Raises:
        UnsupportedError: there are more states; time-dependent laws.
        SimulationError: too much probability leaks; the text says which limits to raise. (In compiled programs, that is
            from every call of an expectation, as JAX's own error with the same text.)

    Source: Munsky and Khammash 2006, doi:10.1063/1.2145882.

    Examples:
        >>> import jax, jumpax
        >>> decay = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
        >>> mean = jumpax.expectation(
        ...     lambda counts: counts["A"], decay, {"A": 100}, [1.0], paths=2, gradient=ExactGradient()
        ... )
        >>> print(f"{jax.grad(lambda k: mean({'k': k}, 0)[0])(1.0):.3f}")
        -36.788
    """

    limits: Any = None
    tolerance: float = 1e-6
    states: int = 200_000

    def __post_init__(self):
        if isinstance(self.limits, Mapping):
            object.__setattr__(self, "limits", tuple(sorted(self.limits.items())))
        if not self.tolerance > 0 or self.states < 1:
            raise InputError(
                f"ExactGradient: tolerance and states must be positive; got {self.tolerance!r}, {self.states!r}"
            )

    @property
    def unbiased(self) -> bool:
        """Up to the tolerance."""
        return True

    def check_sampling(self, sampling: Sampling, wrt: tuple[str, ...] = ()) -> None:
        """Take one state to start in.

        Raises:
            UnsupportedError: what is gathered along paths; a law of the start.
        """
        super().check_sampling(sampling)
        if sampling.x0 is not None:
            raise UnsupportedError(
                "ExactGradient starts in one state, and x0 is a law of them: use ScoreFunction(), or jumpax.exact.distribution(..., "
                "initial=probabilities)"
            )

    def simulated(self, paths: int, wrt: tuple[str, ...]) -> int:
        """None."""
        return 0

    def sums(self, sampling: Sampling, wrt: tuple[str, ...], theta: ParameterValues, words: tuple[Word, Word]) -> Sums:
        """Exact means and derivatives, times the number of paths; no deviations from them."""
        kind = np.dtype(sampling.precision)
        with jax.ensure_compile_time_eval():  # numbers that theta has no part in
            space = _space(sampling.network, sampling.counts, self.limits, self.states)
            table = np.asarray(jax.vmap(sampling.observe)(jnp.asarray(space.states, kind)))

        def means(moving: ParameterValues) -> tuple[Array, Array]:
            law = _law(space, {**theta, **moving}, sampling.stops, sampling.start, self.tolerance)
            mean = jnp.matmul(law.probabilities, jnp.asarray(table, law.probabilities.dtype), precision="highest")
            return mean.astype(kind), mean.astype(kind)

        if wrt:
            slopes, value = jax.jacfwd(means, has_aux=True)({name: theta[name] for name in wrt})
            gradient = jnp.stack([slopes[name] for name in wrt], -1)
        else:
            value = means({})[0]
            gradient = jnp.zeros((*value.shape, 0), kind)
        paths, none = jnp.asarray(sampling.paths, kind), jnp.zeros_like(gradient)
        return Sums(paths, value * paths, jnp.zeros_like(value), gradient * paths, none, none)


class ExactCost(NamedTuple):
    """What an exact gradient would cost."""

    work: float
    """States times terms of the series times (1 + parameters); some 1e8 of them take a second."""
    states: int
    limits: dict[str, int]
    """For `ExactGradient`; of all species, if they were found here."""


def exact_cost(
    network: Network,
    x0: Start,
    theta: ParameterValues,
    times: Sequence[float] | np.ndarray | None = None,
    limits: Mapping[str, int] | int | None = None,
    budget: float = BUDGET,
    *,
    steps: Sequence[int] | np.ndarray | None = None,
    wrt: Sequence[str] | None = None,
    tolerance: float = 1e-6,
) -> ExactCost | None:
    """Whether an exact gradient at theta fits a budget, found out within a part of that budget.

    Limits that are not given follow from conservation laws, else from the largest counts in 64 paths and a margin of
    three standard deviations; where more than `tolerance` leaks past them, they grow by half at a time.

    Args:
        network: what reacts.
        x0: counts at the start.
        theta: a number for each parameter.
        times: stops, as from a start at time 0.
        limits: largest counts, as of `ExactGradient`; None to have them found.
        budget: states x terms x (1 + parameters).
        steps: stops after numbers of events, instead of times.
        wrt: parameters to differentiate with respect to; default all.
        tolerance: of leaked probability.

    Returns:
        Work, states and limits; None if the work is larger.

    Raises:
        InputError: theta or x0 do not fit the network, or neither or both of times and steps are given.
        UnsupportedError: the network needs what the master equation does not treat, as rates that depend on time.

    Examples:
        >>> import jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> cost = exact_cost(model.network, model.x0, model.theta, [1.0])
        >>> cost.states == cost.limits["X"] + 1
        True
    """
    if (times is None) == (steps is None):
        raise InputError("give either times=... or steps=... to exact_cost")
    check_network(network, who="the master equation")
    values = {name: float(value) for name, value in check_theta(network, theta).items()}
    counts = tuple(int(count) for count in check_counts(network, x0))
    stops = Times(tuple(map(float, times))) if times is not None else Steps(tuple(map(int, steps or ())))
    problem = _Problem(network, counts, values, stops, len(network.parameters if wrt is None else wrt))
    try:
        if limits is not None:
            given = limits if isinstance(limits, Mapping) else dict.fromkeys(network.species, limits)
            return problem.cost(dict(given), budget)[0]
        return problem.fitted(budget, tolerance)
    except JumpaxError:  # an explosion, a propensity that is none, too many states or steps
        return None


def sampled_cost(
    sampling: Sampling, theta: ParameterValues, wrt: Sequence[str], budget: float, limits: Limits = None
) -> ExactCost | None:
    """`exact_cost` of an expectation."""
    stops = sampling.stops
    when: Any = (
        {"steps": stops.values} if isinstance(stops, Steps) else {"times": [t - sampling.start for t in stops.values]}
    )
    counts = dict(zip(sampling.network.species, sampling.counts, strict=True))
    return exact_cost(sampling.network, counts, theta, limits=limits, budget=budget, wrt=wrt, **when)


@dataclasses.dataclass(frozen=True)
class _Problem:
    """What the master equation would be solved for."""

    network: Network
    counts: tuple[int, ...]
    theta: dict[str, float]
    stops: Times | Steps
    parameters: int

    def cost(self, limits: dict[str, int], budget: float) -> tuple[ExactCost | None, StateSpace | None]:
        """Cost and space within some limits; the space is given up as soon as it is too large."""
        fewest = self.terms(float(self.rates(np.array([self.counts])).sum(0)[0]))
        most = int(min(budget / (fewest * (1 + self.parameters)), 1_000_000))
        if most < 1:
            return None, None
        space = StateSpace.reachable(self.network, self.counts, limits, max_states=most)
        fastest = np.where(space.targets >= 0, self.rates(space.states), 0.0).sum(0).max()
        work = float(space.size * self.terms(float(fastest)) * (1 + self.parameters))
        return (None, None) if work > budget else (ExactCost(work, space.size, limits), space)

    def fitted(self, budget: float, tolerance: float) -> ExactCost | None:
        """Cost with limits that leak no more than the tolerance."""
        bounds, species = self.bounds(), self.network.species
        limits = {name: bounds.get(name, 0) for name in species}
        if len(bounds) < len(species):
            for name, top in zip(species, self.highest().tolist(), strict=True):
                limits[name] = bounds.get(name, int(top + 3 * np.sqrt(top) + 4))
        while True:
            cost, space = self.cost(limits, budget)
            if cost is None or space is None:
                return None
            law = _law(space, self.theta, self.stops, 0.0, np.inf)
            if float(law.leak.max()) <= tolerance:
                return cost
            over = self.overflow(space, np.asarray(law.probabilities[-1]))
            limits = {name: int(1.5 * limit) + 2 if name in over else limit for name, limit in limits.items()}

    def terms(self, rate: float) -> float:
        """Length of the series."""
        last = self.stops.values[-1]
        if isinstance(self.stops, Steps):
            return float(last + 1)
        mean = 1.01 * rate * last
        return mean + 9 * np.sqrt(mean) + 50

    def rates(self, states: Int[np.ndarray, "states species"]) -> Float[np.ndarray, "reactions states"]:
        """Propensities, (reactions, states)."""
        with jax.enable_x64(True):
            columns = tuple(jnp.asarray(column, float) for column in states.T)
            values = {name: jnp.asarray(value, float) for name, value in self.theta.items()}
            return np.array(self.network.propensities(columns, values, jnp.zeros(len(states))))

    def bounds(self) -> dict[str, int]:
        """Largest counts that conservation laws allow."""
        out: dict[str, int] = {}
        for law in self.network.conservation_laws():
            if (law >= 0).all():
                for d in np.flatnonzero(law):
                    top = int(law @ np.array(self.counts)) // int(law[d])
                    name = self.network.species[d]
                    out[name] = min(top, out.get(name, top))
        return out

    def highest(self) -> Int[np.ndarray, " species"]:
        """Largest counts in some paths."""
        last = self.stops.values[-1]
        when: dict[str, Any] = {"times": np.linspace(0, last, 33)[1:] if last > 0 else [0.0]}
        if isinstance(self.stops, Steps):
            when = {"steps": np.unique(np.linspace(0, last, 33).astype(int))}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", JumpaxWarning)
            seen = simulate(
                self.network, self.theta, self.counts, paths=PILOT, key=20261120, max_events=1_000_000, **when
            ).counts
        return np.maximum(np.asarray(seen).max((0, 1)), self.counts)

    def overflow(self, space: StateSpace, probabilities: Float[np.ndarray, " states"]) -> list[str]:
        """Species that take most of the probability past their limits."""
        rates = np.where(space.targets == space.size, self.rates(space.states), 0.0)
        top = space.states.max(0)
        after = space.states[None] + self.network.stoichiometry.T[:, None]
        beyond = after > top
        flow = np.einsum("rx,x,rxd->d", rates, probabilities, beyond)
        if flow.max() == 0:
            flow = np.einsum("rx,rxd->d", rates, beyond)
        return [name for name, f in zip(self.network.species, flow, strict=True) if f > 0.01 * flow.max()]


@functools.lru_cache(maxsize=8)
def _space(network: Network, counts: tuple[int, ...], limits: Any, states: int) -> StateSpace:
    """The states, if there are few enough."""
    try:
        return StateSpace.reachable(
            network, counts, dict(limits) if isinstance(limits, tuple) else limits, max_states=states
        )
    except InputError as refusal:
        if "max_states" not in str(refusal):
            raise
        raise UnsupportedError(
            f"ExactGradient(states={states:,}) is too small for this network: {refusal} "
            "(ExactGradient(limits=..., states=...)); exact_cost proposes limits. Without them, use a sampling estimator"
        ) from None


def _law(space: StateSpace, theta: ParameterValues, stops: Times | Steps, start: float, tolerance: float) -> Law:
    """The law at stops in time, or after numbers of events."""
    if isinstance(stops, Steps):
        return jump_chain(space, theta, list(stops.values), tolerance=tolerance)
    return distribution(space, theta, [time - start for time in stops.values], tolerance=tolerance)
