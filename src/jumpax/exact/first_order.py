"""From a numerical method on propensities to a JAX function of theta with exact first derivatives."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from jumpax._base.errors import InputError, SimulationError, UnsupportedError
from jumpax._base.host_call import call_back
from jumpax._base.memory import check_memory
from jumpax.exact.state_space import IMPOSSIBLE, StateSpace, check_space
from jumpax.networks import Network, check_theta

Theta: TypeAlias = Mapping[str, Any]
Method: TypeAlias = Callable[[StateSpace, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""How a law is computed, in plain NumPy: from propensities (reactions, states) and their derivatives (parameters,
reactions, states) to values (rows, states + 1) and their derivatives (parameters, rows, states + 1)."""


def first_order(space: StateSpace, theta: Theta, method: Method, rows: int) -> Float[Array, "rows states_and_sink"]:
    """The values of `method` as a JAX array, differentiable once in theta.

    Everything is computed in float64 on the host, whatever the x64 flag, and handed over in JAX's default floating
    type. The derivative rule computes the full Jacobian for the parameters that are perturbed, so that forward and
    reverse mode cost the same; `jit` and `vmap` over theta work. Outside `jit` errors are raised as they are; inside,
    JAX wraps them.

    Raises:
        UnsupportedError: a second derivative is asked for.
        InputError: theta does not fit the network.
    """
    check_space(space)
    values = _scalars(space.network, theta)

    @jax.custom_jvp
    def law(values: tuple[Array, ...]) -> Float[Array, "rows columns"]:
        return _call(space, method, rows, values, ())[0]

    @partial(law.defjvp, symbolic_zeros=True)
    def _(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
        moving = tuple(i for i, tangent in enumerate(tangents[0]) if not isinstance(tangent, SymbolicZero))
        value, jacobian = _with_jacobian(space, method, rows, moving)(primals[0])
        return value, sum((tangents[0][i] * jacobian[p] for p, i in enumerate(moving)), jnp.zeros_like(value))

    return law(values)


def _scalars(network: Network, theta: Theta) -> tuple[Float[Array, ""], ...]:
    """The parameters in the order of the network; what is traced is checked when its number is known."""
    traced = [name for name, value in dict(theta).items() if isinstance(value, Tracer)]
    check_theta(network, {**theta, **dict.fromkeys(traced, 1.0)})
    values = tuple(jnp.asarray(theta[name], float) for name in network.parameters)
    if shaped := [name for name, value in zip(network.parameters, values) if value.shape]:
        raise InputError(
            f"exact laws take one number per parameter, but {', '.join(shaped)} are arrays; use jax.vmap over theta"
        )
    return values


def _with_jacobian(space: StateSpace, method: Method, rows: int, moving: tuple[int, ...]):
    """Value and Jacobian as a function that refuses to be differentiated."""

    @jax.custom_jvp
    def both(values: tuple[Array, ...]) -> tuple[Array, Array]:
        return _call(space, method, rows, values, moving)

    @both.defjvp
    def _(primals: tuple, tangents: tuple) -> tuple:
        raise UnsupportedError(
            "exact laws have first derivatives in theta only; take finite differences of jax.grad for second ones"
        )

    return both


def _call(
    space: StateSpace, method: Method, rows: int, values: tuple[Array, ...], moving: tuple[int, ...]
) -> tuple[Float[Array, "rows columns"], Float[Array, "parameters rows columns"]]:
    """Run the method now if the numbers are known, else when the compiled program gets there."""
    _check_size(space, rows, len(moving))
    kind = jnp.result_type(float)
    shape = (rows, space.size + 1)

    def compute(propensities: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        _check(space, propensities, slopes)
        value, jacobian = method(space, propensities, slopes)
        return value.astype(kind), jacobian.astype(kind)

    def fill(given: list[np.ndarray], made: list[np.ndarray]) -> None:
        made[0][...], made[1][...] = compute(*given)

    with jax.enable_x64(True):
        wide = tuple(jnp.asarray(value, jnp.float64) for value in values)
        rates = _propensities(space.network, moving, jnp.asarray(space.states.T, jnp.float64), wide)
        if any(isinstance(rate, Tracer) for rate in rates):
            likes = [jax.ShapeDtypeStruct(s, kind) for s in (shape, (len(moving), *shape))]
            value, jacobian = call_back(fill, likes, *rates)
            return value, jacobian
        value, jacobian = compute(*(np.asarray(rate) for rate in rates))
    return jnp.asarray(value), jnp.asarray(jacobian)


def _check_size(space: StateSpace, rows: int, moving: int) -> None:
    """Whether propensities, laws and their derivatives fit into memory."""
    times = f" at {rows:,} times" if rows > 1 else ""
    check_memory(
        f"A law over {space.size:,} states, {len(space.network.reactions):,} reactions{times}"
        + (f", with derivatives with respect to {moving} parameters," if moving else ""),
        8.0 * space.size * (1 + moving) * (4 * len(space.network.reactions) + 2 * rows),
        "Give smaller limits, fewer times, or differentiate with respect to fewer parameters at once",
    )


@partial(jax.jit, static_argnums=(0, 1))
def _propensities(
    network: Network, moving: tuple[int, ...], counts: Float[Array, "species states"], values: tuple[Array, ...]
) -> tuple[Float[Array, "reactions states"], Float[Array, "parameters reactions states"]]:
    """Propensities in every state and their derivatives with respect to some of the parameters."""

    def rates(vector: Float[Array, " parameters"]) -> Float[Array, "reactions states"]:
        theta = dict(zip(network.parameters, vector))
        all_rates = network.propensities(tuple(counts), theta, jnp.zeros((), counts.dtype))
        return jnp.stack([jnp.broadcast_to(rate, counts[0].shape) for rate in all_rates])

    vector = jnp.stack(values) if values else jnp.zeros(0, counts.dtype)
    if not moving:
        return rates(vector), jnp.zeros((0, len(network.reactions), counts.shape[1]), counts.dtype)
    directions = jnp.eye(len(values), dtype=counts.dtype)[np.array(moving)]
    return rates(vector), jax.vmap(lambda direction: jax.jvp(rates, (vector,), (direction,))[1])(directions)


def _check(space: StateSpace, propensities: np.ndarray, slopes: np.ndarray) -> None:
    """Raise SimulationError unless the propensities can be those of a Markov chain on the space."""
    impossible = (space.targets == IMPOSSIBLE) & (propensities > 0)
    for fault, wrong in (
        (~np.isfinite(propensities), "not finite"),
        (propensities < 0, "negative"),
        (impossible, "positive, although it would lead to a negative count or vanishes at other parameters"),
        (~np.isfinite(slopes).all(axis=0), "not differentiable in theta (the derivative is not finite)"),
    ):
        if fault.any():
            reaction, state = (int(i) for i in np.argwhere(fault)[0])
            raise SimulationError(
                f"the propensity of {space.network.reactions[reaction].name!r} is {wrong}: "
                f"{propensities[reaction, state]:g} in the state {space.describe_state(state)}"
            )
