"""Random numbers that events assign, against the distribution functions of SciPy."""

import math

import numpy as np
import pytest
from scipy import stats

import jumpax
from jumpax import Event, MassAction, Network, Reaction, draw
from jumpax._base.status import Status

DECAY = Reaction("A -> 0", MassAction("k"))
ENDLESS = (-math.inf, math.inf)
LAWS = {
    "uniform": (("uniform", -1.0, 3.0), ENDLESS, stats.uniform(-1, 4)),
    "normal": (("normal", 1.0, 2.0), ENDLESS, stats.norm(1, 2)),
    "lognormal": (("lognormal", 0.5, 0.7), ENDLESS, stats.lognorm(0.7, scale=math.exp(0.5))),
    "exponential": (("exponential", 2.0), ENDLESS, stats.expon(scale=0.5)),
    "gamma": (("gamma", 3.0, 2.0), ENDLESS, stats.gamma(3, scale=2)),
    "gamma of a small shape": (("gamma", 0.4, 2.0), ENDLESS, stats.gamma(0.4, scale=2)),
    "chisquare": (("chisquare", 5.0), ENDLESS, stats.chi2(5)),
    "laplace": (("laplace", 1.0, 2.0), ENDLESS, stats.laplace(1, 2)),
    "cauchy": (("cauchy", 1.0, 2.0), ENDLESS, stats.cauchy(1, 2)),
    "rayleigh": (("rayleigh", 2.0), ENDLESS, stats.rayleigh(scale=2)),
    "poisson": (("poisson", 3.0), ENDLESS, stats.poisson(3)),
    "poisson of a large mean": (("poisson", 400.0), ENDLESS, stats.poisson(400)),
    "binomial": (("binomial", 10.0, 0.3), ENDLESS, stats.binom(10, 0.3)),
    "binomial of a large mean": (("binomial", 1000.0, 0.8), ENDLESS, stats.binom(1000, 0.8)),
    "bernoulli": (("bernoulli", 0.3), ENDLESS, stats.bernoulli(0.3)),
    "normal, bounded above": (("normal", 0.0, 1.5), (-math.inf, -0.5), stats.norm(0, 1.5)),
    "lognormal, bounded": (("lognormal", 0.0, 1.0), (0.5, 2.0), stats.lognorm(1.0)),
    "exponential, bounded": (("exponential", 2.0), (3.0, 4.0), stats.expon(scale=0.5)),
    "exponential between close bounds": (("exponential", 1e-3), (0.0, 1e-2), stats.expon(scale=1e3)),
    "rayleigh between close bounds": (("rayleigh", 2.0), (-1.0, 1e-2), stats.rayleigh(scale=2)),
    "rayleigh, bounded below": (("rayleigh", 2.0), (5.0, math.inf), stats.rayleigh(scale=2)),
    "gamma, bounded": (("gamma", 3.0, 2.0), (2.0, 9.0), stats.gamma(3, scale=2)),
    "poisson, bounded": (("poisson", 3.0), (2.0, 4.0), stats.poisson(3)),
    "binomial, bounded": (("binomial", 10.0, 0.3), (3.0, math.inf), stats.binom(10, 0.3)),
}
LEAST = 1e-5
"""P-value below which a test fails. A correct sampler fails it with this probability per law: 41 of them, 4.1e-4."""
SLOWLY = (
    "normal", "gamma", "cauchy", "poisson of a large mean", "binomial", "exponential, bounded",
)  # fmt: skip
"""Those that the reference engine draws: one of each kind."""


def drawn(law):
    (name, *numbers), (low, high), _ = LAWS[law]
    bounds = {key: value for key, value in (("low", low), ("high", high)) if math.isfinite(value)}
    return draw(name, *numbers, **bounds)


def p_value(values, law):
    """Kolmogorov and Smirnov's, or that of chi-square where numbers are whole."""
    _, (low, high), law = LAWS[law]
    whole = hasattr(law.dist, "pmf")
    below, above = law.cdf(np.ceil(low) - 1 if whole else low), law.cdf(high)
    distribution = lambda x: np.clip((law.cdf(x) - below) / (above - below), 0, 1)  # noqa: E731
    if not whole:
        return stats.kstest(values, distribution).pvalue
    assert (values == np.round(values)).all()
    edges = np.unique(np.round(np.quantile(values, np.linspace(0.02, 0.98, 15))))
    expected = np.diff([0.0, *distribution(edges), 1.0]) * len(values)
    found = np.histogram(values, [-np.inf, *(edges + 0.5), np.inf])[0]
    some = expected > 5
    assert found[expected == 0].sum() == 0
    return stats.chisquare(found[some], expected[some] * found[some].sum() / expected[some].sum()).pvalue


@pytest.mark.parametrize(("engine", "paths", "key"), [("cpu", 40_000, 20261130), ("reference", 200, 20261131)])
def test_draws_have_their_law(engine, paths, key):
    names = {f"p{number}": law for number, law in enumerate(LAWS) if engine == "cpu" or law in SLOWLY}
    networks = [dict([each]) for each in names.items()] if engine == "reference" else [names]
    for some in networks:
        once = Event.at(0.5, {name: drawn(law) for name, law in some.items()})
        theta = {"k": 1.0, **dict.fromkeys(some, 0.0)}
        found = jumpax.simulate(
            Network([DECAY], events=[once]), theta, {"A": 1}, times=[1.0], paths=paths, key=key, engine=engine
        )
        for name, law in some.items():
            assert p_value(found[name][:, -1], law) > LEAST, law


_LARGE = draw("poisson", "m"), draw("binomial", 20, 0.7)
_SMALL = (
    draw("bernoulli", lambda m: m / 16),
    draw("bernoulli", draw("uniform", 0.5, 1.0)),
)  # XLA is slow with the others


@pytest.mark.parametrize(
    ("engines", "count", "other", "precision"),
    [
        (("cpu", "tables", "gpu_on_host"), *_LARGE, "float32"),
        (("cpu", "tables", "gpu_on_host"), *_LARGE, "float64"),
        (("xla",), *_SMALL, "float32"),
    ],
)
def test_engines_draw_the_same_numbers(engines, count, other, precision):
    """Draws that are read at the trigger and thrown away, one that reads another, an event with a delay."""
    first = Event.at(1.0, {"A": count, "g": draw("cauchy", 1.0, 2.0, low=0.0)}, early=True)
    low = Event.when(lambda A: A <= 5, {"A": other, "e": draw("normal", "g", 1.0, high="g")}, early=True, delay=0.2)
    network = Network([DECAY], events=[first, low])
    paths = {}
    for engine in ("reference", *engines):
        paths[engine] = jumpax.simulate(
            network, {"k": 1.0, "m": 8.0, "g": 0.0, "e": 0.0}, {"A": 9}, times=[0.5, 1.0, 4.0], paths=12, key=5,
            engine=engine, precision=precision,
        )  # fmt: skip
    close = 1e-12 if precision == "float64" else 1e-4
    for engine, found in paths.items():
        assert (found["A"] == paths["reference"]["A"]).all(), engine
        for name in ("g", "e"):
            np.testing.assert_allclose(found[name], paths["reference"][name], rtol=close, atol=close, err_msg=engine)


def test_draws_are_independent_and_paths_depend_on_their_index_alone():
    """Correlations of 20,000 pairs within 4.5 / sqrt(20,000), which fails in 7 of a million."""
    events = [
        Event.at(time, {name: draw("normal", 0.0, 1.0) for name in names}) for time, names in ((1.0, "ab"), (2.0, "c"))
    ]
    network, theta = Network([DECAY], events=events), {"k": 1.0, "a": 0.0, "b": 0.0, "c": 0.0}
    found = jumpax.simulate(network, theta, {"A": 1}, times=[3.0], paths=20_000, key=20261132, engine="cpu")
    values = np.stack([found[name][:, -1] for name in "abc"])
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.corrcoef(values[one], values[other])[0, 1]) < 4.5 / math.sqrt(20_000)
    few = jumpax.simulate(network, theta, {"A": 1}, times=[0.3, 1.5, 3.0], paths=7, key=20261132, engine="cpu")
    assert (few["c"][:, -1] == found["c"][:7, -1]).all()


@pytest.mark.parametrize("engine", ["cpu", "reference"])
@pytest.mark.parametrize(
    "value", [draw("normal", 0.0, lambda sd: -sd), draw("poisson", 3.0, low=lambda sd: 100.0 * sd)]
)
def test_a_law_that_does_not_exist_ends_the_path(engine, value):
    if engine == "reference" and value.law == "poisson":
        pytest.skip("ten thousand tries in Python take a minute")
    events = [Event.at(0.5, {"k": draw("bernoulli", "sd")}, name="sound"), Event.at(0.5, {"k": value}, name="change")]
    network = Network([DECAY], events=events)
    how = {"times": [1.0], "paths": 2, "key": 0, "engine": engine, "precision": "float64"}
    found = jumpax.simulate(network, {"k": 1.0, "sd": 1.0}, {"A": 5}, throw=False, **how)
    assert (found.status == Status.BAD_DRAW).all()
    with pytest.raises(jumpax.SimulationError, match=rf"BAD_DRAW: 2 of 2 .*'change' draws {value.law}") as told:
        jumpax.simulate(network, {"k": 1.0, "sd": 1.0}, {"A": 5}, **how)
    if value.law == "normal":  # of the other law nobody knows that no number lies between its bounds
        assert "sd = 1. Remedy" in str(told.value)
        assert "'sound' draws" not in str(told.value)


@pytest.mark.fault(19, 52)
def test_whole_numbers_that_float32_does_not_hold_are_drawn_in_float64():
    draws = {"p": draw("poisson", 1e7), "q": draw("poisson", 3e7), "r": draw("binomial", 2**24, 0.75)}
    laws = {"p": stats.poisson(1e7), "q": stats.poisson(3e7), "r": stats.binom(2**24, 0.75)}
    network = Network([DECAY], events=[Event.at(0.5, {"A": draw("binomial", 2**24 + 1, 1.0), **draws})])
    theta = {"k": 1e-12, **dict.fromkeys(draws, 0.0)}
    how = {"times": [1.0], "paths": 20_000, "key": 20261135, "engine": "cpu"}
    found = jumpax.simulate(network, theta, {"A": 1}, precision="float32", **how)
    assert found.redrawn.all()
    assert (found["A"] == 2**24 + 1).mean() > 0.99
    for name, law in laws.items():
        shares = law.cdf(found[name][:, -1]) - 0.5 * law.pmf(found[name][:, -1])
        assert stats.kstest(shares, stats.uniform.cdf).pvalue > LEAST, name


def nested():
    """Draws of one event that read others, and the distribution functions of what comes of it."""
    one = np.linspace(-1, 1, 101)
    two = np.linspace(0.1, 9, 801)
    weight = stats.norm.pdf(two)

    def bounded(x):  # given the mean, that is normal above 1
        above = stats.norm.sf(1 - one)
        return np.trapezoid(1 - stats.norm.sf(np.maximum(x, 1)[:, None] - one) / above, one) / 2

    def rate(x):
        return np.trapezoid(-np.expm1(-two * x[:, None]) * weight, two) / np.trapezoid(weight, two)

    return {
        "normal about an exponential number": (draw("normal", draw("exponential", 0.5), 1.0), stats.exponnorm(2.0).cdf),
        "poisson of a gamma mean": (draw("poisson", draw("gamma", 3.0, 4.0)), stats.nbinom(3, 0.2).cdf),
        "normal with bounds about a uniform number": (draw("normal", draw("uniform", -1.0, 1.0), 1.0, low=1.0), bounded),
        "exponential of a rate with bounds": (draw("exponential", draw("normal", 0.0, 1.0, low=0.1)), rate),
    }  # fmt: skip


def test_a_draw_that_reads_another_has_the_compound_law():
    """Kolmogorov and Smirnov's test, a false alarm in 100,000 each: what a number decides of tries does not prefer any."""
    laws = nested()
    names = [f"p{number}" for number in range(len(laws))]
    once = Event.at(0.5, {name: value for name, (value, _) in zip(names, laws.values(), strict=True)})
    theta = {"k": 1.0, **dict.fromkeys(names, 0.0)}
    found = jumpax.simulate(
        Network([DECAY], events=[once]), theta, {"A": 1}, times=[1.0], paths=20_000, key=20261134, engine="cpu"
    )
    for name, (law, (_, distribution)) in zip(names, laws.items(), strict=True):
        values = found[name][:, -1].astype(np.float64)
        if law.startswith("poisson"):  # spread evenly over each step
            steps = distribution(values - 1), distribution(values)
            values = steps[0] + (steps[1] - steps[0]) * np.random.default_rng(20261136).random(len(values))
            distribution = stats.uniform.cdf
        assert stats.kstest(values, distribution).pvalue > LEAST, law


def test_what_is_rejected_is_tried_again_alone():
    """Twelve numbers of which each is accepted in 16 of 100 tries: all at once would be in one of four thousand million."""
    names = [f"p{number}" for number in range(12)]
    once = Event.at(0.5, {name: draw("normal", 0.0, 1.0, low=1.0) for name in names}, early=True, delay=0.1)
    theta = {"k": 1.0, **dict.fromkeys(names, 0.0)}
    found = jumpax.simulate(
        Network([DECAY], events=[once]), theta, {"A": 1}, times=[1.0], paths=10_000, key=20261137, engine="cpu"
    )
    values = np.stack([found[name][:, -1] for name in names])
    assert stats.kstest(values.ravel(), stats.truncnorm(1, np.inf).cdf).pvalue > LEAST
    apart = np.corrcoef(values)[np.triu_indices(12, 1)]
    assert np.abs(apart).max() < 5 / math.sqrt(10_000)  # 66 of them: a false alarm in 26,000


def test_draws_are_refused_elsewhere():
    number = draw("exponential", 1.0)
    for how in ({"time": number}, {"time": 1.0, "delay": number}, {"time": 1.0, "priority": number}):
        with pytest.raises(jumpax.UnsupportedError, match=r"draws a random number, .*exponential"):
            Event.at(do={"A": 0}, **how)
    for wrong in (("normal", 1.0), ("exponentail", 1.0), ("uniform", 0.0, 1.0, 0.0, 1.0)):
        with pytest.raises(jumpax.InputError, match=r"exponential|takes"):
            draw(*wrong)


def test_gradients_where_draws_read_no_parameter_of_theirs():
    """A decays at rate k, doubled with probability 1/2 at time 1: E A(2) = n exp(-k) (exp(-k) + exp(-2 k)) / 2."""
    half = Event.at(1.0, {"q": draw("bernoulli", 0.5)})
    law = jumpax.Reaction("A -> 0", lambda A, k, q: k * (1.0 + q) * A)
    network = Network([law], events=[half])
    mean = jumpax.expectation(
        jumpax.Moments("A"), network, {"A": 20}, times=[2.0], paths=20_000, gradient=jumpax.ScoreFunction()
    )
    found = mean.estimate({"k": 0.5, "q": 0.0}, key=20261133, wrt=["k"])
    exact = -20 * (2 * math.exp(-1.0) + 3 * math.exp(-1.5)) / 2
    gap = found.gradient["k"].ravel()[0] - exact
    assert abs(gap) < 4.5 * found.gradient_standard_error["k"].ravel()[0]
    drawn_from = Network([DECAY], events=[Event.at(1.0, {"k": draw("exponential", "m")})])
    with pytest.raises(jumpax.UnsupportedError, match="'m' is read where the event"):
        jumpax.expectation(
            jumpax.Moments("A"), drawn_from, {"A": 20}, times=[2.0], paths=100, gradient=jumpax.ScoreFunction()
        ).estimate({"k": 0.5, "m": 1.0}, key=0, wrt=["m"])


@pytest.mark.fault(52)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_number_beyond_32_bits_ends_the_path(precision):
    """A Poisson number of mean 3e9 is below 2^31 with probability 0 to any precision."""
    network = Network([DECAY], events=[Event.at(0.5, {"A": draw("poisson", 3e9)})])
    with pytest.raises(jumpax.SimulationError, match=r"BAD_ASSIGNMENT: 2 of 2 paths.*2\^31 - 1"):
        jumpax.simulate(network, {"k": 1.0}, {"A": 5}, times=[1.0], paths=2, key=0, engine="cpu", precision=precision)
