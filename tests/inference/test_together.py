"""Several data sets on the same paths, joint counts, means with deviations: against closed forms and single losses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import poisson

import jumpax
from jumpax.inference import Fixed, Free, MasterEquation, Problem, Simulation, fit, losses
from jumpax.observables import JointHistogram, Several, places_of

MODEL = jumpax.zoo.birth_death()
PAIR = jumpax.Network(
    [
        jumpax.Reaction("0 -> X", jumpax.MassAction("a")),
        jumpax.Reaction("X -> 0", jumpax.MassAction("d")),
        jumpax.Reaction("0 -> Y", jumpax.MassAction("b")),
        jumpax.Reaction("Y -> 0", jumpax.MassAction("d")),
    ]
)
"""Two independent Poisson counts, of means a / d and b / d."""
RANDOM = np.random.default_rng(31)
X, Y = RANDOM.poisson(3.0, 300), RANDOM.poisson(2.0, 300)


def problem(loss, source=None, settle=None, x0=0):
    parameters = {"birth": Free(5.0), "death": Free(1.5)}
    return Problem(MODEL.network, {"X": x0}, loss, parameters, settle, source=source or MasterEquation({"X": 60}))


def test_data_sets_at_different_times_are_one_likelihood():
    """The sum of two losses is the loss of all counts: levels, gradients and information."""
    early, late = RANDOM.poisson(6.0, 40), RANDOM.poisson(9.0, 30)
    one = losses.LogLikelihood("X", {0.5: early, 2.0: late}, size=40)
    two = losses.Together(
        losses.LogLikelihood("X", {2.0: late}, size=40), losses.LogLikelihood("X", {0.5: early}, size=40)
    )
    assert two.times == (0.5, 2.0)
    u = np.log([8.0, 1.0])
    for source, key in ((MasterEquation({"X": 60}), None), (Simulation(800, 8), jax.random.key(1))):
        a, b = (problem(loss, source).evaluate(u, key) for loss in (one, two))
        assert a.loss == pytest.approx(b.loss, rel=1e-5)
        np.testing.assert_allclose(a.gradient, b.gradient, rtol=1e-3, atol=1e-2)
        np.testing.assert_allclose(a.information, b.information, rtol=1e-3, atol=1e-2)


def test_counts_and_means_in_one_fit():
    """Means of one time fix the death rate, counts at a late time the ratio."""
    counts = RANDOM.poisson(8.0, 400)
    data = losses.Together(
        losses.LogLikelihood("X", {12.0: counts}, size=40),
        losses.TimeSeries([0.5], {"X": [8 * (1 - np.exp(-0.5))]}, {"X": 0.02}),
    )
    found = fit(problem(data))
    ratio = found.estimates["birth"] / found.estimates["death"]
    assert ratio == pytest.approx(counts.mean(), rel=2e-3)
    assert found.notes["cells[1]"] == 400
    assert found.undetermined == ()


def test_together_refuses_what_is_no_condition():
    with pytest.raises(jumpax.InputError, match="two conditions"):
        losses.Together(losses.LogLikelihood("X", [3]), losses.LogLikelihood("X", [3], [1.0]))
    with pytest.raises(jumpax.InputError, match="two or more"):
        losses.Together(losses.LogLikelihood("X", [3]))
    with pytest.raises(jumpax.InputError, match="unknown species 'Z'"):
        problem(losses.Together(losses.LogLikelihood("Z", [3]), losses.LogLikelihood("X", [3])), settle=5.0)
    births = losses.ReactionSeries([1.0], {MODEL.network.reaction_name(0): [4]})
    with pytest.raises(jumpax.InputError, match="ReactionSeries counts along paths"):
        problem(losses.Together(births, losses.LogLikelihood("X", [3], [1.0])), Simulation(800))


def joint(data, source, start=2.5):
    parameters = {"a": Free(start), "b": Free(start), "d": Fixed(1.0)}
    return Problem(PAIR, {"X": 0, "Y": 0}, data, parameters, settle=8.0, source=source)


def test_joint_counts_of_independent_species():
    """Poisson: the most likely means are those of the counts, the errors sqrt(mean / cells)."""
    data = losses.JointLogLikelihood(["X", "Y"], {"X": X, "Y": Y})
    found = fit(joint(data, MasterEquation({"X": 20, "Y": 20})))
    for name, counts in {"a": X, "b": Y}.items():
        assert found.estimates[name] == pytest.approx(counts.mean(), rel=1e-3)
        # the information is that of the observed cells, as well known as their variance: 3 sigma of 8 % of it
        assert found.standard_errors[name] == pytest.approx(
            counts.std() / np.sqrt(300) * counts.mean() / counts.var(), rel=0.02
        )
    expected = -(poisson.logpmf(X, X.mean()) + poisson.logpmf(Y, Y.mean())).sum()
    assert found.loss == pytest.approx(expected, rel=1e-3)
    assert found.notes["unreached_cells"] == 0


def test_joint_counts_by_simulation():
    """4 standard errors of the simulation and a tenth of the standard error for what few paths reach."""
    data = losses.JointLogLikelihood(["X", "Y"], {"X": X, "Y": Y})
    found = fit(joint(data, Simulation(paths=8000, exact=False)), key=0)
    for name, counts in {"a": X, "b": Y}.items():
        slack = 4 * found.simulation_errors[name] + 0.1 * found.standard_errors[name]
        assert abs(found.estimates[name] - counts.mean()) < slack
        assert found.standard_errors[name] == pytest.approx(np.sqrt(counts.mean() / 300), rel=0.25)


def test_correlation_is_seen_in_joint_counts_only():
    """Pairs made together: X and Y always equal. Independent counts of the same means are much less likely."""
    pairs = jumpax.Network([jumpax.Reaction("0 -> X + Y", jumpax.MassAction("a"))])
    counts = RANDOM.poisson(3.0, 50)
    data = losses.JointLogLikelihood(["X", "Y"], {"X": counts, "Y": counts}, np.ones(50))
    found = Problem(pairs, {"X": 0, "Y": 0}, data, {"a": Free(3.0)}, source=MasterEquation({"X": 25, "Y": 25}))
    assert float(found.evaluate(np.log([3.0]), None).loss) == pytest.approx(
        -poisson.logpmf(counts, 3.0).sum(), rel=1e-4
    )


def test_joint_histogram_and_its_places():
    observable = JointHistogram(("X", "Y"), ((0, 3), (2, 1)))
    assert observable({"Y": jnp.float32(1), "X": jnp.float32(2)}).tolist() == [0.0, 1.0, 0.0]
    assert observable.places == {"X": 3, "Y": 4}
    assert places_of(Several((observable, jumpax.Moments("X"), jumpax.Histogram("X", 9)))) == {"X": 9, "Y": 4}
    with pytest.raises(jumpax.InputError, match="twice"):
        JointHistogram(("X",), ((1,), (1,)))


def test_joint_counts_are_checked():
    with pytest.raises(jumpax.InputError, match="two or more species"):
        losses.JointLogLikelihood(["X"], {"X": [1]})
    with pytest.raises(jumpax.InputError, match="2 of 'X', 3 of 'Y'"):
        losses.JointLogLikelihood(["X", "Y"], {"X": [1, 2], "Y": [1, 2, 3]})
    for other in ({1.0: [3, 4], 3.0: [2]}, {1.0: [3], 2.0: [4, 2]}):
        with pytest.raises(jumpax.InputError, match="the same cells: as many of each species at each time"):
            losses.JointLogLikelihood(["X", "Y"], {"X": {1.0: [1, 2], 2.0: [3]}, "Y": other})
    with pytest.raises(jumpax.InputError, match="'Y' is negative: row 2"):
        losses.JointLogLikelihood(["X", "Y"], {"X": [1, 2], "Y": [1, -2]})


def test_deviations_are_those_of_the_law():
    """Decay from 100: binomial. Loss and rows against the closed form and its derivative."""
    decay = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
    times, k = np.array([0.4, 1.1]), 0.7
    data = losses.Deviations(times, {"A": [4.0, 5.0]}, {"A": [0.2, 0.3]})
    exact = Problem(decay, {"A": 100}, data, {"k": Free(k)}, source=MasterEquation())
    with jax.enable_x64(True):
        found = exact.evaluate(np.log([k]), None)

    def deviation(k):
        p = np.exp(-k * times)
        return np.sqrt(100 * p * (1 - p))

    errors = np.array([0.2, 0.3])
    assert found.loss == pytest.approx(0.5 * (((deviation(k) - [4.0, 5.0]) / errors) ** 2).sum(), rel=1e-6)
    slope = k * (deviation(k + 1e-5) - deviation(k - 1e-5)) / 2e-5
    assert found.information[0, 0] == pytest.approx(((slope / errors) ** 2).sum(), rel=1e-5)


def test_means_and_deviations_of_cells_in_one_loss():
    """Two numbers at steady time determine mean and spread: a Poisson law has sd = sqrt(mean)."""
    loss = losses.means_and_deviations([1.0], {"X": [9.0]}, {"X": [3.0]}, cells=201)
    means, deviations = loss.losses
    assert means.root[0, 0, 0] == pytest.approx(np.sqrt(201) / 3)
    assert deviations.root[0, 0, 0] == pytest.approx(20 / 3)
    with pytest.raises(jumpax.InputError, match="Y has one of them"):
        losses.means_and_deviations([1.0], {"X": [9.0], "Y": [1.0]}, {"X": [3.0]}, cells=20)
    with pytest.raises(jumpax.InputError, match="not a positive number: row 1"):
        losses.Deviations([1.0], {"X": [0.0]}, {"X": 1.0})


def test_deviations_tell_a_telegraph_from_a_poisson_law():
    """Means alone determine k_tx k_on / (k_on + k_off) only; with deviations two rates are known."""
    model = jumpax.zoo.telegraph()
    rates = {"k_on": Free(0.7), "k_off": Fixed(1.0), "k_tx": Free(15.0), "gamma": Fixed(1.0)}
    mean, deviation = 20 / 3, np.sqrt(42.0 + 2 / 9)  # of k_on 0.5, k_off 1, k_tx 20 at steady state
    data = losses.means_and_deviations([25.0], {"M": [mean]}, {"M": [deviation]}, cells=2000)
    found = fit(Problem(model.network, model.x0, data, rates, source=MasterEquation({"M": 150})))
    assert found.estimates["k_on"] == pytest.approx(0.5, rel=2e-3)
    assert found.estimates["k_tx"] == pytest.approx(20.0, rel=2e-3)
    assert found.undetermined == ()
