"""A compiled program calls a function of Python on its own buffers, and can be kept on disk all the same."""

import dataclasses
import os
import subprocess
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jumpax._base import host_call
from jumpax._base.host_call import call_back, call_host


@dataclasses.dataclass(frozen=True)
class Scaled:
    """Twice the first array plus the sum of the second, and what is nothing."""

    factor: float = 2.0

    def __call__(self, given, made):
        x, n = given
        assert not x.size or x.dtype == made[0].dtype
        made[0][...] = self.factor * x + n.sum()


def likes(dtype=np.float32):
    return [jax.ShapeDtypeStruct((5,), dtype), jax.ShapeDtypeStruct((0, 3), np.int32)]


@pytest.mark.parametrize("call", [call_host, lambda f, shapes, arguments: call_back(f, shapes, *arguments)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_cross_in_both_precisions_inside_jit_and_vmap(call, dtype):
    with jax.enable_x64(dtype == np.float64):
        x, n = jnp.linspace(0, 1, 5, dtype=dtype) / 3, jnp.arange(3, dtype=jnp.int32)

        def run(x):
            return call(Scaled(), likes(dtype), [x, n])

        right = 2 * np.asarray(x) + dtype(3)
        for made in (run(x), jax.jit(run)(x)):
            np.testing.assert_array_equal(made[0], right)
            assert made[0].dtype == dtype
            assert made[1].shape == (0, 3)
        rows = jax.vmap(run)(jnp.stack([x, x + 1]))[0]
        np.testing.assert_allclose(rows, [right, right + 2], rtol=1e-6)


def test_truth_values_cross():
    def count(given, made):
        made[0][...] = given[0].sum()

    flags, like = jnp.array([True, False, True]), [jax.ShapeDtypeStruct((), np.int32)]
    assert int(call_host(count, like, [flags])[0]) == 2
    assert int(call_back(count, like, flags)[0]) == 2


def test_what_it_raises_is_the_error_of_the_program_which_goes_on_working():
    def fail(given, made):
        if given[0] > 0:
            raise ValueError("there is no such thing")
        made[0][...] = 7

    run = jax.jit(lambda x: call_host(fail, [jax.ShapeDtypeStruct((), np.float32)], [x])[0])
    with pytest.raises(jax.errors.JaxRuntimeError, match="ValueError: there is no such thing"):
        jax.block_until_ready(run(1.0))
    assert run(-1.0) == 7


def test_equal_functions_share_a_name_and_so_a_program():
    assert host_call._name(Scaled()) == host_call._name(Scaled()) != host_call._name(Scaled(3.0))


def test_threads_that_name_functions_at_once_get_different_names():
    start, names = threading.Barrier(8), {}

    def work(number):
        start.wait()
        names[number] = [host_call._name(Scaled(1000.0 + number + 8 * i)) for i in range(200)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({name for row in names.values() for name in row}) == 1600


def test_many_threads():
    run = jax.jit(lambda x: call_host(Scaled(), likes(), [x, x])[0])
    wrong = []

    def work(number):
        x = jnp.full(5, float(number))
        wrong.extend(i for i in range(200) if not bool((run(x) == 7 * number).all()))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


RUN = """
import jax, jumpax
hits = []
jax.monitoring.register_event_listener(lambda name, **more: hits.append(name) if name.endswith("/cache_hits") else None)
m = jumpax.zoo.birth_death(end=1.0)
mean = jumpax.expectation(jumpax.Moments("X"), m.network, m.x0, [1.0], paths=64, gradient=jumpax.ScoreFunction())
print(mean.estimate(m.theta, 0).gradient["birth"].ravel()[0], len(hits) > 0)
"""


def test_programs_with_calls_are_read_back_from_disk(tmp_path):
    environment = os.environ | {"JUMPAX_CACHE": str(tmp_path), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.01"}
    first, again = (
        subprocess.run(
            [sys.executable, "-c", RUN], env=environment, capture_output=True, text=True, check=True, timeout=240
        ).stdout.split()
        for _ in range(2)
    )
    assert (first[0], first[1], again[1]) == (again[0], "False", "True")
