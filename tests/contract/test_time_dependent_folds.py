"""Every fold under rates that depend on time: right by the mathematics, or refused by name.

A tide of births, k exp(-5 t), and deaths, g per molecule, from three molecules. Means follow from m' = k exp(-5 t) - g m;
first passages and entropy from the master equation. Every |z| < 4: with some 30 of them a false alarm once in 500 runs. The
seed was chosen before looking. That engines agree is tested, too, but says nothing about what is right.
"""

import dataclasses
import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import cumulative_simpson, solve_ivp

import jumpax
from gpu_runs import HERE
from jumpax.folds import (
    AbstractFold,
    Alternative,
    AlternativeChain,
    Martingale,
    ReactionCounts,
    Relaxation,
    RelaxedTangent,
    Score,
    TimeAverages,
)  # fmt: skip
from jumpax.observables import Activity, Current, EntropyProduction, PathSums
from tables import FOLDS, Moved, same_paths


def tide(k, t):
    return k * jnp.exp(-5.0 * t)


NETWORK = jumpax.Network([jumpax.Reaction("0 <-> X", tide, jumpax.MassAction("g"), name="r")])
BIRTH, DEATH = (reaction.name for reaction in NETWORK.reactions)
THETA, START, TIMES, BOUND, MANY = {"k": 6.0, "g": 0.7}, 3, [0.3, 1.0], 25.0, 20_000
GRID = np.linspace(0.0, 1.0, 2001)
AT = [600, 2000]
"""Places of the times in the grid."""


@dataclasses.dataclass(frozen=True)
class Model:
    """As the table of folds takes them."""

    network: jumpax.Network
    x0: dict


ACCEPTED = ("TimeAverages", "ReactionCounts", "FirstPassage", "Score", "Martingale", "FixedPath")
SUMS = PathSums(Current(NETWORK, BIRTH), Activity(NETWORK), EntropyProduction(NETWORK))


def made(name):
    return FOLDS[name](Model(NETWORK, {"X": START}))


@functools.cache
def drawn(engine="cpu", paths=MANY, precision="float32"):
    folds = (*(made(name) for name in ACCEPTED), SUMS)
    return jumpax.simulate(
        NETWORK, THETA, {"X": START}, times=TIMES, paths=paths, key=20261129, bound=BOUND, record=folds, engine=engine,
        precision=precision,
    )  # fmt: skip


def record(name):
    return dict(zip((*ACCEPTED, "PathSums"), drawn().records, strict=True))[name]


def near(sample, expected):
    """Means over paths, for each stop."""
    sample = np.asarray(sample, np.float64)
    error = sample.std(0, ddof=1) / np.sqrt(len(sample))
    assert (error > 0).all()
    z = (sample.mean(0) - expected) / error
    assert (np.abs(z) < 4).all(), (z, sample.mean(0), expected)


def integral(values):
    return cumulative_simpson(values, x=GRID, initial=0)[..., AT]


def births(t, k=THETA["k"]):
    return k * np.exp(-5 * t)


def mean(k=THETA["k"], g=THETA["g"], t=GRID):
    return START * np.exp(-g * t) + k * (np.exp(-5 * t) - np.exp(-g * t)) / (g - 5)


@functools.cache
def law(absorbing=False, top=40):
    """Probabilities of X = 0 ... 40 on the grid; with states in which |X - 3| >= 3 left for good, if so wanted."""
    x = np.arange(top + 1)
    moving = (np.abs(x - START) < 3) if absorbing else np.ones_like(x, bool)

    def change(t, p):
        up, down = births(t) * p * moving, THETA["g"] * x * p * moving
        up[-1] = 0.0
        return -up - down + np.concatenate([[0], up[:-1]]) + np.concatenate([down[1:], [0]])

    return solve_ivp(change, (0, 1), (x == START) * 1.0, "DOP853", t_eval=GRID, rtol=1e-10, atol=1e-13).y


def test_counts():
    near(drawn()["X"], mean()[AT])


def test_time_averages():
    whole = integral(mean())
    near(np.stack(record("TimeAverages"), -1)[..., 0], [whole[0] / 0.3, (whole[1] - whole[0]) / 0.7])


def test_reaction_counts():
    up, down = record("ReactionCounts")
    near(up, integral(births(GRID)))
    near(down, START + integral(births(GRID)) - mean()[AT])
    np.testing.assert_array_equal(START + up - down, drawn()["X"])


def test_first_passage():
    reached, when = record("FirstPassage")
    far = np.abs(np.arange(41) - START) >= 3
    by = law(absorbing=True)[far].sum(0)
    near(reached, by[AT])
    # E[min(T, t)] is the integral of the probability that it has not happened
    near(np.where(reached, when, np.array(TIMES)), integral(1 - by))


def test_score():
    score = np.stack(record("Score"), -1)
    near(score, np.zeros((2, 2)))
    k, g, step = THETA["k"], THETA["g"], 1e-5
    by_k = (mean(k + step, g) - mean(k - step, g)) / (2 * step)
    by_g = (mean(k, g + step) - mean(k, g - step)) / (2 * step)
    near(score * drawn()["X"][..., None], np.stack([by_k[AT], by_g[AT]], -1))


def test_martingale():
    """Zero, and with X = mean + integral of exp(-g (t - s)) dM: E[M X] = integral of exp(-g (t - s)) (birth + death) ds."""
    martingale, area = (np.stack(part, -1)[..., 0] for part in record("Martingale"))
    near(martingale, [0.0, 0.0])
    near(area, [0.0, 0.0])
    s, x = GRID[: AT[0] + 1], drawn()["X"][:, 0]
    noise = np.exp(-THETA["g"] * (0.3 - s)) * (births(s) + THETA["g"] * mean(t=s))
    near(martingale[:, 0] * x, np.trapezoid(noise, s))
    near(area[:, 0] * x, np.trapezoid((0.3 - s) * noise, s))


def test_path_sums():
    x, up = np.arange(41)[:, None], births(GRID)
    down = THETA["g"] * mean()
    back = np.log(np.where(x > 0, THETA["g"] * x, 1.0) / up)
    entropy = (law() * (up * np.log(up / (THETA["g"] * (x + 1))) + THETA["g"] * x * back)).sum(0)
    for sums, rate in zip(record("PathSums"), (up - down, up + down, entropy), strict=True):
        near(sums.events, integral(rate))
        near(sums.integral, integral(rate))


def test_derivatives_at_a_fixed_path():
    """Of the integral of all rates, k exp(-5 t) + g X: exp(-5 t) with respect to k, and nothing of the sum over events."""
    (sums,), ((events, area),) = record("FixedPath")
    near(sums.integral, integral(births(GRID) + THETA["g"] * mean()))
    near(area, integral(births(GRID, 1.0)))
    assert (np.asarray(events) == 0).all()


def test_the_integral_of_births_alone():
    """Birth at k exp(-5 t) with the bound 1: few candidates, so that rates at them say little about the time between."""
    network = jumpax.Network([jumpax.Reaction("0 -> X", tide)])
    folds = PathSums(Activity(network)), Martingale(network)
    paths = jumpax.simulate(
        network, {"k": 1.0}, {"X": 0}, times=[1.0], paths=MANY, key=1, bound=1.0, record=folds, engine="xla",
        precision="float64",
    )  # fmt: skip
    (sums,), (martingale, area) = paths.records
    near(sums.integral, [(1 - np.exp(-5)) / 5])
    near(martingale[0], [0.0])
    near(area[0], [0.0])


REFUSED = sorted({*FOLDS} - {*ACCEPTED, "Capped"})


@pytest.mark.parametrize("name", REFUSED)
def test_others_are_refused_by_name(name):
    words = (
        "the waits decide"
        if name == "Score of the choices"
        else f"the fold {name} does not treat rates that depend on time"
    )
    with pytest.raises(jumpax.UnsupportedError, match=words):
        short(made(name))


@pytest.mark.parametrize("engine", ["xla", "cpu", HERE])
def test_engines_follow_reference(engine):
    ours, theirs = drawn(engine, 12), drawn("reference", 12)
    same_paths(dataclasses.replace(ours, end_times=theirs.end_times), theirs)
    for mine, other in zip(jax.tree.leaves(ours.records), jax.tree.leaves(theirs.records), strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-5, atol=2e-5)


@dataclasses.dataclass(frozen=True)
class Reads(AbstractFold):
    """Adds up one propensity, or all, where time goes by, as folds of users may."""

    hook: str
    which: int | None = None
    words = 1

    @property
    def caps(self):
        return self.hook == "cap"

    @property
    def samples(self):
        return self.hook == "sample"

    def _flow(self, propensities):
        return functools.reduce(operator.add, propensities) if self.which is None else propensities[self.which]

    def init(self, counts, theta, now):
        return jnp.zeros_like(now)

    def stop(self, carry, counts, theta, index):
        return carry, carry

    def advance(self, carry, counts, propensities, theta, now, dt):
        return carry + self._flow(propensities) * dt if self.hook == "advance" else carry

    def sample(self, carry, counts, propensities, theta, now, dt, words):
        return carry + self._flow(propensities) * dt

    def cap(self, carry, counts, propensities, theta):
        return 0.3 / (self._flow(propensities) + 1)


def short(fold, engine="xla", paths=50, network=NETWORK, theta=THETA, x0={"X": START}, bound=BOUND, **options):  # noqa: B006
    return jumpax.simulate(
        network, theta, x0, times=TIMES, paths=paths, key=3, bound=bound, record=fold, engine=engine,
        precision="float32", **options,
    )  # fmt: skip


@pytest.mark.parametrize("hook", ["advance", "sample", "cap"])
@pytest.mark.parametrize("engine", ["reference", "xla", "cpu"])
def test_a_fold_that_takes_changing_rates_for_lasting_ones_is_refused(engine, hook):
    with pytest.raises(jumpax.UnsupportedError, match=f"{BIRTH!r}.*depends on time.*integrate it in `sample`"):
        short(Reads(hook), engine, 2)


@pytest.mark.parametrize("engine", ["reference", "xla"])
def test_rates_that_last_may_be_read_beside_those_that_do_not(engine):
    paths = short([Reads("advance", 1), Reads("cap", 1), TimeAverages(NETWORK)], engine, 6)
    average = paths.records[2][0] * np.diff(TIMES, prepend=0.0)
    np.testing.assert_allclose(paths.records[0], THETA["g"] * np.cumsum(average, 1), rtol=1e-4)


@dataclasses.dataclass(frozen=True)
class Calls(AbstractFold):
    """How often `event` was called."""

    def init(self, counts, theta, now):
        return jnp.zeros_like(counts[0])

    def stop(self, carry, counts, theta, index):
        return carry, carry

    def event(self, carry, counts, propensities, theta, now, jump):
        return carry + np.int32(1)


@dataclasses.dataclass(frozen=True)
class Waits(Calls):
    """Is held once at each stop, and keeps the propensities that it is then shown."""

    waits = True

    def init(self, counts, theta, now):
        return jnp.zeros_like(counts[0]), tuple(jnp.zeros_like(now) for _ in NETWORK.reactions)

    def stop(self, carry, counts, theta, index):
        return (jnp.zeros_like(carry[0]), carry[1]), carry[1]

    def ready(self, carry):
        return carry[0] > 0

    def event(self, carry, counts, propensities, theta, now, jump):
        parked = ~functools.reduce(operator.or_, jump.fired)
        shown = tuple(jnp.where(parked, a, old) for a, old in zip(propensities, carry[1], strict=True))
        return parked.astype(jnp.int32), shown


@pytest.mark.parametrize("engine", ["reference", "cpu"])
def test_null_events_are_not_shown_to_folds(engine):
    paths = short([Calls(), ReactionCounts(NETWORK)], engine, 20)
    np.testing.assert_array_equal(paths.records[0], sum(paths.records[1]))


@pytest.mark.parametrize("engine", ["reference", "xla"])
def test_held_paths_see_the_rates_of_their_stop(engine):
    paths = short(Waits(), engine, 20)
    np.testing.assert_allclose(paths.records[0], np.broadcast_to(births(np.array(TIMES)), (20, 2)), rtol=1e-5)
    np.testing.assert_allclose(paths.records[1], THETA["g"] * paths["X"], rtol=1e-6)


def test_null_events_of_plain_networks_are_not_shown_either():
    model = jumpax.zoo.birth_death()
    folds = [Calls(), Martingale(model.network)]
    paths = short(folds, network=model.network, theta=model.theta, x0=model.x0, bound=400.0, paths=2000)
    np.testing.assert_array_equal(paths.records[0][:, -1], paths.events)
    near(paths.records[1][0][0], [0.0, 0.0])


def test_folds_that_read_the_numbers_of_the_direct_method_need_no_bound():
    model = jumpax.zoo.birth_death()
    relaxed = functools.partial(RelaxedTangent, model.network, ("birth",), Relaxation("propensity"))
    for fold in (Alternative(model.network, "birth"), AlternativeChain(model.network, "birth"), relaxed("state")):
        with pytest.raises(jumpax.UnsupportedError, match="leave out bound"):
            short(fold, network=model.network, theta=model.theta, x0=model.x0)
    with pytest.raises(jumpax.InputError, match="uniformization needs bound"):
        short(relaxed("uniformization", bound=25.0), network=model.network, theta=model.theta, x0=model.x0, bound=None)
    mixed = [relaxed("uniformization", bound=400.0), Calls()]
    paths = short(mixed, network=model.network, theta=model.theta, x0=model.x0, bound=400.0)
    np.testing.assert_array_equal(paths.records[1][:, -1], paths.events)


def test_what_stands_on_constant_rates_says_so():
    refusals = {
        "jumpax.audit does not treat rates that depend on time": lambda: jumpax.audit(NETWORK, THETA, {"X": START}, [1.0], paths=10),
        "jumpax.steady_state does not treat rates": lambda: jumpax.steady_state(
            jumpax.Moments("X"), NETWORK, {"X": START}, settle=1.0, time=2.0, paths=4
        ),
        "the master equation does not treat rates": lambda: jumpax.exact.StateSpace.reachable(NETWORK, {"X": START}, limits=9),
        "PathSums": lambda: jumpax.expectation(
            Activity(NETWORK), NETWORK, {"X": START}, [1.0], paths=10, bound=BOUND
        )(THETA, 0),
        "say when": lambda: Activity(NETWORK).local({"X": jnp.ones(2)}, THETA),
    }  # fmt: skip
    for words, call in refusals.items():
        with pytest.raises((jumpax.UnsupportedError, jumpax.InputError), match=words):
            call()
    at = EntropyProduction(NETWORK).local({"X": jnp.ones(1)}, THETA, time=0.2)
    up = births(0.2)
    np.testing.assert_allclose(at, up * np.log(up / 1.4) + 0.7 * np.log(0.7 / up), rtol=1e-5)


def test_the_table_has_every_fold():
    assert {*ACCEPTED, *REFUSED, "Capped"} == {*FOLDS}
    assert isinstance(made("Score"), Score)
    assert made("FirstPassage").condition == Moved((("X", START),), 3)
