"""A journal answers what it has recorded, bit for bit, and whatever becomes of its file costs no more than what is computed again."""

import contextlib
import re
import resource
import warnings

import numpy as np
import pytest

import jumpax
from jumpax._base.errors import InputError, JumpaxWarning
from jumpax.engines.journal import HEAD, NAME, answered, contents, field, interrupted, journal
from jumpax.engines.kept import Files

FIELDS = {"key": field(3), "data": field(np.arange(1000))}


def drawn(number, calls):
    """Numbers that nobody draws twice."""

    def draw():
        calls.append(number)
        return {"a": np.array([number, np.nan, -0.0]), "b": (np.array(number, np.int32), np.zeros((0, 2), bool))}

    return answered(lambda: ("draw", number), draw, lambda: {"a": 0, "b": (0, 0)})


def run(save=None, resume=None, numbers=range(5), fields=FIELDS):
    """What was drawn, and what had to be computed."""
    calls, files = [], Files(save, resume)
    with journal(files, fields) if any(files) else contextlib.nullcontext():
        found = [drawn(number, calls) for number in numbers]
    return found, calls


def same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        for x, y in zip((a["a"], *a["b"]), (b["a"], *b["b"]), strict=True):
            assert (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes())


@pytest.fixture
def file(tmp_path):
    run(tmp_path / "run")
    return tmp_path / "run"


def test_what_is_recorded_is_answered(file):
    whole, calls = run()
    assert calls == [0, 1, 2, 3, 4]
    again, calls = run(resume=file)
    assert calls == []
    same(again, whole)
    assert run(file, file, range(8))[1] == [5, 6, 7]
    assert run(resume=file, numbers=range(8))[1] == []


def test_a_question_that_comes_twice_has_one_answer(tmp_path):
    assert run(tmp_path / "run", numbers=[1, 2, 1])[1] == [1, 2]
    assert len(contents(tmp_path / "run").places) == 2


def test_another_file_is_kept_as_it_is_and_what_it_holds_is_in_the_new_one(file, tmp_path):
    before = file.read_bytes()
    assert run(tmp_path / "other", file, range(6))[1] == [5]
    assert file.read_bytes() == before
    assert run(resume=tmp_path / "other", numbers=range(6))[1] == []


def test_a_file_cut_anywhere_is_good_up_to_there(file):
    """Lengths that a kill may leave behind."""
    whole, data = run()[0], file.read_bytes()
    ends = [begin + length for begin, length in contents(file).places.values()]
    first = min(contents(file).places.values())[0] - NAME - HEAD.size
    for cut in sorted({*range(first, len(data), 17), *ends[:-1]}):
        file.write_bytes(data[:cut])
        known = sum(end <= cut for end in ends)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found, calls = run(file, file)
        assert calls == list(range(known, 5))
        assert len(told) == (cut not in (first, *ends))
        assert all(f"first {known} simulations" in str(one.message) for one in told)
        same(found, whole)
        assert file.read_bytes() == data


@pytest.mark.parametrize("seed", range(5))
def test_a_bit_that_is_flipped_costs_what_follows_it(seed, file):
    whole, data = run()[0], bytearray(file.read_bytes())
    places = sorted(contents(file).places.values())
    at = int(np.random.default_rng(seed).integers(places[0][0], len(data)))
    data[at] ^= 1 << seed
    file.write_bytes(data)
    known = sum(begin + length <= at for begin, length in places)
    with pytest.warns(JumpaxWarning, match=f"first {known} simulations only"):
        found, calls = run(file, file)
    assert calls == list(range(known, 5))
    same(found, whole)
    assert run(resume=file)[1] == []


@contextlib.contextmanager
def no_file_longer_than(size):
    """What the system does then is what it does on a full disk: a part is written, and then an error comes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_once_and_what_was_written_before_is_used(file):
    whole, size = run(numbers=range(12))[0], file.stat().st_size
    record = size - sorted(contents(file).places.values())[-1][0]
    with no_file_longer_than(size + 5 * record // 2), pytest.warns(JumpaxWarning) as told:
        found, calls = run(file, file, range(12))
    assert len(told) == 1
    assert all(words in str(told[0].message) for words in (str(file), "File too large", "goes on"))
    same(found, whole)
    assert calls == list(range(5, 12))
    found, calls = run(file, file, range(12))
    same(found, whole)
    assert set(range(5, 12)) - set(calls)
    assert run(resume=file, numbers=range(12))[1] == []


def test_a_disk_that_has_room_again_is_written_to_again(file):
    def numbers():
        yield from range(5)
        with no_file_longer_than(file.stat().st_size + 20):
            yield 5
        yield from (6, 7)

    with pytest.warns(JumpaxWarning, match="cannot be written"):
        run(file, file, numbers())
    assert run(resume=file, numbers=range(8))[1] == [5]


def test_nothing_is_recorded_after_an_interruption(file):
    calls = []
    with journal(Files(file, file), FIELDS):
        drawn(5, calls)
        interrupted()
        drawn(99, calls)
        drawn(4, calls)
    assert calls == [5, 99]
    assert run(file, file, range(7))[1] == [6]  # and no word of what was not asked for


def test_an_answer_with_effects_is_computed_each_time(tmp_path):
    told = []

    def failing():
        told.append("failed")
        return np.zeros(2)

    for count in (1, 2):
        resumed = tmp_path / "run" if count == 2 else None
        with journal(Files(tmp_path / "run", resumed), FIELDS):
            answered(lambda: "failing", failing, lambda: 0, lambda: len(told))
        assert len(told) == count


def test_a_run_that_leaves_that_of_the_file_says_so(file):
    with pytest.warns(JumpaxWarning, match="2 simulations in .* were not asked for, and 1 others were"):
        run(file, file, [0, 1, 2, 7])


def test_another_run_is_refused_by_all_that_differs(file):
    other = {"data": field(np.arange(1000) % 999), "seed": field(4)}
    with pytest.raises(InputError) as fault:
        run(resume=file, fields=other)
    told = str(fault.value)
    assert "holds another run" in told
    assert "- seed: nothing in the file, 4 here" in told
    assert "- key: 3 in the file, nothing here" in told
    assert re.search(r"- data: one of type ndarray \(\w{8}\) in the file, one of type ndarray \(\w{8}\) here", told)


def test_files_of_another_kind_are_refused(tmp_path):
    paths = {"times": [1.0], "paths": 3, "key": 1, "engine": "cpu"}
    jumpax.simulate(jumpax.zoo.birth_death(), **paths, save=tmp_path / "lanes")
    run(tmp_path / "run")
    (tmp_path / "cut").write_bytes((tmp_path / "run").read_bytes()[:60])
    for name, words in (
        ("lanes", r"not a file that save=\.\.\. of a fit"),
        ("cut", "damaged at its beginning"),
        ("none", "no file"),
    ):
        with pytest.raises(InputError, match=words):
            run(resume=tmp_path / name)
    with pytest.raises(InputError, match="not a file of lanes"):
        jumpax.simulate(jumpax.zoo.birth_death(), **paths, resume=tmp_path / "run")
