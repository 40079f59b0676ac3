"""Lattices of a thousand sites on tables: currents, activity, entropy production and their gradients, against what is known exactly.

z-scores stay below 4.5 (7e-6 each, some 10 of them); seeds were fixed before the first look.
"""

import jax
import jax.numpy as jnp
import numpy as np

import jumpax
from jumpax import MassAction, Network, Reaction
from jumpax.engines import choice
from jumpax.networks.laws import Function
from jumpax.observables import Activity, Current, PathSums

SITES = 1000


def exclusion(sites):
    """The asymmetric exclusion process on a ring: particles A hop into holes H, to the right at p and to the left at q."""
    right = [(i, (i + 1) % sites) for i in range(sites)]
    hops = [Reaction(f"A{i} + H{j} -> H{i} + A{j}", MassAction("p"), name=f"right{i}") for i, j in right]
    hops += [Reaction(f"A{j} + H{i} -> H{j} + A{i}", MassAction("q"), name=f"left{i}") for i, j in right]
    return Network(hops, species=[f"{kind}{i}" for kind in "AH" for i in range(sites)])


def test_currents_of_an_exclusion_process_and_their_gradients():
    """On a ring all placings of n particles are equally likely at rest: n (L - n) / (L - 1) of the bonds can be hopped over, on average."""
    network, particles = exclusion(SITES), SITES // 4
    draws = np.random.default_rng(0)
    filled = np.stack([draws.permutation(SITES) < particles for _ in range(400)])
    start = jumpax.StartTable(dict(zip(network.species, np.hstack([filled, ~filled]).T.astype(int))))
    hops = jumpax.PathObservable(
        jumpax.ReactionCounts(network),
        lambda record: jnp.stack([sum(record[:SITES]), sum(record[SITES:])]).astype(float),
    )
    mean = jumpax.expectation(hops, network, start, [0.5], paths=400, gradient=jumpax.ScoreFunction())
    theta = {"p": 2.0, "q": 0.5}
    made = mean.estimate(theta, 7)
    free = 0.5 * particles * (SITES - particles) / (SITES - 1)
    got = {side: np.asarray(made.value)[0, k] for k, side in enumerate(("right", "left"))}
    error = np.asarray(made.standard_error)[0]
    z = [(got["right"] - 2.0 * free) / error[0], (got["left"] - 0.5 * free) / error[1]]
    for name, exact in (("p", (free, 0.0)), ("q", (0.0, free))):
        slope, spread = np.asarray(made.gradient[name])[0], np.asarray(made.gradient_standard_error[name])[0]
        z += list((slope - exact) / spread)
    assert np.abs(z).max() < 4.5
    current, activity = got["right"] - got["left"], got["right"] + got["left"]
    production = current * np.log(theta["p"] / theta["q"])  # each hop to the right gains that much
    assert abs(production - 1.5 * free * np.log(4)) < 4.5 * np.hypot(*error) * np.log(4)
    assert abs(activity - 2.5 * free) < 4.5 * np.hypot(*error)


def test_currents_and_activity_along_paths_of_an_exclusion_process():
    """Across one bond, and of all reactions, by events and by rates."""
    network, particles = exclusion(SITES), SITES // 4
    draws = np.random.default_rng(2)
    filled = np.stack([draws.permutation(SITES) < particles for _ in range(400)])
    start = jumpax.StartTable(dict(zip(network.species, np.hstack([filled, ~filled]).T.astype(int))))
    sums = PathSums(Current(network, "right7"), Activity(network))
    paths = jumpax.simulate(network, {"p": 2.0, "q": 0.5}, start, times=[0.5], paths=400, key=11, record=sums)
    assert paths.provenance["engine"] == "tables"
    free = 0.5 * particles * (SITES - particles) / (SITES - 1)
    for made, exact in zip(paths.records, (1.5 * free / SITES, 2.5 * free), strict=True):
        for kind in made:
            assert abs(kind.mean() - exact) < 4.5 * kind.std() / 20
    assert (paths.records[1].events[:, 0] == paths.events).all()


def leaves(n, k, b):
    """Rate at which one of n particles leaves a site: they hold each other back, or push."""
    return k * jnp.where(n > 0, 1 + b / jnp.maximum(n, 1), 0)


def zero_range(sites):
    """The zero-range process on a ring, to the right; one function for all sites."""
    return Network(
        [
            Reaction(f"S{i} -> S{(i + 1) % sites}", Function(leaves, (f"S{i}", "k", "b")), name=f"hop{i}")
            for i in range(sites)
        ]
    )


def test_a_zero_range_process_of_a_thousand_sites_is_at_rest_where_it_should_be():
    """At density 1 with b = 0 the law of a site is geometric: the current is that of its being empty or not."""
    network = zero_range(SITES)
    draws = np.random.default_rng(1)
    bars = np.sort(np.stack([draws.permutation(2 * SITES - 1)[: SITES - 1] for _ in range(300)]), 1)
    counts = np.diff(bars, prepend=-1, append=2 * SITES - 1, axis=1) - 1  # all placings of as many particles as sites
    start = jumpax.StartTable(dict(zip(network.species, counts.T)))
    hops = jumpax.PathObservable(jumpax.ReactionCounts(network), lambda record: sum(record) * 1.0)
    mean = jumpax.expectation(hops, network, start, [0.3], paths=300, gradient=jumpax.ScoreFunction())
    made = mean.estimate({"k": 2.0, "b": 0.0}, 3)
    occupied = SITES * SITES / (2 * SITES - 1)
    z = [(made.value[0] - 0.6 * occupied) / made.standard_error[0]]
    z.append((made.gradient["k"][0] - 0.3 * occupied) / made.gradient_standard_error["k"][0])
    assert np.abs(np.asarray(z)).max() < 4.5


def test_gradients_of_other_laws_are_those_of_the_master_equation(monkeypatch):
    monkeypatch.setattr(choice, "LARGE", 1)
    network, theta = zero_range(3), {"k": 1.5, "b": 0.7}
    x0 = {"S0": 5, "S1": 0, "S2": 0}
    space = jumpax.exact.StateSpace.reachable(network, x0)

    def exact(theta):
        return jumpax.exact.distribution(space, theta, [0.8]).mean()[0]

    with jax.enable_x64(True):
        slopes = jax.jacrev(exact)({name: jnp.asarray(value, float) for name, value in theta.items()})
    mean = jumpax.expectation(
        jumpax.Moments(*network.species),
        network,
        x0,
        [0.8],
        paths=40_000,
        gradient=jumpax.ScoreFunction(),
        engine="tables",
    )
    made = mean.estimate(theta, 5)
    for name in theta:
        z = (np.asarray(made.gradient[name])[0, :, 0] - np.asarray(slopes[name])) / made.gradient_standard_error[name][
            0, :, 0
        ]
        assert np.abs(np.asarray(z)).max() < 4.5
