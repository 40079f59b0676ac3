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

from jumpax._base.errors import InputError, JumpaxError, UnsupportedError
from jumpax._base.host_call import call_back
from jumpax._base.memory import check_memory
from jumpax.exact.fault import ChainFault, Guard, Refuse, as_fault, unsound
from jumpax.exact.state_space import IMPOSSIBLE, StateSpace, check_space
from jumpax.networks import Network, check_theta

Theta: TypeAlias = Mapping[str, Any]
Method: TypeAlias = Callable[[StateSpace, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""How a law is computed, in plain NumPy: from propensities (reactions, states) and their derivatives (parameters,
reactions, states) to values (rows, states + 1) and their derivatives (parameters, rows, states + 1)."""


def first_order(
    space: StateSpace, theta: Theta, method: Method, rows: int, guard: Guard | None = None
) -> Float[Array, "rows states_and_sink"]:
    """The values of `method` as a JAX array, differentiable once in theta.

    Everything is computed in float64 on the host, whatever the x64 flag, and handed over in JAX's default floating
    type. The derivative rule computes the full Jacobian for the parameters that are perturbed, so that forward and
    reverse mode cost the same; `jit` and `vmap` over theta work. Outside `jit` errors are raised as they are; inside,
    JAX wraps them. With a guard none is raised: it is told, and the values are NaN, their derivatives 0.

    Raises:
        UnsupportedError: a second derivative is asked for.
        InputError: theta does not fit the network.
    """
    check_space(space)
    values = _scalars(space.network, theta)
    watch = () if guard is None else (jnp.asarray(guard.point, float), jnp.asarray(guard.sound, float))
    refuse = None if guard is None else guard.refuse

    @jax.custom_jvp
    def law(values: tuple[Array, ...], watch: tuple[Array, ...]) -> Float[Array, "rows columns"]:
        return _call(space, method, rows, values, (), refuse, watch)[0]

    @partial(law.defjvp, symbolic_zeros=True)
    def _(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
        moving = tuple(i for i, tangent in enumerate(tangents[0]) if not isinstance(tangent, SymbolicZero))
        value, jacobian = _with_jacobian(space, method, rows, moving, refuse)(*primals)
        return value, sum((tangents[0][i] * jacobian[p] for p, i in enumerate(moving)), jnp.zeros_like(value))

    return law(values, watch)


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


def _with_jacobian(space: StateSpace, method: Method, rows: int, moving: tuple[int, ...], refuse: Refuse | None):
    """Value and Jacobian as a function that refuses to be differentiated."""

    @jax.custom_jvp
    def both(values: tuple[Array, ...], watch: tuple[Array, ...]) -> tuple[Array, Array]:
        return _call(space, method, rows, values, moving, refuse, watch)

    @both.defjvp
    def _(primals: tuple, tangents: tuple) -> tuple:
        raise UnsupportedError(
            "exact laws have first derivatives in theta only; take finite differences of jax.grad for second ones"
        )

    return both


def _call(
    space: StateSpace,
    method: Method,
    rows: int,
    values: tuple[Array, ...],
    moving: tuple[int, ...],
    refuse: Refuse | None,
    watch: tuple[Array, ...],
) -> tuple[Float[Array, "rows columns"], Float[Array, "parameters rows columns"]]:
    """Run the method now if the numbers are known, else when the compiled program gets there."""
    _check_size(space, rows, len(moving))
    kind = jnp.result_type(float)
    shape = (rows, space.size + 1)

    def compute(propensities: np.ndarray, slopes: np.ndarray, *watch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        try:
            if watch and not watch[1]:
                raise unsound()
            check_propensities(space, propensities, slopes)
            value, jacobian = method(space, propensities, slopes)
        except JumpaxError as error:
            if refuse is None:
                raise
            refuse(as_fault(error), watch[0])
            return np.full(shape, np.nan, kind), np.zeros((len(moving), *shape), kind)
        return value.astype(kind), jacobian.astype(kind)

    def fill(given: list[np.ndarray], made: list[np.ndarray]) -> None:
        made[0][...], made[1][...] = compute(*given)

    with jax.enable_x64(True):
        wide = tuple(jnp.asarray(value, jnp.float64) for value in values)
        rates = _propensities(space.network, moving, jnp.asarray(space.states.T, jnp.float64), wide)
        arguments = (*rates, *watch)
        if any(isinstance(argument, Tracer) for argument in arguments):
            likes = [jax.ShapeDtypeStruct(s, kind) for s in (shape, (len(moving), *shape))]
            value, jacobian = call_back(fill, likes, *arguments)
            return value, jacobian
        value, jacobian = compute(*map(np.asarray, arguments))
    return jnp.asarray(value), jnp.asarray(jacobian)


def _check_size(space: StateSpace, rows: int, moving: int) -> None:
    """Whether propensities, laws, their derivatives, and the matrix that moves these fit into memory."""
    times = f" at {rows:,} times" if rows > 1 else ""
    reactions = len(space.network.reactions)
    matrix = (
        20.0 * (1 + 2 * moving) * (reactions + 1)
    )  # bytes for a state: entries of 12, and what building it holds beside
    check_memory(
        f"A law over {space.size:,} states, {reactions:,} reactions{times}"
        + (f", with derivatives with respect to {moving} parameters," if moving else ""),
        space.size * (8.0 * (1 + moving) * (4 * reactions + 2 * rows) + matrix),
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


def check_propensities(space: StateSpace, propensities: np.ndarray, slopes: np.ndarray | None = None) -> None:
    """Raise ChainFault unless the propensities can be those of a Markov chain on the space."""
    impossible = (space.targets == IMPOSSIBLE) & (propensities > 0)
    undifferentiable = np.zeros(1, bool) if slopes is None else ~np.isfinite(slopes).all(axis=0)
    for fault, cause, wrong in (
        (~np.isfinite(propensities), "propensity not finite", "not finite"),
        (propensities < 0, "propensity negative", "negative"),
        (
            impossible,
            "negative count",
            "positive, although it would lead to a negative count or vanishes at other parameters",
        ),
        (
            undifferentiable,
            "derivative not finite",
            "not differentiable in theta (the derivative is not finite)",
        ),
    ):
        if fault.any():
            reaction, state = (int(i) for i in np.argwhere(fault)[0])
            raise ChainFault(
                cause,
                f"the propensity of {space.network.reactions[reaction].name!r} is {wrong}: "
                f"{propensities[reaction, state]:g} in the state {space.describe_state(state)}",
            )
