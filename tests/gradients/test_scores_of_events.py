"""The score function along paths with events and delays, against exact derivatives.

z-scores stay below 4.5 (7e-6 each, 30 of them); seeds were fixed before the first look.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, linalg, stats

import jumpax
from jumpax import Event, ExponentialDelay, FixedDelay, GammaDelay, MassAction, Moments, Network, NormalDelay, Reaction

BIRTH, DECAY = Reaction("0 -> A", MassAction("b")), Reaction("A -> 0", MassAction("d"))
TIMES = (0.5, 1.0, 2.0)


def slope(function, theta, name, step=1e-4):
    """Central difference of something exact."""
    up, down = ({**theta, name: theta[name] + sign * step} for sign in (1, -1))
    return (np.asarray(function(up)) - np.asarray(function(down))) / (2 * step)


def judged(network, theta, x0, times, exact, wrt, key, **how):
    mean = jumpax.expectation(Moments("A", order=1), network, x0, times=times, paths=20_000, **how)
    found = mean.estimate(theta, jax.random.key(key), wrt=wrt)
    z = (found.value[:, 0, 0] - np.asarray(exact(theta))) / found.standard_error[:, 0, 0]
    assert (np.abs(z) < 4.5).all(), z
    for name in wrt:
        gap = found.gradient[name][:, 0, 0] - slope(exact, theta, name)
        error = found.gradient_standard_error[name][:, 0, 0]
        assert (np.abs(gap) <= 4.5 * error).all(), (name, gap, error)  # both are 0 before a parameter matters
    return mean


def test_moments_by_mathematics():
    """Means are linear: 9 more at 0.8, births twice as fast from 1.2 on."""
    network = Network([BIRTH, DECAY], events=[
        Event.at(0.8, {"A": lambda A: A + 9}), Event.at(1.2, {"factor": 2.0}),
    ])  # fmt: skip
    network = Network([Reaction("0 -> A", lambda b, factor: b * factor), DECAY], events=network.events)

    def exact(theta):
        def fed(a, c, t, b):
            stay = np.exp(-theta["d"] * max(0.0, min(t, c) - a))
            return lambda mean: mean * stay + b / theta["d"] * (1 - stay)

        out = []
        for t in TIMES:
            mean = fed(0, 0.8, t, theta["b"])(4.0)
            mean = mean + 9 if t >= 0.8 else mean
            mean = fed(0.8, 1.2, t, theta["b"])(mean)
            out.append(fed(1.2, 9.0, t, 2 * theta["b"])(mean))
        return np.array(out)

    theta = {"b": 5.0, "d": 0.7, "factor": 1.0}
    mean = judged(network, theta, {"A": 4}, TIMES, exact, ("b", "d"), 1)
    assert "events at times" in mean.choice.reason
    at = jax.jit(jax.grad(lambda d: mean({**theta, "d": d}, jax.random.key(1))[2, 0, 0]))(0.7)
    many = jax.vmap(jax.grad(lambda d: mean({**theta, "d": d}, jax.random.key(1))[2, 0, 0]))(jnp.array([0.7, 0.9]))
    np.testing.assert_allclose(many[0], at, rtol=1e-4)


def chain(theta, top=8, back=2):
    """Immigration and death up to 7, births from there lead back."""
    rates = np.zeros((top, top))
    for n in range(top):
        rates[n, n + 1 if n + 1 < top else back] += theta["b"]
        if n:
            rates[n, n - 1] += theta["d"] * n
    return rates - np.diag(rates.sum(1))


def test_conditions_by_the_master_equation():
    network = Network([BIRTH, DECAY], events=[Event.when(lambda A: A >= 8, {"A": 2})])

    def exact(theta):
        return [linalg.expm(chain(theta) * t)[0] @ np.arange(8) for t in TIMES]

    judged(network, {"b": 6.0, "d": 0.5}, {"A": 0}, TIMES, exact, ("b", "d"), 2)


def test_parameters_that_events_change():
    """Births at b, at c + d b from 0.6 on, at twice that from 1.2 on, at the given level c from 1.7 on."""
    network = Network([BIRTH, DECAY], events=[
        Event.at(0.6, {"b": lambda b, c, d: c + d * b}), Event.at(1.2, {"b": lambda b: 2 * b}), Event.at(1.7, {"b": "c"}),
    ])  # fmt: skip

    def exact(theta):
        b, c, d = theta["b"], theta["c"], theta["d"]
        levels = ((0.0, b), (0.6, c + d * b), (1.2, 2 * (c + d * b)), (1.7, c), (np.inf, 0.0))
        out = []
        for t in TIMES:
            mean = 0.0
            for (begin, level), (end, _) in itertools.pairwise(levels):
                stay = np.exp(-d * max(0.0, min(t, end) - begin))
                mean = mean * stay + level / d * (1 - stay)
            out.append(mean)
        return np.array(out)

    judged(network, {"b": 6.0, "c": 3.0, "d": 0.7}, {"A": 0}, TIMES, exact, ("b", "c", "d"), 6)


LAWS = {
    "gamma": (GammaDelay("shape", "scale"), {"shape": 2.5, "scale": 0.4}, lambda p: stats.gamma(p["shape"], scale=p["scale"]).cdf),
    "small gamma": (GammaDelay("shape", 1.0), {"shape": 0.6}, lambda p: stats.gamma(p["shape"]).cdf),
    "exponential": (ExponentialDelay("mean"), {"mean": 0.8}, lambda p: stats.expon(scale=p["mean"]).cdf),
    "normal": (
        NormalDelay("mean", "sd"), {"mean": 0.5, "sd": 0.6},
        lambda p: stats.truncnorm(-p["mean"] / p["sd"], np.inf, loc=p["mean"], scale=p["sd"]).cdf,
    ),
}  # fmt: skip


@pytest.mark.parametrize("law", LAWS)
def test_numbers_of_delays(law):
    """Starts at rate b that complete after a delay of law F: b int_0^t F of them have."""
    delay, numbers, cdf = LAWS[law]
    network = Network([Reaction("0 -> A", MassAction("b"), delay=delay)])

    def exact(theta):
        return [theta["b"] * integrate.quad(cdf(theta), 0, t, epsabs=1e-11, epsrel=1e-11)[0] for t in TIMES]

    judged(network, {"b": 8.0, **numbers}, {"A": 0}, TIMES, exact, ("b", *numbers), 3)


def test_everything_at_once():
    """Starts at b exp(-t), c instead of b from 1 on, each complete after a gamma delay; as many again are added at 1.5."""

    def fading(b, t):
        return b * jnp.exp(-t)

    network = Network(
        [Reaction("0 -> A", fading, delay=GammaDelay(2.0, "scale"))],
        events=[Event.at(1.5, {"A": lambda A: 2 * A})],
    )

    def exact(theta):
        def complete(t):
            cdf = stats.gamma(2.0, scale=theta["scale"]).cdf
            return theta["b"] * integrate.quad(lambda s: np.exp(-s) * cdf(t - s), 0, t, epsabs=1e-11)[0]

        return [complete(t) + (complete(1.5) if t >= 1.5 else 0.0) for t in TIMES]

    judged(network, {"b": 20.0, "scale": 0.3}, {"A": 0}, TIMES, exact, ("b", "scale"), 4, bound=20.0)


def test_what_has_no_score_says_so():
    dose = Network([DECAY], events=[Event.at("when", {"A": lambda A, more: A + more}, name="dose")])
    theta = {"d": 1.0, "when": 0.5, "more": 3.0}
    mean = jumpax.expectation(Moments("A"), dose, {"A": 4}, times=[1.0], paths=100)
    assert np.isfinite(mean.estimate(theta, 0, wrt=("d",)).gradient["d"]).all()
    for name in ("when", "more"):
        with pytest.raises(
            jumpax.UnsupportedError, match=rf"'{name}' decides when the event 'dose' happens, or what it does"
        ):
            mean.estimate(theta, 0, wrt=(name,))
    late = Network([Reaction("A -> B", MassAction("k"), delay=FixedDelay("tau"))])
    mean = jumpax.expectation(Moments("B"), late, {"A": 4, "B": 0}, times=[1.0], paths=100)
    with pytest.raises(jumpax.UnsupportedError, match="'tau' is a number of the delay of 'A -> B'"):
        mean.estimate({"k": 1.0, "tau": 0.3}, 0, wrt=("tau",))


def test_events_with_delays_that_have_no_score_say_so():
    """The delay is no parameter of a score; nor is what is read at the trigger, where that may have another derivative later."""
    theta, how = {"b": 5.0, "tau": 0.3, "to": 9.0}, {"delay": "tau", "name": "late"}

    def mean(event):
        return jumpax.expectation(Moments("A"), Network([BIRTH], events=[event]), {"A": 0}, times=[2.0], paths=100)

    plain = mean(Event.when(lambda A: A >= 3, {"b": "to"}, early=True, **how))
    assert set(plain.estimate(theta, 0, wrt=("b", "to")).gradient) == {"b", "to"}
    with pytest.raises(jumpax.UnsupportedError, match="'tau' decides when the event 'late' happens"):
        plain.estimate(theta, 0, wrt=("tau",))
    moved = mean(Event.when(lambda A: A >= 3, {"b": lambda b, A: b / A}, early=True, **how))
    with pytest.raises(jumpax.UnsupportedError, match="'b' is read by the event 'late' before it is carried out"):
        moved.estimate({"b": 5.0, "tau": 0.3}, 0, wrt=("b",))


def test_a_switch_some_time_after_a_condition():
    """Births at b, at `to` from tau after the third: the mean is an integral over the law of the third, for both derivatives."""
    event = Event.when(lambda A: A >= 3, {"b": "to"}, delay=0.4, early=True)
    network = Network([BIRTH], events=[event])

    def exact(theta):
        later = lambda t: integrate.quad(lambda s: stats.gamma.sf(theta["b"] * s, 3), 0, max(t - 0.4, 0))[0]  # noqa: E731
        before = [min(t, 0.4) + later(t) for t in TIMES]
        return np.array([theta["b"] * x + theta["to"] * (t - x) for x, t in zip(before, TIMES, strict=True)])

    judged(network, {"b": 5.0, "to": 9.0}, {"A": 0}, TIMES, exact, ("b", "to"), 71)


def test_a_fit_of_a_model_with_a_dose():
    """Counts an hour after a dose that is halved by decay: the maximum of a Poisson likelihood is known."""
    network = Network([BIRTH, DECAY], events=[Event.at(1.0, {"b": 0.0})])
    rng = np.random.default_rng(5)
    counts = rng.poisson(8 / 0.5 * (1 - np.exp(-0.5)) * np.exp(-0.5), 400)
    loss = jumpax.losses.MomentMatch("A", counts, times=[2.0] * 400, order=1)
    problem = jumpax.Problem(network, {"A": 0}, loss, {"b": jumpax.Free(3.0), "d": jumpax.Fixed(0.5)})
    found = jumpax.fit(problem, key=1)
    per_unit = (1 - np.exp(-0.5)) * np.exp(-0.5) / 0.5
    assert abs(found.estimates["b"] - counts.mean() / per_unit) < 4.5 * found.standard_errors["b"]


def test_stops_after_numbers_of_reactions():
    """Births that are forgotten at time 1: after the third there are 3, less those before 1 if there were fewer than 3."""
    network = Network([BIRTH], events=[Event.at(1.0, {"A": 0})])

    def exact(theta):
        p = stats.poisson(theta["b"]).pmf(range(3))
        return [3 * (1 - p.sum()) + p @ [3, 2, 1]]

    mean = jumpax.expectation(Moments("A", order=1), network, {"A": 0}, steps=[3], paths=20_000)
    found = mean.estimate({"b": 2.5}, jax.random.key(7))
    for made, error, truth in (
        (found.value, found.standard_error, exact({"b": 2.5})[0]),
        (found.gradient["b"], found.gradient_standard_error["b"], slope(exact, {"b": 2.5}, "b")[0]),
    ):
        assert abs(made[0, 0, 0] - truth) < 4.5 * error[0, 0, 0]
