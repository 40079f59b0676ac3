"""Figures show what they are given."""

import dataclasses
import json
import struct
import sys
import zlib

import matplotlib
import numpy as np
import pytest

import jumpax
from jumpax import plots, results
from jumpax._base import extras
from jumpax.inference import Predicted
from jumpax.inference.losses.compared import cells, series


@pytest.fixture(scope="module")
def paths():
    model = jumpax.zoo.telegraph()
    return jumpax.simulate(model.network, model.theta, model.x0, times=[0.0, 1.0, 2.0, 4.0], paths=40, key=5)


def chunks(data):
    """Pieces of a PNG file by type."""
    place, found = 8, {}
    while place < len(data):
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        found.setdefault(kind.decode(), []).append(data[place + 8 : place + 8 + size])
        place += 12 + size
    return found


def test_trajectories_draw_mean_band_and_paths(paths):
    axes = plots.trajectories(paths, "M", units={"time": "min"}, shown=2, band=0.5)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (min)", "M (molecules)")
    lines = [line.get_ydata() for line in axes.lines if len(line.get_xdata())]
    np.testing.assert_array_equal(lines[0], paths["M"][0])
    np.testing.assert_array_equal(lines[1], paths["M"][1])
    np.testing.assert_allclose(lines[2], paths.mean()[:, 2])
    band = axes.collections[0].get_paths()[0].vertices
    np.testing.assert_allclose(band[:, 1].max(), np.quantile(paths["M"], 0.75, axis=0).max())
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["mean", "50% of 40 paths", "single paths"]


def test_a_data_set_gives_the_same_figure(paths):
    units = {"time": "min", "M": "copies"}
    data = results.to_dataset(dataclasses.replace(paths, provenance={**paths.provenance, "units": units}))
    ours, theirs = plots.trajectories(data), plots.trajectories(paths)
    assert ours.get_xlabel() == "time (min)"
    assert ours.get_ylabel() == "count"  # of different units
    for a, b in zip(ours.lines, theirs.lines, strict=True):
        np.testing.assert_array_equal(a.get_ydata(), b.get_ydata())


def test_no_mean_of_truncated_paths():
    model = jumpax.zoo.birth_death()
    cut = jumpax.simulate(
        model.network, model.theta, model.x0, times=[0.0, 0.1, 50.0], paths=4, key=0, max_events=9, throw=False
    )
    axes = plots.trajectories(cut)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["paths (4 of 4 incomplete)"]
    assert not axes.collections


def test_panels(paths):
    figure = plots.trajectory_panels(paths)
    assert [axes.get_ylabel() for axes in figure.axes] == [f"{name} (molecules)" for name in paths.species]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "time"]


@pytest.mark.parametrize(("top", "width"), [(9, 1), (150, 3)])
def test_histogram_is_a_probability_per_count(top, width):
    counts = np.arange(top + 1).repeat(2)
    law = np.full(top + 1, 1 / (top + 1))
    axes = plots.distribution(counts, {"exact": law}, species="M")
    bars = axes.patches
    assert {round(bar.get_width(), 9) for bar in bars} == {width}
    np.testing.assert_allclose(sum(bar.get_width() * bar.get_height() for bar in bars), 1.0)
    assert bars[0].get_x() == -0.5
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), law)
    assert axes.get_xlabel() == "M (molecules)"


def test_convergence():
    upper, lower = plots.convergence(
        [3.0, 2.0], {"k": [1.0, 2.0], "g": [-1.0, 0.0]}, truth={"k": 2.5}, units={"k": "1/s"}
    )
    assert lower.get_yscale() == "linear"
    assert [text.get_text() for text in lower.get_legend().get_texts()] == ["k (1/s)", "g", "true value"]
    np.testing.assert_array_equal(upper.lines[0].get_ydata(), [3.0, 2.0])
    given = plots.new_figure().subplots(2)
    assert plots.convergence([1.0], {}, tuple(given)) == tuple(given)
    with pytest.raises(jumpax.InputError, match="k has"):
        plots.convergence([3.0, 2.0], {"k": [1.0]})


def test_profile_marks_the_interval():
    values = np.linspace(0.0, 4.0, 401)
    axes = plots.profile(values, -2.0 * (values - 2.0) ** 2 - 7.0, name="k", unit="1/min", threshold=0.5)
    box = axes.patches[0]
    np.testing.assert_allclose([box.get_x(), box.get_x() + box.get_width()], [1.5, 2.5])
    assert axes.get_xlabel() == "k (1/min)"
    open_side = plots.profile(values, np.minimum(0.0, values - 1.0), threshold=0.5).patches[0]
    np.testing.assert_allclose([open_side.get_x(), open_side.get_x() + open_side.get_width()], [0.5, 4.0])
    with pytest.raises(jumpax.InputError, match="increasing"):
        plots.profile([1.0, 1.0], [0.0, 0.0])


def test_png_has_size_content_and_provenance(paths, tmp_path):
    figure = plots.trajectories(paths).figure
    file = plots.save_figure(figure, tmp_path / "paths.png", paths.provenance, dpi=100)
    data = file.read_bytes()
    found = chunks(data)
    assert struct.unpack(">II", found["IHDR"][0][:8]) == (640, 380)
    pixels = np.frombuffer(zlib.decompress(b"".join(found["IDAT"])), np.uint8)
    assert len(np.unique(pixels)) > 20  # not a blank page
    texts = dict(piece.split(b"\0", 1) for piece in found["tEXt"])
    assert json.loads(texts[b"provenance"])["network_digest"] == paths.provenance["network_digest"]
    assert [path.name for path in tmp_path.iterdir()] == ["paths.png"]


@pytest.mark.parametrize(("suffix", "head"), [(".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_drawings_have_their_provenance(suffix, head, tmp_path):
    file = plots.save_figure(plots.new_figure(2, 1), tmp_path / f"empty{suffix}", {"seed": 41})
    data = file.read_bytes()
    assert data.startswith(head)
    assert b"seed" in data
    assert b"41" in data


class Compared:
    """A problem whose data are given as pictures want them."""

    def __init__(self, *sets):
        self.sets = sets
        self.expected = None

    def compared(self, expected):
        return {"": self.sets}


def test_data_and_fit_are_in_one_picture():
    times = np.array([1.0, 2.0, 3.0])
    means = series("mean of X", "X", times, [2.0, 4.0, 5.0], [0.5, 0.5, 1.0], [2.5, 4.0, 4.5])
    law = np.array([0.25, 0.5, 0.25])
    problem = Compared(means, *cells("X", (2.0,), (0,), [[1, 2, 1]], [law]))
    bands = Predicted(
        ("X",), times, (0.1, 0.9), np.array([[[0.0]] * 3, [[9.0]] * 3]), np.array([[[3.0]] * 3, [[5.0]] * 3]), 10, 0
    )
    left, right = plots.fitted(problem, problem, bands, units={"time": "h"}).axes
    assert (left.get_xlabel(), left.get_ylabel()) == ("time (h)", "mean of X (molecules)")
    drawn = [line.get_ydata() for line in left.lines if len(line.get_xdata()) == 3]
    np.testing.assert_allclose(drawn[0], means.fitted)
    assert any(np.array_equal(line, means.measured) for line in drawn[1:])
    tops = [band.get_paths()[0].vertices[:, 1].max() for band in left.collections[:2]]
    assert tops == [9.0, 5.0]
    assert [text.get_text() for text in left.get_legend().get_texts()][:2] == ["80% of paths", "80% of mean"]
    np.testing.assert_allclose([bar.get_height() for bar in right.patches], law)
    assert "at time 2" in right.get_title(loc="left")


def test_numbers_without_an_error_are_no_data():
    """An infinite standard error: nothing was measured there."""
    one = series("mean of X", "X", [1.0, 2.0], [3.0, 0.0], [0.5, np.inf], [2.5, 4.0])
    assert one.times.tolist() == [1.0]
    none = series("mean of Y", "Y", [1.0, 2.0], [0.0, 0.0], [np.inf, np.inf], [2.5, 4.0])
    problem = Compared(one, none)
    assert len(plots.fitted(problem, problem).axes) == 1
    windows = jumpax.losses.WindowMeans([0.0, 1.0, 3.0], {"X": [3.0, 5.0]}, {"X": [np.inf, 0.2]}, nodes=1)
    (drawn,) = windows.compared(np.ones((2, 1, 1)))
    assert (drawn.times.tolist(), drawn.measured.tolist()) == ([2.0], [5.0])


def test_of_many_data_sets_some_are_drawn_and_it_says_so():
    one = series("mean of X", "X", None, [2.0], [0.5], [2.5])
    problem = Compared(*[one] * 30)
    figure = plots.fitted(problem, problem, most=3)
    assert len(figure.axes) == 3
    assert figure._suptitle.get_text() == "3 of 30 data sets"
    with pytest.raises(jumpax.InputError, match="have no picture"):
        plots.fitted(Compared(), Compared())


def test_settings_are_put_back_and_pyplot_is_left_alone(paths):
    before, pyplot = dict(matplotlib.rcParams), "matplotlib.pyplot" in sys.modules
    plots.trajectories(paths, "M")
    assert dict(matplotlib.rcParams) == before
    assert ("matplotlib.pyplot" in sys.modules) == pyplot


def test_errors(paths, tmp_path, monkeypatch):
    with pytest.raises(jumpax.InputError, match="Did you mean 'off'"):
        plots.trajectories(paths, "of")
    with pytest.raises(jumpax.InputError, match="band"):
        plots.trajectories(paths, band=1.0)
    with pytest.raises(jumpax.InputError, match="Paths or a data set"):
        plots.trajectories([1, 2])
    with pytest.raises(jumpax.InputError, match=">= 0"):
        plots.distribution([-1, 2])
    with pytest.raises(jumpax.InputError, match=r"\.png or \.svg or \.pdf"):
        plots.save_figure(plots.new_figure(), tmp_path / "a.bmp")
    monkeypatch.setitem(extras.EXTRAS, "viz", ("no_such_package",))
    with pytest.raises(jumpax.UnsupportedError, match=r"pip install 'jumpax\[viz\]'"):
        extras.need("viz", "drawing a figure")
