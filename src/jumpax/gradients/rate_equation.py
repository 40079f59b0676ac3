"""The rate equation and its adjoint: an approximate value function, for control variates."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.types import Real
from jumpax.gradients.linear_solve import solve
from jumpax.networks import Network

STEPS = 12
"""Steps per bin. Their error costs variance, never bias."""
FLOOR = 1e-3
"""Laws are looked at no lower than this: slopes of fractional powers are infinite at 0."""


class Adjoint(NamedTuple):
    """V(x, t) = p . y + y^T Q y / 2, y = x less the solution of the rate equation; all at both ends of each bin."""

    centre: Float[Array, "bins 2 species"]
    p: Float[Array, "asked entries bins 2 species"]
    q: Float[Array, "asked entries bins 2 species species"]


Pair = tuple[Array, Array]
"""p, and Q."""


def adjoint(
    network: Network,
    theta: Mapping[str, Real],
    start: Float[Array, " species"],
    widths: Float[np.ndarray, " bins"],
    keep: np.ndarray,
    observe: Callable[[Float[Array, " species"]], Float[Array, " entries"]],
    order: int,
) -> Adjoint:
    """Second-order expansion of u(x, t) = E[f(x(t_asked)) | x(t) = x] about the rate equation.

        x' = F(x),   -p' = J^T p + sum_r (zeta_r^T Q zeta_r) grad a_r / 2,   -Q' = J^T Q + Q J + sum_d p_d Hess F_d

    from p = grad f and Q = Hess f at the asked time; with `order` 1, Q = 0. Zero in bins after the asked time. Steps are
    those of the (0, 2) Pade approximant of the exponential, stable for stiff networks.

    Args:
        network: what reacts; the laws need a smooth extension to real counts.
        theta: scalars.
        start: counts at the start.
        widths: of the bins, in time.
        keep: for each asked time the number of the bin that ends there.
        observe: f, differentiated where it is smooth.
        order: 1 or 2.
    """
    zeta = jnp.asarray(network.stoichiometry, start.dtype)

    def rates(x: Float[Array, " species"]) -> Float[Array, " reactions"]:
        # not cut at 0 as `approximate.rates` are: slopes and curvatures are wanted
        counts = tuple(jnp.maximum(x, FLOOR))
        return jnp.stack(
            [jnp.asarray(a, start.dtype) for a in network.propensities(counts, theta, jnp.zeros((), x.dtype))]
        )

    def slopes(x: Float[Array, " species"]) -> Float[Array, "reactions species"]:
        return jax.jacfwd(rates)(jnp.maximum(x, FLOOR))

    h = jnp.asarray(np.repeat(widths / STEPS, STEPS), start.dtype)
    before, after, flow = _forwards(zeta, rates, slopes, start, h)
    ends = after.reshape(len(widths), STEPS, -1)[:, -1][keep]
    last_p = jax.vmap(jax.jacfwd(observe))(ends).astype(start.dtype)
    last_q = jax.vmap(jax.hessian(observe))(ends) if order > 1 else jnp.zeros((*last_p.shape, len(start)))
    last_q = last_q.astype(start.dtype)

    def source(x: Float[Array, " species"], p: Array, q: Array) -> Pair:
        if order == 1:
            return jnp.zeros_like(p), q
        spread = jnp.einsum("dr,...de,er->...r", zeta, q, zeta) / 2
        curved = jax.jacfwd(slopes)(x)
        return spread @ slopes(x), jnp.einsum("...d,dr,ref->...ef", p, zeta, curved)

    def backward(carry: Pair, step: tuple[Array, ...]) -> tuple[Pair, tuple[Pair, Pair]]:
        number, x, h, e = step
        begins = (number == (keep + 1) * STEPS - 1)[:, None, None]
        p, q = jnp.where(begins, last_p, carry[0]), jnp.where(begins[..., None], last_q, carry[1])
        first = p, q  # at the end of the step
        for half in range(2):
            if order > 1:
                more = source(x, p, q)
                p, q = p + h / 2 * more[0], q + h / 2 * more[1]
            if half == 0:
                p, q = p @ e, e.T @ q @ e
        return (p, q), (first, (p, q))

    steps = (jnp.arange(len(h)), (before + after) / 2, h, flow)
    _, (late, early) = jax.lax.scan(backward, (jnp.zeros_like(last_p), jnp.zeros_like(last_q)), steps, reverse=True)

    def ends_of_bins(first: Float[Array, "steps ..."], last: Float[Array, "steps ..."]) -> Float[Array, "bins 2 ..."]:
        """Values at both ends, (bins, 2, ...), from those at both ends of each step."""
        first, last = (leaf.reshape(len(widths), STEPS, *leaf.shape[1:]) for leaf in (first, last))
        return jnp.stack([first[:, 0], last[:, -1]], 1)

    made = [ends_of_bins(*pair) for pair in ((before, after), (early[0], late[0]), (early[1], late[1]))]
    sound = jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in made]))
    centre, p, q = (jnp.where(sound, leaf, 0.0) for leaf in made)
    return Adjoint(centre, jnp.moveaxis(p, (0, 1), (2, 3)), jnp.moveaxis(q, (0, 1), (2, 3)))


def pade_step(
    jacobian: Float[Array, "species species"], flow: Float[Array, "species k"], more: Float[Array, "species m"]
) -> tuple[Float[Array, "species k"], Float[Array, "species m"]]:
    """What a step of an equation linearised at its start adds, by the (0, 2) Pade approximant of the exponential: stable if stiff.

    (1 - J + J^2 / 2)^-1 (1 - J / 2) flow, and (1 - J + J^2 / 2)^-1 more, which is what comes of `more` over the step; one elimination
    for both.

    Args:
        jacobian: times the step.
        flow: the right side of the equation, times the step; or several, which share the Jacobian.
        more: columns.
    """
    one = jnp.eye(len(jacobian), dtype=jacobian.dtype)
    right = jnp.concatenate([flow - jacobian @ flow / 2, more], 1)
    made = solve(one - jacobian + jacobian @ jacobian / 2, right)
    return made[:, : flow.shape[1]], made[:, flow.shape[1] :]


def _forwards(
    zeta: Float[Array, "species reactions"],
    rates: Callable[[Array], Array],
    slopes: Callable[[Array], Array],
    start: Float[Array, " species"],
    h: Float[Array, " steps"],
) -> tuple[Array, Array, Array]:
    """Counts before and after each step of the rate equation, (steps, species), and how they follow those before."""
    one = jnp.eye(len(start), dtype=start.dtype)

    def step(x: Float[Array, " species"], h: Float[Array, ""]) -> tuple[Array, tuple[Array, Array, Array]]:
        flow, follows = pade_step(h * zeta @ slopes(x), h * zeta @ rates(x)[:, None], one)
        after = x + flow[:, 0]
        return after, (x, after, follows)

    return jax.lax.scan(step, start, h)[1]
