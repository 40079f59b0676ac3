"""The lattice weights against exact means: those of the weights obey linear equations made of the fold's own rules."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import expm_multiply

import jumpax
import references
from jumpax._base.errors import InputError
from jumpax._base.shares import Chance
from jumpax.folds import Jump
from jumpax.folds.lattice_weights import LatticeWeights
from jumpax.networks import MassAction, Network, Reaction, zoo

CONVERSION = Network(
    [Reaction("A -> B", MassAction("k")), Reaction("∅ -> B", MassAction("b")), Reaction("B -> ∅", MassAction("g"))]
)
"""A weight of the first reaction makes B -> ∅ possible where there is no B."""


def reachable(network, theta, x0, largest):
    """States (n, D) within the largest counts, their propensities (n, R), index of x + zeta_r (n, R), or -1."""
    zeta, states, index, rows = network.stoichiometry.T, [tuple(x0)], {tuple(x0): 0}, []
    for x in states:
        rows.append([float(a) for a in network.propensities(tuple(np.float64(c) for c in x), theta, 0.0)])
        for jump in zeta[np.array(rows[-1]) > 0]:
            y = tuple(int(c) for c in np.add(x, jump))
            if y not in index and (np.array(y) <= largest).all():
                index[y] = len(states)
                states.append(y)
    to = [[index.get(tuple(np.add(x, jump)), -1) for jump in zeta] for x in states]
    return np.array(states), np.array(rows), np.array(to)


def rules(fold, theta, states, rates):
    """Of the weights in each state: A w + s, and what each reaction adds; (W + 1, n, W, P) and (R, W + 1, n, W, P).

    Entry 0 is for weights that are all zero, entry 1 + k for a weight of one at carrier k.
    """
    carriers, n = len(fold.carriers.directions), len(states)
    counts, a = tuple(jnp.asarray(states.T, jnp.int32)), tuple(jnp.asarray(rates.T))
    now, given = jnp.zeros(n), {name: jnp.full(n, value) for name, value in theta.items()}
    start = fold.init(counts, given, now)

    @functools.partial(jax.jit, static_argnums=1)
    def probe(row, reaction):
        unit = row[:, None] * jnp.ones((len(fold.wrt), n))[None]
        weights = tuple(tuple(jnp.asarray(w) for w in line) for line in unit)
        carry = start._replace(weights=weights)
        if reaction is None:
            return jax.jvp(lambda dt: fold.advance(carry, counts, a, given, now, dt).weights, (now,), (now + 1,))[1]
        flags = tuple(jnp.full(n, q == reaction) & (a[q] > 0) for q in range(len(a)))
        after = fold.event(carry, counts, a, given, now, Jump(flags, now, Chance(now, None), ())).weights
        return jax.tree.map(lambda new, old: new - old, after, weights)

    def collect(reaction):
        made = [probe(jnp.asarray(row)[:, None], reaction) for row in np.eye(carriers + 1, carriers, -1)]
        return np.array(made).transpose(0, 3, 1, 2)

    flow, leaps = collect(None), np.array([collect(q) for q in range(len(a))])
    assert not np.isnan(flow[0]).any()
    assert not np.isnan(leaps[:, 0]).any()
    # a weight of one where the neighbour is no state: it cannot come about, as the mean will show
    return np.nan_to_num(flow), np.nan_to_num(leaps)


def mean_gradient(fold, theta, x0, t, largest, f):
    """Mean of the estimate, and d E f / d theta of the truncated chain; (P, F) and (P, F). f maps (n, D) to (n, F)."""
    with jax.enable_x64(True):
        theta = {name: np.float64(value) for name, value in theta.items()}
        states, rates, to = reachable(fold.network, theta, x0, largest)
        flow, leaps = rules(fold, theta, states, rates)
        slopes = []
        for name in fold.wrt:
            up, down = (
                fold.network.propensities(tuple(states.T.astype(float)), {**theta, name: theta[name] * (1 + s)}, 0.0)
                for s in (1e-4, -1e-4)
            )
            slopes.append([(np.array(u) - np.array(d)) / (2e-4 * theta[name]) for u, d in zip(up, down, strict=True)])
    n, width, eta = len(states), len(fold.carriers.directions), np.array(fold.carriers.directions)
    got, truth = [], []
    for p in range(len(fold.wrt)):
        block, slope = np.zeros((n * (1 + width),) * 2), np.zeros((n, n))
        here = [slice(n + i * width, n + (i + 1) * width) for i in range(n)]
        for i in range(n):
            source = flow[0, i, :, p]
            block[here[i], here[i]] += flow[1:, i, :, p].T - source[:, None] - rates[i].sum() * np.eye(width)
            block[here[i], i] += source
            block[i, i] -= rates[i].sum()
            for q, a in enumerate(rates[i]):
                slope[i, i] -= slopes[p][q][i]
                j = to[i, q]
                if j >= 0:
                    kick = leaps[q, 0, i, :, p]
                    block[here[j], here[i]] += a * (np.eye(width) + leaps[q, 1:, i, :, p].T - kick[:, None])
                    block[here[j], i] += a * kick
                    block[j, i] += a
                    slope[j, i] += slopes[p][q][i]
        begin = references.point_mass(len(block), 0)
        mean = expm_multiply(csc_matrix(t * block), begin)[n:].reshape(n, width)
        got.append(sum((mean[:, k] * (mean[:, k] != 0)) @ (f(states + e) - f(states)) for k, e in enumerate(eta)))
        both = np.block([[block[:n, :n], np.zeros((n, n))], [slope, block[:n, :n]]])
        truth.append(expm_multiply(csc_matrix(t * both), begin[: 2 * n])[n:] @ f(states))
    return np.array(got), np.array(truth)


def entries(states):
    """Last count, its square, and a function of it that is not smooth in any way."""
    last = states[:, -1]
    return np.stack([last, last**2, last % 3 == 0], -1).astype(float)


def network(*reactions):
    """A network of mass-action reactions, given as (equation, rate) or (equation, rate, rate of the reverse)."""
    laws = [(equation, [MassAction(name) for name in names]) for equation, *names in reactions]
    return Network([Reaction(equation, both[0], both[1] if both[1:] else None) for equation, both in laws])


COVERED = {
    "association": (network(("A + B <-> C", "k_on", "k_off")), {"k_on": 0.1, "k_off": 1.0}, (10, 8, 0), 10),
    "saturated": (network(("A + B <-> C", "k_on", "k_off")), {"k_on": 10.0, "k_off": 1.0}, (10, 10, 0), 10),
    "telegraph": (zoo.telegraph().network, {"k_on": 0.5, "k_off": 1.0, "k_tx": 4.0, "gamma": 1.0}, (1, 0, 0), 22),
    "competing": (network(("A -> B", "k_b"), ("A -> C", "k_c")), {"k_b": 1.0, "k_c": 0.3}, (1, 0, 0), 1),
    "dimerization": (network(("2 D <-> E", "k_on", "k_off")), {"k_on": 0.2, "k_off": 0.7}, (7, 0), 7),
    "autocatalysis": (
        network(("∅ -> X", "b"), ("X -> 2 X", "k"), ("X -> ∅", "g")), {"b": 0.5, "k": 0.3, "g": 1.5}, (0,), 30,
    ),
    "cascade": (
        network(("∅ -> M", "k_m"), ("M -> ∅", "g_m"), ("M -> M + P", "k_p"), ("P -> ∅", "g_p")),
        {"k_m": 0.2, "g_m": 1.0, "k_p": 0.5, "g_p": 0.5}, (0, 0), 9,
    ),
    "repression": (
        Network([Reaction("∅ -> X", lambda beta, K, X: beta / (1 + (X / K) ** 2)), Reaction("X -> ∅", MassAction("g"))]),
        {"beta": 3.0, "K": 0.5, "g": 1.0}, (0,), 20,
    ),
    "frontier": (  # four molecules are no state: the law has no value there
        Network([Reaction("∅ -> X", lambda k, X: k * (3 - X) ** 0.5), Reaction("X -> ∅", MassAction("g"))]),
        {"k": 1.0, "g": 0.5}, (1,), 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COVERED)
def test_the_mean_is_the_gradient(name):
    made, theta, x0, largest = COVERED[name]
    got, truth = mean_gradient(LatticeWeights(made, tuple(theta)), theta, x0, 1.0, largest, entries)
    np.testing.assert_allclose(got, truth, rtol=0, atol=1e-7 * np.abs(truth).max())


def test_a_carrier_of_its_own():
    theta = {"k": 1.0, "b": 0.7, "g": 1.5}
    shared, split = (
        mean_gradient(LatticeWeights(CONVERSION, tuple(theta), split=own), theta, (3, 0), 1.0, (3, 20), entries)
        for own in ((), ("B -> ∅",))
    )
    np.testing.assert_allclose(split[0], split[1], rtol=0, atol=1e-7 * np.abs(split[1]).max())
    np.testing.assert_allclose(shared[0][:, 0] / shared[1][:, 0] - 1, [0.895, 0, 0], atol=1e-3)
    for own, met in (((), True), (("B -> ∅",), False)):
        fold = LatticeWeights(CONVERSION, tuple(theta), split=own)
        run = jumpax.simulate(CONVERSION, theta, [3, 0], times=[0.5, 1.0], paths=200, key=20261120, record=fold)
        weights, uncovered = run.records
        times = dict(zip(fold.doubtful, uncovered, strict=True))
        assert (times[2][:, 1] > 0).all() == met
        assert (times[2] >= 0).all()
        assert not np.any([time for q, time in times.items() if q != 2])
        assert not np.isnan(np.array(weights)).any()


def test_carriers_are_shared_up_to_sign():
    carriers = LatticeWeights(CONVERSION, ("k",), split=("B -> ∅",)).carriers
    assert carriers.directions == ((-1, 1), (0, 1), (0, -1))
    assert (carriers.of, carriers.sign) == ((0, 1, 2), (1, 1, 1))
    carriers = LatticeWeights(CONVERSION, ("k",)).carriers
    assert carriers.directions == ((-1, 1), (0, 1))
    assert (carriers.of, carriers.sign) == ((0, 1, 1), (1, 1, -1))


def test_a_dying_population_is_not_covered():
    model = zoo.sir()
    fold = LatticeWeights(model.network, model.network.parameters)
    run = jumpax.simulate(model.network, model.theta, model.x0, times=[50.0], paths=100, key=20261120, record=fold)
    assert np.array(run.records[1]).max() > 0
    assert (np.array(fold.carriers.sign) == 1).all()


def test_steps_are_limited():
    model = zoo.birth_death(birth=0.5, death=2.0)
    theta = {name: jnp.float32(value) for name, value in model.theta.items()}
    for reach in (0.3, 0.1):
        fold = LatticeWeights(model.network, ("birth",), reach)
        carry = fold.init((jnp.int32(5),), theta, jnp.float32(0))
        cap = fold.cap(carry, (jnp.int32(5),), (jnp.float32(0.5), jnp.float32(10)), theta)
        np.testing.assert_allclose(cap, reach / 2.0, rtol=1e-6)  # one molecule more decays at the rate 2


def test_no_time_and_no_event_change_nothing():
    fold = LatticeWeights(CONVERSION, ("k", "g"))
    theta = {name: jnp.float32(0.7) for name in ("k", "b", "g")}
    counts, rates, now = (jnp.int32(3), jnp.int32(2)), tuple(jnp.float32(v) for v in (2.1, 0.7, 1.4)), jnp.float32(1)
    start = fold.init(counts, theta, now)
    carry = start._replace(weights=tuple(tuple(jnp.float32(k + p + 0.3) for p in range(2)) for k in range(2)))
    never = Jump(tuple(jnp.bool_(False) for _ in rates), now, Chance(now, None), ())
    for after in (
        fold.advance(carry, counts, rates, theta, now, jnp.float32(0)),
        fold.event(carry, counts, rates, theta, now, never),
    ):
        assert jax.tree.map(float, after) == jax.tree.map(float, carry)


def test_refusals():
    with pytest.raises(InputError, match=r"unknown parameter 'kk'.*reach"):
        LatticeWeights(CONVERSION, ("kk",), reach=-1.0)
    with pytest.raises(InputError, match="unknown reaction 'B'"):
        LatticeWeights(CONVERSION, ("k",), split=("B",))
