import gzip
import struct

import numpy as np
import pytest

from jumpax import InputError
from jumpax.channels import Dwells


def scan(path, durations, amplitudes, properties, version=103, first=300):
    """A file of SCAN."""
    many = len(durations)
    head = struct.pack("<iii", version, first, many).ljust(first - 1, b"\0")
    path.write_bytes(head + struct.pack(f"<{many}f{many}h{many}b", *durations, *amplitudes, *properties) + b"more")
    return path


def seen(record):
    return record.levels.tolist(), record.durations.tolist(), record.segments.tolist()


def test_a_file_of_scan(tmp_path):
    # ms; the fourth is unusable, and scanning stopped in the last shut time; 2.0 and 0.5 are an opening with two amplitudes
    durations, amplitudes = (
        [4.0, 2.0, 0.5, 8.0, 1.0, 16.0, 0.25, 64.0, 0.125],
        [0, -900, -400, 0, -900, 0, -900, 0, -900],
    )
    file = scan(tmp_path / "a.SCN", durations, amplitudes, [0, 2, 4, 8 + 1, 0, 0, 6, 0, 0])
    record = Dwells.read(file)
    assert seen(record) == ([0, 1, 1, 0, 1], [4e-3, 2.5e-3, 1e-3, 16e-3, 0.25e-3], [0, 0, 1, 1, 1])
    levels = Dwells.read(file, thresholds=[200, 600]).levels
    assert levels.tolist() == [0, 2, 1, 2, 0, 2]


def test_a_file_of_qub_also_compressed(tmp_path):
    text = (
        "Segment: 1 Dwells: 3 Sampling(ms): 0.1 Start(ms): 0 ClassCount: 2 0.1 0.2\n0\t1.5\n1\t0.5\n0\t2.0\n"
        "Segment: 2\tDwells: 1\tSampling(ms): 0.1\n1\t4\n\n"
    )
    (tmp_path / "a.dwt").write_text(text)
    (tmp_path / "b.dwt.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("a.dwt", "b.dwt.gz"):
        assert seen(Dwells.read(tmp_path / name)) == ([0, 1, 0, 1], [1.5e-3, 0.5e-3, 2e-3, 4e-3], [0, 0, 0, 1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0\t1.0\n", "line 1: the first line must begin with 'Segment:'"),
        (
            "Segment: 1 Dwells: 2\n0\t1.0\n1\t-2\n",
            r"line 3: a class and a duration > 0 in ms are expected, not '1 -2'; mend",
        ),
        ("Segment: 1 Dwells: 3\n0\t1.0\n", "line 1: 3 dwells are promised and 1 are there"),
        ("Segment: 1\n0\t1.0\n", "line 1: a segment must say how many"),
    ],
)
def test_faults_of_text_are_told_with_their_line(tmp_path, text, message):
    (tmp_path / "a.dwt").write_text(text)
    with pytest.raises(InputError, match=f"a.dwt, {message}"):
        Dwells.read(tmp_path / "a.dwt")


def test_faults_of_files_are_told(tmp_path):
    with pytest.raises(InputError, match=r"known; idealised records end in \.scn"):
        Dwells.read("a.csv")
    with pytest.raises(InputError, match="cannot be read"):
        Dwells.read(tmp_path / "none.scn")
    short = scan(tmp_path / "a.scn", [1.0, 2.0], [0, 5], [0, 0])
    short.write_bytes(short.read_bytes()[:305])
    with pytest.raises(InputError, match="ends early: 2 intervals need 313 bytes, it has 305"):
        Dwells.read(short)
    with pytest.raises(InputError, match="does not begin as a file of SCAN does"):
        Dwells.read(scan(tmp_path / "b.scn", [1.0], [0], [0], version=7))
    (tmp_path / "c.dwt.gz").write_bytes(b"no")
    with pytest.raises(InputError, match=r"c\.dwt\.gz cannot be read"):
        Dwells.read(tmp_path / "c.dwt.gz")


def by_steps(durations, levels, dead):
    """The rule, one dwell after the other."""
    lengths, kinds = [], []
    for length, kind in zip(durations, levels):
        if lengths and (length < dead or kind == kinds[-1]):
            lengths[-1] += length
        elif lengths or length >= dead:
            lengths.append(length)
            kinds.append(kind)
    return lengths, kinds


def test_a_resolution_is_imposed_dwell_by_dwell_and_segment_by_segment():
    rng = np.random.default_rng(5)
    levels = np.cumsum(rng.integers(1, 3, 300)) % 3
    durations, segments = rng.exponential(1.0, 300), np.sort(rng.integers(0, 12, 300))
    found = Dwells(durations, levels, segments).resolved(0.8)
    for segment in range(12):
        chosen = segments == segment
        lengths, kinds = by_steps(durations[chosen], levels[chosen], 0.8)
        np.testing.assert_allclose(found.durations[found.segments == segment], lengths, rtol=1e-12)
        assert found.levels[found.segments == segment].tolist() == kinds
    assert len(Dwells([0.1, 0.2], [0, 1]).resolved(1.0)) == 0


def test_bursts_lie_between_long_shut_times_of_one_segment():
    record = Dwells([1, 9, 2, 1, 3, 8, 4, 7, 5, 9, 6, 8, 1], [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1], [0] * 8 + [1] * 5)
    assert seen(record.bursts(5.0)) == ([1, 0, 1, 1, 1], [2, 1, 3, 4, 6], [1, 1, 1, 2, 4])
    with pytest.raises(InputError, match="no burst lies between"):
        record.bursts(100.0)


def test_samples_become_dwells_and_wrong_records_are_refused():
    record = Dwells.of_samples(np.digitize([0.1, 1.2, 0.9, 0.2], [0.5]), 2.0)
    assert seen(record) == ([0, 1, 0], [2.0, 4.0, 2.0], [0, 0, 0])
    assert repr(record) == "Dwells(3 in 1 segments, 8 s: 2 at level 0, 1 at level 1)"
    with pytest.raises(InputError, match=r"1 durations are not positive.*number 1: 0"):
        Dwells([1.0, 0.0], [0, 1])
    with pytest.raises(InputError, match="levels must be whole numbers"):
        Dwells([1.0], [0.5])
    with pytest.raises(InputError, match="lists of one length"):
        Dwells(0.1, 0)
    with pytest.raises(InputError, match="levels must be whole numbers"):
        Dwells([1.0, 1.0], [0, np.inf])
    assert len(Dwells.of_samples([], 1e-3)) == 0
    for wrong in (None, -1.0, 0.0, np.nan, True, "1"):
        for made in (record.resolved, record.bursts, lambda value: Dwells.of_samples([0, 1], value)):
            with pytest.raises(InputError, match=r"(dead_time|critical_time|interval) must be a number of seconds > 0"):
                made(wrong)
    with pytest.raises(InputError, match="must not fall"):
        Dwells([1.0, 1.0], [0, 1], [1, 0])
