"""Reverse mode: against forward mode path by path, against exact gradients, for any number of events."""

import functools
import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from jax import lax

import jumpax
from jumpax import Status
from jumpax.engines.arrays.rates import structure
from jumpax.exact import StateSpace, distribution
from jumpax.folds import RelaxedTangent, Tangent
from jumpax.folds.relaxation import Relaxation
from jumpax.gradients.reverse import values
from jumpax.gradients.reverse.steps import exponentials
from jumpax.networks import Stacked

TIMES = (0.5, 1.0)
WINDOWS = ((0.0, 0.5), (0.5, 1.0))


def _values(network, theta, observable, x0=None, gradient="auto", paths=2, key=0, times=TIMES, **more):
    """Values of single paths, (paths, stops, ...), with derivatives."""
    x0 = np.zeros(len(network.species)) if x0 is None else x0
    mean = jumpax.expectation(observable, network, x0, times, paths=paths, gradient=gradient, **more)
    return mean.values(theta, key)


def _counts(*species):
    return lambda counts: jnp.stack([counts[name] for name in species])


def _rates(counts, params):
    """Association with a saturated loss; a matrix, and a parameter with a value per path."""
    a, b, c = counts
    mixed = params["M"] @ counts
    return (
        jnp.stack([params["on"] * a * b, params["off"] * c]),
        params["loss"] * mixed[1:2] / (3.0 + mixed[1:2]),
        params["make"] * jnp.ones(1) + 0.1 * counts[2:],
    )


NETWORK = jumpax.Network(
    families=[
        jumpax.Family(
            np.array([[-1, 1, 0, 2], [-1, 1, -1, 0], [1, -1, 0, 0]]), _rates, tuple("ABC"),
            {"on": (), "M": (2, 3), "off": (), "loss": (), "make": ()},
        )
    ]
)  # fmt: skip
ARRAYS = Stacked(NETWORK)
X0 = np.array([6, 8, 1])


def _params(paths):
    matrix = np.array([[1.0, 0.2, 0.0], [0.0, 1.0, 0.3]])
    return {"on": 0.3, "M": matrix, "off": 0.8, "loss": 2.0, "make": np.linspace(1.0, 4.0, paths)}


def _log(network, params, x0, paths, key, end):
    """Reactions and waits of the paths, by the ordinary choice: (paths, turns)."""
    from jumpax._base import random

    real = np.dtype(np.float64)

    @jax.jit
    def turn(counts, params, path, low):
        (first, path), (wait_low, low) = random.draw(path), random.draw(low)
        (second, path), (choice_low, low) = random.draw(path), random.draw(low)
        numbers = random.exponential(first, wait_low, real), random.uniform(second, choice_low, real)
        return jnp.concatenate(network.propensities(counts, params)), *numbers, path, low

    words = random.key_words(key)
    out = []
    for i in range(paths):
        path, low = (random.seed(words, jnp.uint32(i), s) for s in (random.PATH, random.LOW))
        counts, time, events = np.array(x0, float), 0.0, []
        own = params | {"make": params["make"][i]}
        while True:
            a, wait, point, path, low = turn(counts, own, path, low)
            a, wait = np.asarray(a), float(wait) / np.sum(a)
            if time + wait > end:
                break
            reaction = int(np.searchsorted(np.cumsum(a), float(point) * a.sum(), side="right"))
            events.append((reaction, wait))
            counts, time = counts + network.stoichiometry[:, reaction], time + wait
        out.append(events)
    return out


@functools.cache
def _tangent(network):
    """Programs of the trapezoidal tangent: its flow at a state, what a wait adds to it, and what an event does."""
    zeta, n = jnp.asarray(network.stoichiometry, float), network.stoichiometry.shape[0]

    def rates(x, params):
        return jnp.concatenate(network.propensities(x, params))

    def known(x, params):
        fixed = lax.stop_gradient(params)
        return rates(x, fixed), jax.jacobian(rates)(x, fixed)

    @jax.jit
    def flow(x, params):
        a, slope = known(x, params)
        return zeta @ (jnp.where(a > 0, 0.5, 1.0)[:, None] * slope)

    @jax.jit
    def wait(x, u, params, whole):
        a = rates(x, lax.stop_gradient(params))
        source = zeta @ (jnp.where(a > 0, 0.5, 1.0) * (rates(x, params) - a))
        total = whole[2 * n :, :n] @ u + whole[2 * n :, n : 2 * n] @ source
        return whole[:n, :n] @ u + whole[:n, n : 2 * n] @ source, total

    @jax.jit
    def event(x, u, params, reaction):
        a, slope = known(x, params)
        rise = slope[reaction] @ u + rates(x, params)[reaction] - a[reaction]
        return u + zeta[:, reaction] * rise / (2 * a[reaction])

    return flow, wait, event


def _trapezoidal(network, params, x0, events, windows):
    """Window means of one logged path, (windows, species), with the derivative of the trapezoidal tangent."""
    flow, wait, event = _tangent(network)
    ends = sorted({t for w in windows for t in w})
    x, u, time, n = np.array(x0, float), jnp.zeros(len(x0)), 0.0, len(x0)
    means = [jnp.zeros(n) for _ in windows]
    for reaction, lasts in [*events, (-1, np.inf)]:
        arrival = min(time + lasts, ends[-1])
        block = np.zeros((3 * n, 3 * n))
        block[:n, :n] = flow(x, lax.stop_gradient(params))
        block[:n, n : 2 * n] = block[2 * n :, :n] = np.eye(n)
        stops = [time, *[t for t in ends if time < t < arrival], arrival]
        for begin, end in itertools.pairwise(stops):
            u, total = wait(x, u, params, scipy.linalg.expm(block * (end - begin)))
            for k, (first, last) in enumerate(windows):
                if first <= begin and end <= last:
                    means[k] += (x * (end - begin) + total) / (last - first)
        if reaction >= 0:
            u = event(x, u, params, reaction)
            x = x + network.stoichiometry[:, reaction]
        time = arrival
    return jnp.stack(means)


def _relaxed(network, params, x0, events, windows, gradient, drawn):
    """Window means of one logged path, with the derivative of relaxed choices and of the waits."""
    zeta = jnp.asarray(network.stoichiometry, float)
    x, time = jnp.asarray(x0, float), jnp.zeros(())
    means = [jnp.zeros(len(x0)) for _ in windows]
    for number, (reaction, wait) in enumerate([*events, (-1, np.inf)]):
        a = jnp.concatenate(network.propensities(x, params))
        after = time + (lax.stop_gradient(a.sum()) * wait / a.sum() if reaction >= 0 else 1e6)
        for k, (first, last) in enumerate(windows):
            means[k] += x * (jnp.clip(after, first, last) - jnp.clip(time, first, last)) / (last - first)
        if reaction < 0:
            break
        hard, logs = lax.stop_gradient(a), jnp.where(a > 0, jnp.log(jnp.where(a > 0, a, 1)), -jnp.inf)
        won = jnp.arange(len(a)) == reaction
        soft = jax.nn.softmax(logs, where=a > 0)
        if gradient.relaxation == "gumbel":
            e = drawn[number]
            late = e / jnp.where(hard > 0, hard, 1) + e[reaction] / hard.sum()
            noise = -jnp.log(jnp.where(won, e[reaction] / hard.sum(), late)) - lax.stop_gradient(
                jnp.where(a > 0, logs, 0)
            )
            soft = jax.nn.softmax((logs + noise) / gradient.temperature, where=a > 0)
        elif gradient.relaxation == "reinmax":
            half = jnp.where(a > 0, jnp.log((lax.stop_gradient(soft) + won) / 2 + (a == 0)), -jnp.inf)
            soft = (
                2 * jax.nn.softmax(half + jnp.where(a > 0, logs - lax.stop_gradient(logs), 0), where=a > 0) - soft / 2
            )
        soft = jnp.where(a > 0, soft, 0)
        x, time = x + zeta @ (won + soft - lax.stop_gradient(soft)), after
    return jnp.stack(means)


@pytest.mark.parametrize(
    "relaxation",
    ["trapezoidal", *(pytest.param(name, marks=pytest.mark.long) for name in ("propensity", "reinmax", "gumbel"))],
)
def test_reverse_mode_is_forward_mode_path_by_path(relaxation):
    paths, key = 2, 20261121
    with jax.enable_x64(True):
        params = jax.tree.map(jnp.asarray, _params(paths))
        weights = np.random.default_rng(2).normal(size=(paths, len(WINDOWS), 3))
        gradient = jumpax.TrapezoidalTangent(reach=0.0005, reverse=True)
        if relaxation != "trapezoidal":
            gradient = jumpax.StraightThrough(relaxation=relaxation, temperature=0.6, reverse=True)
        logs = _log(ARRAYS, params, X0, paths, key, 1.0)
        drawn = None
        if relaxation == "gumbel":
            from jumpax._base import random

            model = structure(ARRAYS, ("make",))
            number = jnp.broadcast_to(jnp.arange(60, dtype=jnp.int32)[:, None], (60, paths))
            each = [
                exponentials(model, random.key_words(key), jnp.arange(paths, dtype=jnp.uint32), n, np.float64)
                for n in number
            ]
            drawn = jnp.stack([jnp.concatenate(e) for e in each])

        def forward(p):
            rows = []
            for i, events in enumerate(logs):
                own = p | {"make": p["make"][i]}
                if relaxation == "trapezoidal":
                    rows.append(_trapezoidal(ARRAYS, own, X0, events, WINDOWS))
                else:
                    e = None if drawn is None else drawn[:, :, i]
                    rows.append(_relaxed(ARRAYS, own, X0, events, WINDOWS, gradient, e))
            return jnp.stack(rows)

        def reverse(p):
            return _values(NETWORK, p, jumpax.TimeAverage(), X0, gradient, paths, key).values

        np.testing.assert_allclose(reverse(params), forward(params), rtol=1e-11)
        want, got = (jax.grad(lambda p, f=f: (f(p) * weights).sum())(params) for f in (forward, reverse))
        assert sum(map(len, logs)) > 20
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10 * np.abs(want["M"]).max())


def _cascade(counts, params, u):
    return params["k"][None], params["beta"] * jax.nn.sigmoid(u + params["b"]), params["g"] * counts


def _cascade_weights(params):
    return jnp.stack([params["w"], 0 * params["w"]])[None]


CASCADE = jumpax.Network(
    families=[
        jumpax.Family(
            np.array([[1, 0, -1, 0], [0, 1, 0, -1]]), _cascade, ("X", "Y"), {"k": (), "w": (), "b": 1, "beta": 1, "g": 2},
            _cascade_weights,
        )
    ]
)  # fmt: skip


def test_counts_with_features_are_those_of_forward_mode_on_the_same_paths():
    """A family with features against the forward tangent of the reactions it stands for; and segments from one checkpoint."""
    reactions = [
        jumpax.Reaction("0 -> X", jumpax.MassAction("k")),
        jumpax.Reaction("0 -> Y", lambda X, w, b, beta: beta / (1 + jnp.exp(-(w * X + b)))),
        jumpax.Reaction("X -> 0", jumpax.MassAction("gx")),
        jumpax.Reaction("Y -> 0", jumpax.MassAction("gy")),
    ]
    network = jumpax.Network(reactions, species=("X", "Y"))
    theta = {"k": 20.0, "w": 0.2, "b": -3.0, "beta": 30.0, "gx": 1.0, "gy": 2.0}
    times, paths, observable = [0.5, 3.0], 10, jumpax.Moments("X", "Y")
    asked = {"paths": paths, "precision": "float64"}
    with jax.enable_x64(True):
        params = {"k": 20.0, "w": 0.2, "b": jnp.array([-3.0]), "beta": jnp.array([30.0]), "g": jnp.array([1.0, 2.0])}
        params = jax.tree.map(jnp.asarray, params)
        weights = np.random.default_rng(0).normal(size=(2, 2, 2))

        def means(network, gradient):
            return jumpax.expectation(observable, network, [0, 0], times, gradient=gradient, **asked)

        fine, finer = (jumpax.TrapezoidalTangent(reach=0.003, reverse=reverse) for reverse in (False, True))
        want = jax.grad(lambda t: (means(network, fine)(t, 7) * weights).sum())(theta)
        alone = jax.grad(lambda t: (means(network, finer)(t, 7) * weights).sum())(theta)
        got = jax.jit(jax.grad(lambda t: (means(CASCADE, finer)(t, 7) * weights).sum()))(params)
        flat = dict(got, b=got["b"][0], beta=got["beta"][0], gx=got["g"][0], gy=got["g"][1])
        for name, slope in want.items():
            np.testing.assert_allclose(flat[name], slope, rtol=1e-9)
            np.testing.assert_allclose(alone[name], slope, rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "options", "times"),
    [
        (jumpax.zoo.telegraph, {"k_on": 0.5, "k_off": 1.0, "k_tx": 20.0, "gamma": 1.0}, [2.0]),
        pytest.param(
            jumpax.zoo.repressilator, {"beta": 10.0, "K": 5.0, "start": (5, 1, 0)}, [0.5, 1.5], marks=pytest.mark.long
        ),
    ],
)
def test_plain_reactions_have_the_forward_mode_path_by_path(make, options, times):
    model, paths = make(**options), 12
    wrt, species = model.network.parameters, model.network.species
    with jax.enable_x64(True):
        asked = {"times": times, "paths": paths, "key": 20261120, "precision": "float64", "engine": "xla"}
        fold = Tangent(model.network, wrt, 0.003)
        forward = jumpax.simulate(model.network, model.theta, model.x0, record=[fold], **asked)
        gradient = jumpax.TrapezoidalTangent(reach=0.003, reverse=True)
        mean = jumpax.expectation(_counts(*species), model.network, model.x0, times, paths=paths, gradient=gradient)
        theta = {name: np.full(paths, value) for name, value in model.theta.items()}
        np.testing.assert_array_equal(mean.values(theta, 20261120).values, forward.counts)
        slopes = jax.jacrev(lambda t: mean.values(t, 20261120).values.sum(0))(theta)  # (stops, species, paths)
    tangent = np.moveaxis(np.array(forward.records[0][1]), (0, 1), (2, 3))
    for p, name in enumerate(wrt):
        want = np.moveaxis(tangent[..., p], 0, -1)
        scale = np.abs(want).max()
        assert scale > 0.1
        np.testing.assert_allclose(slopes[name], want, rtol=1e-8, atol=1e-9 * scale)


@pytest.mark.parametrize(
    ("relaxation", "horizon", "stops"),
    [
        ("propensity", "exact", {"times": [0.3, 0.35, 1.0]}),
        ("reinmax", "state", {"steps": [1, 6, 9]}),
        pytest.param("reinmax", "exact", {"times": [0.3, 0.35, 1.0]}, marks=pytest.mark.long),
        pytest.param("propensity", "state", {"times": [0.3, 1.0]}, marks=pytest.mark.long),
    ],
)
def test_straight_through_has_the_forward_mode_path_by_path(relaxation, horizon, stops):
    """Times so near each other that two lie in one wait; numbers of events."""
    model, paths, key = jumpax.zoo.association(start=(9, 6), k_on=0.3, k_off=1.0), 12, 20261129
    wrt, species = model.network.parameters, model.network.species
    with jax.enable_x64(True):
        asked = {"paths": paths, "key": key, "precision": "float64", "engine": "xla", **stops}
        fold = RelaxedTangent(model.network, wrt, Relaxation(relaxation), horizon)
        forward = jumpax.simulate(model.network, model.theta, model.x0, record=[fold], **asked)
        gradient = jumpax.StraightThrough(relaxation=relaxation, horizon=horizon, reverse=True)
        mean = jumpax.expectation(_counts(*species), model.network, model.x0, paths=paths, gradient=gradient, **stops)
        theta = {name: np.full(paths, value) for name, value in model.theta.items()}
        np.testing.assert_array_equal(mean.values(theta, key).values, forward.counts)
        slopes = jax.jacrev(lambda t: mean.values(t, key).values.sum(0))(theta)  # (stops, species, paths)
    tangent = np.moveaxis(np.array(forward.records[0]), (0, 1), (2, 3))
    for p, name in enumerate(wrt):
        want = np.moveaxis(tangent[..., p], 0, -1)
        scale = np.abs(want).max()
        assert scale > 0.1
        np.testing.assert_allclose(slopes[name], want, rtol=1e-10, atol=1e-11 * scale)


def test_segments_are_drawn_again_from_what_checkpoints_there_are(monkeypatch):
    theta = {"k": 20.0, "w": 0.2, "b": np.array([-3.0]), "beta": np.array([30.0]), "g": np.array([1.0, 2.0])}

    def slope():
        return jax.grad(lambda t: _values(CASCADE, t, jumpax.Moments("Y"), times=[3.0], paths=3).values.sum())(theta)

    many = slope()
    monkeypatch.setattr(values, "KEPT", 1)  # two segments, both from the start
    jax.tree.map(np.testing.assert_array_equal, slope(), many)


def test_memory_does_not_grow_with_the_number_of_events():
    def sizes(budget):
        def loss(k):
            params = {"k": k, "w": 0.2, "b": np.array([-3.0]), "beta": np.array([30.0]), "g": np.array([1.0, 2.0])}
            return _values(CASCADE, params, jumpax.TimeAverage(), times=[1.0], paths=16, max_events=budget).values.sum()

        return re.findall(r"[a-z]+[0-9]+\[[0-9,]*\]", str(jax.make_jaxpr(jax.grad(loss))(20.0)))

    assert sizes(10**4) == sizes(10**6)
    assert any("[128,16]" in size for size in sizes(10**4))  # the log of a segment


def _genes(many):
    births = np.eye(many, dtype=int)
    return jumpax.Network(
        families=[
            jumpax.Family(
                np.hstack([births, -births]), lambda counts, theta: (theta["beta"], counts), parameters={"beta": many}
            )
        ]
    )


@pytest.mark.parametrize(
    ("gradient", "least", "most", "noise"),
    [
        ("auto", 0.985, 1.015, 0.30),
        (jumpax.StraightThrough(relaxation="propensity", reverse=True), 1.005, 1.035, 0.26),
        pytest.param(jumpax.StraightThrough(temperature=0.5, reverse=True), 0.985, 1.03, 0.36, marks=pytest.mark.long),
        pytest.param(jumpax.StraightThrough(temperature=1.0, reverse=True), 0.89, 0.945, 0.37, marks=pytest.mark.long),
    ],
)
def test_many_genes_on_one_clock(gradient, least, most, noise):
    """The table of specs: slope of the estimates of single paths on the exact derivatives; standard error below 0.003."""
    genes, paths = 32, 400
    signs = np.where(np.arange(genes) % 2, 1.0, -1.0) * np.linspace(0.5, 2.0, genes)
    decay = np.exp(-2.0) - np.exp(-3.0)

    def total(beta):
        means = _values(
            _genes_32, {"beta": beta}, jumpax.TimeAverage(), gradient=gradient, paths=paths, key=4, times=[2.0, 3.0]
        )
        return (means.values[:, 1] @ signs).sum()

    got = 5.0 * np.asarray(jax.grad(total)(np.full((paths, genes), 5.0)))
    exact = 5.0 * signs * (1 - decay)
    slope = (got @ exact).mean() / (exact @ exact)
    assert least < slope < most
    assert np.sqrt(((got - exact) ** 2).mean() / (exact**2).mean()) < noise


_genes_32 = _genes(32)


@pytest.mark.long
def test_second_order_is_enough_in_large_networks():
    genes, paths = 40, 32
    network = _genes(genes)
    signs = np.random.default_rng(3).normal(size=genes)

    def slopes(gradient):
        def total(beta):
            asked = {"gradient": gradient, "paths": paths, "key": 9, "times": [1.0, 3.0]}
            return (_values(network, {"beta": beta}, jumpax.TimeAverage(), **asked).values[:, 1] @ signs).mean()

        return np.asarray(jax.grad(total)(np.full(genes, 5.0)))

    second, fourth = slopes("auto"), slopes(jumpax.TrapezoidalTangent(reach=0.29, reverse=True))
    np.testing.assert_allclose(second, fourth, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    ("turn", "idle"),
    [*(pytest.param(turn, 0, marks=pytest.mark.long) for turn in (0.7, 60.0)), pytest.param(60.0, 32, id="large")],
)
def test_exact_for_a_first_order_network(turn, idle):
    """Births, conversion and deaths, waits of up to 50 / turn; each z beyond 4.9 by chance once in 1e6."""

    def rates(counts, params):
        flow = params["birth"] * jnp.ones(1), params["turn"] * counts[:1], params["death"] * counts[1:2]
        return (*flow, 0.01 * jnp.ones(idle))

    zeta = np.zeros((2 + idle, 3 + idle), int)
    zeta[:2, :3] = [[1, -1, 0], [0, 1, -1]]
    zeta[2:, 3:] = np.eye(idle)
    family = jumpax.Family(zeta, rates, parameters=["birth", "turn", "death"])
    network = jumpax.Network(families=[family])
    theta = {"birth": 6.0, "turn": turn, "death": 1.3}
    paths = 3000

    def means(params):
        flow = jnp.array([[-params["turn"], 0.0], [params["turn"], -params["death"]]])
        big = jnp.zeros((5, 5)).at[:2, :2].set(flow).at[0, 4].set(params["birth"]).at[2:4, :2].set(jnp.eye(2))
        start = jnp.array([2.0, 0.0, 0.0, 0.0, 1.0])
        at = [jax.scipy.linalg.expm(big * t) @ start for t in (0.5, 2.5)]
        return ((at[1] - at[0])[2:4] / 2.0)[1]

    def drawn(params):
        asked = {"x0": [2] + [0] * (1 + idle), "paths": paths, "key": 8, "times": [0.5, 2.5]}
        return _values(network, params, jumpax.TimeAverage("x1"), **asked).values[:, 1, 0]

    each = {name: np.full(paths, value) for name, value in theta.items()}
    value, slopes = jax.value_and_grad(lambda p: drawn(p).sum())(each)
    with jax.enable_x64(True):
        exact, want = jax.tree.map(float, jax.value_and_grad(means)(theta))
    assert abs(value / paths - exact) < 5 * 1.5 / np.sqrt(paths)
    for name in theta:
        rows = np.asarray(slopes[name])
        assert abs(rows.mean() - want[name]) < 4.9 * rows.std() / np.sqrt(paths)
        assert rows.std() / np.sqrt(paths) < 0.05 * abs(want[name]) or name == "turn"


def test_faulty_paths_keep_their_derivatives_to_themselves():
    """One negative count, one too many events, one rate that is no number; NaN, unless nothing is asked of them."""

    def rates(counts, theta):
        made = jnp.stack([theta["a"], theta["b"] * counts[0], jnp.where(counts[0] > 4, theta["c"], 0)])
        return theta["all"] * made

    family = jumpax.Family(np.array([[1, 1, -1], [0, 0, -1]]), rates, ("P", "Q"), ["all", "a", "b", "c"])
    network = jumpax.Network(families=[family])
    own = {"a": jnp.array([1.0, 1, 1, 2]), "b": jnp.array([0.0, 9, 0, 0]), "c": jnp.array([5.0, 0, np.nan, 0])}
    mean = jumpax.expectation(jumpax.TimeAverage(), network, [5, 1], [1.0, 20.0], paths=4, max_events=300)

    @jax.jit
    def slopes(all_, own, asked):
        def total(all_, own):
            got = mean.values(own | {"all": all_}, 1)
            return jnp.where(asked[:, None, None], got.values, 0.0).sum(), got

        return jax.grad(total, argnums=(0, 1), has_aux=True)(all_, own)

    sound = np.arange(4) == 3
    (shared, each), got = slopes(1.0, own, sound)
    assert got.status.tolist()[:3] == [Status.NEGATIVE_COUNT, Status.EVENT_BUDGET, Status.BAD_PROPENSITY]
    assert got.faulty.tolist() == [True, True, True, False]
    np.testing.assert_array_equal(np.isnan(got.values), np.broadcast_to(~sound[:, None, None], got.values.shape))
    for leaf in each.values():
        np.testing.assert_array_equal(leaf[:3], 0)
    assert each["a"][3] > 5.5  # births alone: half of the times in the middle of the windows
    np.testing.assert_allclose(shared, 2 * each["a"][3], rtol=1e-5)
    for path in range(3):
        (shared, each), _ = slopes(1.0, own, sound | (np.arange(4) == path))
        assert np.isnan(shared)
        np.testing.assert_array_equal(np.isnan(each["a"]), np.arange(4) == path)
    with pytest.raises(jumpax.SimulationError, match="not a number"):
        mean({"all": 1.0, "a": 1.0, "b": 9.0, "c": 0.0}, 1)


def test_shared_and_own_params_agree_and_layers_outside_are_differentiated():
    paths, observed = 20, jumpax.TimeAverage("x2", "x3")
    images = jax.random.normal(jax.random.key(1), (paths, 3))

    def loss(layer, shared):
        beta = jnp.tile(4 * jax.nn.sigmoid(images @ layer), (1, 2))
        params = {"beta": beta, "w": shared}
        got = _values(_mixed, params, observed, paths=paths, key=2, times=[0.5, 2.0]).values[:, 1]
        return -jax.nn.log_softmax(got)[:, 0].mean()

    layer, shared = jnp.full((3, 2), 0.3), jnp.array([0.4, 0.8])
    of_layer, of_shared = jax.jit(jax.grad(loss, (0, 1)))(layer, shared)
    assert of_layer.shape == (3, 2)
    assert np.abs(of_layer).min() > 0

    def spread(each):
        beta = jnp.tile(4 * jax.nn.sigmoid(images @ layer), (1, 2))
        got = _values(_mixed, {"beta": beta, "w": each}, observed, paths=paths, key=2, times=[0.5, 2.0]).values[:, 1]
        return -jax.nn.log_softmax(got)[:, 0].mean()

    np.testing.assert_allclose(jax.grad(spread)(jnp.tile(shared, (paths, 1))).sum(0), of_shared, rtol=1e-4)


_mixed = jumpax.Network(
    families=[
        jumpax.Family(
            np.hstack([np.eye(4, dtype=int), -np.eye(4, dtype=int)]),
            lambda counts, theta: (theta["beta"][:2], 3 * theta["w"] * counts[:2], counts),
            parameters={"beta": 4, "w": 2},
        )
    ]
)


def _with_pairs():
    """Plain reactions and a family in one network, and their mean."""
    pairs = jumpax.Family.mass_action(np.array([[2, 0], [0, 1]]), np.array([[0, 2], [1, 0]]), "pairing", ("C", "D"))
    network = jumpax.Network(
        [jumpax.Reaction("A + B <-> C", jumpax.MassAction("on"), jumpax.MassAction("off"))], families=[pairs]
    )
    theta = {"on": 0.2, "off": 1.0, "pairing": np.array([0.3, 0.5])}
    start = {"A": 12, "B": 9, "C": 3, "D": 0}
    mean = jumpax.expectation(lambda counts: {"c": counts["C"], "d": counts["D"] ** 2}, network, start, [0.5], paths=40)
    return network, theta, start, mean


def test_an_expectation_is_the_mean_of_its_values_and_so_are_its_derivatives():
    """Value, gradient, standard errors."""
    network, theta, start, mean = _with_pairs()
    got, each, value = mean.estimate(theta, 3), mean.values(theta, 3), mean(theta, 3)
    slopes = jax.jacrev(lambda theta: {name: rows[0] for name, rows in mean(theta, 3).items()})(theta)
    for name, rows in each.values.items():
        np.testing.assert_allclose(got.value[name], rows.mean(0), rtol=1e-5)
        np.testing.assert_allclose(got.value[name], value[name], rtol=1e-5)
        np.testing.assert_allclose(got.standard_error[name], rows.std(0, ddof=1) / np.sqrt(40), rtol=1e-4)
        for parameter, want in slopes[name].items():
            np.testing.assert_allclose(got.gradient[parameter][name][0], want, rtol=2e-4, atol=1e-5)
            assert got.gradient_standard_error[parameter][name].shape == (1, *np.shape(theta[parameter]))
    paths = jumpax.simulate(network, theta, start, times=[0.5], paths=40, key=3)
    np.testing.assert_array_equal(each.values["c"], paths["C"])
    np.testing.assert_array_equal(each.events, paths.events)


@pytest.mark.long
def test_gradients_of_several_parameters_at_once_are_those_of_each():
    _, theta, _, mean = _with_pairs()
    slope = jax.grad(lambda on: mean(theta | {"on": on}, 3)["c"][0])
    several = jax.vmap(slope)(jnp.array([0.2, 0.4]))
    np.testing.assert_allclose(several, [slope(0.2), slope(0.4)], rtol=2e-4)


def test_derivatives_are_those_of_the_master_equation():
    """A monomolecular network, on which the tangent is unbiased: each z beyond 4.9 by chance once in 1e6."""
    family = jumpax.Family.mass_action(
        np.array([[0, 1, 1], [0, 0, 0]]), np.array([[1, 0, 0], [0, 1, 0]]), "k", ("A", "B")
    )
    network, k = jumpax.Network(families=[family]), np.array([6.0, 1.0, 0.5])
    plain = jumpax.Network(
        [jumpax.Reaction(e, jumpax.MassAction(f"k{i}")) for i, e in enumerate(["0 -> A", "A -> B", "A -> 0"])]
    )
    with jax.enable_x64(True):
        space = StateSpace.reachable(plain, {"A": 2, "B": 0}, {"A": 40, "B": 40})
        theta = {f"k{i}": v for i, v in enumerate(k)}

        def mean_of_b(theta):
            return (distribution(space, theta, [1.5]).probabilities[0] * np.asarray(space.states)[:, 1]).sum()

        want = jax.tree.map(float, jax.grad(mean_of_b)(theta))
    mean = jumpax.expectation(jumpax.Moments("B"), network, {"A": 2, "B": 0}, [1.5], paths=2000)
    got = mean.estimate({"k": k}, 20261129)
    for i in range(3):
        slope, error = (leaf["k"][0, 0, 0, i] for leaf in (got.gradient, got.gradient_standard_error))
        assert abs(slope - want[f"k{i}"]) < 4.9 * error
        assert error < 0.1 * abs(want[f"k{i}"])


def test_what_is_not_available_is_refused():
    theta, tangent = {"beta": np.ones(32)}, jumpax.TrapezoidalTangent(reverse=True)
    averages, counts = jumpax.TimeAverage(), jumpax.Moments("x0")
    for observable, gradient, more, said in [
        (counts, jumpax.StraightThrough(reverse=True), {}, "the horizon 'logistic' is not available"),
        (averages, jumpax.StraightThrough(reverse=True), {"times": None, "steps": [3]}, "averages between"),
        (averages, jumpax.StraightThrough(relaxation="conditional", reverse=True), {}, "'conditional'"),
        (averages, jumpax.TrapezoidalTangent(control="martingale", reverse=True), {}, "controls"),
        (jumpax.PathObservable(jumpax.ReactionCounts(_genes_32)), tangent, {}, "PathObservable"),
        (counts, tangent, {"times": None, "steps": [3]}, "fixed times"),
        (counts, tangent, {"bound": 3.0}, "bound"),
        (counts, tangent, {"engine": "cpu"}, "engine='cpu'"),
        (
            counts,
            jumpax.ScoreFunction(),
            {},
            r"ScoreFunction.* does not treat families.*by TrapezoidalTangent\(reverse=True\)",
        ),
    ]:
        with pytest.raises((jumpax.UnsupportedError, jumpax.InputError), match=said):
            _values(_genes_32, theta, observable, gradient=gradient, **more)
    drawn = jumpax.expectation(counts, _genes_32, {f"x{i}": jumpax.Poisson("m") for i in range(32)}, [1.0], paths=2)
    with pytest.raises(jumpax.UnsupportedError, match="starts in one state"):
        drawn.estimate(theta | {"m": 2.0}, 0)
    model = jumpax.zoo.birth_death()
    with pytest.raises(jumpax.UnsupportedError, match="gradient=TrapezoidalTangent"):
        _values(model.network, model.theta, jumpax.Moments("X"), gradient=jumpax.ScoreFunction())
    with pytest.raises(jumpax.UnsupportedError, match="second derivatives"):
        jax.grad(jax.grad(lambda x: _values(_genes_32, {"beta": x * np.ones(32)}, averages).values.sum()))(1.0)
    with pytest.raises(jumpax.InputError, match=r"'beta' has shape \(3, 32\)|3 values for 2 paths"):
        _values(_genes_32, {"beta": np.ones((3, 32))}, averages)
    theta = {"k": 20.0, "w": np.ones(2), "b": np.ones(1), "beta": np.ones(1), "g": np.ones(2)}
    with pytest.raises(jumpax.InputError, match="W must be the same for all paths"):
        _values(CASCADE, theta, averages)
