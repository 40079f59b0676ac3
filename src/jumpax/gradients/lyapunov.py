"""Growth of straight-through tangents with the number of events: where their variance explodes."""

import functools
import warnings
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from jumpax import exact
from jumpax._base.errors import JumpaxWarning, SimulationError
from jumpax._base.types import ParameterValues
from jumpax.folds.relaxation import Relaxation, Relaxed
from jumpax.networks import Network, check_counts, check_network, check_theta


class TangentExponents(NamedTuple):
    """Growth rates per event of the tangent D of a straight-through gradient."""

    lyapunov: float
    """Of a typical D: lambda = lim ln |D_i| / i."""
    lyapunov_error: float
    """Its standard error, from independent paths."""
    second_moment: float
    """Of E[D^2]: mu_2, at least 2 lambda."""


def tangent_exponents(
    network: Network,
    theta: ParameterValues,
    x0: Mapping[str, float],
    temperature: float = 0.5,
    relaxation: Relaxed = "gumbel",
    *,
    limits: Mapping[str, int] | int | None = None,
    events: int = 2000,
    paths: int = 64,
    points: int = 2048,
    draws: int = 4,
    key: PRNGKeyArray | int = 0,
) -> TangentExponents:
    """Exponents of the products of random matrices that carry a straight-through tangent along the jump chain.

    Without its source, D_i = M_i D_(i-1) with M = 1 + zeta C grad ln a, C the derivative of the relaxed choice. Then

        lambda = E[ln |M|] along the jump chain     from long paths, renormalised after each event
        mu_2   = ln rho(K), K_(n -> n') = E[M (x) M 1(n -> n')]     power iteration on all states; Gumbel numbers
                                                                     integrated by `points` quadrature points

    mu_2 governs the variance: between the temperatures where mu_2 and where lambda change sign the typical gradient
    decays while its variance explodes by rare events. Both act within the span of the stoichiometry.

    Args:
        network: without explicitly time-dependent rates; its jump chain should have a stationary law.
        theta: a value per parameter.
        x0: counts at the start.
        temperature: of the relaxation.
        relaxation: as in `StraightThrough`.
        limits: largest counts, for networks with infinitely many states; reactions beyond are left out.
        events: per path, after half as many that are thrown away.
        paths: how many, for the standard error of lambda.
        points: for the quadrature.
        draws: as in `StraightThrough`.
        key: of the paths.

    Raises:
        SimulationError: a path was absorbed, where nothing fires any more.
        UnsupportedError: explicitly time-dependent rates.

    Warns:
        JumpaxWarning: when mu_2 > 0: the variance grows without bound.

    Source: Burger, Kofler, Heinrich & Gerland 2026, arXiv:2604.02121 (lambda).

    Examples:
        >>> import jumpax
        >>> model = jumpax.zoo.association(start=(10, 10), k_on=0.1, k_off=1.0)
        >>> found = tangent_exponents(model.network, model.theta, model.x0, 0.5, events=200)
        >>> found.lyapunov < found.second_moment / 2 < 0
        True
    """
    check_network(network, who="tangent_exponents")
    rule = Relaxation(relaxation, temperature, draws)
    with jax.enable_x64(True):
        values = {k: jnp.float64(v) for k, v in check_theta(network, theta).items()}
        counts = np.asarray(check_counts(network, x0)).astype(float)
        basis = _span(network)
        keys = jax.random.split(jax.random.key(key) if isinstance(key, int) else key, paths)
        growth = np.asarray(_growth(network, rule, values, counts, basis, keys, events))
        if not np.isfinite(growth).all():
            raise SimulationError("a path was absorbed: where nothing fires, tangents do not grow; choose another x0")
        states = exact.StateSpace.reachable(network, x0, limits).states
        second = _second_moment(network, rule, values, np.asarray(states, int), basis, points)
    if second > 0:
        warnings.warn(
            f"the variance of straight-through gradients grows like exp({second:.3g} i) with the number i of events: "
            "raise the temperature, or take relaxation='propensity', or another estimator",
            JumpaxWarning,
            stacklevel=2,
        )
    return TangentExponents(float(growth.mean()), float(growth.std(ddof=1) / np.sqrt(paths)), second)


def _span(network: Network) -> np.ndarray:
    """Orthonormal basis (species, rank) of the span of the stoichiometry, which tangents never leave."""
    u, size, _ = np.linalg.svd(np.asarray(network.stoichiometry, float))
    return u[:, : int((size > 1e-9 * size[0]).sum())]


def _moved(
    network: Network,
    rule: Relaxation,
    theta: Mapping[str, Array],
    x: Float[Array, " species"],
    won: Int[Array, ""],
    exponentials: Float[Array, " drawn"],
    directions: Float[Array | np.ndarray, "species directions"],
) -> Float[Array, "species directions"]:
    """Tangents (species, directions) after an event in the state x that reaction `won` won."""

    def rates(counts: Float[Array, " species"]) -> Float[Array, " reactions"]:
        return jnp.stack(network.propensities(tuple(counts), theta, jnp.zeros(())))

    a, slopes = rates(x), jax.jacfwd(rates)(x) @ directions
    reactions = range(len(a))
    changes = rule.changes(
        [won == r for r in reactions],
        [a[r] for r in reactions],
        [list(slopes[r]) for r in reactions],
        list(exponentials),
    )
    steps = jnp.stack([jnp.stack(row) for row in changes])
    return jnp.asarray(directions) + jnp.asarray(network.stoichiometry, float) @ steps


@functools.partial(jax.jit, static_argnums=(0, 1, 6))
def _growth(
    network: Network,
    rule: Relaxation,
    theta: Mapping[str, Array],
    counts: Float[Array, " species"],
    basis: Float[Array, "species rank"],
    keys: Key[Array, " paths"],
    events: int,
) -> Float[Array, " paths"]:
    """Mean of ln |M v| per event along each path."""
    zeta = jnp.asarray(network.stoichiometry, float)

    def event(carry: tuple[Array, Array], key: PRNGKeyArray) -> tuple[tuple[Array, Array], Array]:
        x, v = carry
        choice, noise = jax.random.split(key)
        a = jnp.stack(network.propensities(tuple(x), theta, jnp.zeros(())))
        won = jax.random.categorical(choice, jnp.log(a))
        drawn = jax.random.exponential(noise, (rule.rounds * len(a),), float)
        after = basis.T @ _moved(network, rule, theta, x, won, drawn, (basis @ v)[:, None])[:, 0]
        size = jnp.maximum(jnp.linalg.norm(after), 1e-300)
        return (x + zeta[:, won], after / size), jnp.where(a.sum() > 0, jnp.log(size), jnp.nan)

    def path(key: PRNGKeyArray) -> Float[Array, ""]:
        first, rest = jax.random.split(key)
        v = jax.random.normal(first, (basis.shape[1],), float)
        start = (jnp.asarray(counts), v / jnp.linalg.norm(v))
        _, growth = lax.scan(event, start, jax.random.split(rest, events + events // 2))
        return growth[events // 2 :].mean()

    return jax.vmap(path)(keys)


def _points(rule: Relaxation, reactions: int, points: int) -> np.ndarray:
    """Unit exponentials (points, rounds, reactions), that of the winner first; equal weights."""
    if rule.rounds == 0:
        return np.ones((1, 0, reactions))
    if reactions == 2 and rule.rounds == 1:  # only the ratio of two exponentials matters: its quantiles
        u = (np.arange(points) + 0.5) / points
        return np.stack([1 - u, u], -1)[:, None]
    from scipy.stats import qmc  # slow to import

    u = qmc.Sobol(rule.rounds * reactions, rng=np.random.default_rng(0)).random(1 << (points - 1).bit_length())
    return -np.log1p(-np.clip(u, 1e-12, 1 - 1e-12)).reshape(-1, rule.rounds, reactions)


def _second_moment(
    network: Network, rule: Relaxation, theta: Mapping[str, Array], states: np.ndarray, basis: np.ndarray, points: int
) -> float:
    """Logarithm of the spectral radius of E[M (x) M 1(n -> n')]."""
    reactions = len(network.reactions)
    table = jnp.asarray(_points(rule, reactions, points))

    def moments(x: Float[Array, " species"], won: Int[Array, ""]) -> Float[Array, "size size"]:
        order = jnp.where(
            jnp.arange(reactions) == won, 0, jnp.where(jnp.arange(reactions) == 0, won, jnp.arange(reactions))
        )

        def one(drawn: Float[Array, "rounds reactions"]) -> Float[Array, "size size"]:
            m = basis.T @ _moved(network, rule, theta, x, won, drawn[:, order].reshape(-1), basis)
            return jnp.kron(m, m)

        return jax.vmap(one)(table).mean(0)

    @jax.jit
    def blocks(x: Float[Array, " species"]) -> Float[Array, "reactions size size"]:
        a = jnp.stack(network.propensities(tuple(x), theta, jnp.zeros(())))
        each = jax.vmap(lambda won: moments(x, won))(jnp.arange(reactions))
        return jnp.where((a > 0)[:, None, None], (a / a.sum())[:, None, None] * each, 0.0)

    weights = np.asarray(lax.map(blocks, jnp.asarray(states, float)))
    return _log_radius(weights, states, np.asarray(network.stoichiometry, int))


def _log_radius(weights: np.ndarray, states: np.ndarray, stoichiometry: np.ndarray) -> float:
    """Power iteration of K + 1, so that a chain of period two does not make it swing."""
    number = {tuple(state): i for i, state in enumerate(states)}
    size = weights.shape[-1]
    parts = []
    for r, change in enumerate(stoichiometry.T):
        pairs = [(number[after], i) for i, s in enumerate(states) if (after := tuple(s + change)) in number]
        for target, i in pairs:
            parts.append((target, i, weights[i, r]))
    rows, columns = (np.array([part[side] for part in parts]) * size for side in (0, 1))
    inner = np.arange(size)
    from scipy import sparse

    matrix = sparse.csr_matrix(
        (
            np.stack([part[2] for part in parts]).ravel(),
            (
                np.broadcast_to(rows[:, None, None] + inner[:, None], (len(parts), size, size)).ravel(),
                np.broadcast_to(columns[:, None, None] + inner, (len(parts), size, size)).ravel(),
            ),
        ),
        shape=(len(states) * size,) * 2,
    )
    rank = int(np.sqrt(size))
    vector, before = np.tile(np.eye(rank).ravel(), len(states)), 0.0
    for _ in range(200_000):
        vector = matrix @ vector + vector
        radius = np.abs(vector).sum()
        vector = vector / radius
        if abs(radius - before) < 1e-13 * radius:
            break
        before = radius
    return float(np.log((matrix @ vector + vector) @ vector / (vector @ vector) - 1))
