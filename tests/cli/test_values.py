"""Words on the command line."""

import pytest

from jumpax import InputError
from jumpax.cli.output import plain
from jumpax.cli.values import parse_assignments, parse_limits, parse_times


def test_times():
    assert parse_times("0:50:1") == tuple(float(t) for t in range(51))
    assert parse_times("0:1:0.1")[-1] == pytest.approx(1.0)
    assert len(parse_times("0:1:0.1")) == 11
    assert parse_times("0:1:0.3") == pytest.approx((0.0, 0.3, 0.6, 0.9))
    assert parse_times("2:2:1") == (2.0,)
    assert parse_times("1, 2,5") == (1.0, 2.0, 5.0)


@pytest.mark.parametrize(
    "text", ["", "a", "0:1", "0:1:0", "0:1:-1", "1:0:1", "0:inf:1", "0:1:nan", "0:1e9:1e-9", "1,,2"]
)
def test_bad_times(text):
    with pytest.raises(InputError, match="times"):
        parse_times(text)


def test_assignments_and_limits():
    assert parse_assignments("--theta", ["a=1", "b=2e-3,c=-4"]) == {"a": 1.0, "b": 0.002, "c": -4.0}
    with pytest.raises(InputError, match="--theta is written as name=number, not as 'a', 'b=x', '=3'"):
        parse_assignments("--theta", ["a,b=x", "=3"])
    assert parse_limits(["7"]) == 7
    assert parse_limits(["A=7", "B=8"]) == {"A": 7, "B": 8}
    with pytest.raises(InputError, match="whole numbers, not A="):
        parse_limits(["A=1.5"])


def test_plain_values():
    import numpy as np

    value = {"a": np.float32(0.5), "b": [np.nan, np.inf, 1], 3: np.array([[1, 2]]), "t": (True, None, np.True_)}
    assert plain(value) == {"a": 0.5, "b": [None, None, 1], "3": [[1, 2]], "t": [True, None, True]}
    assert plain({"x": np.array([1.0, np.nan])}) == {"x": [1.0, None]}
