"""Posteriors by filters and by NUTS against the posterior on a grid, whose likelihood is a product of binomial transitions."""

import dataclasses

import jax
import numpy as np
import pytest
import scipy.stats

import jumpax
from jumpax.inference.posterior.by_density import touching
from jumpax.inference.posterior.nuts import Drawn
from jumpax.inference.posterior.posterior import _chosen
from jumpax.inference.posterior.refusals import Refusal

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
    """Means and variances of 100 chains by their scatter, |z| < 4.5 for four numbers.

    By Student's t with 99 degrees a false alarm in 13,500 runs of each method.
    """
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
    """Those that a space does not hold must not cut a posterior off in silence; where the density is truly zero, nothing is amiss."""
    points = np.random.default_rng(3).standard_normal((200, 2))
    rest = np.zeros(200)
    drawn = [Drawn(points, rest, rest, rest, rest > 0)]
    far, near = np.array([8.0, 0.0]), np.array([0.5, -0.5])
    assert touching([], drawn) == {}
    assert touching([Refusal("leak", "too small", far)], drawn) == {}
    assert touching([Refusal("leak", "too small", near), Refusal("leak", "", far)], drawn) == {"leak": "too small"}
    assert touching([Refusal("impossible records", "", near)], drawn) == {}


def test_a_space_that_cuts_the_posterior_off_is_enlarged():
    """A limit of 20 holds the data, which are 9, but a Poisson count of mean 9 exceeds it with 4e-4, one of mean 12 with 1e-2."""
    model = jumpax.zoo.birth_death()
    trace = jumpax.Records([5.0, 6.0], {"X": [9.0, 9.0]}, jumpax.records.Poisson())
    rates = {"birth": jumpax.Free(9.0, prior=jumpax.priors.LogNormal(9.0, 0.3)), "death": jumpax.Fixed(1.0)}
    small = jumpax.RecordProblem(model.network, {"X": 5}, trace, rates, limits=20, tolerance=1e-4)
    found = jumpax.posterior(small, key=5, method="nuts", chains=1, draws=20, warm_up=10)
    assert found.notes["times the space was enlarged"] >= 1


def test_the_method_is_told_by_size_alone():
    model = jumpax.zoo.birth_death()
    trace = jumpax.Records([1.0, 2.0], {"X": [7.0, 13.0]}, jumpax.records.Normal(1.0))
    rates = {"birth": jumpax.Free.box(1.0, 50.0), "death": jumpax.Fixed(1.0)}
    open_ended = jumpax.RecordProblem(model.network, {"X": 0}, trace, rates)
    assert _chosen(open_ended, None, False) == "mala"
    assert _chosen(dataclasses.replace(open_ended, limits=60), None, False) == "nuts"
    assert _chosen(dataclasses.replace(open_ended, limits=60), None, True) == "mala"  # particles or lag were asked for
    exact = trace.with_laws(lambda law: jumpax.records.Exact())
    assert _chosen(dataclasses.replace(open_ended, records=exact), None, False) == "pmmh"
    with pytest.raises(jumpax.InputError, match="'Xx'"):
        jumpax.posterior(dataclasses.replace(open_ended, limits={"Xx": 60}), key=0)


def test_paths_behind_records_cover_them():
    """With the true laws: the smoothed mean of the count is that of the exact filter, averaged over a narrow posterior."""
    found = jumpax.posterior(problem(), key=24, method="pmmh", chains=20, draws=40, warm_up=20, particles=60)
    behind = jumpax.inference.smoothed(problem(), found, draws=400, key=3)
    assert behind.counts["A"].shape == (400, 1, 3)
    space = problem().space
    exact = []
    for k, scale in list(zip(found["k"].ravel(), found["scale"].ravel(), strict=True))[::20]:
        law = jumpax.filters.exact_filter(space, problem().records, {"k": k, "scale": scale}, {"A": 30})
        exact.append(np.asarray(law.mean("A", given="all")).reshape(3))
    values = behind.counts["A"][:, 0].astype(float)
    error = np.hypot(values.std(0) / 20, np.std(exact, 0) / np.sqrt(len(exact)))
    assert (np.abs(values.mean(0) - np.mean(exact, 0)) < 5 * error).all()
    turned = jumpax.RecordProblem(
        problem().network, {"A": 30}, problem().records, dict(reversed(list(problem().parameters.items())))
    )
    with pytest.raises(jumpax.InputError, match="the posterior is that of"):
        jumpax.inference.smoothed(turned, found)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(jumpax.InputError, match="unknown method 'hmc'"):
        jumpax.posterior(problem(), key=0, method="hmc")
    with pytest.raises(jumpax.InputError, match="no use for particles"):
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
