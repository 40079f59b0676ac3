"""Observables that are gathered along paths: means and derivatives against closed forms and the master equation.

A z-score is beyond 4.5 once in 150,000; some 120 are looked at here, so that one run in a thousand raises a false alarm.
"""

import dataclasses
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax.folds import AbstractFold
from jumpax.folds.dependence import dependence
from jumpax.observables import Activity, Current, EntropyProduction, PathSums

PATHS = 20_000
LIMIT = 4.5
FINE = jumpax.CoupledDifference(step=0.05)
"""Its bias, h^2 / 24 of a third derivative, is a ten-thousandth."""
ESTIMATORS = {"score": jumpax.ScoreFunction(), "optimal": jumpax.ScoreFunction("optimal"), "coupled": FINE}

BIRTH_DEATH = jumpax.zoo.birth_death().network
THETA = {"birth": 5.0, "death": 1.0}
DECAY = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
BIRTH = jumpax.Network([jumpax.Reaction("0 -> N", jumpax.MassAction("k"))])
ISOMERS = jumpax.Network([jumpax.Reaction("A <-> B", jumpax.MassAction("f"), jumpax.MassAction("b"))])


def estimated(observable, network, x0, stops, theta, estimator, key, paths=PATHS, **options):
    """Value, gradient and errors; one path with much of a variance is judged by the z-scores."""
    when = {"times": stops} if isinstance(stops, list) else stops
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*carries.*of the variance", jumpax.JumpaxWarning)
        mean = jumpax.expectation(observable, network, x0, paths=paths, gradient=estimator, **when, **options)
        return jax.tree.map(np.asarray, mean.estimate(theta, jax.random.key(key)))


def judge(got, truth, theta, step=None):
    """Every value and derivative within 4.5 standard errors of a function of theta; rounding has a floor of 1e-5.

    With a step, of its central differences, which are what coupled paths estimate.
    """
    with jax.enable_x64(True):
        numbers = {name: jnp.float64(value) for name, value in theta.items()}
        value, slopes = truth(numbers), jax.jacfwd(truth)(numbers)
        for name in theta if step else ():
            low, high = (truth(numbers | {name: numbers[name] * np.exp(sign * step / 2)}) for sign in (-1, 1))
            slopes[name] = (high - low) / (step * numbers[name])
    pairs = [(got.value, got.standard_error, value)]
    pairs += [(got.gradient[name], got.gradient_standard_error[name], slopes[name]) for name in theta]
    for mean, error, right in pairs:
        leaves = [np.asarray(leaf, float).reshape(-1) for tree in (mean, error, right) for leaf in [_flat(tree)]]
        size = np.maximum(leaves[1], 1e-5 * np.maximum(1, np.abs(leaves[2])))
        assert (np.abs(leaves[0] - leaves[2]) < LIMIT * size).all(), (leaves, (leaves[0] - leaves[2]) / size)


def _flat(tree):
    return np.concatenate([np.asarray(leaf, float).reshape(-1) for leaf in jax.tree.leaves(tree)])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_time_averages_of_birth_and_death(name):
    times = [0.5, 2.0]

    def truth(theta):
        k, d = theta["birth"], theta["death"]
        edges = jnp.array([0.0, *times])
        area = k / d * edges + (2 - k / d) * (1 - jnp.exp(-d * edges)) / d  # integral of the mean from 2 at the start
        return (area[1:] - area[:-1]) / (edges[1:] - edges[:-1])

    got = estimated(jumpax.TimeAverage("X"), BIRTH_DEATH, {"X": 2}, times, THETA, ESTIMATORS[name], 1)
    judge(got, truth, THETA)


def passage_by_master_equation(times, top, start):
    """E[min(T, t)] and P(T <= t) of birth and death with an absorbing state `top`."""

    def truth(theta):
        n = jnp.arange(top, dtype=float)
        birth, death = theta["birth"] + 0 * n, theta["death"] * n
        flow = jnp.diag(-(birth + death)) + jnp.diag(birth[:-1], -1) + jnp.diag(death[1:], 1)
        alive = (
            jnp.zeros((top + 1, top + 1)).at[:top, :top].set(flow).at[top, :top].set(1.0)
        )  # the last row: time lived
        first = jnp.zeros(top + 1).at[start].set(1.0)
        ends = [jax.scipy.linalg.expm(alive * t) @ first for t in times]
        return jnp.concatenate([jnp.stack([p[top] for p in ends]), jnp.stack([1 - p[:top].sum() for p in ends])])

    return truth


@dataclasses.dataclass(frozen=True)
class AtLeast:
    """Whether a species has so many molecules."""

    species: str
    many: int

    def __call__(self, counts):
        return counts[self.species] >= self.many


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("engine", ["cpu", "xla"])
def test_passages_of_birth_and_death(name, engine):
    passage, times = jumpax.PassageTime(AtLeast("X", 7)), [0.7, 1.5, 6.0]
    got = estimated(passage, BIRTH_DEATH, {"X": 2}, times, THETA, ESTIMATORS[name], 2, engine=engine)
    assert 0 < got.value.reached[0] < got.value.reached[2] < 1
    judge(got, passage_by_master_equation(times, 7, 2), THETA)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_mean_time_until_a_population_has_died_out(name):
    got = estimated(
        jumpax.PassageTime(lambda counts: counts["A"] == 0), DECAY, {"A": 10}, [60.0], {"k": 0.8}, ESTIMATORS[name], 3
    )
    assert got.value.reached[0] == 1
    assert np.all(got.gradient["k"].reached == 0) or abs(got.gradient["k"].reached[0]) < 1e-6
    got = got._replace(
        value=got.value.time, standard_error=got.standard_error.time,
        gradient={"k": got.gradient["k"].time}, gradient_standard_error={"k": got.gradient_standard_error["k"].time},
    )  # fmt: skip
    judge(got, lambda theta: (1 / jnp.arange(1, 11)).sum() / theta["k"], {"k": 0.8})


def test_a_passage_counts_from_the_clock_and_may_be_there_at_the_start():
    mean = jumpax.expectation(
        jumpax.PassageTime(AtLeast("N", 3)),
        BIRTH,
        {"N": 3},
        [2.0, 3.0],
        paths=10,
        start=1.5,
        gradient=ESTIMATORS["score"],
    )
    got = mean.estimate({"k": 1.0}, 0)
    np.testing.assert_array_equal(got.value.time, 1.5)
    np.testing.assert_array_equal(got.value.reached, 1.0)
    np.testing.assert_array_equal(got.gradient["k"].time, 0.0)


def test_the_score_of_a_passage_stops_there():
    """Without that it would count what comes later: its variance at the last stop would be that of all births until then, 100."""
    got = estimated(jumpax.PassageTime(AtLeast("N", 1)), BIRTH, {"N": 0}, [100.0], {"k": 1.0}, ESTIMATORS["score"], 4)
    # f = T, S = 1 - T with rate 1: Var[(T - 1) (1 - T)] = E[(T - 1)^4] - 1 = 8
    per_path = got.gradient_standard_error["k"].time[0] ** 2 * PATHS
    assert abs(per_path - 8) < 2
    judge(got, lambda theta: jnp.stack([1 / theta["k"], jnp.ones(())]), {"k": 1.0})


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("since_stop", [False, True])
def test_reaction_counts_of_births(name, since_stop):
    times = [1.0, 1.5, 4.0]
    observable = jumpax.ReactionCount("0 -> N", since_stop=since_stop)
    lengths = np.diff(times, prepend=0.0) if since_stop else np.array(times)
    got = estimated(observable, BIRTH, {"N": 3}, times, {"k": 2.0}, ESTIMATORS[name], 5)
    judge(got, lambda theta: theta["k"] * lengths, {"k": 2.0})
    assert abs(got.standard_error[1, 0] ** 2 * PATHS / (2.0 * lengths[1]) - 1) < 0.1  # Poisson


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_current_of_isomers(name):
    forward = ISOMERS.reactions[0].name
    observable = jumpax.PathObservable(
        PathSums(Current(ISOMERS, forward), Activity(ISOMERS)), lambda record: record[0].events
    )

    def truth(theta):
        rate = theta["f"] + theta["b"]
        return (12 * theta["f"] / rate - 2) * (1 - jnp.exp(-rate * jnp.array([0.4, 1.0])))

    theta = {"f": 1.0, "b": 2.0}
    got = estimated(observable, ISOMERS, {"A": 10, "B": 2}, [0.4, 1.0], theta, ESTIMATORS[name], 6)
    judge(got, truth, theta)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("engine", ["cpu", "xla"])
def test_an_integral_of_propensities_has_parameters_in_it_beside_the_path(name, engine):
    observable = jumpax.PathObservable(
        PathSums(Current(ISOMERS, ISOMERS.reactions[0].name)), lambda record: record[0].integral
    )
    theta, x0 = {"f": 1.0, "b": 2.0}, {"A": 10, "B": 2}

    def truth(theta):
        rate = theta["f"] + theta["b"]
        return (12 * theta["f"] / rate - 2) * (1 - jnp.exp(-rate * jnp.array([0.4, 1.0])))

    judge(estimated(observable, ISOMERS, x0, [0.4, 1.0], theta, ESTIMATORS[name], 7, engine=engine), truth, theta)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_entropy_production_has_parameters_in_its_weights(name):
    """Of a driven ring from a corner of it, by events: ln(p / q) for each step, p - q steps per time."""
    ring = jumpax.Network([
        jumpax.Reaction(f"S{i} <-> S{(i + 1) % 3}", jumpax.MassAction("p"), jumpax.MassAction("q")) for i in range(3)
    ])  # fmt: skip
    observable = jumpax.PathObservable(PathSums(EntropyProduction(ring)), lambda record: tuple(record[0]))
    theta, x0 = {"p": 2.0, "q": 1.2}, {"S0": 1, "S1": 0, "S2": 0}
    got = estimated(observable, ring, x0, [1.5], theta, ESTIMATORS[name], 13)
    for part in range(2):
        own = got._replace(
            value=got.value[part], standard_error=got.standard_error[part],
            gradient={n: g[part] for n, g in got.gradient.items()},
            gradient_standard_error={n: g[part] for n, g in got.gradient_standard_error.items()},
        )  # fmt: skip
        step = FINE.step if name == "coupled" else None  # the integral has no noise that would hide the bias
        judge(own, lambda t: ((t["p"] - t["q"]) * jnp.log(t["p"] / t["q"]) * 1.5)[None], theta, step)


def test_rates_that_depend_on_time_have_sums_over_events():
    """Whether a rate is zero may then be a matter of time, so that the integral is refused; the sum has the same mean."""
    network = jumpax.Network([
        jumpax.Reaction("0 -> N", lambda t, k, r: k * jnp.exp(-r * t)), jumpax.Reaction("N -> 0", lambda N, d: d * N)
    ])  # fmt: skip
    theta = {"k": 4.0, "r": 1.0, "d": 0.5}

    def truth(theta):
        k, r, d = theta["k"], theta["r"], theta["d"]
        births = k * (1 - jnp.exp(-r)) / r
        left = k / (d - r) * (jnp.exp(-r) - jnp.exp(-d))
        return (2 * births - left)[None]

    events = jumpax.PathObservable(PathSums(Activity(network)), lambda record: record[0].events)
    judge(estimated(events, network, {"N": 0}, [1.0], theta, ESTIMATORS["score"], 14, bound=60.0), truth, theta)
    integral = jumpax.PathObservable(PathSums(Activity(network)), lambda record: record[0].integral)
    with pytest.raises(jumpax.UnsupportedError, match="`events` instead of `integral`"):
        estimated(integral, network, {"N": 0}, [1.0], theta, ESTIMATORS["score"], 14, bound=60.0)


def test_steps_in_what_parameters_do_have_coupled_differences_and_no_score():
    """Whether an integral of k dt, which is k t, has passed a level: by the path alone the derivative would be zero."""
    passed = jumpax.PathObservable(
        PathSums(Activity(BIRTH)), lambda record: (record[0].integral > 2.0).astype(jnp.float32)
    )
    with pytest.raises(jumpax.UnsupportedError, match=r"compares or rounds.*CoupledDifference\(\)"):
        jumpax.expectation(passed, BIRTH, {"N": 0}, [1.0], paths=4, gradient=jumpax.ScoreFunction())
    mean = jumpax.expectation(passed, BIRTH, {"N": 0}, [1.0], paths=400)
    assert mean.choose({"k": 2.0}, 0).estimator == jumpax.CoupledDifference()
    got = mean.estimate({"k": 2.0}, 0)
    assert abs(got.gradient["k"][0] - 1 / 0.6) < 1e-4  # all pairs part: 1 / (h k)
    untold = jumpax.expectation(passed, BIRTH, {"N": 0}, [1.0], paths=400)
    compiled = jax.jit(jax.grad(lambda k: untold({"k": k}, 0)[0]))
    with (
        pytest.raises(jumpax.UnsupportedError, match="CoupledDifference"),
        pytest.warns(jumpax.JumpaxWarning, match="before its estimator was chosen"),
    ):
        compiled(2.0)


def test_what_depends_on_parameters_and_on_times():
    sums = PathSums(Current(ISOMERS, ISOMERS.reactions[0].name))
    assert dependence(sums, ISOMERS, lambda record: record[0].events) == (False, False, True)
    assert dependence(sums, ISOMERS, lambda record: record[0].integral) == (True, True, True)
    assert dependence(PathSums(EntropyProduction(ISOMERS)), ISOMERS, lambda record: record[0].events) == (
        True,
        False,
        True,
    )
    assert not dependence(sums, ISOMERS, lambda record: jnp.floor(record[0].integral)).smooth
    assert not dependence(Drawn(), ISOMERS).smooth
    assert not dependence(Thinned(), BIRTH).smooth
    for fold, times in (
        (jumpax.TimeAverages(ISOMERS), True), (jumpax.ReactionCounts(ISOMERS), False),
        (jumpax.FirstPassage(ISOMERS, AtLeast("B", 4)), True),
    ):  # fmt: skip
        assert dependence(fold, ISOMERS) == (False, times, True)


@dataclasses.dataclass(frozen=True)
class Drawn(AbstractFold):
    """The sum of the unit exponentials of the waits, which parameters change if the path is to stay."""

    def init(self, counts, theta, now):
        return jnp.zeros_like(now)

    def event(self, carry, counts, propensities, theta, now, jump):
        return carry + jump.exponential

    def stop(self, carry, counts, theta, index):
        return carry, carry


@dataclasses.dataclass(frozen=True)
class Thinned(AbstractFold):
    """Events kept with a probability that is a parameter, by the fold's own words."""

    words = 1

    def init(self, counts, theta, now):
        return jnp.zeros_like(now)

    def event(self, carry, counts, propensities, theta, now, jump):
        return carry + (jump.words[0].astype(now.dtype) * 2.0**-32 < theta["k"]).astype(now.dtype)

    def stop(self, carry, counts, theta, index):
        return carry, carry


@dataclasses.dataclass(frozen=True)
class Elapsed(AbstractFold):
    """The time since the start."""

    def init(self, counts, theta, now):
        return jnp.zeros_like(now)

    def advance(self, carry, counts, propensities, theta, now, dt):
        return carry + dt

    def stop(self, carry, counts, theta, index):
        return carry, carry


@dataclasses.dataclass(frozen=True)
class Happened(AbstractFold):
    """How many events there were, whichever, and the sum of the propensities at them."""

    def init(self, counts, theta, now):
        return jnp.zeros_like(now), jnp.zeros_like(now)

    def event(self, carry, counts, propensities, theta, now, jump):
        return carry[0] + 1, carry[1] + propensities[0] + propensities[1]

    def stop(self, carry, counts, theta, index):
        return carry, carry


def test_a_copy_of_a_pair_sees_its_own_events_with_its_own_propensities():
    """Of a simple random walk at rate 2 k: 2 k t events, at each of which the propensities are 2 k."""
    walk = jumpax.Network([
        jumpax.Reaction("0 -> N", jumpax.MassAction("k")), jumpax.Reaction("0 -> M", lambda k, M: k + 0 * M)
    ])  # fmt: skip
    coupled = jumpax.CoupledDifference(step=0.05)
    got = estimated(jumpax.PathObservable(Happened()), walk, {"N": 0, "M": 0}, [1.5], {"k": 2.0}, coupled, 11)
    assert abs(got.gradient["k"][0][0] - 3) < LIMIT * got.gradient_standard_error["k"][0][0]
    assert abs(got.gradient["k"][1][0] - 24) < LIMIT * got.gradient_standard_error["k"][1][0]
    assert abs(got.value[1][0] - 24) < LIMIT * got.standard_error[1][0]


def test_several_folds_make_one_observable():
    both = jumpax.folds.Together((jumpax.ReactionCounts(BIRTH), jumpax.TimeAverages(BIRTH)))
    observable = jumpax.PathObservable(both, lambda record: {"births": record[0][0], "mean": record[1][0]})
    got = estimated(observable, BIRTH, {"N": 0}, [2.0], {"k": 3.0}, ESTIMATORS["score"], 12)
    assert abs(got.gradient["k"]["births"][0] - 2) < LIMIT * got.gradient_standard_error["k"]["births"][0]
    assert abs(got.gradient["k"]["mean"][0] - 1) < LIMIT * got.gradient_standard_error["k"]["mean"][0]


def test_times_after_numbers_of_events_need_the_score_of_the_waits():
    stops = {"steps": [1, 4]}
    got = estimated(jumpax.PathObservable(Elapsed()), BIRTH, {"N": 0}, stops, {"k": 2.0}, ESTIMATORS["score"], 8)
    judge(got, lambda theta: jnp.array([1.0, 4.0]) / theta["k"], {"k": 2.0})


def test_counts_after_numbers_of_events_do_not():
    theta = {"birth": 5.0, "death": 1.0}

    def truth(theta):  # births among two events from 2 molecules
        k, d = theta["birth"], theta["death"]
        first = k / (k + 2 * d)
        return jnp.stack([first, first + first * k / (k + 3 * d) + (1 - first) * k / (k + d)])

    birth = jumpax.ReactionCount(BIRTH_DEATH.reactions[0].name)
    got = estimated(birth, BIRTH_DEATH, {"X": 2}, {"steps": [1, 2]}, theta, ESTIMATORS["score"], 9)
    judge(got, truth, theta)
    mean = jumpax.expectation(birth, BIRTH_DEATH, {"X": 2}, steps=[1, 2], paths=4)
    fold = mean.sampling.run(jumpax.ScoreFunction(), ("birth",)).program.fold.folds[2]
    assert not fold.waiting


@pytest.mark.parametrize("engine", ["cpu", "xla"])
def test_rates_that_depend_on_time(engine):
    network = jumpax.Network([jumpax.Reaction("0 -> N", lambda t, k, r: k * jnp.exp(-r * t))])
    theta, times = {"k": 8.0, "r": 2.0}, [0.5, 1.0]

    def truth(theta):
        k, r = theta["k"], theta["r"]
        edges = jnp.array([0.0, *times])
        area = k / r * (edges - (1 - jnp.exp(-r * edges)) / r)
        births = k / r * (1 - jnp.exp(-r * edges))
        none = jnp.exp(-births)
        return jnp.stack([(area[1:] - area[:-1]) / 0.5, births[1:], 1 - none[1:]], 1)

    options = {"bound": 8.0, "engine": engine}
    made = [
        estimated(observable, network, {"N": 0}, times, theta, ESTIMATORS["score"], 10, **options)
        for observable in (jumpax.TimeAverage("N"), jumpax.ReactionCount("0 -> N"), jumpax.PassageTime(AtLeast("N", 1)))
    ]
    for place, got in enumerate(made):
        if place == 2:
            got = got._replace(
                value=got.value.reached, standard_error=got.standard_error.reached,
                gradient={n: g.reached for n, g in got.gradient.items()},
                gradient_standard_error={n: g.reached for n, g in got.gradient_standard_error.items()},
            )  # fmt: skip
        judge(got, lambda theta, place=place: truth(theta)[:, place], theta)


def test_values_are_those_of_simulated_paths_and_do_not_depend_on_the_gradient():
    observable, key = jumpax.TimeAverage("X"), jax.random.key(3)
    fold = jumpax.TimeAverages(BIRTH_DEATH)
    paths = jumpax.simulate(BIRTH_DEATH, THETA, {"X": 2}, times=[0.5, 2.0], paths=500, key=key, record=fold)
    mean = jumpax.expectation(observable, BIRTH_DEATH, {"X": 2}, [0.5, 2.0], paths=500, gradient=ESTIMATORS["score"])
    value = np.asarray(mean(THETA, key))
    np.testing.assert_allclose(value[:, 0], np.asarray(paths.records[0]).mean(0), rtol=1e-6)
    np.testing.assert_allclose(value, np.asarray(mean.estimate(THETA, key).value), rtol=1e-6)


def test_inside_jit_and_vmap_and_with_a_baseline():
    passage = jumpax.PassageTime(AtLeast("X", 7))
    make = lambda **more: jumpax.expectation(  # noqa: E731
        passage, BIRTH_DEATH, {"X": 2}, [1.5], paths=300, gradient=ESTIMATORS["score"], **more
    )
    mean, key = make(), jax.random.key(4)
    loss = lambda birth: mean({"birth": birth, "death": 1.0}, key).time[0]  # noqa: E731
    alone = np.asarray([jax.grad(loss)(b) for b in (4.0, 5.0, 6.0)])
    together = np.asarray(jax.jit(jax.vmap(jax.grad(loss)))(jnp.array([4.0, 5.0, 6.0])))
    np.testing.assert_allclose(together, alone, rtol=2e-4)
    got = mean.estimate(THETA, key)
    np.testing.assert_allclose(alone[1], got.gradient["birth"].time[0], rtol=1e-5)
    more = make(baseline=jumpax.BaselineSimulations(4000)).estimate(THETA, key)
    assert more.standard_error.time[0] < 0.5 * got.standard_error.time[0]
    np.testing.assert_allclose(more.gradient["birth"].time, got.gradient["birth"].time, rtol=1e-5)


def test_the_automatic_choice_is_among_those_that_treat_it():
    mean = jumpax.expectation(jumpax.TimeAverage("X"), BIRTH_DEATH, {"X": 2}, [1.0], paths=4000)
    choice = mean.choose(THETA, 0)
    assert isinstance(choice.estimator, jumpax.ScoreFunction | jumpax.CoupledDifference)
    assert {type(pilot.estimator) for pilot in choice.pilots} == {jumpax.ScoreFunction, jumpax.CoupledDifference}


def test_an_audit_compares_those_that_treat_it():
    found = jumpax.audit(BIRTH_DEATH, THETA, {"X": 2}, [1.0], observable=jumpax.TimeAverage("X"), paths=2000)
    assert found.reference == "the unbiased estimators together (the master equation knows counts at stops only)"
    assert set(found.heaviest) == {"score function"}
    assert all("CoupledDifference()" in why for why in found.refused.values())


OTHERS = [
    jumpax.TrapezoidalTangent(), jumpax.LatticeTangent(), jumpax.StraightThrough(), jumpax.AlternativePath(),
    jumpax.ControlledScore(), jumpax.ExactGradient(), jumpax.CoupledDifference(control="martingale"),
    jumpax.ScoreFunction(window=1.0), jumpax.ScoreFunction(control="martingale"),
]  # fmt: skip


@pytest.mark.parametrize("estimator", OTHERS, ids=repr)
def test_other_estimators_are_refused_by_name(estimator):
    with pytest.raises(jumpax.UnsupportedError, match=r"TimeAverage.*ScoreFunction\(\)"):
        jumpax.expectation(jumpax.TimeAverage("X"), BIRTH_DEATH, {"X": 2}, [1.0], paths=4, gradient=estimator)


@pytest.mark.parametrize(
    ("observable", "told"),
    [
        (jumpax.TimeAverage("Y"), "unknown species 'Y'"),
        (jumpax.ReactionCount("X -> Y"), "unknown reaction 'X -> Y'"),
        (jumpax.PassageTime(lambda counts: counts["Y"] > 1), "unknown species 'Y'"),
        (jumpax.PassageTime(lambda counts: counts["X"] > 1 and counts["X"] < 3), "jnp.logical_and"),
        (jumpax.PathObservable(jumpax.TimeAverages(ISOMERS)), "made for another network"),
        (jumpax.PathObservable(jumpax.TimeAverages(BIRTH_DEATH), lambda record: None), "is a return missing?"),
        (jumpax.PathObservable(jumpax.TimeAverages(BIRTH_DEATH), lambda record: float(record[0])), "leave float out"),
    ],
)
def test_what_makes_no_sense_is_told_at_once(observable, told):
    with pytest.raises(jumpax.InputError) as refusal:
        jumpax.expectation(observable, BIRTH_DEATH, {"X": 2}, [1.0], paths=4)
    assert told in str(refusal.value)


def test_what_cannot_be_made_is_told():
    with pytest.raises(jumpax.InputError, match="takes a fold"):
        jumpax.PathObservable(jumpax.TimeAverages)
    with pytest.raises(jumpax.InputError, match="kept by simulate only"):
        jumpax.PathObservable(jumpax.Events())
    with pytest.raises(jumpax.InputError, match="must be a function"):
        jumpax.PathObservable(jumpax.TimeAverages(BIRTH_DEATH), 3)
    with pytest.raises(jumpax.InputError, match="needs the name of a reaction"):
        jumpax.ReactionCount()
    with pytest.raises(jumpax.InputError, match="must be a function of the counts"):
        jumpax.PassageTime("X > 3")


def test_other_verbs_and_stops_refuse_what_they_do_not_treat():
    passage = jumpax.PassageTime(AtLeast("X", 7))
    with pytest.raises(jumpax.UnsupportedError, match=r"times=\.\.\. instead of steps="):
        jumpax.expectation(passage, BIRTH_DEATH, {"X": 2}, steps=[3], paths=4)
    with pytest.raises(jumpax.UnsupportedError, match="a function of the counts is needed"):
        jumpax.steady_state(passage, BIRTH_DEATH, {"X": 2}, settle=1.0, time=1.0, paths=4)
    never = jumpax.PathObservable(jumpax.FirstPassage(BIRTH_DEATH, AtLeast("X", 7000)), lambda record: record[1])
    mean = jumpax.expectation(never, BIRTH_DEATH, {"X": 2}, [1.0], paths=4)
    with pytest.raises(jumpax.SimulationError, match="the observable gives NaN"):
        mean(THETA, 0)
