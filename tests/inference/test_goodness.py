"""Goodness of fit, judged by exact laws: birth and death from an empty start is Poisson(birth / death (1 - exp(-death t)))."""

import json
import warnings

import numpy as np
import pytest
from scipy.stats import chi2, chisquare, kstest, nbinom, poisson

import jumpax
from jumpax.inference import Conditions, Fixed, Free, MasterEquation, Problem, Simulation, fit, losses
from jumpax.inference.goodness import judged, misfit
from jumpax.inference.losses.grouped_cells import in_groups

MODEL = jumpax.zoo.birth_death()
SIZE = 60
PLACES = np.arange(SIZE)
SETS = 200
ALARM = 1e-3
"""Of each test of 200 p-values: it is significant at this level for a true model in one of 1,000 seeds."""


def law(mean):
    """The Poisson law, and its derivative in the mean."""
    p = poisson.pmf(PLACES, mean)
    return p, np.append(0.0, p[:-1]) - p


def uniform_or_conservative(values):
    """Kolmogorov and Smirnov, on the side of p-values that are too small."""
    assert kstest(values, "uniform", alternative="greater").pvalue > ALARM


def cells(counts, mean, size=SIZE):
    """The statistic for counts under a Poisson law whose mean was fitted."""
    p, slope = law(mean)
    (part,) = losses.LogLikelihood("X", counts, size=size).standardised(p[None], slope[None, :, None])
    return judged(part, 1)


@pytest.mark.parametrize(("mean", "many"), [(10.0, 200), (10.0, 40), (1.5, 60)])
def test_p_values_of_cells_are_uniform_under_a_true_model(mean, many):
    """The maximum of the likelihood is the mean of the counts."""
    draws = np.random.default_rng(11).poisson(mean, (SETS, many))
    values = [cells(counts, counts.mean()).p_value for counts in draws]
    uniform_or_conservative(values)
    assert np.mean(values) < 0.6  # 3 standard deviations above: not conservative either


def test_cells_at_many_times_are_judged_each_under_its_own_law():
    """40 times with three cells each."""
    weights, generator, values = np.linspace(0.5, 2.0, 40), np.random.default_rng(12), []
    for _ in range(SETS):
        counts = generator.poisson(10 * weights[:, None], (40, 3))
        mean = counts.sum() / (3 * weights.sum())
        made = [law(mean * weight) for weight in weights]
        loss = losses.LogLikelihood("X", counts.ravel(), np.repeat(np.arange(40.0), 3), size=SIZE)
        slopes = np.stack([slope * weight for (_, slope), weight in zip(made, weights, strict=True)])
        (part,) = loss.standardised(np.stack([p for p, _ in made]), slopes[..., None])
        values.append(judged(part, 1).p_value)
    uniform_or_conservative(values)


def test_cells_at_one_time_give_pearsons_chi_square():
    counts, (p, _) = np.random.default_rng(13).poisson(10.0, 200), law(10.0)
    groups = np.clip(PLACES - 5, 0, 9)
    observed = np.bincount(counts, minlength=SIZE).astype(float)
    part = in_groups(observed[None], p[None], np.zeros((1, SIZE, 1)), groups[None])
    found = judged(part, 1)
    each = [np.bincount(groups, weights) for weights in (observed, 200 * p)]
    pearson = chisquare(each[0], each[1] * 200 / each[1].sum())
    assert found.degrees == 9
    assert found.value == pytest.approx(pearson.statistic)
    assert found.p_value == pytest.approx(pearson.pvalue, rel=0.1)  # of a gamma law whose variance is right
    assert part.excess == pytest.approx((np.sum(200 / each[1]) - 10**2 - 2 * 10 + 2) / 200)  # Haldane 1937


def test_a_wrong_law_of_cells_is_found():
    """Bursts: negative binomial counts with twice the variance of the Poisson law, 400 cells in each of 50 sets."""
    draws = nbinom.rvs(10, 0.5, size=(50, 400), random_state=np.random.default_rng(14))
    alarms = [bool(misfit([cells(counts, counts.mean(), 80 if counts.max() > 57 else SIZE)])) for counts in draws]
    assert np.mean(alarms) > 0.9


def test_an_estimate_far_away_is_not_excused():
    """15 standard errors from the mean of the counts; one of half a standard error changes little."""
    counts = np.random.default_rng(23).poisson(10.0, 200)
    error = np.sqrt(10 / 200)
    here, near, far = (cells(counts, counts.mean() + step * error) for step in (0.0, 0.5, 15.0))
    assert near.value == pytest.approx(here.value, rel=0.1)
    assert far.p_value < 1e-6


@pytest.mark.parametrize("order", [1, 2])
def test_p_values_of_moments(order):
    """Four times with 20 cells each; means are judged."""
    generator, values = np.random.default_rng(15), []
    for _ in range(SETS):
        loss = losses.MomentMatch("X", generator.poisson(10.0, 80), np.repeat([1.0, 2.0, 3.0, 4.0], 20), order=order)
        expected, slopes = np.array([10.0, 110.0])[:order], np.array([1.0, 21.0])[:order]
        (part,) = loss.standardised(np.tile(expected, (4, 1, 1)), np.tile(slopes[:, None], (4, 1, 1, 1)))
        values.append(judged(part, 1).p_value)
    uniform_or_conservative(values)


@pytest.mark.parametrize("paths", [None, 100])
def test_means_that_say_nothing_are_not_judged(paths):
    loss = losses.TimeSeries([1.0, 2.0], {"X": [3.5, 4.2]}, {"X": np.inf}, paths=paths)
    assert loss.standardised(np.ones((2, 1, 1)), np.ones((2, 1, 1, 1))) == ()


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("paths", [5, 8, 20])
def test_p_values_of_means_with_errors_from_few_paths(paths, windows):
    """Taken for known, eight errors from eight paths each would make one true model in five significant at 0.05."""
    generator, values, ends = np.random.default_rng(25), [], np.arange(9.0)
    for _ in range(SETS):
        counts = generator.normal(50.0, 7.0, (8, paths))
        errors = {"X": counts.std(1, ddof=1) / np.sqrt(paths)}
        if windows:
            loss = losses.WindowMeans(ends, {"X": counts.mean(1)}, errors, nodes=2, paths=paths)
        else:
            loss = losses.TimeSeries(ends[1:], {"X": counts.mean(1)}, errors, paths=paths)
        made = loss.standardised(np.full((len(loss.times), 1, 1), 50.0), np.ones((len(loss.times), 1, 1, 1)))
        values += [judged(part, 1).p_value for part in made]
    if paths == 5:
        assert not values
        assert "5 paths hardly tell" in loss.notes(None, 800)["goodness"]
    else:
        uniform_or_conservative(values)


@pytest.mark.parametrize("paths", [5, 20])
def test_p_values_of_deviations_of_few_paths(paths):
    """Gaussian numbers; the error of a deviation is told by itself."""
    generator, values = np.random.default_rng(26), []
    for _ in range(SETS):
        found = generator.normal(50.0, 7.0, (8, paths)).std(1, ddof=1)
        loss = losses.Deviations(np.arange(8.0), {"X": found}, {"X": found / np.sqrt(2 * (paths - 1))}, paths=paths)
        moments, slopes = np.tile([50.0, 2549.0], (8, 1, 1)), np.tile([[0.0], [1.0]], (8, 1, 1, 1))
        (part,) = loss.standardised(moments, slopes)
        values.append(judged(part, 1).p_value)
    uniform_or_conservative(values)


@pytest.mark.parametrize("error", ["poisson", "negative_binomial"])
def test_p_values_of_counts_of_reactions(error):
    mean, generator, values = np.array([1, 2, 4, 8, 16, 24, 18, 9, 4, 2, 1, 0.5]), np.random.default_rng(16), []
    spread, slopes = np.full(12, 4.0), (mean[:, None, None], np.zeros((12, 1)))
    for _ in range(SETS):
        heights = mean if error == "poisson" else generator.gamma(4.0, mean / 4.0)
        loss = losses.ReactionSeries(
            np.arange(1.0, 13),
            {"R": generator.poisson(heights)},
            error=error,
            spread=None if error == "poisson" else "phi",
        )
        (part,) = loss.standardised((mean[:, None], spread), slopes)
        values.append(judged(part, 1).p_value)
    uniform_or_conservative(values)
    if error == "negative_binomial":
        assert loss.standardised((mean[:, None], spread), (slopes[0], np.ones((12, 1)))) == ()  # a fitted spread


def test_p_values_of_joint_counts():
    """Two independent species."""
    generator, values = np.random.default_rng(17), []
    for _ in range(SETS):
        a, b = generator.poisson(1.0, 300), generator.poisson(1.5, 300)
        loss = losses.JointLogLikelihood(["A", "B"], {"A": a, "B": b})
        first, second = np.array(loss.places).T
        p = poisson.pmf(first, a.mean()) * poisson.pmf(second, b.mean())
        steep = np.stack([p * (first / a.mean() - 1), p * (second / b.mean() - 1)], 1)
        (part,) = loss.standardised((np.append(p, 1 - p.sum())[None],), (np.vstack([steep, -steep.sum(0)])[None],))
        values.append(judged(part, 2).p_value)
    uniform_or_conservative(values)


def test_joint_counts_that_are_spread_thin_are_judged_by_their_means():
    """Two species with a mean in common, at three times, 20 cells each: 6 means less one parameter."""
    generator, values = np.random.default_rng(22), []
    for _ in range(SETS):
        a, b = generator.poisson(30.0, 60), generator.poisson(60.0, 60)
        loss = losses.JointLogLikelihood(["A", "B"], {"A": a, "B": a + b}, np.repeat([1.0, 2.0, 3.0], 20))
        thin, moments = np.zeros((3, len(loss.places) + 1)), np.tile([[30.0, 930.0], [90.0, 8190.0]], (3, 1, 1))
        slopes = np.tile([[[1.0], [61.0]], [[3.0], [543.0]]], (3, 1, 1, 1))
        thin[:, -1] = 1.0
        (part,) = loss.standardised((thin, moments), (thin[..., None] * 0, slopes))
        found = judged(part, 1)
        values.append(found.p_value)
    assert (part.data, found.degrees) == ("6 means of 'A', 'B'", 5)
    uniform_or_conservative(values)


@pytest.mark.parametrize("paths", [2000, 400])
def test_noise_of_the_simulation_does_not_look_like_a_misfit(paths):
    """200 cells against laws of eight evaluations; 400 paths are too few for some sets, which are not judged."""
    generator, values = np.random.default_rng(18), []
    for _ in range(SETS):
        counts = generator.poisson(10.0, 200)
        mean = counts.mean() + 0.3 * generator.standard_normal() * np.sqrt(10 / paths)
        drawn = generator.poisson(mean, (8, paths // 8))
        laws = np.stack([np.bincount(row, minlength=SIZE) * 8 / paths for row in drawn], -1)
        p, slope = laws.mean(-1), law(mean)[1]
        columns = np.column_stack([slope, laws - p[:, None]])[None]
        (part,) = losses.LogLikelihood("X", counts, size=SIZE).standardised(p[None], columns)
        found = judged(part, 1)
        assert np.isfinite(found.p_value) or "too few paths" in str(found)
        values += [found.p_value] if np.isfinite(found.p_value) else []
    uniform_or_conservative(values)
    assert min(values) > 1e-4


TIMES = np.arange(0.5, 4.5, 0.5)
TRUTH = 10 * (1 - np.exp(-TIMES))


def series(means, source=None):
    parameters = {"birth": Free(8.0), "death": Free(1.3)}
    data = losses.TimeSeries(TIMES, {"X": means}, {"X": 0.3})
    return Problem(MODEL.network, MODEL.x0, data, parameters, source=source or MasterEquation({"X": SIZE}))


def test_a_fit_of_means_has_twice_its_loss_as_chi_square():
    found = fit(series(TRUTH + 0.3 * np.random.default_rng(19).standard_normal(8)))
    (one,) = found.goodness
    assert one.value == pytest.approx(2 * found.loss, rel=1e-2)
    assert one.degrees == 6
    assert one.p_value == pytest.approx(chi2.sf(one.value, 6), rel=1e-6)
    assert found.doubts == {}
    assert "chi-square" in str(found)
    assert json.loads(json.dumps(found.to_dict()))["goodness"][0]["p_value"] == pytest.approx(one.p_value)


def test_a_wrong_model_of_means_is_a_misfit_and_the_search_has_converged():
    with pytest.warns(jumpax.JumpaxWarning, match="does not explain the data"):
        found = fit(series(TRUTH + 1.5 * (-1.0) ** np.arange(8)))
    assert found.converged
    assert list(found.doubts) == ["misfit"]
    assert found.goodness[0].p_value < 1e-10


def test_conditions_are_judged_each_and_together():
    """Each has its own birth and all one death: of 16 means 3 parameters are taken off."""
    generator = np.random.default_rng(20)
    both = Conditions({c: series(TRUTH + 0.3 * generator.standard_normal(8)) for c in ("a", "b")}, own=["birth"])
    found = fit(both)
    whole, *parts = found.goodness
    assert [one.data for one in parts] == ["a, 8 means of 'X'", "b, 8 means of 'X'"]
    assert whole.degrees == 13
    assert [one.degrees for one in parts] == [6, 6]
    assert whole.value == pytest.approx(2 * found.loss, rel=1e-2)
    assert not misfit(found.goodness)


def test_as_many_means_as_parameters_leave_nothing_to_judge():
    data = losses.TimeSeries([2.0], {"X": [8.0]}, {"X": 0.3})
    parameters = {"birth": Free(8.0), "death": Fixed(1.0)}
    found = fit(Problem(MODEL.network, MODEL.x0, data, parameters, source=MasterEquation({"X": SIZE})))
    assert found.goodness[0].degrees == 0
    assert "nothing to judge" in str(found)
    assert found.to_dict()["goodness"][0]["p_value"] is None


def test_one_evaluation_does_not_tell_its_noise():
    p, slope = law(10.0)
    counts = np.random.default_rng(24).poisson(10.0, 200)
    columns = np.column_stack([slope, 0 * slope])[None]
    (part,) = losses.LogLikelihood("X", counts, size=SIZE).standardised(p[None], columns)
    found = judged(part, 1)
    assert "one batch does not tell" in str(found)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["simulation"] is None


def test_a_simulated_fit_agrees_with_the_exact_one():
    """Noise adds less than one to the statistic."""
    counts = np.random.default_rng(21).poisson(10.0, 200)
    parameters = {"birth": Free(8.0), "death": Fixed(1.0)}

    def of(source):
        data = losses.LogLikelihood("X", counts, size=40)
        return Problem(MODEL.network, MODEL.x0, data, parameters, settle=12.0, source=source)

    exact = fit(of(MasterEquation({"X": SIZE}))).goodness[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jumpax.JumpaxWarning)
        (one,) = fit(of(Simulation(paths=1600, exact=False)), steps=30).goodness
    assert 0 < one.simulation < 1
    assert abs(one.value - exact.value) < 6 * np.sqrt(one.simulation * (1 + exact.value))
    assert one.p_value > 1e-3


@pytest.mark.long
def test_p_values_of_200_fits_are_uniform_and_none_is_a_misfit():
    """Cells at two times, both parameters free, the search included. More than three misfits: one in 17,000 runs of this."""
    generator, times, found = np.random.default_rng(30), (0.5, 2.0), []
    for _ in range(SETS):
        counts = np.concatenate([generator.poisson(10 * (1 - np.exp(-time)), 100) for time in times])
        data = losses.LogLikelihood("X", counts, np.repeat(times, 100), size=40)
        parameters = {"birth": Free(8.0), "death": Free(1.3)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", jumpax.JumpaxWarning)
            found.append(fit(Problem(MODEL.network, MODEL.x0, data, parameters, source=MasterEquation({"X": SIZE}))))
    uniform_or_conservative([one.goodness[0].p_value for one in found])
    assert sum("misfit" in one.doubts for one in found) <= 3
