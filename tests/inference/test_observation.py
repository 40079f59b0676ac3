"""Laws of observation against known ones: a thinned Poisson law is Poisson, a thinned binomial one is binomial."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import polygamma
from scipy.stats import binom, nbinom, poisson

import jumpax
from jumpax.inference import Conditions, Fixed, Free, MasterEquation, Problem, Simulation, fit, losses
from jumpax.inference.losses import Background, Capture
from jumpax.inference.losses.observation import observed

MODEL = jumpax.zoo.birth_death()
DECAY = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
RANDOM = np.random.default_rng(32)
COUNTS = RANDOM.poisson(0.3 * 20.0, 400)
EXACT = MasterEquation({"X": 80})


def law(probabilities, size):
    return jnp.asarray(np.append(probabilities[: size - 1], 1 - probabilities[: size - 1].sum()))[None, None]


def steady(loss, parameters, source=EXACT):
    rates = {"birth": Free(10.0), "death": Fixed(1.0)}
    return Problem(MODEL.network, MODEL.x0, loss, rates | parameters, settle=8.0, source=source)


@pytest.mark.parametrize("x64", [False, True])
def test_a_thinned_poisson_law_with_background_is_poisson(x64):
    with jax.enable_x64(x64):
        true = law(poisson.pmf(np.arange(120), 40.0), 120)
        seen = observed(true, [Capture("p"), Background("b")], {"p": 0.2, "b": 1.5}, np.ones(1), 40)[0, 0]
        np.testing.assert_allclose(seen[:-1], poisson.pmf(np.arange(39), 9.5), rtol=1e-9 if x64 else 1e-3, atol=1e-9)
        assert float(seen.sum()) == pytest.approx(1.0, rel=1e-5)


def test_order_matters_and_size_factors_multiply():
    true = law(binom.pmf(np.arange(60), 30, 0.5), 60)
    after = observed(true, [Background("b"), Capture("p")], {"p": 0.4, "b": 2.0}, np.array([0.5, 2.0]), 50)[0]
    for row, p in zip(after, (0.2, 0.8), strict=True):
        wanted = np.convolve(binom.pmf(np.arange(50), 30, 0.5 * p), poisson.pmf(np.arange(50), 2 * p))[:49]
        np.testing.assert_allclose(row[:-1], wanted, atol=2e-6)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_nothing_and_all_captured(p):
    true = law(poisson.pmf(np.arange(30), 5.0), 30)
    seen = observed(true, [Capture("p")], {"p": p}, np.ones(1), 30)[0, 0]
    wanted = poisson.pmf(np.arange(29), 5.0) if p else np.eye(29)[0]
    np.testing.assert_allclose(seen[:-1], wanted, atol=1e-6)


def test_counts_without_a_place_are_lower_bounds():
    """The true counts beyond the histogram are taken to be no datum, and there is a warning."""
    loss = losses.LogLikelihood("X", [3, 5], observation=Capture("p"), true_size=20, size=12)
    seen = loss.seen(law(poisson.pmf(np.arange(20), 20.0), 20)[0][None], {"p": 0.2})[0]
    assert (np.asarray(seen[0, :-1]) < poisson.pmf(np.arange(11), 4.0)).all()
    with pytest.warns(jumpax.JumpaxWarning, match="beyond the places of the true or the observed counts"):
        loss.notes(seen, np.inf)


def test_a_known_capture_probability_scales_the_rate():
    loss = losses.LogLikelihood("X", COUNTS, observation=Capture("p"), true_size=80)
    found = fit(steady(loss, {"p": Fixed(0.3)}))
    assert found.estimates["birth"] == pytest.approx(COUNTS.mean() / 0.3, rel=1e-3)
    assert found.standard_errors["birth"] == pytest.approx(np.sqrt(COUNTS.mean() / 400) / 0.3, rel=1e-3)


def test_by_simulation_with_a_background():
    """4 standard errors of the simulation: one false alarm in 16,000."""
    loss = losses.LogLikelihood("X", COUNTS, observation=[Capture("p"), Background("b")], true_size=80)
    found = fit(steady(loss, {"p": Fixed(0.3), "b": Fixed(0.6)}, Simulation(paths=2000, exact=False)), key=0)
    noise = found.simulation_errors["birth"]
    assert abs(found.estimates["birth"] - (COUNTS.mean() - 0.6) / 0.3) < 4 * noise
    assert found.standard_errors["birth"] == pytest.approx(np.sqrt(COUNTS.mean() / 400) / 0.3, rel=0.15)
    assert noise < found.standard_errors["birth"]


def test_a_free_capture_probability_beside_a_rate():
    """Decay from 50: counts are binomial with p exp(-k t), so that two times determine both."""
    p, k, times = 0.4, 0.7, np.array([0.5, 1.5])
    counts = {t: RANDOM.binomial(50, p * np.exp(-k * t), 150) for t in times}
    loss = losses.LogLikelihood("A", counts, observation=Capture("p"), true_size=52)
    found = fit(
        Problem(DECAY, {"A": 50}, loss, {"k": Free(0.4), "p": Free(0.6, 0.0, 1.0)}, source=MasterEquation()), steps=50
    )
    first, last = (counts[t].mean() / 50 for t in times)
    rate = np.log(first / last)
    assert found.estimates["k"] == pytest.approx(rate, rel=2e-3)
    assert found.estimates["p"] == pytest.approx(first * np.exp(0.5 * rate), rel=2e-3)
    errors = [np.sqrt((1 - q) / q / 50 / 150) for q in (first, last)]  # of the logarithms of the two means
    assert found.standard_errors["k"] == pytest.approx(np.hypot(*errors), rel=5e-3)
    assert found.standard_errors["p"] / found.estimates["p"] == pytest.approx(
        np.hypot(1.5 * errors[0], 0.5 * errors[1]), rel=5e-3
    )
    assert found.undetermined == ()


def test_size_factors_of_cells():
    """Each count is Poisson with mean s p birth: the most likely rate is the ratio of the sums."""
    sizes = RANDOM.choice([0.5, 1.0, 1.7], 300)
    counts = RANDOM.poisson(0.4 * sizes * 15.0)
    loss = losses.LogLikelihood("X", counts, observation=Capture("p"), size_factors=sizes, true_size=80)
    found = fit(steady(loss, {"p": Fixed(0.4)}))
    assert found.estimates["birth"] == pytest.approx(counts.sum() / (0.4 * sizes.sum()), rel=1e-3)
    assert found.standard_errors["birth"] == pytest.approx(np.sqrt(counts.sum()) / (0.4 * sizes.sum()), rel=1e-3)
    assert found.notes["cells"] == 300


def test_size_factors_and_times():
    loss = losses.LogLikelihood(
        "A", [9, 8, 4, 5], [1.0, 1.0, 2.0, 2.0], observation=Capture("p"), size_factors=[1, 2, 2, 1], true_size=40
    )
    exact = Problem(DECAY, {"A": 30}, loss, {"k": Free(0.5), "p": Fixed(0.4)}, source=MasterEquation())
    wanted = -sum(
        binom.logpmf(c, 30, 0.4 * s * np.exp(-0.5 * t)) for c, t, s in [(9, 1, 1), (8, 1, 2), (4, 2, 2), (5, 2, 1)]
    )
    assert float(exact.evaluate(np.log([0.5]), None).loss) == pytest.approx(wanted, rel=1e-5)


def test_one_background_of_two_conditions():
    """An empty condition shows the background, so that the other one shows the rate."""
    empty, full = RANDOM.poisson(0.8, 300), RANDOM.poisson(6.8, 300)
    parts = {
        name: Problem(
            MODEL.network, MODEL.x0, losses.LogLikelihood("X", counts, observation=Background("b"), size=30),
            {"birth": rate, "death": Fixed(1.0), "b": Free(0.5)}, settle=8.0, source=MasterEquation({"X": 40}),
        )
        for name, counts, rate in (("empty", empty, Fixed(0.0)), ("full", full, Free(4.0)))
    }  # fmt: skip
    found = fit(Conditions(parts))
    assert found.estimates["b"] == pytest.approx(empty.mean(), rel=2e-3)
    assert found.estimates["birth"] == pytest.approx(full.mean() - empty.mean(), rel=2e-3)


@pytest.mark.parametrize("order", [1, 2])
def test_moments_behind_a_law_are_those_of_the_law(order):
    """Of a binomial law, thinned, with a background."""
    n, p = np.arange(60.0), binom.pmf(np.arange(60), 30, 0.5)
    raw = jnp.asarray([[[[(p * n**k).sum() for k in range(1, order + 1)]]]])
    values = {"p": 0.4, "b": 2.0}
    data = losses.MomentMatch("X", [3, 5, 8, 1], order=order)
    seen = losses.ObservedMoments(data, {"X": [Capture("p"), Background("b")]}).seen(raw, values)
    law_seen = np.asarray(observed(law(p, 60), [Capture("p"), Background("b")], values, np.ones(1), 60))[0, 0]
    np.testing.assert_allclose(seen[0, 0, 0], [(law_seen * n**k).sum() for k in range(1, order + 1)], rtol=1e-4)


def test_means_and_deviations_behind_a_capture_probability():
    """Decay from 100: observed counts are binomial, so that mean and deviation determine rate and probability."""
    k, p, times = 0.6, 0.3, np.array([0.7, 1.4])
    q = p * np.exp(-k * times)
    both = losses.means_and_deviations(times, {"A": 100 * q}, {"A": np.sqrt(100 * q * (1 - q))}, cells=500)
    loss = losses.Together(*(losses.ObservedMoments(part, Capture("p")) for part in both.losses))
    parameters = {"k": Free(0.4), "p": Free(0.5, 0.0, 1.0)}
    found = fit(Problem(DECAY, {"A": 100}, loss, parameters, source=MasterEquation()), steps=60)
    assert found.estimates["k"] == pytest.approx(k, rel=1e-3)
    assert found.estimates["p"] == pytest.approx(p, rel=1e-3)
    assert found.undetermined == ()


def test_what_cannot_be_is_refused():
    with pytest.raises(jumpax.InputError, match=r"give true_size=\.\.\."):
        losses.LogLikelihood("X", [3], observation=Capture("p"))
    with pytest.raises(jumpax.InputError, match="size_factors multiply the capture probability"):
        losses.LogLikelihood("X", [3], size_factors=[1.0])
    with pytest.raises(jumpax.InputError, match="size factor is not a positive number: row 2"):
        losses.LogLikelihood("X", [3, 4], observation=Capture("p"), size_factors=[1.0, 0.0], true_size=20)
    with pytest.raises(jumpax.InputError, match="not 'p'"):
        losses.LogLikelihood("X", [3], observation=["p"])
    for data, match in (
        (losses.LogLikelihood("X", [3]), "a LogLikelihood has an observation of its own"),
        (losses.MomentMatch("X", [3, 1, 4, 8, 5], order=3), "not for MomentMatch"),
    ):
        with pytest.raises(jumpax.InputError, match=match):
            steady(losses.ObservedMoments(data, Capture("p")), {"p": Fixed(0.5)})
    with pytest.raises(jumpax.InputError, match="unknown species 'Y'"):
        steady(losses.ObservedMoments(losses.MomentMatch("X", [3, 4], order=1), {"Y": Capture("p")}), {"p": Fixed(0.5)})
    loss = losses.LogLikelihood("X", [3, 4], observation=Capture("p"), size_factors=[1.0, 4.0], true_size=60)
    with pytest.raises(jumpax.InputError, match="parameter 'p' of the data is missing"):
        steady(loss, {})
    with pytest.raises(
        jumpax.SimulationError, match=r"p = 0.5, times size factors up to 4, is no probability.*upper=0.25"
    ):
        fit(steady(loss, {"p": Fixed(0.5)}))


BIRTHS = jumpax.Network([jumpax.Reaction("0 -> N", jumpax.MassAction("k"))])
ENDS = np.array([1.0, 2.0, 4.0, 5.0])


def births(loss, **parameters):
    return Problem(BIRTHS, {"N": 0}, loss, {"k": Free(15.0), **parameters}, source=Simulation(paths=4000))


def test_reaction_counts_with_a_reporting_probability():
    """Births at rate k: counts are Poisson with means reported k dt. 4 standard errors of the simulation."""
    counts = RANDOM.poisson(0.4 * 20.0 * np.diff(ENDS, prepend=0.0))
    loss = losses.ReactionSeries(ENDS, {"0 -> N": counts}, reported="r")
    found = fit(births(loss, r=Fixed(0.4)), key=0)
    assert abs(found.estimates["k"] - counts.sum() / 2.0) < 4 * found.simulation_errors["k"]
    assert found.standard_errors["k"] == pytest.approx(np.sqrt(counts.sum()) / 2.0, rel=0.1)


def test_reaction_counts_with_a_free_error():
    """The most likely standard deviation is that of the residuals."""
    counts = np.array([26, 15, 47, 12])
    loss = losses.ReactionSeries(ENDS, {"0 -> N": counts}, error="normal", spread="s")
    found = fit(births(loss, s=Free(5.0)), key=0)
    means = found.estimates["k"] * np.diff(ENDS, prepend=0.0)
    assert found.estimates["s"] == pytest.approx(np.sqrt(((counts - means) ** 2).mean()), rel=0.05)
    assert found.standard_errors["s"] == pytest.approx(found.estimates["s"] / np.sqrt(8), rel=0.1)


def test_negative_binomial_reaction_counts():
    """Loss and information of mean and spread against SciPy and differences of its likelihood."""
    mean, spread, y = 12.0, 3.0, 17
    loss = losses.ReactionSeries([1.0], {"0 -> N": [y]}, error="negative_binomial", spread="phi")
    with jax.enable_x64(True):
        expected = loss.seen(jnp.full((1, 1, 1), mean), {"phi": spread})
        expected = jax.tree.map(lambda leaf: leaf[0], expected)
        assert float(loss.value(expected, {}, 1e4)) == pytest.approx(
            -nbinom.logpmf(y, spread, spread / (spread + mean))
        )
        slopes = (jnp.array([1.0, 0.0]).reshape(1, 1, 1, 2), jnp.array([0.0, 1.0]).reshape(1, 1, 2))
        rows = np.asarray(loss.whitened(expected, slopes, 1e4))[0]
    n = np.arange(2000)

    def logs(mean, spread):
        return nbinom.logpmf(n, spread, spread / (spread + mean))

    step = 1e-4
    d_mean = (logs(mean + step, spread) - logs(mean - step, spread)) / (2 * step)
    d_spread = (logs(mean, spread + step) - logs(mean, spread - step)) / (2 * step)
    p = np.exp(logs(mean, spread))
    wanted = [[(p * a * b).sum() for b in (d_mean, d_spread)] for a in (d_mean, d_spread)]
    np.testing.assert_allclose(rows.T @ rows, wanted, rtol=0.02, atol=1e-6)


@pytest.mark.parametrize("spread", [0.3, 3.0, 100.0])
def test_information_of_the_spread_wherever_the_counts_are(spread):
    """In single precision, with data far from the mean: against the sum over 200,000 counts."""
    n, mean = np.arange(200_000), 500.0
    p = nbinom.pmf(n, spread, spread / (spread + mean))
    wanted = (p * (polygamma(1, spread) - polygamma(1, n + spread))).sum() - 1 / spread + 1 / (mean + spread)
    loss = losses.ReactionSeries([1.0], {"0 -> N": [3]}, error="negative_binomial", spread="phi")
    expected = (np.full((1, 1), mean, np.float32), np.full(1, spread, np.float32))
    rows = loss.whitened(expected, (jnp.zeros((1, 1, 1, 1)), jnp.ones((1, 1, 1))), 1e4)
    assert float((rows**2).sum()) == pytest.approx(wanted, rel=1e-3)


def test_a_fit_of_negative_binomial_reaction_counts():
    """Intervals alike: the most likely mean is that of the counts, the spread is SciPy's. 4 standard errors of the simulation."""
    counts = np.array([31, 12, 55, 20, 8, 41, 27, 16])
    loss = losses.ReactionSeries(np.arange(1.0, 9.0), {"0 -> N": counts}, error="negative_binomial", spread="phi")
    found = fit(births(loss, phi=Free(2.0)), key=0, steps=60)
    mean = counts.mean()
    assert abs(found.estimates["k"] - mean) < 4 * found.simulation_errors["k"]
    best = minimize_scalar(
        lambda spread: -nbinom.logpmf(counts, spread, spread / (spread + mean)).sum(), (1.0, 5.0), method="brent"
    ).x
    assert found.estimates["phi"] == pytest.approx(best, rel=0.02)
    assert found.standard_errors["k"] == pytest.approx(np.sqrt((mean + mean**2 / best) / 8), rel=0.05)


def test_reaction_counts_are_checked():
    with pytest.raises(jumpax.InputError, match="needs a parameter spread"):
        losses.ReactionSeries(ENDS, {"0 -> N": [1, 2, 3, 4]}, error="normal")
    with pytest.raises(jumpax.InputError, match="3 counts of '0 -> N' for 4 times"):
        losses.ReactionSeries(ENDS, {"0 -> N": [1, 2, 3]})
    loss = losses.ReactionSeries(ENDS, {"0 -> N": [1, 2, 3, 4]})
    with pytest.raises(jumpax.InputError, match="MasterEquation has no paths"):
        Problem(BIRTHS, {"N": 0}, loss, {"k": Free(1.0)}, source=MasterEquation({"N": 20}))
    wrong = losses.ReactionSeries(ENDS, {"N -> 0": [1, 2, 3, 4]})
    with pytest.raises(jumpax.InputError, match="unknown reaction"):
        births(wrong)
