import threading
import time

import jax
import numpy as np
import pytest

import jumpax
from jumpax._base import random
from jumpax._base.status import Status
from jumpax.engines import inputs as make_inputs
from jumpax.engines.cpu import Cpu
from jumpax.engines.engine import shares
from jumpax.engines.program import Program, Times
from jumpax.folds import Snapshots, Together

MODEL = jumpax.zoo.telegraph(end=5.0)
PROGRAM = Program(MODEL.network, Together((Snapshots(),)), "float32")


def inputs(paths):
    counts = [MODEL.x0[name] for name in MODEL.network.species]
    made = make_inputs.make(PROGRAM, Times((1.0, 5.0)), random.key_words(3), MODEL.theta, np.array(counts), paths)
    return jax.tree.map(np.asarray, made)


@pytest.mark.parametrize(("paths", "threads", "sizes"), [(300, 3, [100] * 3), (100, 2, [64, 36]), (40, 2, [40])])
@pytest.mark.fault(42)
def test_no_thread_gets_fewer_paths_than_it_has_lanes_for(paths, threads, sizes):
    parts = shares(inputs(paths), threads)
    assert [int(share.paths) for _, share in parts] == sizes
    assert [first for first, _ in parts] == [int(share.first) for _, share in parts] == [0, *np.cumsum(sizes)[:-1]]


def test_threads_that_share_records_write_what_one_thread_writes():
    one, three = (Cpu().gather(PROGRAM, inputs(300), 320, threads) for threads in (1, 3))
    jax.tree.map(np.testing.assert_array_equal, one, three)
    assert np.isin(one.status[:300], [Status.REACHED, Status.ABSORBED]).all()
    assert (one.events[300:] == 0).all()


@pytest.mark.parametrize("in_main", [True, False])
def test_what_stops_one_thread_stops_all(in_main):
    told = []

    def stop(seen):
        told.append(seen)
        if (threading.current_thread() is threading.main_thread()) == in_main:
            raise OSError("the disk is full")

    begin = time.perf_counter()
    with pytest.raises(OSError, match="the disk is full"):
        jumpax.simulate(
            MODEL.network, MODEL.theta, MODEL.x0, times=[3e6], paths=128, key=0, engine="cpu", threads=2,
            max_events=2**31 - 2, progress=stop,
        )  # fmt: skip
    assert told
    # the run itself takes minutes, and so would the other thread
    assert time.perf_counter() - begin < 30
