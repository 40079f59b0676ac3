"""How long dwells at a level last."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from jumpax._base.errors import InputError
from jumpax.channels.dwells import SLACK
from jumpax.channels.gating import Gating, Level, Theta
from jumpax.channels.method import Method
from jumpax.channels.missed import NODES
from jumpax.exact import StateSpace


def dwell_density(
    space: StateSpace,
    theta: Theta,
    number: int,
    times: Sequence[float] | np.ndarray,
    level: Level,
    dead_time: float | None = None,
    *,
    nodes: int = NODES,
) -> Float[Array, " times"]:
    """Probability density of the length of dwells at a level in a long record, 1/s; 0 below the dead time.

    Exact as `dwell_log_likelihood` is; arguments as there. Differentiable in theta.

    Args:
        space: all states of the channels in the patch.
        theta: value of each parameter, 1/s.
        number: of the level: 0 for shut.
        times: (times,) s, fixed.
        level: conductance by species, or a function of the counts.
        dead_time: s, or None.
        nodes: as in `dwell_log_likelihood`.

    Raises:
        InputError: as `dwell_log_likelihood`; there is no level of this number.
        SimulationError: as `dwell_log_likelihood`.

    Source: Colquhoun and Hawkes 1982, doi:10.1098/rstb.1982.0156.

    Examples:
        >>> from jumpax.networks import MassAction, Network, Reaction
        >>> channel = Network([Reaction("C -> O", MassAction("opening")), Reaction("O -> C", MassAction("closing"))])
        >>> space = StateSpace.reachable(channel, {"C": 1, "O": 0})
        >>> with jax.enable_x64(True):
        ...     print(dwell_density(space, {"opening": 100.0, "closing": 500.0}, 1, [0.0, 0.002], {"O": 1}).round(2))
        [500.   183.94]
    """
    gating, at = Gating(space, level), np.asarray(times, np.float64)
    if not isinstance(number, int | np.integer) or isinstance(number, bool) or not 0 <= number < len(gating.inside):
        raise InputError(f"there is no level {number!r}; levels are numbered from 0 to {len(gating.inside) - 1}")
    if at.ndim != 1 or not (at >= 0).all():
        raise InputError(f"times must be a list of numbers of seconds >= 0, not {times!r}")
    values, method = gating.values(theta), Method(gating, dead_time, nodes)
    made = _density(values, method.prepared(at), method=method, number=int(number))
    if not isinstance(made, Tracer) and np.isnan(made).any():
        method.check(values)
    return jnp.where(jnp.asarray(at >= (method.dead_time or 0.0) * (1 - SLACK)), made, 0.0)


@partial(jax.jit, static_argnames=("method", "number"))
def _density(values: dict[str, Float[Array, ""]], times: Any, *, method: Method, number: int) -> Float[Array, " times"]:
    """Without regard to the dead time."""
    sojourns = method.sojourns(values)
    entering = jnp.asarray(method.gating.inside[number]) * sojourns.entries()
    matrices, logs = sojourns.within(number, times)
    leaving = (sojourns.outside(number) * sojourns.jumps).sum(0)
    return jnp.exp(logs) * jnp.einsum("s,tsm,m->t", leaving, matrices, entering / entering.sum())
