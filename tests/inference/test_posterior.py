"""Posteriors by filters and by NUTS against the posterior on a grid, whose likelihood is a product of binomial transitions."""

import jax
import numpy as np
import pytest
import scipy.stats

import jumpax
from jumpax.exact.fault import ChainFault
from jumpax.inference.posterior.by_density import touching
from jumpax.inference.posterior.nuts import Drawn

TIMES = [0.4, 1.0, 2.0]
SEEN = [21.0, 13.0, 6.0]
"""Of 30 molecules that die, each by itself, and are counted exactly at first, then with Poisson photons."""


def problem():
    network = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
    trace = jumpax.Records(TIMES, {"A": SEEN}, jumpax.records.Poisson("scale"))
    parameters = {
        "k": jumpax.Free(1.0, prior=jumpax.priors.LogNormal(1.0, 0.5)),
        "scale": jumpax.Free(1.0, prior=jumpax.priors.Gamma(20.0, 20.0)),
    }
    return jumpax.RecordProblem(network, {"A": 30}, trace, parameters)


def on_grid():
    """Mean and standard deviation of ln k and of the scale."""
    log_k, scale = np.linspace(-1.5, 1.5, 121), np.linspace(0.3, 2.2, 120)
    n = np.arange(31)
    likelihood = np.zeros((len(log_k), len(scale)))
    for i, k in enumerate(np.exp(log_k)):
        law = np.zeros((len(scale), 31))
        law[:, 30] = 1.0
        for before, time, y in zip([0.0, *TIMES[:-1]], TIMES, SEEN, strict=True):
            step = scipy.stats.binom.pmf(n[None], n[:, None], np.exp(-k * (time - before)))  # from, to
            law = (law @ step) * scipy.stats.poisson.pmf(y, scale[:, None] * n)
        likelihood[i] = law.sum(1)
    prior = scipy.stats.norm.pdf(log_k, 0.0, 0.5)[:, None] * scipy.stats.gamma.pdf(scale, 20.0, scale=1 / 20)
    p = likelihood * prior
    p /= p.sum()
    means = np.array([(p.sum(1) * log_k).sum(), (p.sum(0) * scale).sum()])
    squares = np.array([(p.sum(1) * log_k**2).sum(), (p.sum(0) * scale**2).sum()])
    return means, np.sqrt(squares - means**2)


@pytest.mark.parametrize("method", ["pmmh", "mala"])
def test_filters_find_the_posterior(method):
    """Means and variances of 100 chains by their scatter, z < 4.5 for four numbers: a false alarm in 40,000 runs."""
    found = jumpax.posterior(problem(), key=21, method=method, chains=100, draws=150, warm_up=60, particles=60)
    means, sds = on_grid()
    chains = np.stack([np.log(found["k"]), found["scale"]])
    for values, wanted in ((chains, means), ((chains - means[:, None, None]) ** 2, sds**2)):
        own = values.mean(2)
        z = (own.mean(1) - wanted) / (own.std(1, ddof=1) / 10.0)
        assert np.abs(z).max() < 4.5, z
    assert found.notes["particles"] == 60
    assert found.notes["filters"] > 100 * 150
    again = jumpax.posterior(problem(), key=21, method=method, chains=100, draws=2, warm_up=60, particles=60)
    np.testing.assert_array_equal(again["k"], found["k"][:, :2])


def test_nuts_is_chosen_for_small_spaces_and_finds_it_too():
    found = jumpax.posterior(problem(), key=22, chains=2, draws=100, warm_up=60)
    means, sds = on_grid()
    assert found.method == "NUTS on the exact density"
    for draws, mean, sd, name in zip((np.log(found["k"]), found["scale"]), means, sds, ("k", "scale"), strict=True):
        # 4.5 standard errors by the effective number of draws, at least 30 of 200
        assert found.trust[name].ess_bulk > 30
        assert abs(draws.mean() - mean) < 4.5 * sd / found.trust[name].ess_bulk ** 0.5
    told = str(found)
    assert "effective draws of" in told
    assert "doubt" not in told
    assert set(found.to_dict()["parameters"]) == {"k", "scale"}
    assert found.to_arviz().posterior["k"].shape == (2, 100)


def test_points_without_a_law_in_the_bulk_are_seen():
    """Those that a space does not hold must not cut a posterior off in silence."""
    density = jumpax.log_density(problem())
    points = np.random.default_rng(3).standard_normal((200, 2))
    rest = np.zeros(200)
    drawn = [Drawn(points, rest, rest, rest, rest > 0)]
    assert touching(density, drawn) == ""
    for u, inside in (((8.0, 0.0), False), ((0.5, -0.5), True)):
        density._refusals(ChainFault("leak", "too small"), np.array(u))
        assert bool(touching(density, drawn)) == inside


def test_what_makes_no_sense_is_refused():
    with pytest.raises(jumpax.InputError, match="unknown method 'hmc'"):
        jumpax.posterior(problem(), key=0, method="hmc")
    with pytest.raises(jumpax.InputError, match="no particles"):
        jumpax.posterior(problem(), key=0, method="nuts", particles=50)
    bare = jumpax.RecordProblem(
        problem().network, {"A": 30}, problem().records, {"k": jumpax.Free(1.0), "scale": jumpax.Fixed(1.0)}
    )
    with pytest.raises(jumpax.InputError, match="'k' have none"):
        jumpax.posterior(bare, key=0, method="pmmh")


def test_records_that_nothing_explains_are_told():
    far = jumpax.Records([1.0], {"A": [31.0]}, jumpax.records.Binomial(1.0))
    impossible = jumpax.RecordProblem(
        problem().network, {"A": 30}, far, {"k": jumpax.Free(1.0, prior=jumpax.priors.LogNormal(1.0, 0.5))}
    )
    with pytest.raises(jumpax.SimulationError, match="can explain the records"):
        jumpax.posterior(impossible, key=0, method="pmmh", chains=2, draws=2, warm_up=2, particles=10)
    assert jax.config.read("jax_enable_x64") is False
