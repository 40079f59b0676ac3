"""A device with little memory: paths are drawn in parts, and are the same; sums are; what does not fit at all is refused with numbers."""

import jax
import numpy as np
import pytest

import jumpax
from gpu_runs import with_memory
from jumpax.engines.engine import room_for, room_within
from jumpax.engines.gpu import Gpu
from jumpax.gradients import sampled
from tables import same_paths

MODEL = jumpax.zoo.telegraph()


def drawn(engine, **options):
    usual = {"times": [1.0, 5.0], "paths": 600, "key": 5, "record": jumpax.TimeAverages(MODEL.network)}
    return jumpax.simulate(MODEL, engine=engine, **(usual | options))


@pytest.fixture
def rooms(monkeypatch):
    """For how many paths each run has had room."""
    seen, start = [], Gpu.start

    def noted(engine, program, inputs, room):
        seen.append(room)
        return start(engine, program, inputs, room)

    monkeypatch.setattr(Gpu, "start", noted)
    return seen


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.fault(53)
def test_paths_that_find_no_room_at_once_are_drawn_in_parts_bit_for_bit(threads, rooms, monkeypatch):
    whole = drawn("gpu_on_host")
    rooms.clear()
    parts = drawn(with_memory(monkeypatch, 128 * 150), threads=threads)
    assert rooms == [128] * 5, "five times 120 paths"
    same_paths(parts, whole)
    jax.tree.map(np.testing.assert_array_equal, parts.records, whole.records)
    assert parts.provenance == whole.provenance


def test_threads_share_the_memory(rooms, monkeypatch):
    engine = with_memory(monkeypatch, 256 * 150)
    drawn(engine, paths=200, threads=2)
    assert rooms == [128, 128]
    rooms.clear()
    drawn(engine, paths=250, threads=1)
    assert rooms == [256]


def test_parameters_of_each_path_and_paths_drawn_again_are_divided_too(monkeypatch):
    theta = {"k_on": np.linspace(0.1, 2.0, 300)}
    engine = with_memory(monkeypatch, 64 * 150)
    runs = [jumpax.simulate(MODEL, theta, times=[5.0], paths=300, key=1, engine=e) for e in ("gpu_on_host", engine)]
    same_paths(*runs)
    exchange = jumpax.Network([jumpax.Reaction("A <-> B", jumpax.MassAction("k"), jumpax.MassAction("k"))])
    late = 4096 + 2.0**-13  # as in test_redraw
    options = {"times": [late + 2.0**-23], "start": late, "paths": 200, "key": 7}
    again = [jumpax.simulate(exchange, {"k": 5e7}, {"A": 20, "B": 0}, engine=e, **options) for e in ("cpu", engine)]
    assert again[0].redrawn.sum() > 64
    same_paths(*again)
    np.testing.assert_array_equal(again[0].redrawn, again[1].redrawn)


@pytest.mark.fault(53)
def test_a_path_that_does_not_fit_is_refused_with_numbers(monkeypatch):
    engine = with_memory(monkeypatch, 10**6)
    with pytest.raises(jumpax.TooLargeError) as told:
        jumpax.simulate(MODEL, times=np.arange(1.0, 2001.0), paths=600, key=0, engine=engine)
    for words in ("64 paths at once", "2,000 stops of 12 bytes", "0.0015 GB", "0.0009 GB", "engine='cpu'"):
        assert words in str(told.value)


def test_sums_are_of_as_many_chunks_as_the_device_needs_and_the_same(monkeypatch):
    engine = with_memory(monkeypatch, 60_000)
    rows, gather = [], Gpu.gather

    def noted(self, program, inputs, room, threads=1):
        rows.append((room, self.most(program, len(inputs.stops.step))))
        return gather(self, program, inputs, room, threads)

    monkeypatch.setattr(Gpu, "gather", noted)

    def mean(engine):
        return jumpax.expectation(
            jumpax.Moments("M"), MODEL, times=[1.0, 5.0], paths=1000, engine=engine, gradient=jumpax.ScoreFunction()
        )

    small = mean(engine)
    value, slopes = small(MODEL.theta, 3), jax.jacrev(small)(MODEL.theta, 3)
    width = rows[-1][0]
    assert width < 300
    batch = jax.vmap(lambda k: small(MODEL.theta | {"k_on": k}, 3))(np.array([0.5, 1.0, 2.0], np.float32))
    assert all(room <= most for room, most in rows)
    whole = mean("gpu_on_host")
    np.testing.assert_array_equal(value[..., 0], whole(MODEL.theta, 3)[..., 0])  # sums of whole counts have no rounding
    for k, one in zip((0.5, 1.0, 2.0), batch, strict=True):
        np.testing.assert_array_equal(one[..., 0], whole(MODEL.theta | {"k_on": k}, 3)[..., 0])
    monkeypatch.setattr(sampled, "CHUNK", width)
    alike = jax.jacrev(mean("cpu"))(MODEL.theta, 3)
    for name, slope in slopes.items():
        np.testing.assert_allclose(slope, alike[name], rtol=1e-4)


@pytest.mark.parametrize("most", [0, 1, 63, 64, 65, 127, 128, 65_535, 65_536, 65_537, 200_000, 2**31 - 1])
def test_the_largest_room(most):
    room = room_within(most)
    assert room_for(room) == room
    assert room <= max(64, most) < room_for(room + 1)
