"""Places by the mean field in a fit with a budget: where they help, that they cannot mislead, and where there are none."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax import Free, InputError, MassAction, Network, Problem, Reaction, fit, losses
from jumpax.exact import StateSpace, distribution
from jumpax.inference import Simulation, searched
from jumpax.inference.exploration import Places, Responses, by_mean_field, corrected, mean_field_places, mean_response

TRUE = {"make": 20.0, "lose": 0.4}
TIMES = np.linspace(0.5, 12.0, 24)


def decaying(**source):
    """Birth and death: the mean field is exact. Data are the means themselves, so that the least loss is 0 at the truth."""
    network = Network([Reaction("0 -> X", MassAction("make")), Reaction("X -> 0", MassAction("lose"))])
    means = TRUE["make"] / TRUE["lose"] * (1 - np.exp(-TRUE["lose"] * TIMES))
    loss = losses.TimeSeries(TIMES, {"X": means}, {"X": np.sqrt(means / 20)}, paths=20)
    boxes = {"make": Free.box(1.0, 1000.0), "lose": Free.box(0.01, 10.0)}
    return Problem(network, {"X": 0}, loss, boxes, source=Simulation(exact=False, **source))


def errors(values):
    """In factors e."""
    return np.abs(np.log(np.array([values[name] / true for name, true in TRUE.items()])))


def looked_for(problem):
    return mean_field_places(problem, np.random.default_rng(0))


def places(problem):
    return looked_for(problem).points


def test_where_the_mean_field_is_exact_it_finds_the_answer():
    """To the error of its steps, a few per cent; and one place, for there is one answer."""
    problem = decaying()
    (place,) = places(problem)
    assert errors({name: float(v) for name, v in problem.values(place).items()}).max() < 0.05
    np.testing.assert_array_equal(places(problem)[0], place)


def test_the_derivatives_are_those_of_the_residuals():
    """Up to what second derivatives of the laws add within a step; here there are none."""
    problem = decaying()
    response, u = mean_response.MeanResponse(problem), np.array([0.2, -0.3])
    both = response(u + 1e-5 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]))[0]
    slopes = response(u[None])[1][0]
    by_differences = np.stack([both[0] - both[1], both[2] - both[3]], 1) / 2e-5
    # the step approximates an exponential to second order, and so does each derivative, in another way
    assert np.abs(slopes - by_differences).max() < 0.02 * np.abs(by_differences).max()


def by_season(make, t):
    return make * (1 + jnp.sin(2 * t))


@pytest.mark.parametrize(
    "network",
    [
        Network([Reaction("0 -> X", MassAction("make")), Reaction("2 X -> 0", MassAction("lose"))]),
        Network([Reaction("0 -> X", by_season), Reaction("X -> 0", MassAction("lose"))]),
    ],
    ids=["pairs", "seasons"],
)
def test_its_steps_follow_the_mean_field(network):
    """The other integrator, to tolerances of 1e-6: dozens of steps are good to a few per cent of the largest mean."""
    times, theta = np.linspace(0.1, 6.0, 12), {"make": 20.0, "lose": 0.7}
    means = jumpax.mean_field(network, times, theta=theta, x0={"X": 15})["X"]
    loss = losses.TimeSeries(times, {"X": means}, {"X": np.full(12, means.max())}, paths=20)
    boxes = {"make": Free.box(1.0, 1000.0), "lose": Free.box(0.01, 10.0)}
    problem = Problem(network, {"X": 15}, loss, boxes, source=Simulation(bound=2000.0))
    u = problem.structure.unconstrained(theta, problem.numbers)
    residuals = mean_response.MeanResponse(problem)(u[None])[0][0]
    assert residuals.shape == (12,)
    assert np.abs(residuals).max() < 0.03


def test_a_few_paths_correct_what_the_mean_field_is_wrong_by():
    """Pairs of a few molecules, data by the master equation: the mean field is off by e^-0.47 in one rate.

    The mean of four corrections by 96 paths each scatters by 0.06: 0.2 is exceeded by chance once in a thousand.
    """
    true = {"make": 3.0, "pair": 1.0}
    network = Network([Reaction("0 -> X", MassAction("make")), Reaction("2 X -> 0", MassAction("pair"))])
    times = np.linspace(0.1, 3.0, 12)
    space = StateSpace.reachable(network, {"X": 12}, limits={"X": 40})
    means = np.asarray(distribution(space, true, times, {"X": 12}).mean()[:, 0])
    loss = losses.TimeSeries(times, {"X": means}, {"X": np.sqrt(means / 50)}, paths=50)
    boxes = {"make": Free.box(0.1, 100.0), "pair": Free.box(0.01, 100.0)}
    problem = Problem(network, {"X": 12}, loss, boxes)

    def off(place):
        values = problem.values(place)
        return np.array([np.log(float(values[name]) / true[name]) for name in problem.free])

    (place,) = places(problem)
    assert off(place)[0] < -0.4
    ends = []
    for key in range(100, 104):
        visits = corrected(Responses(problem, 1000, jax.random.key(key)), place)
        assert [visit.paths for visit in visits] == [0, 32, 64, 96]
        ends.append(off(visits[-1].point))
    assert np.abs(np.mean(ends, 0)).max() < 0.2


def test_where_paths_explode_nothing_is_corrected():
    """A place where no path can be followed in ten events."""
    problem = decaying(max_events=10)
    (place,) = places(problem)
    responses = Responses(problem, 1000, jax.random.key(0))
    assert [visit.paths for visit in corrected(responses, place)] == [0]


def test_a_fit_begins_there_and_says_so():
    found = fit(decaying(), budget=3000, key=1)
    assert len(found.search.mean_field) == 1
    assert found.search.paths[0] == 0
    assert errors(dict(zip(found.free, found.search.values[0], strict=True))).max() < 0.05
    assert found.search.explained
    assert found.to_dict()["search"]["mean_field"] == [dict(found.search.mean_field[0])]
    assert "mean_field=True" in found.provenance["source"]


def test_without_it_a_fit_uses_paths_only():
    found = fit(decaying(mean_field=False), budget=3000, key=1)
    assert found.search.mean_field == ()
    assert found.search.paths[0] > 0
    assert errors(found.estimates).max() < 0.2
    assert "mean_field=False" in found.provenance["source"]


def test_places_that_mislead_do_not_decide(monkeypatch):
    """Three places far away, as an approximation may tell them: candidates from paths find the answer all the same."""
    problem = decaying()
    wrong = [
        problem.structure.unconstrained({"make": make, "lose": lose}, problem.numbers)
        for make, lose in ((2.0, 8.0), (900.0, 0.02), (1.5, 0.012))
    ]
    monkeypatch.setattr(searched, "mean_field_places", lambda problem, generator: Places(wrong))
    found = fit(problem, budget=3000, key=2)
    assert len(found.search.mean_field) == 3
    assert errors(found.estimates).max() < 0.2
    assert found.search.explained


def late():
    """A network with delays."""
    problem = decaying()
    network = problem.network.with_delays({"0 -> X": jumpax.FixedDelay(1.0)})
    return dataclasses.replace(problem, network=network)


def test_networks_without_a_mean_field_have_no_places(monkeypatch):
    assert looked_for(late()) == ([], "networks with delays have none")
    monkeypatch.setattr(by_mean_field, "WORK", 1.0)
    assert looked_for(decaying()) == ([], "the network is too large")


def test_laws_for_whole_numbers_only_are_told_and_paths_alone_decide(monkeypatch):
    def fails(*_):
        raise RuntimeError("not for real counts")

    with monkeypatch.context() as patch:
        patch.setattr(mean_response, "rates", fails)
        jax.clear_caches()
        found = fit(decaying(), budget=3000, key=0)
    jax.clear_caches()
    assert found.search.mean_field == ()
    assert "RuntimeError: not for real counts" in found.search.mean_field_fault
    assert "no places by the mean field: the laws cannot" in str(found)
    monkeypatch.setattr(mean_response, "_residuals", lambda *_: (np.full((12, 1), np.nan), np.zeros((12, 1, 2))))
    assert places(decaying()) == []


def test_faults_of_our_own_are_not_hidden(monkeypatch):
    monkeypatch.setattr(by_mean_field, "Descent", None)
    with pytest.raises(TypeError, match="not callable"):
        places(decaying())


def test_the_switch_is_true_or_false():
    with pytest.raises(InputError, match="mean_field must be true or false; got 1"):
        Simulation(mean_field=1)
