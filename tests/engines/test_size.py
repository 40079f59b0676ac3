"""What does not fit says so before it starts, and what takes long is announced: from sizes alone, in every public verb."""

import subprocess
import sys
import time
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax._base import memory
from jumpax.engines import choice, size
from jumpax.engines.cpu import operations
from jumpax.engines.program import Program
from jumpax.exact import StateSpace, distribution
from jumpax.folds import Snapshots, Together
from jumpax.gradients import automatic
from jumpax.gradients.exact_gradient import exact_cost

MACHINE = 24e9
"""Bytes of memory that tests pretend to have."""
SECONDS = 2.0
"""Of processor time, within which a refusal has to come."""


def ring(hops, parameters=1):
    names = [f"k{i % parameters}" for i in range(hops)]
    return jumpax.Network(
        [jumpax.Reaction(f"S{i} -> S{(i + 1) % hops}", jumpax.MassAction(names[i])) for i in range(hops)]
    )


@pytest.fixture(autouse=True)
def _machine(monkeypatch):
    monkeypatch.delenv(memory.VARIABLE, raising=False)
    monkeypatch.setattr(memory, "machine_memory", lambda: MACHINE)
    size._check_program.cache_clear()


LARGE = ring(3000)
LATE = LARGE.with_delays({"S0 -> S1": jumpax.FixedDelay(1.0)})
THETA, START = {"k0": 1.0}, dict.fromkeys(LARGE.species, 3)
OBSERVABLE = jumpax.Moments("S0")
DATA = jumpax.losses.MomentMatch("S0", [1, 2, 3, 4], [1.0] * 4, order=1)


def _mean(gradient="auto", network=LARGE):
    return jumpax.expectation(OBSERVABLE, network, START, [1.0], paths=4, gradient=gradient)


VERBS = {
    "simulate": lambda: jumpax.simulate(LARGE, THETA, START, times=[1.0], paths=4, key=0),
    "simulate on xla": lambda: jumpax.simulate(LARGE, THETA, START, times=[1.0], paths=4, key=0, engine="xla"),
    "the log": lambda: jumpax.simulate(LARGE, THETA, START, times=[1.0], paths=4, key=0, record=jumpax.Events()),
    "averages": lambda: jumpax.simulate(
        LARGE, THETA, START, times=[1.0], paths=4, key=0, record=jumpax.TimeAverages(LARGE)
    ),
    "delays": lambda: jumpax.simulate(LATE, THETA, START, times=[1.0], paths=4, key=0),
    "events": lambda: jumpax.simulate(
        LARGE.with_events([jumpax.Event.at(0.5, {"S0": 9})]), THETA, START, times=[1.0], paths=4, key=0
    ),
    "expectation": lambda: _mean()(THETA, 0),
    "jit": lambda: jax.jit(lambda theta: _mean()(theta, 0))(THETA),
    "grad": lambda: jax.grad(lambda theta: _mean()(theta, 0)[0, 0, 0])(THETA),
    "estimate": lambda: _mean(jumpax.TrapezoidalTangent()).estimate(THETA, 0),
    "choose": lambda: _mean().choose(THETA, 0),
    "audit": lambda: jumpax.audit(LARGE, THETA, START, [1.0], observable=OBSERVABLE),
    "steady_state": lambda: jumpax.steady_state(OBSERVABLE, LARGE, START, settle=1.0, time=1.0, paths=4),
    "lattice_coverage": lambda: jumpax.lattice_coverage(LARGE, THETA, START, [1.0]),
    "fit": lambda: jumpax.fit(jumpax.Problem(LARGE, START, DATA, {"k0": jumpax.Free(1.0)})),
}


@pytest.fixture
def one_by_one(monkeypatch):
    """No network is large enough for tables: what is compiled for each reaction is refused in its place."""
    monkeypatch.setattr(choice, "LARGE", 10**9)


@pytest.mark.parametrize("name", ["simulate", "the log", "averages", "expectation", "grad"])
def test_a_network_of_thousands_of_reactions_runs_on_tables(name):
    """In seconds of processor time, the first time."""
    begin = time.process_time()
    VERBS[name]()
    assert time.process_time() - begin < 8 * SECONDS


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("name", VERBS)
def test_a_network_of_thousands_of_reactions_is_refused_with_numbers_in_two_seconds(name):
    begin = time.process_time()
    with pytest.raises(jumpax.TooLargeError) as told:
        VERBS[name]()
    assert time.process_time() - begin < SECONDS
    text = str(told.value)
    assert "3,000 reactions over 3,000 species" in text
    assert "GB of memory, more than 6 GB, a quarter of the memory here" in text
    assert "Nothing was started" in text
    assert "jumpax.Family" in text or "wrt=" in text
    assert memory.VARIABLE in text
    assert isinstance(told.value, jumpax.InputError)


@pytest.mark.usefixtures("one_by_one")
def test_an_engine_that_can_is_named_where_there_is_a_choice():
    for name, can in (("simulate", True), ("the log", False), ("delays", False)):
        with pytest.raises(jumpax.TooLargeError) as told:
            VERBS[name]()
        assert ("engine='cpu'" in str(told.value)) == can


@pytest.mark.parametrize("estimator", ["TrapezoidalTangent", "LatticeTangent", "StraightThrough"])
def test_a_gradient_with_too_much_to_carry_is_refused_by_what_is_gathered(estimator):
    network = ring(120, 120)
    made = jumpax.expectation(
        OBSERVABLE, network, dict.fromkeys(network.species, 3), [1.0], paths=4,
        gradient=getattr(jumpax, estimator)(), engine="xla",
    )  # fmt: skip
    begin = time.process_time()
    with pytest.raises(jumpax.TooLargeError, match=r"all that is gathered along their paths.*wrt="):
        made.estimate(dict.fromkeys(network.parameters, 1.0), 0)
    assert time.process_time() - begin < SECONDS


def test_features_by_the_million_are_refused_before_they_are_counted():
    network = ring(150)
    made = jumpax.steady_state(OBSERVABLE, network, dict.fromkeys(network.species, 3), settle=1.0, time=1.0, paths=4)
    begin = time.process_time()
    with pytest.raises(jumpax.TooLargeError, match="all that is gathered"):
        made(THETA, 0)
    assert time.process_time() - begin < SECONDS


def test_long_compilation_is_announced_with_the_estimate_once_and_goes_on():
    program = Program(ring(300), Together((Snapshots(),)), "float32")
    assert size.LONG < size.compilation(program, "xla").seconds < 200
    for told in (1, 0):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            size.check_program(program, "xla")
        assert len(caught) == told
    size._check_program.cache_clear()
    with pytest.warns(
        jumpax.JumpaxWarning, match=r"300 reactions over 300 species for engine 'xla' will take about \d+ s and"
    ):
        size.check_program(program, "xla")


def test_it_is_announced_inside_jit_too(monkeypatch):
    monkeypatch.setattr(size, "LONG", 0.0)
    network = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("announced"))])
    mean = jumpax.expectation(jumpax.Moments("A"), network, {"A": 3}, [1.0], paths=2, engine="xla")
    with pytest.warns(jumpax.JumpaxWarning, match="compilation|Compilation"):
        jax.jit(lambda theta: mean(theta, 0)).lower({"announced": 1.0})


def test_what_is_known_of_times_and_memory_is_met_within_a_factor_of_two_and_a_half():
    """Processor seconds, and bytes beyond those of an import, as measured once: rings, and networks from elsewhere."""
    measured = [(100, "cpu", 0.8, 0.11), (200, "cpu", 1.3, 0.12), (500, "cpu", 4.1, 0.16), (1000, "cpu", 11.5, 0.22)]
    measured += [(100, "xla", 14, 0.24), (200, "xla", 30, 0.65), (300, "xla", 69, 2.5), (1000, "xla", None, 23.3)]
    for hops, engine, seconds, gigabytes in measured:
        made = size.compilation(Program(ring(hops), Together((Snapshots(),)), "float32"), engine)
        if seconds:
            assert 1 / 2.5 < made.seconds / seconds < 2.5
        assert made.memory > 0.4e9 * gigabytes
        assert made.memory < 2.5e9 * gigabytes + 0.5e9


@pytest.mark.parametrize("name", ["birth_death", "telegraph_protein", "repressilator", "vilar_oscillator"])
def test_operations_are_told_without_tracing(name):
    network = jumpax.zoo.MODELS[name]().network
    counted = operations(Program(network, Together((Snapshots(),)), "float32"))
    assert 0.8 < size.operations(network) / counted < 1.25


@pytest.mark.parametrize(
    "estimator", ["ScoreFunction", "TrapezoidalTangent", "LatticeTangent", "StraightThrough", "ControlledScore"]
)
def test_operations_of_gradients_are_told_without_tracing(estimator):
    network = ring(6, 6)
    made = jumpax.expectation(OBSERVABLE, network, dict.fromkeys(network.species, 3), [0.5, 1.0], paths=4)
    program = made.sampling.run(getattr(jumpax, estimator)(), network.parameters).program
    told = size.operations(network) + program.fold.size(network).operations
    assert 0.6 < told / operations(program) < 1.7


SMALL = jumpax.zoo.telegraph()


@pytest.mark.parametrize(
    "ask",
    [
        lambda: jumpax.simulate(SMALL.network, SMALL.theta, SMALL.x0, times=np.arange(1.0, 1e4), paths=100_000, key=0),
        lambda: jumpax.simulate(SMALL.network, SMALL.theta, SMALL.x0, steps=np.arange(1, 10_000), paths=100_000, key=0),
        lambda: jumpax.simulate(
            SMALL.network, SMALL.theta, SMALL.x0, times=np.arange(1.0, 1e4), paths=50_000, key=0,
            record=jumpax.TimeAverages(SMALL.network),
        ),
        lambda: jumpax.simulate(
            SMALL.network.with_delays({"decay_of_M": jumpax.FixedDelay(1.0)}), SMALL.theta, SMALL.x0, times=np.arange(1.0, 1e4), paths=100_000, key=0
        ),
        lambda: jumpax.simulate(
            SMALL.network.with_events([jumpax.Event.at(0.5, {"M": 9})]), SMALL.theta, SMALL.x0, times=np.arange(1.0, 1e4), paths=100_000, key=0
        ),
    ],
)  # fmt: skip
def test_paths_times_stops_times_species_are_refused_with_the_way_out(ask):
    begin = time.process_time()
    with pytest.raises(jumpax.TooLargeError, match=r"paths x 9,999 stops x \d numbers.*fewer paths \(paths=\.\.\."):
        ask()
    assert time.process_time() - begin < SECONDS


def test_what_an_expectation_holds_does_not_grow_with_its_paths_and_is_refused_where_it_cannot_be_less():
    few = jumpax.expectation(jumpax.Moments("M"), SMALL.network, SMALL.x0, np.arange(1.0, 1e4), paths=10**9)
    run = few.sampling.run(None, ())
    assert run.width * 9_999 * size.numbers(run.program) * 4 < 2**28  # bytes, for any number of paths
    begin = time.process_time()
    many = jumpax.expectation(jumpax.Moments("M"), SMALL.network, SMALL.x0, np.arange(1.0, 1e6 + 1), paths=10**6)
    with pytest.raises(jumpax.TooLargeError, match="1,000,000 stops"):
        many(SMALL.theta, 0)
    wide = jumpax.expectation(jumpax.Histogram("M", 10**8), SMALL.network, SMALL.x0, [1.0], paths=10**6)
    with pytest.raises(jumpax.TooLargeError, match="100,000,000 entries of the observable"):
        wide(SMALL.theta, 0)
    assert time.process_time() - begin < 2 * SECONDS


def test_an_environment_variable_says_otherwise(monkeypatch):
    def ask(paths):
        return jumpax.simulate(
            SMALL.network, SMALL.theta, SMALL.x0, times=[0.01], paths=paths, key=0, engine="reference"
        )

    monkeypatch.setenv(memory.VARIABLE, "1e-6")
    with pytest.raises(jumpax.TooLargeError, match="1e-06 GB of JUMPAX_MEMORY_LIMIT"):
        ask(100)
    for value in ("1", "inf"):
        monkeypatch.setenv(memory.VARIABLE, value)
        assert len(ask(2).status) == 2
    for value in ("much", "-1", "0", "nan"):
        monkeypatch.setenv(memory.VARIABLE, value)
        with pytest.raises(jumpax.InputError, match="positive number of GB"):
            ask(2)
    monkeypatch.setenv(memory.VARIABLE, "1000")
    with pytest.warns(jumpax.JumpaxWarning, match="will take about"):  # no longer refused: announced
        size.check_program(Program(LARGE, Together((Snapshots(),)), "float32"), "xla")


def test_a_log_of_events_stops_when_it_no_longer_fits(monkeypatch):
    monkeypatch.setenv(memory.VARIABLE, "0.0004")
    monkeypatch.setattr(size, "compilation", lambda *_: size.Compilation(500.0, 1.0, 0.0))
    with pytest.raises(
        jumpax.TooLargeError, match=r"The log of [\d,]+ events, of which \d+ of 8 paths.*fewer paths at once"
    ):
        jumpax.simulate(
            SMALL.network, SMALL.theta, SMALL.x0, times=[1e5], paths=8, key=0, record=jumpax.Events(), max_events=10**6
        )


def test_queues_are_refused():
    with pytest.raises(jumpax.TooLargeError, match=r"queues of 1,048,576 places.*A queue for as many"):
        jumpax.simulate(
            SMALL.network.with_delays({"decay_of_M": jumpax.FixedDelay(1.0)}), SMALL.theta, SMALL.x0, times=[1.0], paths=10_000,
            key=0, queue=2**20, precision="float64",
        )  # fmt: skip


def test_state_spaces_stop_when_they_no_longer_fit_and_laws_are_refused(monkeypatch):
    network = ring(200)
    monkeypatch.setenv(memory.VARIABLE, "0.02")
    with pytest.raises(
        jumpax.TooLargeError, match=r"A space of [\d,]+ states and more, of 200 species.*smaller limits"
    ):
        StateSpace.reachable(network, dict.fromkeys(network.species, 1))
    monkeypatch.setenv(memory.VARIABLE, "1")
    model = jumpax.zoo.birth_death()
    space = StateSpace.reachable(model.network, model.x0, 20_000)
    monkeypatch.setenv(memory.VARIABLE, "0.01")
    with pytest.raises(
        jumpax.TooLargeError, match=r"A law over 20,001 states, 2 reactions at 50 times.*smaller limits"
    ):
        distribution(space, model.theta, np.arange(1.0, 51.0))
    monkeypatch.setenv(memory.VARIABLE, "0.0001")
    assert exact_cost(model.network, model.x0, model.theta, [1.0]) is None


def _family(species):
    eye, shapes = np.eye(species, dtype=int), {"beta": species}
    law = jumpax.Family(np.hstack([eye, -eye]), lambda counts, theta: (theta["beta"], counts), parameters=shapes)
    return jumpax.Network(families=[law])


def test_families_are_refused_for_records_lanes_and_checkpoints(monkeypatch):
    network, theta = _family(10), {"beta": np.full(10, 5.0)}
    asked = {"theta": theta, "x0": np.zeros(10), "paths": 4, "key": 0, "times": [0.1]}
    with pytest.raises(jumpax.TooLargeError, match=r"paths x 99,999 stops x 10 numbers"):
        jumpax.simulate(network, **asked | {"paths": 10_000, "times": np.arange(1.0, 1e5)})

    def mean(paths, times):
        gradient = jumpax.TrapezoidalTangent(reverse=True)
        return jumpax.expectation(jumpax.TimeAverage(), network, np.zeros(10), times, paths=paths, gradient=gradient)

    with pytest.raises(jumpax.TooLargeError, match=r"paths x \(99,999 times x 10 species\).*fewer species"):
        mean(10_000, np.arange(1.0, 1e5))(theta, 0)
    monkeypatch.setenv(memory.VARIABLE, "0.001")
    with pytest.raises(jumpax.TooLargeError, match=r"300 paths x 32 checkpoints x 10 species"):
        jax.grad(lambda beta: mean(300, [0.1])({"beta": beta}, 0).sum())(theta["beta"])
    monkeypatch.setenv(memory.VARIABLE, "0.00001")
    with pytest.raises(jumpax.TooLargeError, match="paths in flight"):
        jumpax.simulate(network, **asked | {"paths": 1})


def test_what_does_not_fit_is_named_by_audit(monkeypatch):
    model = jumpax.zoo.birth_death()
    real = size.compilation

    def dear(program, engine):
        made = real(program, engine)
        tangent = "Tangent" in repr(program.fold)
        return made._replace(memory=1e15) if tangent else made

    monkeypatch.setattr(size, "compilation", dear)
    estimators = {"score": jumpax.ScoreFunction(), "tangent": jumpax.TrapezoidalTangent()}
    found = jumpax.audit(model.network, model.theta, model.x0, [1.0], paths=400, estimators=estimators)
    assert list(found.refused) == ["tangent"]
    assert "would take about" in found.refused["tangent"]


def test_the_automatic_choice_goes_on_without_what_does_not_fit(monkeypatch):
    real = automatic.measure

    def only_scores(sampling, estimator, *more, **named):
        if not isinstance(estimator, jumpax.ScoreFunction):
            raise jumpax.TooLargeError("it would take about 1 TB")
        return real(sampling, estimator, *more, **named)

    monkeypatch.setattr(automatic, "measure", only_scores)
    model = jumpax.zoo.birth_death()
    mean = jumpax.expectation(
        jumpax.Moments("X"), model.network, model.x0, [1.0], paths=400, gradient=jumpax.Automatic(exact=False)
    )
    assert mean.choose(model.theta, 0).estimator == jumpax.ScoreFunction()


def test_a_machine_says_how_much_memory_it_has():
    told = subprocess.run(
        [sys.executable, "-c", "from jumpax._base import memory; print(memory.machine_memory())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert 1e8 < float(told.stdout) < 1e14


def test_numbers_for_people():
    assert [memory.in_gb(x) for x in (3e5, 6e9, 2.26e10, 1.2e12, 1e20)] == [
        "0.0003 GB", "6 GB", "23 GB", "1,200 GB", "over a million GB"
    ]  # fmt: skip
    assert [size.in_words(x) for x in (61, 700, 9000, 1e9)] == ["61 s", "12 minutes", "2 hours", "days"]


def test_the_counts_of_a_state_space_are_looked_at_in_batches_that_fit():
    network = ring(100)
    begin = time.process_time()
    space = StateSpace.reachable(network, {**dict.fromkeys(network.species, 0), "S0": 1})
    assert space.size == 100
    assert time.process_time() - begin < 20
    assert jnp.asarray(space.targets).shape == (100, 100)
