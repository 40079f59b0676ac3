"""Records of single paths: what they hold, what is read from files, what is refused."""

import numpy as np
import pytest

from jumpax import InputError, Records, zoo
from jumpax.records import Exact, Firings, Normal, Poisson, Total

NAN = float("nan")


def test_missing_records_add_nothing():
    trace = Records(
        [1.0, 2.0], {"X": [[3.0, NAN], [NAN, NAN]], "Y": [[1.0, 2.0], [NAN, 4.0]]}, {"X": Normal(1.0), "Y": Exact()}
    )
    x, y = np.array([3.0, 5.0]), np.array([1.0, 9.0])
    first = trace.log_density(trace.measured[0], (x, y), {})
    np.testing.assert_allclose(first, [-0.5 * np.log(2 * np.pi), 0.0], rtol=1e-6)
    second = trace.log_density(trace.measured[1], (x, y), {})
    assert np.isneginf(second).all()  # 2 is not 1, 4 is not 9


def test_a_file_with_cells_of_times_of_their_own(tmp_path):
    file = tmp_path / "traces.csv"
    file.write_text("# a comment\ncell;t;P;M\na;1;3;\na;2;4;7\nb;1;5;NA\nb;3;6;8\n")
    trace = Records.read(file, {"P": Poisson(), "M": Normal("sd")}, time="t", cell="cell")
    assert trace.cells == ("a", "b")
    np.testing.assert_array_equal(trace.times, [1, 2, 3])
    np.testing.assert_array_equal(trace.columns[0].values, [[3, 4, NAN], [5, NAN, 6]])
    np.testing.assert_array_equal(trace.columns[1].values, [[NAN, 7, NAN], [NAN, NAN, 8]])
    assert "2 cells, 3 times" in repr(trace)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t,P\n1,x\n", "line 2, column 'P': 'x' is not a number"),
        ("t,P\n1,3,4\n", "line 2 has 3 columns"),
        ("t,P\n,3\n", "line 2, column 't': the number is missing"),
        ("time,P\n1,3\n", "column 't'"),
        ("t,P\n1,3\n1,4\n", "2 rows of time 1, lines 2, 3; if rows are of several cells"),
        ("t,P\n", "needs a head"),
    ],
)
@pytest.mark.fault(50)
def test_files_that_cannot_be_used_say_where(tmp_path, text, message):
    file = tmp_path / "trace.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        Records.read(file, {"P": Poisson()}, time="t")


def test_all_faults_at_once():
    with pytest.raises(InputError) as error:
        Records([2.0, 1.0], {"X": [0.5, -1.0], "Y": [1.0]}, {"X": Poisson(), "Z": Exact()})
    told = str(error.value)
    assert all(part in told for part in ("does not come after", "'Y' must have shape (2,)", "'Y' has no law", "laws: "))
    with pytest.raises(InputError, match="is not a whole number") as error:
        Records([1.0, 2.0], {"X": [0.5, -1.0]}, Poisson())
    assert "is negative: -1" in str(error.value)


def test_names_are_looked_up_in_the_network():
    network = zoo.birth_death().network
    name = network.reactions[0].name
    good = Records([1.0], {"X": [1.0], "born": [2.0]}, Exact(), of={"born": Firings(name)})
    assert good.faults(network) == []
    bad = Records([1.0], {"x": [1.0], "y": [1.0], "z": [1.0]}, Exact(), of={"y": Firings("birth!"), "z": Total("X")})
    assert len(bad.faults(network)) == 2
    assert good.faults(network, start=2.0) == ["the record at time 1 lies before the start, 2"]
