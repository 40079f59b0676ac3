"""Reverse mode for vector networks: against forward mode path by path, against exact gradients, for any number of events."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from jax import lax

import jumpax
from jumpax.engines.arrays.rates import structure
from jumpax.gradients import replay_tangent
from jumpax.gradients.vector_steps import exponentials

WINDOWS = ((0.0, 0.5), (0.3, 1.0))


def _rates(counts, params):
    """Association with a saturated loss; a matrix of the params, a nested one, one per path."""
    a, b, c = counts
    mixed = params["M"] @ counts
    return (
        jnp.stack([params["on"] * a * b, params["rates"]["off"] * c]),
        params["rates"]["loss"] * mixed[1:2] / (3.0 + mixed[1:2]),
        params["make"] * jnp.ones(1) + 0.1 * counts[2:],
    )


NETWORK = jumpax.VectorNetwork(np.array([[-1, 1, 0, 2], [-1, 1, -1, 0], [1, -1, 0, 0]]), _rates, species=tuple("ABC"))
X0 = np.array([6, 8, 1])


def _params(paths):
    matrix = np.array([[1.0, 0.2, 0.0], [0.0, 1.0, 0.3]])
    rates = {"off": 0.8, "loss": 2.0}
    return {"on": 0.3, "M": matrix, "rates": rates, "make": np.linspace(1.0, 4.0, paths)}


def _log(network, params, x0, paths, key, end):
    """Reactions and waits of the paths, by the ordinary choice: (paths, turns)."""
    from jumpax._base import random

    words = random.key_words(key)
    out = []
    for i in range(paths):
        path, low = (random.seed(words, jnp.uint32(i), s) for s in (random.PATH, random.LOW))
        counts, time, events = np.array(x0, float), 0.0, []
        own = jax.tree.map(lambda x: x, params) | {"make": params["make"][i]}
        while True:
            a = np.concatenate(network.propensities(jnp.asarray(counts), own))
            (first, path), (wait_low, low) = random.draw(path), random.draw(low)
            (second, path), (choice_low, low) = random.draw(path), random.draw(low)
            real = np.dtype(np.float64)
            wait = float(random.exponential(first, wait_low, real)) / a.sum()
            if time + wait > end:
                break
            point = float(random.uniform(second, choice_low, real)) * a.sum()
            reaction = int(np.searchsorted(np.cumsum(a), point, side="right"))
            events.append((reaction, wait))
            counts, time = counts + network.stoichiometry[:, reaction], time + wait
        out.append(events)
    return out


def _trapezoidal(network, params, x0, events, windows):
    """Window means of one logged path, (windows, species), with the derivative of the trapezoidal tangent."""
    zeta = jnp.asarray(network.stoichiometry, float)

    rates = jax.jit(lambda x, p: jnp.concatenate(network.propensities(x, p)))
    slopes = jax.jit(jax.jacobian(rates))
    ends = sorted({t for w in windows for t in w})
    fixed = jax.tree.map(lax.stop_gradient, params)
    x, u, time = np.array(x0, float), jnp.zeros(len(x0)), 0.0
    means = [jnp.zeros(len(x0)) for _ in windows]
    for reaction, wait in [*events, (-1, np.inf)]:
        arrival = min(time + wait, ends[-1])
        a = rates(jnp.asarray(x), fixed)
        share = jnp.where(a > 0, 0.5, 1.0)
        slope = slopes(jnp.asarray(x), fixed)
        flow = zeta @ (share[:, None] * slope)
        source = zeta @ (share * (rates(jnp.asarray(x), params) - lax.stop_gradient(a)))
        for begin, end in zip([time, *[t for t in ends if time < t < arrival]], [*[t for t in ends if time < t < arrival], arrival], strict=True):  # fmt: skip
            n, h = len(x), end - begin
            block = jnp.zeros((3 * n, 3 * n)).at[:n, :n].set(flow).at[:n, n : 2 * n].set(jnp.eye(n))
            block = block.at[2 * n :, :n].set(jnp.eye(n))
            whole = scipy.linalg.expm(np.asarray(lax.stop_gradient(block)) * h)
            total = whole[2 * n :, :n] @ u + whole[2 * n :, n : 2 * n] @ source
            for k, (first, last) in enumerate(windows):
                if first <= begin and end <= last:
                    means[k] += (x * h + total) / (last - first)
            u = whole[:n, :n] @ u + whole[:n, n : 2 * n] @ source
        if reaction >= 0:
            rise = slope[reaction] @ u + rates(jnp.asarray(x), params)[reaction] - a[reaction]
            u = u + zeta[:, reaction] * rise / (2 * a[reaction])
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
        gradient = jumpax.TrapezoidalTangent(reach=0.0005)
        if relaxation != "trapezoidal":
            gradient = jumpax.StraightThrough(relaxation=relaxation, temperature=0.6)
        logs = _log(NETWORK, params, X0, paths, key, 1.0)
        drawn = None
        if relaxation == "gumbel":
            from jumpax._base import random

            model = structure(NETWORK, params, ("make",), paths)
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
                    rows.append(_trapezoidal(NETWORK, own, X0, events, WINDOWS))
                else:
                    e = None if drawn is None else drawn[:, :, i]
                    rows.append(_relaxed(NETWORK, own, X0, events, WINDOWS, gradient, e))
            return jnp.stack(rows)

        def reverse(p):
            return jumpax.window_means(
                NETWORK, p, X0, paths=paths, key=key, windows=WINDOWS, per_path=("make",), gradient=gradient
            )

        np.testing.assert_allclose(reverse(params), forward(params), rtol=1e-11)
        want, got = (jax.grad(lambda p, f=f: (f(p) * weights).sum())(params) for f in (forward, reverse))
        assert sum(map(len, logs)) > 20
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10 * np.abs(want["M"]).max())


def _cascade(counts, params, u):
    return params["k"][None], params["beta"] * jax.nn.sigmoid(u + params["b"]), params["g"] * counts


def _cascade_weights(params):
    return jnp.stack([params["w"], 0 * params["w"]])[None]


CASCADE = jumpax.VectorNetwork(np.array([[1, 0, -1, 0], [0, 1, 0, -1]]), _cascade, _cascade_weights, ("X", "Y"))


@pytest.mark.long
def test_counts_with_features_agree_with_replay():
    reactions = [
        jumpax.Reaction("0 -> X", jumpax.MassAction("k")),
        jumpax.Reaction("0 -> Y", lambda X, w, b, beta: beta / (1 + jnp.exp(-(w * X + b)))),
        jumpax.Reaction("X -> 0", jumpax.MassAction("gx")),
        jumpax.Reaction("Y -> 0", jumpax.MassAction("gy")),
    ]
    network = jumpax.Network(reactions, species=("X", "Y"))
    theta = {"k": 20.0, "w": 0.2, "b": -3.0, "beta": 30.0, "gx": 1.0, "gy": 2.0}
    times, paths, weights = [0.5, 3.0], 10, np.random.default_rng(0).normal(size=(10, 2, 2))
    with jax.enable_x64(True):
        params = {"k": 20.0, "w": 0.2, "b": jnp.array([-3.0]), "beta": 30.0, "g": jnp.array([1.0, 2.0])}
        params = jax.tree.map(jnp.asarray, params)
        log = jumpax.simulate(
            network, theta, [0, 0], times=times, paths=paths, key=7, record=jumpax.Events(), precision="float64"
        ).log
        counts = replay_tangent(network, log, theta, times, 0.003)
        want = jax.grad(lambda t: (counts(t) * weights).sum())(theta)

        def total(p, **options):
            return (
                jumpax.vector_paths(CASCADE, p, [0, 0], paths=paths, key=7, times=times, **options).counts * weights
            ).sum()

        got = jax.jit(jax.grad(lambda p: total(p, gradient=jumpax.TrapezoidalTangent(reach=0.003))))(params)
        flat = dict(got, b=got["b"][0], gx=got["g"][0], gy=got["g"][1])
        for name, slope in want.items():
            np.testing.assert_allclose(flat[name], slope, rtol=1e-10)
        few = jax.grad(lambda p: total(p, checkpoints=1))(params)  # two segments, both from the start
    for one, fine in zip(*map(jax.tree.leaves, (few, got)), strict=True):
        np.testing.assert_allclose(one, fine, rtol=1e-4)  # Taylor series of order 4, reach 0.3: 2e-5 a step


def test_memory_does_not_grow_with_the_number_of_events():
    def sizes(budget):
        def loss(k):
            params = {"k": k, "w": 0.2, "b": np.array([-3.0]), "beta": 30.0, "g": np.array([1.0, 2.0])}
            return jumpax.window_means(
                CASCADE, params, [0, 0], paths=16, key=0, windows=[(0, 1)], max_events=budget, checkpoints=2
            ).sum()

        return re.findall(r"[a-z]+[0-9]+\[[0-9,]*\]", str(jax.make_jaxpr(jax.grad(loss))(20.0)))

    assert sizes(10**4) == sizes(10**6)
    assert any("[128,16]" in size for size in sizes(10**4))  # the log of a segment


def _genes(many):
    births = np.eye(many, dtype=int)
    return jumpax.VectorNetwork(np.hstack([births, -births]), lambda counts, params: (params["beta"], counts))


@pytest.mark.parametrize(
    ("gradient", "least", "most", "noise"),
    [
        ("trapezoidal", 0.985, 1.015, 0.30),
        (jumpax.StraightThrough(relaxation="propensity"), 1.005, 1.035, 0.26),
        pytest.param(jumpax.StraightThrough(temperature=0.5), 0.985, 1.03, 0.36, marks=pytest.mark.long),
        pytest.param(jumpax.StraightThrough(temperature=1.0), 0.89, 0.945, 0.37, marks=pytest.mark.long),
    ],
)
def test_many_genes_on_one_clock(gradient, least, most, noise):
    """The table of specs: slope of the estimates of single paths on the exact derivatives; standard error below 0.003."""
    genes, paths = 32, 400
    signs = np.where(np.arange(genes) % 2, 1.0, -1.0) * np.linspace(0.5, 2.0, genes)
    decay = np.exp(-2.0) - np.exp(-3.0)

    def total(beta):
        params = {"beta": beta}
        means = jumpax.window_means(
            _genes_32,
            params,
            np.zeros(genes),
            paths=paths,
            key=4,
            windows=[(2.0, 3.0)],
            per_path=("beta",),
            gradient=gradient,
        )
        return (means[:, 0] @ signs).sum()

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
            means = jumpax.window_means(
                network, {"beta": beta}, np.zeros(genes), paths=paths, key=9, windows=[(1.0, 3.0)], gradient=gradient
            )
            return (means[:, 0] @ signs).mean()

        return np.asarray(jax.grad(total)(np.full(genes, 5.0)))

    second, fourth = slopes("trapezoidal"), slopes(jumpax.TrapezoidalTangent())
    np.testing.assert_allclose(second, fourth, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    ("turn", "idle"), [pytest.param(0.7, 0, marks=pytest.mark.long), (60.0, 0), pytest.param(60.0, 32, id="large")]
)
def test_exact_for_a_first_order_network(turn, idle):
    """Births, conversion and deaths, waits of up to 50 / turn; each z beyond 4.9 by chance once in 1e6."""

    def rates(counts, params):
        flow = params["birth"] * jnp.ones(1), params["turn"] * counts[:1], params["death"] * counts[1:2]
        return (*flow, 0.01 * jnp.ones(idle))

    zeta = np.zeros((2 + idle, 3 + idle), int)
    zeta[:2, :3] = [[1, -1, 0], [0, 1, -1]]
    zeta[2:, 3:] = np.eye(idle)
    network = jumpax.VectorNetwork(zeta, rates)
    theta = {"birth": 6.0, "turn": turn, "death": 1.3}
    paths = 3000

    def means(params):
        flow = jnp.array([[-params["turn"], 0.0], [params["turn"], -params["death"]]])
        big = jnp.zeros((5, 5)).at[:2, :2].set(flow).at[0, 4].set(params["birth"]).at[2:4, :2].set(jnp.eye(2))
        start = jnp.array([2.0, 0.0, 0.0, 0.0, 1.0])
        at = [jax.scipy.linalg.expm(big * t) @ start for t in (0.5, 2.5)]
        return ((at[1] - at[0])[2:4] / 2.0)[1]

    def drawn(params):
        got = jumpax.window_means(
            network, params, [2] + [0] * (1 + idle), paths=paths, key=8, windows=[(0.5, 2.5)], observe=[1],
            per_path=tuple(theta),
        )  # fmt: skip
        return got[:, 0, 0]

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

    def rates(counts, params):
        return params["all"] * jnp.stack(
            [params["a"], params["b"] * counts[0], jnp.where(counts[0] > 4, params["c"], 0)]
        )

    network = jumpax.VectorNetwork(np.array([[1, 1, -1], [0, 0, -1]]), rates)
    own = {"a": np.array([1.0, 1, 1, 2]), "b": np.array([0.0, 9, 0, 0]), "c": np.array([5.0, 0, np.nan, 0])}
    start = np.array([[9, 2], [1, 0], [5, 0], [1, 1]])

    @jax.jit
    @functools.partial(jax.grad, argnums=(0, 1))
    def slopes(all_, a, asked):
        got = jumpax.vector_paths(
            network, own | {"a": a, "all": all_}, start, paths=4, key=1, windows=[(0.0, 1.0), (1.0, 20.0)],
            max_events=300, per_path=("a", "b", "c"),
        )  # fmt: skip
        return jnp.where(asked[:, None, None], got.windows, 0.0).sum()

    sound = np.arange(4) == 3
    shared, each = slopes(1.0, own["a"], sound)
    np.testing.assert_array_equal(each[:3], 0)
    assert each[3] > 5.5  # births alone: half of the times in the middle of the windows, and what comes through events
    np.testing.assert_allclose(shared, 2 * each[3], rtol=1e-5)
    for path in range(3):
        shared, each = slopes(1.0, own["a"], sound | (np.arange(4) == path))
        assert np.isnan(shared)
        np.testing.assert_array_equal(np.isnan(each), np.arange(4) == path)


def test_shared_and_own_params_agree_and_layers_outside_are_differentiated():
    paths = 20
    images = jax.random.normal(jax.random.key(1), (paths, 3))

    def loss(layer, shared):
        beta = 4 * jax.nn.sigmoid(images @ layer)
        params = {"beta": beta, "w": shared}
        got = jumpax.window_means(
            _mixed, params, np.zeros(4), paths=paths, key=2, windows=[(0.5, 2.0)], observe=[2, 3], per_path=("beta",)
        )
        return -jax.nn.log_softmax(got[:, 0])[:, 0].mean()

    layer, shared = jnp.full((3, 2), 0.3), jnp.array([0.4, 0.8])
    of_layer, of_shared = jax.jit(jax.grad(loss, (0, 1)))(layer, shared)
    assert of_layer.shape == (3, 2)
    assert np.abs(of_layer).min() > 0

    def spread(each):
        beta = 4 * jax.nn.sigmoid(images @ layer)
        got = jumpax.window_means(
            _mixed, {"beta": beta, "w": each}, np.zeros(4), paths=paths, key=2, windows=[(0.5, 2.0)], observe=[2, 3],
            per_path=("beta", "w"),
        )  # fmt: skip
        return -jax.nn.log_softmax(got[:, 0])[:, 0].mean()

    np.testing.assert_allclose(jax.grad(spread)(jnp.tile(shared, (paths, 1))).sum(0), of_shared, rtol=1e-4)


_mixed = jumpax.VectorNetwork(
    np.hstack([np.eye(4, dtype=int), -np.eye(4, dtype=int)]),
    lambda counts, params: (params["beta"], 3 * params["w"] * counts[:2], counts),
)


def test_what_is_not_available_is_refused():
    asked = {"paths": 2, "key": 0}
    params = {"beta": np.ones(32)}
    for gradient, options in [
        (jumpax.StraightThrough(), {"times": [1.0]}),
        (jumpax.StraightThrough(relaxation="conditional"), {"windows": [(0, 1)]}),
        (jumpax.TrapezoidalTangent(control="martingale"), {"windows": [(0, 1)]}),
    ]:
        with pytest.raises(jumpax.UnsupportedError):
            jumpax.vector_paths(_genes_32, params, np.zeros(32), gradient=gradient, **options, **asked)
    with pytest.raises(jumpax.UnsupportedError, match="second derivatives"):
        jax.grad(
            jax.grad(
                lambda x: jumpax.window_means(
                    _genes(2), {"beta": x * np.ones(2)}, np.zeros(2), windows=[(0, 1)],
                    gradient=jumpax.StraightThrough(relaxation="propensity"), **asked,
                ).sum()
            )
        )(1.0)  # fmt: skip
    with pytest.raises(jumpax.InputError, match="gradient must be"):
        jumpax.vector_paths(_genes_32, params, np.zeros(32), gradient="pathwise", windows=[(0, 1)], **asked)
