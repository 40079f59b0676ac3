"""`simulate(..., save=, resume=)`: a run that is interrupted goes on bit for bit; another run is refused; a file is never half written."""

import os
import signal

import numpy as np
import pytest

import jumpax
from gpu_runs import with_memory
from jumpax import simulate
from jumpax.engines import kept
from jumpax.folds import ReactionCounts
from tables import same_paths
from time_dependent import SIR_START, SIR_THETA, SIR_TIMES, seasonal_sir

MODEL = jumpax.zoo.telegraph()
ENGINES = [("xla", 1), ("xla", 3), ("cpu", 1), ("cpu", 3), ("gpu_on_host", 1), ("tables", 1)]


class Stopped(Exception):
    pass


def drawn(**options):
    usual = {"times": [200.0, 400.0], "paths": 600, "key": 5, "record": ReactionCounts(MODEL.network)}
    return simulate(MODEL, **(usual | options))


def interrupted(draw, file, calls, **options):
    """A run that `progress` ends at a call."""
    seen = []

    def progress(now):
        seen.append(now.finished)
        if len(seen) > calls:
            raise Stopped

    with pytest.raises(Stopped):
        draw(save=file, progress=progress, **options)
    return seen


@pytest.fixture(autouse=True)
def short_calls(monkeypatch):
    """Calls so short that every run here takes many of them."""
    monkeypatch.setattr("jumpax.engines.engine.SECONDS_PER_CALL", 0.0)


def same_results(one, other):
    same_paths(one, other)
    for name in ("counts", "end_times", "end_counts", "status", "events", "records"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize(("engine", "threads"), ENGINES)
@pytest.mark.fault(43)
def test_an_interrupted_run_goes_on_bit_for_bit(engine, threads, tmp_path):
    options = {"engine": engine, "threads": threads}
    whole, file = drawn(**options), tmp_path / "run"
    seen = interrupted(drawn, file, 4, **options)
    assert max(seen) < 600
    interrupted(drawn, file, 3, resume=file, **options)
    same_results(drawn(resume=file, save=file, **options), whole)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", *(f"run.{part}" for part in range(1, threads))]
    calls = []
    same_results(drawn(resume=file, progress=calls.append, engine=engine), whole)  # in as many threads as before
    assert len(calls) == threads
    assert calls[-1].finished == 600


def test_a_run_in_parts_one_after_the_other_goes_on_bit_for_bit(tmp_path, monkeypatch):
    whole, file = drawn(engine="gpu_on_host"), tmp_path / "run"
    engine = with_memory(monkeypatch, 128 * 150)
    drawn(engine=engine, save=file, key=6)  # a run before, whose later parts are no part of this one
    seen = interrupted(drawn, file, 4, engine=engine)
    assert max(seen) < 120, "the first of five parts"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    reached = []

    def late(now):
        reached.append(now.finished)
        if now.finished > 300:
            raise Stopped

    with pytest.raises(Stopped):
        drawn(resume=file, save=file, engine=engine, progress=late)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "run.1", "run.2"]
    assert sorted(reached) == reached
    calls = []
    same_results(drawn(resume=file, save=file, engine=engine, progress=calls.append), whole)
    assert calls[0].finished == 120, "parts that have ended are not drawn again"
    assert calls[-1].finished == 600


@pytest.fixture
def _ctrl_c_is_heard():
    """What a shell starts in the background ignores it, and so do the tests of such a run."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c_is_heard")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_run_that_is_told_to_stop_saves_its_state(stop, threads, tmp_path):
    options, file, handler = {"engine": "cpu", "threads": threads}, tmp_path / "run", signal.getsignal(stop)
    calls = []

    def progress(now):
        calls.append(now.finished)
        if len(calls) == 3:
            os.kill(os.getpid(), stop)

    with pytest.raises(KeyboardInterrupt, match=stop.name):
        drawn(save=file, progress=progress, **options)
    assert max(calls) < 600
    assert signal.getsignal(stop) is handler
    same_results(drawn(resume=file, **options), drawn(**options))


def test_a_run_whose_first_thread_is_done_is_told_to_stop(tmp_path):
    """Python gives signals to the main thread, and that one only waits for the others by then."""
    theta, calls = {**MODEL.theta, "k_on": np.repeat([0.0, MODEL.theta["k_on"]], [200, 400])}, []

    def progress(now):
        if now.finished >= 200 and not calls:
            os.kill(os.getpid(), signal.SIGTERM)
        if now.finished >= 200:
            calls.append(now.finished)

    def draw(**options):
        return simulate(MODEL, theta, times=[400.0], paths=600, key=5, engine="cpu", threads=3, **options)

    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        draw(save=tmp_path / "run", progress=progress)
    assert max(calls) < 600
    same_paths(draw(resume=tmp_path / "run"), draw())


@pytest.mark.parametrize("bound", [None, 60.0])
@pytest.mark.parametrize("engine", ["xla", "cpu"])
def test_rates_that_depend_on_time_and_parameters_of_each_path_go_on_too(engine, bound, tmp_path):
    network, file = seasonal_sir(), tmp_path / "run"

    def draw(**options):
        theta = {**SIR_THETA, "beta": SIR_THETA["beta"] * np.linspace(0.5, 1.0, 500)}
        return simulate(
            network,
            theta,
            SIR_START,
            times=SIR_TIMES,
            paths=500,
            key=6,
            engine=engine,
            threads=2,
            bound=bound,
            **options,
        )

    whole = draw()
    interrupted(draw, file, 3)
    same_paths(draw(resume=file), whole)


def test_what_float64_drew_again_is_drawn_again(tmp_path):
    """As in `test_redraw`: waits that are too short for the clock of float32."""
    exchange = jumpax.Network([jumpax.Reaction("A <-> B", jumpax.MassAction("k"), jumpax.MassAction("k"))])
    late, file = 4096 + 2.0**-13, tmp_path / "run"

    def draw(**options):
        return simulate(
            exchange,
            {"k": 5e7},
            {"A": 20, "B": 0},
            times=[late + 2.0**-23],
            start=late,
            paths=200,
            key=7,
            engine="cpu",
            **options,
        )

    whole = draw(save=file)
    again = draw(resume=file)
    assert whole.redrawn.any()
    np.testing.assert_array_equal(again.redrawn, whole.redrawn)
    same_paths(again, whole)


@pytest.mark.parametrize("engine", ["xla", "cpu", "tables"])
def test_delays_and_events_go_on_too(engine, tmp_path):
    late = jumpax.Reaction("A -> B", jumpax.MassAction("k"), delay=jumpax.GammaDelay(2.0, 1.0))
    network = jumpax.Network(
        [late, jumpax.Reaction("B -> A", jumpax.MassAction("k"))],
        events=[
            jumpax.Event.at(5.0, {"k": jumpax.draw("uniform", 1.0, 3.0)}, delay=1.3, early=True),
            jumpax.Event.when(lambda B: B > 12, {"B": 0, "A": 20}),
        ],
    )
    if engine != "xla":  # which alone has delays of reactions
        network = jumpax.Network(
            [jumpax.Reaction("A <-> B", jumpax.MassAction("k"), jumpax.MassAction("k"))], events=network.events
        )
    file = tmp_path / "run"

    def draw(**options):
        return simulate(
            network,
            {"k": 0.5},
            {"A": 20, "B": 0},
            times=[20.0, 40.0],
            paths=300,
            key=8,
            engine=engine,
            threads=2,
            **options,
        )

    whole = draw()
    interrupted(draw, file, 4)
    same_paths(draw(resume=file), whole)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": 6}, ["inputs.key"]),
        ({"times": [200.0, 401.0]}, ["inputs.stops"]),
        ({"theta": {"k_on": 0.9}, "precision": "float64"}, ["inputs.theta", "precision"]),
        ({"paths": 601}, ["inputs.paths"]),
        ({"record": ()}, ["fold"]),
        ({"threads": 3}, ["parts: '2' in the file, '3' here"]),
    ],
)
@pytest.mark.fault(47)
def test_another_run_is_refused_by_all_that_differs(change, words, tmp_path):
    drawn(save=tmp_path / "run", engine="cpu", threads=2)
    with pytest.raises(jumpax.InputError, match="holds another run") as fault:
        drawn(**({"resume": tmp_path / "run", "engine": "cpu", "threads": 2} | change))
    assert all(word in str(fault.value) for word in words)


@pytest.mark.fault(46)
def test_a_write_that_is_interrupted_leaves_the_file_before_whole(tmp_path, monkeypatch):
    whole, file = drawn(engine="cpu", threads=1), tmp_path / "run"
    interrupted(drawn, file, 3, engine="cpu", threads=1)
    before = file.read_bytes()
    with monkeypatch.context() as patch:
        write = np.savez

        def half(target, **arrays):
            write(target, **dict(list(arrays.items())[:2]))
            raise KeyboardInterrupt

        patch.setattr("numpy.savez", half)
        with pytest.raises(KeyboardInterrupt):
            drawn(resume=file, save=file, engine="cpu", threads=1)
    assert file.read_bytes() == before
    same_results(drawn(resume=file, engine="cpu", threads=1), whole)


def test_a_part_that_was_never_written_begins_anew(tmp_path):
    whole, file = drawn(engine="cpu", threads=2), tmp_path / "run"
    interrupted(drawn, file, 4, engine="cpu", threads=2)
    (tmp_path / "run.1").unlink()
    same_results(drawn(resume=file, engine="cpu"), whole)


def test_the_state_is_written_now_and_then(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(kept, "EVERY", 0.0)
    monkeypatch.setattr(kept, "SHARE", 1e9)
    monkeypatch.setattr(kept, "save_lanes", lambda file, *run, **more: written.append(more["part"]))
    drawn(save=tmp_path / "run", engine="cpu", threads=2)
    assert written.count("0") > 3
    assert written.count("1") > 3


def test_what_cannot_be_kept_is_refused(tmp_path):
    file = tmp_path / "run"
    for more, words in (
        ({"engine": "reference", "record": ()}, "reference"),
        ({"record": jumpax.Events()}, "log of events"),
    ):
        with pytest.raises(jumpax.UnsupportedError, match=words):
            drawn(save=file, **more)
    with pytest.raises(jumpax.InputError, match=r"no file .* to resume from"):
        drawn(resume=file)
    with pytest.raises(jumpax.InputError, match="does not exist"):
        drawn(save=tmp_path / "none" / "run")
    with pytest.raises(jumpax.InputError, match="no ordinary file, and would be replaced"):
        drawn(save=os.devnull)
    file.write_bytes(b"something else")
    with pytest.raises(jumpax.InputError, match="damaged"):
        drawn(resume=file)


def test_a_bound_that_breaks_is_told_and_not_enlarged(tmp_path):
    with pytest.raises(jumpax.SimulationError, match="BOUND_BROKEN"):
        simulate(
            seasonal_sir(), SIR_THETA, SIR_START, times=SIR_TIMES, paths=50, key=6, bound=2.0, save=tmp_path / "run"
        )
