"""Laws of the counts at the start: draws against their distribution functions, paths from them against closed forms.

Chi-square tests are judged at p = 1e-5, some 15 of them; z-scores at 4.5, which is passed once in 150,000.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import jumpax
from jumpax._base.host_call import call_back
from jumpax.engines.starts import _Draw
from jumpax.exact import StateSpace, distribution
from jumpax.networks.starts import Independent, start_of, uniforms
from jumpax.networks.starts.inversion import inverted

DECAY = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
ISOMERS = jumpax.Network([jumpax.Reaction("A <-> B", jumpax.MassAction("f"), jumpax.MassAction("b"))])
BIRTH_DEATH = jumpax.zoo.birth_death().network
PATHS = 40_000

LAWS = {
    "poisson": (jumpax.Poisson("m"), {"m": 20.0}, lambda s: scipy.stats.poisson(20 * s)),
    "rare": (jumpax.Poisson("m"), {"m": 0.05}, lambda s: scipy.stats.poisson(0.05 * s)),
    "many": (jumpax.Poisson(1e6), {}, lambda s: scipy.stats.poisson(1e6 * s)),
    "binomial": (jumpax.Binomial(30, "p"), {"p": 0.3}, lambda s: scipy.stats.binom(30, 0.3 * s)),
    "negative binomial": (
        jumpax.NegativeBinomial("m", "r"), {"m": 12.0, "r": 0.7},
        lambda s: scipy.stats.nbinom(0.7, 0.7 / (0.7 + 12 * s)),
    ),
    "quotient": (
        jumpax.Poisson(lambda a, c: a / c), {"a": 30.0, "c": 2.0}, lambda s: scipy.stats.poisson(15 * s)
    ),
}  # fmt: skip
"""A law, its parameters, and the law of what is left when each molecule is there with probability s: thinning keeps the family."""


def chi_square(counts, law):
    """p-value of counts under a law, in bins of at least twenty expected."""
    top = int(max(counts.max(), law.ppf(1 - 1e-9))) + 1
    if law.std() > 200:  # bins by quantiles
        edges = np.unique(law.ppf(np.linspace(0, 1, 41)[1:-1]))
        expected = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]])) * len(counts)
        seen = np.bincount(np.searchsorted(edges, counts), minlength=len(edges) + 1)
        return scipy.stats.chisquare(seen, expected).pvalue
    expected = law.pmf(np.arange(top + 1)) * len(counts)
    seen = np.bincount(counts, minlength=top + 1).astype(float)
    keep = expected >= 20
    rest = max(len(counts) - expected[keep].sum(), 0)
    both = [np.append(seen[keep], seen[~keep].sum()), np.append(expected[keep], rest)]
    if rest < 5:
        both = [np.append(row[:-2], row[-2] + row[-1]) for row in both]
    return scipy.stats.chisquare(*both, sum_check=False).pvalue if len(both[0]) > 1 else 1.0


@pytest.mark.parametrize("name", LAWS)
def test_draws_are_the_inverse_of_the_distribution_function(name):
    law, theta, scipys = LAWS[name]
    numbers = [np.float64(n) for n in law.numbers(theta)]
    draw = np.random.default_rng(1).random(3000)
    uniform = np.concatenate([draw, [2.0**-53, 1e-12, 1 - 1e-12, 1 - 2.0**-53]])
    drawn = law.draw(uniform, numbers)
    exact = scipys(1.0)
    lower, upper = exact.cdf(drawn - 1), exact.cdf(drawn)
    assert (lower < uniform + 2e-13).all()
    assert (uniform < upper + 2e-13).all()
    assert (np.diff(drawn[np.argsort(uniform)]) >= 0).all()


@pytest.mark.parametrize("name", LAWS)
def test_the_tails_are_not_cut(name):
    """The smallest and the largest uniform number lie 1e-16 from the ends, and so do the counts drawn from them."""
    law, theta, scipys = LAWS[name]
    low, high = law.draw(np.array([2.0**-53, 1 - 2.0**-53]), [np.float64(n) for n in law.numbers(theta)])
    assert scipys(1.0).cdf(low - 1) < 2e-16
    assert 1e-18 < scipys(1.0).sf(high - 1) < 1e-15


@pytest.mark.parametrize("name", LAWS)
def test_pure_decay_keeps_the_family(name):
    law, theta, scipys = LAWS[name]
    times, k = [0.0, 0.8], 1.5 if name != "many" else 1e-3
    paths = jumpax.simulate(
        DECAY, {"k": k, **theta}, {"A": law}, times=times, paths=PATHS if name != "many" else 2000, key=11
    )
    for place, time in enumerate(times):
        counts, exact = paths["A"][:, place], scipys(np.exp(-k * time))
        assert chi_square(counts, exact) > 1e-5
        assert abs(counts.mean() - exact.mean()) < 4.5 * exact.std() / np.sqrt(len(counts))
        spread = np.sqrt((exact.stats("k") + 2) / len(counts)) * exact.var()
        assert abs(counts.var() - exact.var()) < 4.5 * spread


def test_stochastic_rounding_has_the_right_mean_and_two_values():
    start = {"A": jumpax.StochasticRounding("m")}
    paths = jumpax.simulate(DECAY, {"k": 1.0, "m": 7.3}, start, times=[0.0], paths=PATHS, key=12)
    assert set(np.unique(paths["A"])) == {7, 8}
    assert abs(paths["A"].mean() - 7.3) < 4.5 * np.sqrt(0.21 / PATHS)
    whole = jumpax.simulate(DECAY, {"k": 1.0, "m": 7.0}, start, times=[0.0], paths=100, key=12)
    assert (whole["A"] == 7).all()


def test_a_table_of_correlated_states_against_the_master_equation():
    states, weights = {"A": [0, 3, 5, 3], "B": [4, 1, 0, 1]}, [2.0, "w", 1.0, 0.5]
    theta = {"f": 1.0, "b": 2.0, "w": 0.8}
    paths = jumpax.simulate(ISOMERS, theta, jumpax.StartTable(states, weights), times=[0.0, 0.5], paths=PATHS, key=13)
    rows = np.array([states["A"], states["B"]]).T
    space = StateSpace.reachable(ISOMERS, rows)
    initial = np.zeros(space.size)
    for row, weight in zip(rows, [2.0, 0.8, 1.0, 0.5], strict=True):
        initial[space.index(row)] += weight / 4.3
    law = distribution(space, {"f": 1.0, "b": 2.0}, [0.0, 0.5], initial=initial)
    for place in range(2):
        seen = np.array([space.index(row) for row in paths.counts[:, place]])
        p = np.asarray(law.probabilities[place], float)
        keep = p > 1e-3
        assert not np.bincount(seen, minlength=space.size)[~(p > 0)].any()
        counts = np.bincount(seen, minlength=space.size)[keep]
        assert scipy.stats.chisquare(counts, p[keep] / p[keep].sum() * counts.sum()).pvalue > 1e-5


def test_the_ends_of_other_paths():
    model = jumpax.zoo.birth_death()
    before = jumpax.simulate(model, times=[2.0], paths=500, key=14)
    table = jumpax.StartTable.of_ends(before)
    after = jumpax.simulate(model, x0=table, times=[0.0], paths=20_000, key=15)["X"][:, 0]
    ends = before.end_counts[:, 0]
    assert abs(after.mean() - ends.mean()) < 4.5 * ends.std() / np.sqrt(20_000)
    assert set(after) <= set(ends)
    faulty = jumpax.simulate(model, times=[2.0], paths=4, key=14, max_events=3, throw=False)
    with pytest.raises(jumpax.InputError, match="were not followed to their end"):
        jumpax.StartTable.of_ends(faulty)
    with pytest.raises(jumpax.InputError, match=r"takes the paths of jumpax\.simulate"):
        jumpax.StartTable.of_ends(before.counts)


def start_counts(theta=None, paths=300, key=16, x0=None, **options):
    theta = {"f": 1.0, "b": 2.0, "m": 6.0, "r": 3.0} if theta is None else theta
    x0 = {"A": jumpax.Poisson("m"), "B": jumpax.NegativeBinomial("m", "r")} if x0 is None else x0
    return jumpax.simulate(ISOMERS, theta, x0, times=[0.0, 1.0], paths=paths, key=key, **options).counts


def test_a_path_depends_on_its_key_and_number_alone():
    many = start_counts()
    np.testing.assert_array_equal(start_counts(paths=7), many[:7])
    np.testing.assert_array_equal(start_counts(threads=3), many)
    np.testing.assert_array_equal(start_counts(engine="xla")[:, 0], many[:, 0])
    np.testing.assert_array_equal(start_counts(engine="reference", paths=20)[:, 0], many[:20, 0])
    each = {"f": 1.0, "b": 2.0, "m": np.where(np.arange(300) % 2, 6.0, 9.0), "r": 3.0}
    np.testing.assert_array_equal(start_counts(each)[1::2, 0], many[1::2, 0])
    assert (start_counts(each)[0::2, 0] >= many[0::2, 0]).all()  # the same uniform numbers
    assert not (start_counts(key=17) == many).all()


def test_the_law_of_one_species_does_not_move_the_draws_of_another():
    other = start_counts(x0={"A": 3, "B": jumpax.NegativeBinomial("m", "r")})
    np.testing.assert_array_equal(other[:, 0, 1], start_counts()[:, 0, 1])
    assert abs(np.corrcoef(start_counts(paths=PATHS)[:, 0].T)[0, 1]) < 4.5 / np.sqrt(PATHS)


def test_starts_do_not_share_words_with_paths():
    """What is drawn at the start says nothing of what follows: the wait of one molecule from each start is exponential alike."""
    start = jumpax.StartTable({"A": [1, 1], "B": [0, 7]})
    paths = jumpax.simulate(ISOMERS, {"f": 1.0, "b": 0.0}, start, times=[0.0, 0.7], paths=PATHS, key=18)
    gone = paths["A"][:, 1] == 0
    half = paths["B"][:, 0] == 7
    share, error = gone[half].mean() - gone[~half].mean(), 2 * np.sqrt(0.25 / PATHS)
    assert abs(share) < 4.5 * error


def test_an_expectation_sees_the_paths_of_simulate_in_every_chunk():
    theta = {"k": 1.0, "m": 6.0}
    for paths in (100, 20_000):  # the second in two chunks
        mean = jumpax.expectation(
            jumpax.Moments("A", order=2), DECAY, {"A": jumpax.Poisson("m")}, [0.0, 1.0], paths=paths
        )
        counts = jumpax.simulate(DECAY, theta, {"A": jumpax.Poisson("m")}, times=[0.0, 1.0], paths=paths, key=19)[
            "A"
        ].astype(float)
        got = np.asarray(mean(theta, jax.random.key(19)))[:, 0]
        np.testing.assert_allclose(got, np.stack([counts.mean(0), (counts**2).mean(0)], -1), rtol=1e-5)


def test_uniform_numbers_lie_inside_and_are_those_of_the_stream():
    made = uniforms((np.uint32(0), np.uint32(5)), np.arange(50_000), 3)
    assert made.shape == (3, 50_000)
    assert (made > 0).all()
    assert (made < 1).all()
    assert scipy.stats.kstest(made.ravel(), "uniform").pvalue > 1e-5
    np.testing.assert_array_equal(uniforms((np.uint32(0), np.uint32(5)), np.arange(10), 1)[0], made[0, :10])


def test_delays_and_events_start_from_laws_too():
    late = jumpax.Network([jumpax.Reaction("A -> B", jumpax.MassAction("k"), delay=jumpax.FixedDelay("tau"))])
    theta = {"k": 1.0, "tau": 0.5, "m": 9.0}
    paths = jumpax.simulate(late, theta, {"A": jumpax.Poisson("m"), "B": 0}, times=[0.0, 1.0], paths=4000, key=20)
    assert chi_square(paths["A"][:, 0], scipy.stats.poisson(9.0)) > 1e-5
    left = 9 * np.exp(-1.0)
    assert abs(paths["A"][:, 1].mean() - left) < 4.5 * np.sqrt(left / 4000)


@pytest.mark.parametrize(
    ("x0", "theta", "told"),
    [
        ({"A": jumpax.Poisson("m")}, {}, "parameter 'm' of the start is missing"),
        ({"A": jumpax.Poisson("m")}, {"n": 3.0}, "unknown parameter 'n'"),
        ({"A": jumpax.Poisson("m")}, {"m": -1.0}, "'A', Poisson: the mean is negative"),
        ({"A": jumpax.Poisson("m")}, {"m": 2e9}, "the mean is above 1e9"),
        ({"A": jumpax.Binomial(3, "p")}, {"p": 1.5}, "the probability is not between 0 and 1"),
        ({"A": jumpax.NegativeBinomial("m", "r")}, {"m": 3.0, "r": 0.0}, "the size is not positive"),
        ({"A": jumpax.NegativeBinomial("m", "r")}, {"m": 1e8, "r": 0.1}, "more than four million different counts"),
        ({"A": jumpax.StochasticRounding("m")}, {"m": -0.5}, "the mean is negative"),
        ({"B": jumpax.Poisson("m")}, {"m": 1.0}, "unknown species 'B'"),
        ({"A": jumpax.Poisson("A")}, {}, "is a species"),
        (jumpax.Poisson("m"), {"m": 1.0}, "say of which"),
        (jumpax.StartTable, {}, "is a class"),
        (jumpax.StartTable({"B": [1]}), {}, "unknown species 'B'"),
        (jumpax.StartTable([[1, 2]]), {}, "2 columns for 1 species"),
        (jumpax.StartTable({"A": [1, 2]}, [1, "w"]), {"w": -0.5}, "a weight is negative"),
        (jumpax.StartTable({"A": [1, 2]}, [0, "w"]), {"w": 0.0}, "all weights are zero"),
    ],
)
@pytest.mark.fault(52)
def test_what_makes_no_sense_is_told(x0, theta, told):
    for verb in (
        lambda: jumpax.simulate(DECAY, {"k": 1.0, **theta}, x0, times=[1.0], paths=2, key=0),
        lambda: jumpax.expectation(jumpax.Moments("A"), DECAY, x0, [1.0], paths=2)({"k": 1.0, **theta}, 0),
    ):
        with pytest.raises(jumpax.InputError) as refusal:
            verb()
        assert told in str(refusal.value)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: jumpax.Poisson(-1), "must not be negative"),
        (lambda: jumpax.Poisson(None), "name of a parameter or a finite number"),
        (lambda: jumpax.Poisson(lambda *m: m), "takes named arguments only"),
        (lambda: jumpax.Binomial("n", 0.5), "must be a whole number"),
        (lambda: jumpax.StartTable({"A": [1, 2], "B": [1]}), "one count per state"),
        (lambda: jumpax.StartTable({"A": [1.5]}), "must be whole numbers"),
        (lambda: jumpax.StartTable({}), "must be columns of counts"),
        (lambda: jumpax.StartTable({"A": [1, 2]}, [1]), "1 weights for 2 states"),
        (lambda: jumpax.StartTable({"A": [1, 2]}, [0, 0]), "all weights are zero"),
        (lambda: jumpax.StartTable({"A": [1, 2]}, [1, -1]), "must not be negative"),
    ],
)
def test_what_cannot_be_made_is_told(make, told):
    with pytest.raises(jumpax.InputError, match=told):
        make()


def test_other_verbs_say_who_takes_laws():
    start = {"X": jumpax.Poisson(3.0)}
    for verb in (
        lambda: StateSpace.reachable(BIRTH_DEATH, start, limits=9),
        lambda: jumpax.gradients.exact_cost(BIRTH_DEATH, start, {"birth": 1.0, "death": 1.0}, [1.0]),
    ):
        with pytest.raises(jumpax.InputError, match=r"jumpax\.simulate, expectation and Problem take laws"):
            verb()


def test_two_roundings_and_counts_per_path_beside_laws_are_refused():
    both = {"A": jumpax.StochasticRounding(1.5), "B": jumpax.StochasticRounding(1.5)}
    with pytest.raises(jumpax.UnsupportedError, match="for one species"):
        start_counts(x0=both)
    with pytest.raises(jumpax.InputError, match="counts for each path beside laws"):
        start_counts(x0={"A": jumpax.Poisson("m"), "B": [1, 2, 3]})


def test_equal_laws_share_programs():
    one, two = (Independent(("A", "B"), (jumpax.Poisson("m"), 3)) for _ in range(2))
    assert one == two
    assert hash(one) == hash(two)
    assert jumpax.StartTable({"A": [1, 2]}) == jumpax.StartTable({"A": np.array([1, 2])})


@pytest.mark.parametrize("wide", [False, True])
def test_a_callback_of_jax_draws_the_same(wide):
    """As on a GPU, where programs do not call the host by foreign functions."""
    start = start_of(ISOMERS, {"A": jumpax.Poisson("m"), "B": jumpax.NegativeBinomial("m", "r")})
    with jax.enable_x64(wide):
        kind = np.dtype("float64" if wide else "float32")
        arguments = [
            np.uint32(0),
            np.uint32(16),
            np.arange(50, dtype=np.uint32),
            np.full((), 6.0, kind),
            np.full((), 6.0, kind),
        ]
        like = jax.ShapeDtypeStruct((50, 2), np.int32)
        made = jax.jit(lambda *given: call_back(_Draw(start), [like], *given))(*arguments, np.full((), 3.0, kind))
    np.testing.assert_array_equal(made[0], start_counts(paths=50)[:, 0])


def test_too_wide_is_minus_one_in_compiled_programs():
    def cumulative(counts, mean):
        return np.clip(counts / (2 * mean), 0, 1)

    assert inverted(cumulative, lambda mean: (mean, mean), np.array([0.5]), [np.float64(1e8)])[0] == -1


def test_laws_that_are_certain_have_no_score():
    """Their draws do not show how other counts become possible: a finite score would be a wrong derivative."""
    for law, numbers, which in [
        (jumpax.Poisson("m"), (0.0,), 0),
        (jumpax.NegativeBinomial("m", "r"), (0.0, 2.0), 0),
        (jumpax.Binomial(3, "p"), (3.0, 0.0), 1),
        (jumpax.Binomial(3, "p"), (3.0, 1.0), 1),
    ]:
        drawn = float(law.expected(*numbers))
        assert np.isnan(
            jax.grad(lambda *at, law=law, n=drawn: law.log_probability(jnp.asarray(n), *at), which)(*numbers)
        )
