"""Hopping on a ring, one walker or many that exclude each other: models, simulated rates, exact rates, bounds."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

import jumpax
from jumpax import MassAction, Network, Reaction
from jumpax.observables import Activity, Current, EntropyProduction, Rates


@dataclasses.dataclass(frozen=True)
class Ring:
    """`particles` on `sites`; at bond i forward with rate p_i, backward with q_i. Two or more exclude each other."""

    sites: int
    particles: int = 1

    @functools.cached_property
    def network(self) -> Network:
        """Sites P_i are full or empty; where particles exclude each other, H_i = 1 - P_i are holes."""
        reactions = []
        for i in range(self.sites):
            j = (i + 1) % self.sites
            equation = f"P{i} <-> P{j}" if self.particles == 1 else f"P{i} + H{j} <-> H{i} + P{j}"
            reactions.append(Reaction(equation, MassAction(f"p{i}"), MassAction(f"q{i}"), name=f"bond{i}"))
        return Network(reactions)

    @functools.cached_property
    def start(self) -> dict[str, int]:
        """Particles as evenly spread as can be."""
        full = {(k * self.sites) // self.particles for k in range(self.particles)}
        return {s: int((int(s[1:]) in full) == (s[0] == "P")) for s in self.network.species}

    @functools.cached_property
    def rates(self) -> tuple[Current, EntropyProduction, Activity]:
        """All net hops, entropy production, all hops; per time."""
        bonds = [f"bond{i}" for i in range(self.sites)]
        return Current(self.network, *bonds), EntropyProduction(self.network, stationary=True), Activity(self.network)

    def theta(self, rates: Any) -> dict[str, Any]:
        """Names for rates (2 sites): all forward ones, then all backward ones."""
        names = [f"{kind}{i}" for kind in "pq" for i in range(self.sites)]
        return dict(zip(names, rates, strict=True))

    def simulated(self, settings: Mapping[str, Any]) -> Callable[[Mapping[str, Any], Any], Any]:
        """From theta and a key to V, sigma and T in the steady state, from paths; differentiable."""
        rates = Rates(*self.rates)
        mean = jumpax.steady_state(
            rates,
            self.network,
            self.start,
            settle=settings["settle"],
            time=settings["time"],
            paths=settings["paths"],
            order=1,
        )
        return lambda theta, key: jnp.stack(rates.rate(mean(theta, key), theta))

    @functools.cached_property
    def exact(self) -> Callable[[Mapping[str, Any]], Any]:
        """From theta to V, sigma and T by enumeration of all states."""
        space = jumpax.exact.StateSpace.reachable(self.network, self.start)

        def found(theta):
            law = jumpax.exact.stationary(space, theta)
            return jnp.stack([law.expectation(lambda x, rate=rate: rate.local(x, theta)) for rate in self.rates])

        return found


def shared(u: Any, total: float, costs: Sequence[float]) -> Any:
    """Rates of which the sum, weighted with the costs of the bonds, is `total`: the resource, shared out by a softmax."""
    return total * jax.nn.softmax(u) / jnp.asarray([*costs, *costs], float)


def bound(current: Any, activity: Any) -> Any:
    """Least entropy production of any Markov process with total net current V and activity T: 2 V artanh(V / T)."""
    return 2 * current * jnp.arctanh(current / activity)


def exact_optimum(ring: Ring, total: float, costs: Sequence[float], weight: float, starts: Sequence[np.ndarray]) -> Any:
    """Least weight * sigma - V over all ways to share the resource, by enumeration: rates, then V, sigma, T there."""

    @jax.value_and_grad
    def loss(u):
        current, sigma, _ = ring.exact(ring.theta(shared(u, total, costs)))
        return weight * sigma - current

    def both(u):
        value, slope = loss(jnp.asarray(u))
        return float(value), np.asarray(slope, float)

    found = [minimize(both, u, jac=True, method="L-BFGS-B", bounds=[(-12, 12)] * (2 * ring.sites)) for u in starts]
    best = min(found, key=lambda result: result.fun)
    rates = np.asarray(shared(jnp.asarray(best.x), total, costs))
    return {"rates": rates, "rates_of_ring": np.asarray(ring.exact(ring.theta(rates)))}


def judged(ring: Ring, simulated: Any, rates: Any, seed: int, keys: int) -> dict[str, Any]:
    """V, sigma and T at some rates: exact, and simulated anew with standard errors; how far sigma is above the bound."""
    theta = ring.theta(rates)
    exact = np.asarray(ring.exact(theta))
    rows = np.array([np.asarray(simulated(theta, key)) for key in jax.random.split(jax.random.key(seed), keys)])
    above = rows[:, 1] - np.asarray(bound(rows[:, 0], rows[:, 2]))
    error = rows.std(0, ddof=1) / np.sqrt(keys)
    return {
        "rates": np.asarray(rates), "exact": exact, "simulated": rows.mean(0), "error": error,
        "worst_z": np.abs((rows.mean(0) - exact) / error).max(),
        "above_bound_z": above.mean() / (above.std(ddof=1) / np.sqrt(keys)),
        "over_bound": exact[1] / float(bound(exact[0], exact[2])) - 1,
    }  # fmt: skip
