"""The mean field: what the mean counts would be if nothing fluctuated."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError, SimulationError, unknown_name
from jumpax.approximate.rates import rates
from jumpax.engines.program import check_times
from jumpax.networks import ModelLike, Need, Network, check_counts, check_network, check_theta, numbers_of
from jumpax.networks.parameters import LARGEST_COUNT
from jumpax.networks.starts import Start, check_start, start_of

RELATIVE, ABSOLUTE = 1e-6, 1e-9
"""Tolerances of one step of the integration, the latter in molecules."""
SLOPES = 1e-6
"""Counts from which on slopes of laws are looked at: those of fractional powers are infinite at 0."""
PARTS = 500
"""No step is longer than this part of the whole time, if rates depend on time: a pulse would be stepped over."""
NEGATIVE = 1e-6
"""A propensity below minus this part of the largest is a fault of the law, and not of the integration."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class MeanField:
    """Solution of the rate equation, an approximation of mean counts; `[name]` has those of one species, (times,)."""

    times: tuple[float, ...]
    species: tuple[str, ...]
    counts: Float[np.ndarray, "times species"]

    def __getitem__(self, species: str) -> Float[np.ndarray, " times"]:
        """Approximate mean counts of one species."""
        if species not in self.species:
            raise InputError(unknown_name("species", species, self.species))
        return self.counts[:, self.species.index(species)]

    def __repr__(self) -> str:
        return f"MeanField({len(self.times)} times, {len(self.species)} species; mean field: approximate)"


def mean_field(
    network: Network | ModelLike,
    times: Any,
    *,
    theta: Mapping[str, Any] | None = None,
    x0: Start | None = None,
    start: float = 0.0,
) -> MeanField:
    """Approximate mean counts by the rate equation, which ignores fluctuations.

        dx/dt = S a(x, theta, t),   x(start) = mean counts at the start

    S is the stoichiometry, a are the propensities of the network as their laws are written, at real counts. They keep their
    stochastic form: A + A -> ... has k x (x - 1) / 2 and not k x^2 / 2, and comes to rest at one molecule. The means of the
    process obey dE[x]/dt = S E[a(x)]: so the mean field is exact where all propensities are linear in the counts
    (or do not depend on them), and elsewhere off by what E[a(x)] and a(E[x]) differ in. That falls as 1 / counts where all
    counts are large, over times that are given; it need not be small where some are a few, or where the process has several
    modes, and no bound is known here. `simulate` and `exact.distribution` have no such error.

    Integrated by backward differentiation with tolerances of 1e-6, stable for stiff networks; the Jacobian comes from the laws. If rates
    depend on time, steps are at most a 500th of the whole: shorter pulses may be missed.

    Args:
        network: what reacts; or a model, which has theta and x0 of its own.
        times: when, increasing.
        theta: one number per parameter; of a model, those given replace its own.
        x0: counts at the start, or laws of them, of which only the means count.
        start: time at the start.

    Returns:
        `times`, `species` and `counts`, (times, species), in float64. Not differentiable.

    Raises:
        InputError: numbers that do not fit the network, or times in no order.
        UnsupportedError: delays, events, families.
        SimulationError: counts grow beyond 2^31 - 1, or propensities are negative or not numbers, with the time.

    Source: Kurtz (1972), https://doi.org/10.1063/1.1678692.

    Examples:
        >>> import jumpax
        >>> A_to_0 = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
        >>> found = jumpax.mean_field(A_to_0, [0.0, 1.0], theta={"k": 1.0}, x0={"A": 100})
        >>> found, [f"{mean:.2f}" for mean in found["A"]]   # linear, so these are the means: 100 / e
        (MeanField(2 times, 1 species; mean field: approximate), ['100.00', '36.79'])
    """
    network, theta, x0 = numbers_of(network, theta, x0)
    check_network(network, (Need.TIME,), "mean_field")
    stops = check_times(times, start)
    law = start_of(network, x0)
    values = {n: float(v) for n, v in _single(check_theta(network, theta, more=law.parameters if law else ())).items()}
    if law is not None:
        check_start(law, values)
    with jax.enable_x64(True):
        first = check_counts(network, x0) if law is None else law.expected(values)
        first = np.asarray(first, np.float64)
        if first.ndim > 1:
            raise InputError("x0 has counts for each path; the mean field has one start: give one number per species")
        counts = _integrated(network, values, first, float(start), stops)
        _check_signs(network, values, counts, stops)
    return MeanField(stops, network.species, counts)


def _single(theta: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Parameters, none of which is one per path."""
    if many := [name for name, value in theta.items() if value.ndim]:
        raise InputError(f"mean_field takes one number per parameter; {', '.join(map(repr, many))} has one per path")
    return theta


def _integrated(
    network: Network,
    theta: Mapping[str, float],
    first: Float[np.ndarray, " species"],
    start: float,
    stops: tuple[float, ...],
) -> Float[np.ndarray, "times species"]:
    """Counts at the stops."""
    from scipy.integrate import solve_ivp  # slow to import

    if stops[-1] == start:
        return first[None]
    latest = start

    def change(time: float, x: np.ndarray) -> np.ndarray:
        nonlocal latest
        made = np.asarray(_change(network, x, theta, time))
        if not np.isfinite(made).all():
            raise SimulationError(_broken(network, x, theta, time))
        latest = time
        return made

    def slopes(time: float, x: np.ndarray) -> np.ndarray:
        made = np.asarray(_slopes(network, x, theta, time))
        return np.where(np.isfinite(made), made, 0.0)  # only the number of iterations depends on it

    def left(time: float, x: np.ndarray) -> float:
        return float(x.max()) - LARGEST_COUNT

    left.terminal = True
    longest = (stops[-1] - start) / PARTS if network.time_dependent else np.inf
    found = solve_ivp(
        change, (start, stops[-1]), first, "BDF", np.array(stops), events=left, jac=slopes, rtol=RELATIVE, atol=ABSOLUTE,
        max_step=longest,
    )  # fmt: skip
    if found.status == 1:
        name = network.species[int(np.argmax(found.y_events[0][0]))]
        raise SimulationError(
            f"the mean field blows up: {name!r} exceeds 2^31 - 1 at time {found.t_events[0][0]:g}. Give earlier times, or other "
            "rates"
        )
    if found.status:
        raise SimulationError(f"the mean field cannot be followed beyond time {latest:g}: {found.message}")
    return np.maximum(found.y.T, 0.0)


@functools.partial(jax.jit, static_argnums=0)
def _change(network: Network, x: Float[Array, " species"], theta: Any, time: Any) -> Float[Array, " species"]:
    return jnp.asarray(network.stoichiometry, x.dtype) @ rates(network, x, theta, time)


@functools.partial(jax.jit, static_argnums=0)
def _slopes(network: Network, x: Float[Array, " species"], theta: Any, time: Any) -> Float[Array, "species species"]:
    def change(x: Float[Array, " species"]) -> Float[Array, " species"]:
        return jnp.asarray(network.stoichiometry, x.dtype) @ rates(network, x, theta, time, SLOPES)

    return jax.jacfwd(change)(jnp.maximum(x, 2 * SLOPES))


@functools.partial(jax.jit, static_argnums=0)
def _propensities(network: Network, x: Float[Array, " species"], theta: Any, time: Any) -> Any:
    made = network.propensities(tuple(jnp.maximum(x, 0.0)), theta, time)
    return jnp.stack([jnp.asarray(a, x.dtype) for a in made])


def _broken(network: Network, x: np.ndarray, theta: Mapping[str, float], time: float) -> str:
    made = np.asarray(_propensities(network, x, theta, time))
    names = [network.reaction_name(i) for i in np.flatnonzero(~np.isfinite(made)).tolist()]
    what = f"the propensity of {names[0]!r} is" if names else "propensities are"
    state = ", ".join(f"{n} = {v:.6g}" for n, v in zip(network.species, x, strict=True))
    return f"the mean field cannot be followed: {what} not a finite number at time {time:g}, with {state}"


def _check_signs(
    network: Network, theta: Mapping[str, float], counts: Float[np.ndarray, "times species"], stops: tuple[float, ...]
) -> None:
    """Whether laws that may be negative are not, at the stops: in the equation they have been taken for 0."""
    doubtful = np.array([not r.law.never_negative for r in network.reactions])
    if not doubtful.any():
        return
    for time, x in zip(stops, counts, strict=True):
        made = np.asarray(_propensities(network, x, theta, time))
        wrong = doubtful & (made < -NEGATIVE * np.abs(made).max())
        if wrong.any():
            i = int(np.argmax(wrong))
            raise SimulationError(
                f"the propensity of {network.reaction_name(i)!r} is negative in the mean field, {made[i]:.3g} at time {time:g}: a law "
                "must be 0 or more for all counts"
            )
