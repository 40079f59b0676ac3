"""Every cell of the table of needs: right by mathematics, or refused by name.

z-scores stay below 4.5 (7e-6 each, some 80 of them); seeds were fixed before the first look.
"""

import jax
import numpy as np
import pytest
from needs import BEGIN, CHOSEN, DOCUMENT, END, ENGINES, MADE, NETWORKS, PARTLY, table
from scipy import integrate, stats

import jumpax
from jumpax.networks import Need

TIMES, B, MOST = (0.4, 1.0, 2.0), 4.0, 5


def starts(need, b, t):
    """Mean number of births that have begun, where they are Poisson."""
    return {
        Need.TIME: b * np.log1p(t),
        Need.DELAY: b * t,
        Need.MOMENT: b * t + 2 * b * max(t - 0.5, 0.0),
        Need.FAMILY: b * t,
        Need.FLOW: b * -np.expm1(-t),
    }[need]


def fired(need, b, t):
    """Mean number of births that have begun."""
    if need is Need.TRIGGER:
        return stats.poisson.expect(lambda n: np.minimum(n, MOST), (b * t,))
    if need is Need.POSTPONED:  # b E[min(t, T + 0.7)], where T is the time of birth number MOST
        return b * (min(t, 0.7) + integrate.quad(lambda u: stats.poisson.cdf(MOST - 1, b * u), 0, max(t - 0.7, 0))[0])
    return starts(need, b, t)


def mean(need, b, t):
    """E[A(t)]."""
    if need is Need.DELAY:
        return b * (t - 0.7 * (1 - np.exp(-t / 0.7)))
    return fired(need, b, t)


def reached(need, b, t, level=3):
    """Probability that there were `level` of A by then; A only grows."""
    poisson = b * t if need in (Need.TRIGGER, Need.POSTPONED) else mean(need, b, t)
    return stats.poisson.sf(level - 1, poisson)


def slope(function, need, t, step=1e-4):
    return (function(need, B + step, t) - function(need, B - step, t)) / (2 * step)


def bound(need):
    return {"bound": 1.01 * B} if need is Need.TIME else {}


def drawn(need, engine, record=(), paths=6000):
    return jumpax.simulate(
        NETWORKS[need],
        {"b": B},
        {"A": 0},
        times=TIMES,
        paths=paths,
        key=41,
        engine=engine,
        record=record,
        **bound(need),
    )


def near(sample, expected):
    sample = np.asarray(sample, np.float64)
    error = sample.std(0, ddof=1) / np.sqrt(len(sample))
    assert (np.abs(sample.mean(0) - expected) <= 4.5 * error).all(), (sample.mean(0), expected, error)


@pytest.mark.parametrize("need", Need)
@pytest.mark.parametrize("engine", ENGINES)
def test_engines(engine, need):
    if need not in ENGINES[engine].offers:
        with pytest.raises(jumpax.UnsupportedError, match=f"engine '{engine}' does not treat .*{need.value} \\('"):
            drawn(need, engine, paths=2)
        return
    if (f"engine `{engine}`", need) in PARTLY:  # with mass action in engines/test_tables.py
        with pytest.raises(jumpax.UnsupportedError, match=r"its families are those of mass action .* birth is not"):
            drawn(need, engine, paths=2)
        return
    paths = drawn(need, engine, paths=150 if engine == "reference" else 6000)
    near(paths["A"], [mean(need, B, t) for t in TIMES])
    near(paths.events, fired(need, B, TIMES[-1]))


def fold_for(name, network):
    made = {
        "TimeAverages": lambda: jumpax.TimeAverages(network),
        "ReactionCounts": lambda: jumpax.ReactionCounts(network),
        "FirstPassage": lambda: jumpax.FirstPassage(network, lambda counts: counts["A"] >= 3),
        "Score": lambda: jumpax.folds.Score(network, ("b",)),
        "Martingale": lambda: type(MADE["Martingale"])(network),
        "PathSums": lambda: type(MADE["PathSums"])(jumpax.observables.Activity(network)),
    }
    if name in made:
        return made[name]()
    from tables import FOLDS

    model = jumpax.networks.zoo.model.Model(network, {"b": B}, {"A": 0}, "", "")
    return FOLDS[name](model)


@pytest.mark.parametrize("need", Need)
@pytest.mark.parametrize("name", MADE)
def test_folds(name, need):
    network = NETWORKS[need]
    if need not in MADE[name].treats:
        with pytest.raises(jumpax.UnsupportedError, match=f"the fold {name} does not treat .*{need.value}"):
            drawn(need, None, fold_for(name, network), paths=2)
        return
    paths = drawn(need, None, [fold_for(name, network)])
    (record,) = paths.records
    edges = (0.0, *TIMES)
    if name == "TimeAverages":
        area = [
            integrate.quad(lambda t: mean(need, B, t), a, b, points=[0.5])[0] / (b - a) for a, b in zip(edges, TIMES)
        ]
        near(record[0], area)
    elif name == "ReactionCounts":
        near(record[0], [fired(need, B, t) for t in TIMES])
    elif name == "FirstPassage":
        share = np.array([reached(need, B, t) for t in TIMES])
        assert (np.abs(record[0].mean(0) - share) <= 4.5 * np.sqrt(share * (1 - share) / 6000) + 1 / 6000).all()
        assert (record[1][record[0]] <= np.broadcast_to(TIMES, record[0].shape)[record[0]]).all()
    elif name == "Score":
        near(record[0], [0.0] * 3)
        near(
            record[0] * (paths["A"] - np.array([mean(need, B, t) for t in TIMES])),
            [slope(mean, need, t) for t in TIMES],
        )
    else:
        assert need is Need.TIME  # by mathematics in test_time_dependent_folds.py


@pytest.mark.parametrize("need", Need)
@pytest.mark.parametrize("name", CHOSEN)
def test_estimators(name, need):
    def made():
        return jumpax.expectation(
            jumpax.Moments("A", order=1),
            NETWORKS[need],
            {"A": 0},
            times=TIMES,
            paths=6000,
            gradient=CHOSEN[name],
            **bound(need),
        )

    if need not in CHOSEN[name].treats:
        kind = type(CHOSEN[name]).__name__
        other = r"TrapezoidalTangent\(reverse=True\)" if need is Need.FAMILY else "ScoreFunction"
        with pytest.raises(jumpax.UnsupportedError, match=rf"{kind}\(.*\) does not treat .*{need.value} .*{other}"):
            made()
        return
    found = made().estimate({"b": B}, jax.random.key(43))
    for value, error, exact in (
        (found.value, found.standard_error, mean),
        (found.gradient["b"], found.gradient_standard_error["b"], lambda n, _, t: slope(mean, n, t)),
    ):
        gap = value[:, 0, 0] - np.array([exact(need, B, t) for t in TIMES])
        assert (np.abs(gap) < 4.5 * error[:, 0, 0]).all(), (gap, error)


def test_the_document_has_this_table():
    text = DOCUMENT.read_text()
    assert text.split(BEGIN)[1].split(END)[0].strip() == table().strip()
