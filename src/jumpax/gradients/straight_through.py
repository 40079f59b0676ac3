"""Straight-through gradients: exact paths, with the derivative of a relaxed choice."""

import dataclasses
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError
from jumpax.engines.program import Steps, Times
from jumpax.folds import AbstractFold, RelaxedTangent
from jumpax.folds.relaxation import Relaxation, Relaxed
from jumpax.folds.relaxed_tangent import OVERRUN
from jumpax.gradients.chunk import Chunk
from jumpax.gradients.martingale import Edges
from jumpax.gradients.pathwise import AbstractPathwise, Control, wrong_options
from jumpax.networks import PLAIN, Need, Network

Horizon = Literal["logistic", "exact", "state", "uniformization"]


@dataclasses.dataclass(frozen=True)
class StraightThrough(AbstractPathwise):
    """g = mean over paths of grad f(x) . D, D the tangent of the state when each choice of a reaction is relaxed.

    Paths are exact; only their derivative is relaxed (`jumpax.folds.Relaxation` has the formulas). A number of events
    is read directly. A time T is not a number of events, and something has to be said about events that cross it:

        logistic  (default) the step of an event at t_i becomes sigma((T - t_i) / width) in the derivative only; paths
                  run on for 10 widths. Variance ~ 1/width, smoothing bias O(width^2): width about 0.01 to 0.02 T, not
                  far below the mean wait.
        exact     D(T) = D - F(x) (E - (T - t_i) d ln a_0), F the drift: no width, more variance
        state     D alone: low variance, right after a number of events and at stationarity, wrong in transients
                  (gradients with respect to log rates then sum to zero)
        uniformization  D alone, of paths with null events up to a bound on a_0, the times of which do not depend on
                  theta: no width, right in transients too; more events. `expectation(..., bound=...)` gives the bound

    Biased, by the relaxation (`gumbel`: more with the temperature), and by f and propensities that are not linear over
    one molecule: at fixed time 0 to 10 % where counts are large, some 100 % where they are about one. At low
    temperature or copy number the variance grows exponentially with the number of events: see `tangent_exponents`.
    Observables need a derivative: that of an indicator is 0, and so is its gradient here. `replay` gives the same
    derivatives in reverse mode.

    Args:
        temperature: tau of `gumbel` and `conditional`; below 1. 0 for `conditional` is its limit, without Gumbel noise.
        relaxation: `gumbel`, `conditional`, `propensity` or `reinmax`.
        horizon: how a time is read; of no account for stops after a number of events.
        width: of the logistic horizon, in time; default 2 % of the time from the start to the last stop.
        draws: how many draws of Gumbel numbers `conditional` averages.
        waiting_times: False drops the derivatives of event times from a logistic horizon. That is wrong (by 143 % on
            slow association), and there to be looked at.
        control: `martingale` subtracts martingale control variates; see `AbstractPathwise`.
        reverse: go back over each path, as `TrapezoidalTangent(reverse=True)` does. For stops after numbers of events, for times with
            the horizons `exact` and `state`, and for `TimeAverage`, where the horizon is of no account, as averages are continuous in
            the times of events. Not for `conditional`.

    Raises:
        InputError: for options that do not exist or do not fit.

    Source: Burger, Kofler, Heinrich & Gerland 2026, arXiv:2604.02121; Mottes, Zhu & Brenner 2026, arXiv:2601.14183.

    Examples:
        >>> import jax, jumpax
        >>> model = jumpax.zoo.association(start=(20, 20), k_on=0.05, k_off=1.0)
        >>> mean = jumpax.expectation(
        ...     jumpax.Moments("C"), model.network, model.x0, steps=[400], paths=2000,
        ...     gradient=jumpax.StraightThrough(relaxation="propensity"),
        ... )
        >>> slope = mean.estimate(model.theta, jax.random.key(0), wrt=["k_off"]).gradient["k_off"]
        >>> bool(abs(float(slope[0, 0, 0]) + 3.287) < 0.02)
        True
    """

    temperature: float = 0.5
    relaxation: Relaxed = "gumbel"
    horizon: Horizon = "logistic"
    width: float | None = None
    draws: int = 4
    waiting_times: bool = True
    control: Control = None
    reverse: bool = False

    def __post_init__(self):
        Relaxation(self.relaxation, self.temperature, self.draws)
        faults = wrong_options(self.control)
        if self.horizon not in get_args(Horizon):
            faults.append(f"horizon must be one of {', '.join(get_args(Horizon))}; got {self.horizon!r}")
        if self.width is not None and not (np.isfinite(self.width) and self.width > 0):
            faults.append(f"width must be a positive time; got {self.width!r}")
        if self.horizon != "logistic" and (self.width is not None or not self.waiting_times):
            faults.append(f"width and waiting_times belong to the logistic horizon, not to {self.horizon!r}")
        if faults:
            raise InputError("; ".join(faults))

    @property
    def treats(self) -> frozenset[Need]:
        """The plain process; in reverse mode families of reactions too."""
        return frozenset({Need.FAMILY}) if self.reverse else PLAIN

    @property
    def unbiased(self) -> bool:
        """Never, for all networks and observables."""
        return False

    def carried(self, network: Network, wrt: tuple[str, ...], stops: Times | Steps) -> AbstractFold:
        """The relaxed tangent of the counts at the stops."""
        relaxation = Relaxation(self.relaxation, self.temperature, self.draws)
        if isinstance(stops, Steps):
            return RelaxedTangent(network, wrt, relaxation)
        bound = None if isinstance(stops.bound, tuple) else stops.bound
        if self.horizon == "uniformization" and bound is None:
            raise InputError(
                "uniformization needs expectation(..., bound=...), one number which the total propensity never exceeds"
            )
        if self.horizon != "logistic":
            return RelaxedTangent(network, wrt, relaxation, self.horizon, bound=bound)
        width = self.width_for(stops.values[-1], stops.start)
        others = () if self.control is None else Edges(stops.start)(stops.values)
        return RelaxedTangent(
            network, wrt, relaxation, "logistic", stops.values, width, self.waiting_times, others=others
        )

    def width_for(self, last: float, start: float) -> float:
        """Width of the logistic horizon, for the last of the times asked for."""
        if self.width is None and last <= start:
            raise InputError(
                "give StraightThrough(width=...): without a time after the start there is no default width"
            )
        return 0.02 * (last - start) if self.width is None else self.width

    def along(self, chunk: Chunk) -> Float[Array, "paths asked entries parameters"]:
        """Grad f . D."""
        where = chunk.keep
        if self.horizon == "logistic" and isinstance(chunk.stops, Times):
            every = np.array(chunk.stops.values)
            asked = every[chunk.keep]
            where = np.searchsorted(every, asked + OVERRUN * self.width_for(float(asked[-1]), chunk.begin))
        rows = jnp.stack([jnp.stack(row, -1) for row in chunk.record], -2)[:, where]
        rows = jnp.where(chunk.sound[:, None, None, None], rows, 0.0)
        slopes = jax.vmap(jax.vmap(jax.jacobian(chunk.observe)))(chunk.counts)
        return jnp.einsum("rtks,rtsp->rtkp", slopes, rows)
