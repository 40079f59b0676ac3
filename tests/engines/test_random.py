"""The random stream: known answers, laws, extreme words, independence of key, path, stream and x64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jumpax
from jumpax._base import random
from jumpax._base.types import dtype_of

FALSE_ALARM = 1e-6
"""Of each test of a law in this file; there are twelve, so 1.2e-5 in all. Seeds were fixed before the first look."""

PRECISIONS = ["float32", "float64"]


def words(*values):
    return tuple(jnp.uint32(v) for v in values)


@pytest.mark.parametrize(
    ("key", "counter", "answer"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_gives_the_known_answers_of_random123(key, counter, answer):
    assert tuple(int(w) for w in random.threefry2x32(words(*key), words(*counter))) == answer


def xoshiro(state, n):
    """xoshiro128++ as its authors print it, on Python integers."""
    mask, s, out = 0xFFFFFFFF, list(state), []

    def rotl(x, k):
        return ((x << k) | (x >> (32 - k))) & mask

    for _ in range(n):
        out.append((rotl((s[0] + s[3]) & mask, 7) + s[0]) & mask)
        t = (s[1] << 9) & mask
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 11)
    return out


def drawn(stream, n):
    def body(stream, _):
        word, stream = random.draw(stream)
        return stream, word

    return np.asarray(jax.lax.scan(body, stream, None, length=n)[1])


@pytest.mark.parametrize("state", [(1, 2, 3, 4), (0xDEADBEEF, 0xFFFFFFFF, 0, 0x80000000)])
def test_xoshiro_follows_its_definition(state):
    assert drawn(random.Stream(*words(*state)), 1000).tolist() == xoshiro(state, 1000)


def test_xoshiro_begins_with_the_published_numbers():
    assert drawn(random.Stream(*words(1, 2, 3, 4)), 4).tolist() == [641, 1573767, 3222811527, 3517856514]


def test_streams_of_different_keys_paths_and_numbers_differ():
    paths = jnp.arange(1000, dtype=jnp.uint32)
    states = [
        np.stack(jax.vmap(lambda p, key=key, number=number: random.seed(words(*key), p, number))(paths), -1)
        for key in ((0, 0), (0, 1), (1, 0))
        for number in (random.PATH, random.LOW, random.FOLD)
    ]
    rows = np.concatenate(states)
    assert len(np.unique(rows, axis=0)) == 9000
    assert rows.any(1).all()


def many(precision, seed):
    """Unit exponentials and uniforms of 1,000 paths, 200 draws each."""
    kind, wide = dtype_of(precision), precision == "float64"
    with jax.enable_x64(wide):
        paths = jnp.arange(1000, dtype=jnp.uint32)

        def path(number):
            return tuple(random.seed(words(0, seed), number, stream) for stream in (random.PATH, random.LOW))

        def body(streams, _):
            word, first = random.draw(streams[0])
            low, second = random.draw(streams[1])
            low = low if wide else None
            return (first, second), (random.exponential(word, low, kind), random.uniform(word, low, kind))

        draw = jax.jit(jax.vmap(lambda p: jax.lax.scan(body, path(p), None, length=200)[1]))
        return tuple(np.asarray(x) for x in draw(paths))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_laws_of_uniforms_and_exponentials(precision):
    waits, points = many(precision, 11)
    assert waits.dtype == points.dtype == precision
    assert stats.kstest(points.ravel(), "uniform").pvalue > FALSE_ALARM
    assert stats.kstest(waits.ravel(), "expon").pvalue > FALSE_ALARM
    bins = np.bincount((points.ravel() * 4096).astype(int), minlength=4096)
    assert stats.chisquare(bins).pvalue > FALSE_ALARM


@pytest.mark.parametrize("precision", PRECISIONS)
def test_neighbours_are_independent(precision):
    points = many(precision, 12)[1]
    for first, second in ((points[:, :-1], points[:, 1:]), (points[:-1], points[1:])):
        table = np.histogram2d(first.ravel(), second.ravel(), bins=16, range=((0, 1), (0, 1)))[0]
        assert stats.chisquare(table.ravel()).pvalue > FALSE_ALARM


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.fault(10, 11)
def test_extreme_words_give_finite_numbers(precision):
    kind = dtype_of(precision)
    with jax.enable_x64(precision == "float64"):
        edges = jnp.array([0, 1, 2**31, 2**32 - 2, 2**32 - 1], jnp.uint32)
        word, low = (g.ravel() for g in jnp.meshgrid(edges, edges))
        waits = np.asarray(random.exponential(word, low if kind == np.float64 else None, kind))
        points = np.asarray(random.uniform(word, low if kind == np.float64 else None, kind))
    assert np.isfinite(waits).all()
    assert (waits >= 0).all()
    assert waits.max() > (22.8 if precision == "float32" else 37.4)  # ln 2^33 and ln 2^54: the tail is long
    assert (points >= 0).all()
    assert (points < 1).all()


def test_words_do_not_depend_on_x64():
    states = []
    for flag in (False, True):
        with jax.enable_x64(flag):
            states.append([np.asarray(w) for w in random.seed(random.key_words(3), jnp.uint32(5), random.FOLD)])
    np.testing.assert_array_equal(*states)


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg"])
def test_keys_of_jax_are_understood(impl):
    typed = jax.random.key(7, impl=impl)
    raw = random.key_words(jax.random.key_data(typed))
    assert [int(w) for w in random.key_words(typed)] == [int(w) for w in raw]
    if impl == "threefry2x32":
        assert [int(w) for w in random.key_words(7)] == [int(w) for w in raw]
        for large in (2**31, 2**32 - 1):
            assert random.key_words(large) == tuple(jax.random.key_data(jax.random.key(large)).tolist())


@pytest.mark.parametrize("key", ["seed", 1.5, True, None, -1, 2**32, np.zeros(2), jnp.zeros((2, 2), jnp.uint32)])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(jumpax.InputError, match="key"):
        random.key_words(key)
