"""What can be done with any result: judged by the raw arrays, NumPy, pandas, and the readers of others."""

import dataclasses
import json

import arviz
import numpy as np
import pandas
import pytest
import xarray

import jumpax
from jumpax import results
from jumpax._base import extras
from jumpax._base.errors import InputError
from jumpax._base.result import AbstractResult
from jumpax.cli import main
from jumpax.design import ParetoFront
from jumpax.filters import particle_filter
from jumpax.gradients import Audit
from jumpax.gradients.judgements import Judgement
from jumpax.inference import (
    Comparison,
    Conditions,
    Fixed,
    Free,
    MasterEquation,
    Posterior,
    Predicted,
    Problem,
    Profile,
    fit,
    losses,
)
from jumpax.inference.comparison import Change, ComparedParameter
from jumpax.records import Normal, Poisson, Records

NET = """begin parameters
 1 on 2
 2 off 1
 3 make 5
 4 die 1
end parameters
begin functions
 1 load() make*Total/2
end functions
begin species
 1 G(s~off) 1
 2 G(s~on) 0
 3 M() 2
end species
begin reactions
 1 1 2 on
 2 2 1 off
 3 2 2,3 make
 4 3 0 die
 5 3 0 load
end reactions
begin groups
 1 Genes 1,2
 2 Total 3,2*2
end groups
"""
PLACE = ("path", "time")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    file = tmp_path_factory.mktemp("model") / "gene.net"
    file.write_text(NET)
    return jumpax.read(file)


@pytest.fixture(scope="module")
def paths(model):
    """Some of them lost."""
    return jumpax.simulate(
        model, {"make": 8.0}, times=[0.0, 0.5, 1.0, 2.0], paths=12, key=2, max_events=20, throw=False
    )


@pytest.fixture(scope="module")
def fitted():
    model = jumpax.zoo.birth_death()
    data = losses.LogLikelihood("X", [9, 12, 7, 10, 14, 8, 11])
    rates = {"birth": Free(5.0, unit="1/h"), "death": Fixed(1.0)}
    return fit(Problem(model.network, model.x0, data, rates, settle=10.0, source=MasterEquation({"X": 60})))


def drawn(**names):
    """A posterior of normal draws."""
    random = np.random.default_rng(0)
    draws = {name: random.normal(size=(2, 50)) for name in names or {"k": 1, "sd": 1}}
    stats = {"step_size": np.full((2, 50), 0.5)}
    return Posterior(
        draws=draws, unconstrained=np.stack([*draws.values()], -1), log_posterior=random.normal(size=(2, 50)),
        log_likelihood=random.normal(size=(2, 50)), sample_stats=stats, method="by hand", fixed={"d": 1.0}, units={"k": "1/h"},
        doubts={"chains": "short"}, notes={"particles": 7}, seconds=1.0, seconds_before=2.0, provenance={"key": [0, 1], "x64": True},
    )  # fmt: skip


def judged():
    rows = tuple(
        Judgement(
            name, stop, "X", "k", 1.0 + stop, 0.1, 1.0, 10 * stop, stop, 0.25 * stop, 2.0 if name == "new" else 1.0
        )
        for name in ("score", "new")
        for stop in (1.0, 2.0)
    )
    seconds = {"plain": 1e-6, "score": 2e-6, "new": 3e-6}
    return Audit(
        rows,
        seconds,
        {"score": 0.01, "new": 0.2},
        {"other": "not for <this>"},
        "exact",
        "score, of lowest work",
        {"key": [1, 2]},
    )


def records():
    nan = float("nan")
    return Records([1.0, 2.5, 4.0], {"P": [[10.25, nan, 31.0], [1e-9, 2.0, 1 / 3]], "n": [[1, 2, 3], [nan, nan, 4]]},
                   {"P": Normal("sd"), "n": Poisson()}, cells=("a", "b, c"))  # fmt: skip


def profiled():
    values = np.array([0.1, 1.0, 10.0])
    return Profile("k", values, np.array([-4.0, 0.0, -3.0]), np.zeros(3), {"d": np.array([3.0, 2.0, 1.0])}, 1.92, 0.95, 0.3, None,
                   True, False, "1/h")  # fmt: skip


def test_paths_have_a_row_for_each_path_and_stop_and_lost_ones_are_told(model, paths):
    lost = paths.faulty
    assert 0 < lost.sum() < 12
    frame = paths.to_dataframe()
    assert list(frame) == [*PLACE, *paths.species, "Genes", "Total", "load", "status"]
    np.testing.assert_array_equal(frame["path"], np.repeat(np.arange(12), 4))
    np.testing.assert_array_equal(frame["time"], np.tile([0.0, 0.5, 1.0, 2.0], 12))
    assert list(frame["status"][::4]) == [jumpax.Status(code).name for code in paths.status]
    reached = paths.counts[..., 0] >= 0
    assert (~reached[lost]).any()
    for place, name in enumerate(paths.species):
        column = frame[name].to_numpy().reshape(12, 4)
        np.testing.assert_array_equal(np.isnan(column), ~reached)
        np.testing.assert_array_equal(column[reached], paths.counts[..., place][reached])
    off, on, made = np.moveaxis(np.where(reached[..., None], paths.counts, np.nan), -1, 0)
    np.testing.assert_array_equal(frame["Genes"], (off + on).ravel())
    np.testing.assert_array_equal(frame["Total"], (made + 2 * on).ravel())
    np.testing.assert_allclose(frame["load"], (8.0 * (made + 2 * on) / 2).ravel())  # by the rates of the paths
    assert paths.take(~lost).to_dataframe()["M()"].dtype.kind == "i"
    np.testing.assert_array_equal(paths.take([3, 1])["load"], paths["load"][[3, 1]])


def test_a_data_set_of_lost_paths_and_its_file_miss_what_was_not_reached(paths, tmp_path):
    data, again = paths.to_xarray(), results.load(paths.save(tmp_path / "a.nc"))
    xarray.testing.assert_equal(data, again)
    np.testing.assert_array_equal(np.isnan(data["counts"][..., 0]), paths.counts[..., 0] < 0)
    assert again.attrs["result"] == "paths"
    with xarray.open_dataset(tmp_path / "a.nc", engine="h5netcdf", mask_and_scale=False) as raw:
        np.testing.assert_array_equal(raw["counts"], paths.counts)


@pytest.mark.parametrize(("suffix", "mark"), [(".csv", ","), (".tsv", "\t")])
def test_text_files_hold_the_table_and_what_its_columns_are(suffix, mark, paths, tmp_path):
    named = dataclasses.replace(paths, provenance={**paths.provenance, "units": {"time": "h", "M()": "copies"}})
    file = named.save(tmp_path / f"a{suffix}")
    read = pandas.read_csv(file, sep=mark)
    pandas.testing.assert_frame_equal(read, paths.to_dataframe().astype({"status": str}), check_dtype=False)
    told = json.loads((tmp_path / f"a{suffix}-metadata.json").read_text())
    units = {column["name"]: column.get("schema:unitText") for column in told["tableSchema"]["columns"]}
    assert list(units) == list(read)
    assert (units["time"], units["M()"], units["G(s~on)"], units["status"]) == ("h", "copies", "molecules", None)
    assert told["url"] == file.name
    assert told["notes"][0]["network_digest"] == paths.provenance["network_digest"]


def test_gdat_is_read_as_bionetgen_reads_it(paths, tmp_path):
    one = paths.take(~paths.faulty).take(1)
    file = one.save(tmp_path / "a.gdat")
    head, *_ = file.read_text().splitlines()
    names = head.removeprefix("#").split()
    assert head.startswith("#")
    assert names == ["time", "Genes", "Total", "load", *paths.species]
    table = np.loadtxt(file)
    np.testing.assert_array_equal(table[:, 0], one.stops)
    for name, column in zip(names[1:], table.T[1:], strict=True):
        np.testing.assert_allclose(column, one[name][0], rtol=1e-12)
    with pytest.raises(jumpax.InputError, match=r"there are 12: write paths\.take\(0\)"):
        paths.save(tmp_path / "b.gdat")
    with pytest.raises(jumpax.InputError, match="holds a time course"):
        records().save(tmp_path / "b.gdat")


def test_records_come_back_from_their_table(tmp_path):
    one = records()
    again = Records.read(one.save(tmp_path / "a.csv"), {c.name: c.law for c in one.columns}, cell="cell")
    assert (again.cells, again.times.tolist()) == (one.cells, one.times.tolist())
    np.testing.assert_array_equal(again.measured, one.measured)  # to the last bit, and what is missing is missing
    assert one.to_xarray()["P"].attrs["law"] == repr(Normal("sd"))


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_records_come_back_whatever_cells_are_called(suffix, tmp_path):
    """Lines that begin with # would be comments, and NA might stand for nothing."""
    names = ("#1", "NA", "007", 'a"b', "c,d\te", "")
    given = np.where(np.arange(12) == 5, np.nan, np.arange(12) / 3).reshape(6, 2)
    one = Records([0.1, 1 / 3], {"P": given}, Normal("sd"), cells=names)
    again = Records.read(one.save(tmp_path / f"a{suffix}"), Normal("sd"), cell="cell")
    assert (again.cells, again.times.tolist()) == (names, [0.1, 1 / 3])
    np.testing.assert_array_equal(again.columns[0].values, given)


def test_names_that_netcdf_has_for_groups_are_refused(tmp_path):
    one = Records([1.0], {"GFP/RFP": [2.0]}, Normal("sd"))
    with pytest.raises(jumpax.InputError, match=r"no names with '/': GFP/RFP; give other names, or write \.csv"):
        one.save(tmp_path / "a.nc")
    assert list(tmp_path.iterdir()) == []


def test_a_fit_has_a_row_for_each_parameter(fitted, tmp_path):
    frame = pandas.read_csv(fitted.save(tmp_path / "a.csv")).set_index("parameter")
    birth = frame.loc["birth"]
    assert birth["estimate"] == fitted.estimates["birth"]
    assert (birth["lower"], birth["upper"]) == fitted.intervals["birth"]
    assert birth["standard_error"] == fitted.standard_errors["birth"]
    assert (birth["role"], birth["unit"], frame.loc["death", "role"]) == ("free", "1/h", "fixed")
    assert np.isnan(frame.loc["death", "lower"])
    again = results.load(
        results.save(fitted.labelled().beside(profiled().labelled()), tmp_path / "a.nc", settings={"seed": 5})
    )
    np.testing.assert_array_equal(again["loss"][0], fitted.history.loss)
    np.testing.assert_array_equal(again["profile_parameter_d"], [3.0, 2.0, 1.0])
    assert again.attrs["seed"] == 5
    assert again.attrs["profile.lower"] == 0.3
    lost = dataclasses.replace(fitted, undetermined=("birth",), standard_errors={"birth": np.inf, "death": 0.0})
    table = lost.to_dataframe().set_index("parameter")
    assert (table.loc["birth", "role"], table.loc["birth", "standard_error"]) == ("undetermined", np.inf)


def test_a_posterior_is_read_by_arviz(tmp_path):
    found = drawn()
    read = arviz.from_netcdf(found.save(tmp_path / "a.nc"), engine="h5netcdf")
    for name, draws in found.draws.items():
        np.testing.assert_array_equal(read.posterior[name], draws)
    np.testing.assert_array_equal(read.sample_stats["lp"], found.log_posterior)
    assert read.posterior["k"].attrs["units"] == "1/h"
    again = results.load(tmp_path / "a.nc")
    xarray.testing.assert_equal(again, found.to_xarray())
    assert again.attrs["notes.particles"] == 7
    frame = found.to_dataframe()
    np.testing.assert_array_equal(frame.pivot(index="chain", columns="draw", values="sd"), found.draws["sd"])
    with pytest.raises(jumpax.InputError, match="lp"):
        drawn(lp=1).to_xarray()


def test_an_audit_has_a_row_for_each_judgement(tmp_path):
    found = judged()
    frame = pandas.read_csv(found.save(tmp_path / "a.csv"))
    assert [tuple(row) for row in frame.drop(columns="judgement").itertuples(index=False)] == [
        tuple(r) for r in found.rows
    ]
    data = results.load(found.save(tmp_path / "a.nc"))
    np.testing.assert_array_equal(data["seconds_per_path"], [2e-6, 3e-6])
    assert data.attrs["refused.other"] == "not for <this>"


def test_parquet_keeps_types_units_and_provenance(paths, tmp_path):
    pytest.importorskip("pyarrow")
    frame = pandas.read_parquet(paths.save(tmp_path / "a.parquet"))
    pandas.testing.assert_frame_equal(frame, paths.to_dataframe())
    assert frame.attrs["network_digest"] == paths.provenance["network_digest"]


def seen(figure):
    """Numbers and words of all panels."""
    return [
        (axes.get_xlabel(), axes.get_ylabel(), axes.get_title(), *(line.get_xydata() for line in axes.lines), *(b.get_height() for b in axes.patches if hasattr(b, "get_height")))
        for axes in figure.axes
    ]  # fmt: skip


def timed_fit():
    """Means along time, in two conditions, after a search."""
    model = jumpax.zoo.birth_death()
    data = losses.TimeSeries([0.5, 1.0, 2.0], {"X": [3.8, 6.4, 8.5]}, {"X": 0.3}, paths=400)
    rates = {"birth": Free(8.0), "death": Fixed(1.0)}
    one = Problem(model.network, {"X": 0}, data, rates, source=MasterEquation({"X": 40}))
    return fit(Conditions({"control": one, "drug": one}, own=["birth"]))


def steady_fit():
    """A mean that has no time."""
    model = jumpax.zoo.birth_death()
    data = losses.MomentMatch("X", [9, 12, 7, 10, 14, 8, 11, 10])
    rates = {"birth": Free(8.0), "death": Fixed(1.0)}
    return fit(Problem(model.network, {"X": 0}, data, rates, settle=10.0, source=MasterEquation({"X": 60})))


def compared(fitted):
    """With one parameter that one condition does not have."""
    parameters = (
        ComparedParameter("birth", True, 9.0, 2, 0.01, 0.02, "fold change", {"drug": Change(2.0, 1.5, 2.7), "heat": Change(0.9, 0.5, 1.6)}),
        ComparedParameter("shift", False, 0.5, 1, 0.5, 0.5, "difference", {"drug": Change(-0.5, -1.5, 0.5)}),
    )  # fmt: skip
    return Comparison(("control", "drug", "heat"), parameters, "Wald", 0.05, fitted)


def predicted():
    counts = np.arange(12.0).reshape(3, 2, 2)
    return Predicted(("X", "Y"), np.array([1.0, 2.0]), (0.025, 0.5, 0.975), counts, counts / 2, 100, 3, False, {"units": {"X": "copies", "time": "h"}})  # fmt: skip


def filtered(keep=True):
    trace = Records([1.0, 2.0, 3.0], {"X": [[3.0, 5.0, 8.0], [4.0, np.nan, 6.0]]}, Normal(1.0), cells=("a", "b"))
    model = jumpax.zoo.birth_death()
    theta = {"birth": np.array([4.0, 6.0, -1.0]), "death": np.full(3, 0.5)}
    return particle_filter(model.network, trace, theta, {"X": 0}, particles=40, key=0, keep=keep)


def front():
    points = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 3.5]])
    parameters = tuple({"k": np.array(1.0 + i), "v": np.array([i, 2.0 * i])} for i in range(3))
    ways = np.stack([points + 1, points + 0.5], 1)
    return ParetoFront(parameters, points, np.full((3, 2), 0.1), np.array([True, True, False]), ways)


def with_profiles(fitted):
    return dataclasses.replace(fitted, profiles={"birth": dataclasses.replace(profiled(), name="birth", values=np.array([5.0, 10.0, 20.0]))})  # fmt: skip


@pytest.mark.parametrize("kind", ["paths", "fit", "conditions", "steady", "posterior", "records", "profile", "audit", "compared", "predicted",
                                  "filtered", "front", "fit with profiles"])  # fmt: skip
def test_a_saved_result_is_drawn_as_the_result_is(kind, paths, fitted, tmp_path, capsys):
    result = {"paths": lambda: paths, "fit": lambda: fitted, "conditions": timed_fit, "steady": steady_fit, "posterior": drawn,
              "records": records, "profile": profiled, "audit": judged, "compared": lambda: compared(fitted), "predicted": predicted,
              "filtered": filtered, "front": front, "fit with profiles": lambda: with_profiles(fitted)}[kind]()  # fmt: skip
    file = result.save(tmp_path / "result.nc")
    again = jumpax.plots.stored(results.load(file))
    for one, other in zip(seen(result.plot()), seen(again), strict=True):
        for mine, its in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine, its)
    assert main(["plot", str(file)]) == 0
    assert "a figure of the" in capsys.readouterr().out
    assert (tmp_path / "result.png").read_bytes().startswith(b"\x89PNG")


def test_what_has_no_figure_is_told(tmp_path, capsys):
    assert main(["plot", str(tmp_path / "none.nc")]) == 2
    assert "there is no file" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"figures of saved paths, records, .*; this is no data set of jumpax"):
        jumpax.plots.stored(xarray.Dataset({"x": ("y", [1.0])}))


@pytest.mark.parametrize("make", [records, drawn, judged, profiled, predicted, filtered, front])
def test_notebooks_show_table_and_picture(make):
    found = make()
    assert isinstance(found, AbstractResult)
    assert len(repr(found)) < 200
    shown = found._repr_html_()
    assert "data:image/png;base64," in shown
    assert "<this>" not in shown  # what a user gives is no markup
    assert type(found.plot()).__name__ == "_Shown"


def test_a_comparison_has_a_row_for_each_parameter_and_its_fit_beside(fitted, tmp_path):
    found = compared(fitted)
    frame = pandas.read_csv(found.save(tmp_path / "a.csv")).set_index("compared")
    assert frame.loc["birth", ["change_heat", "change_heat_lower", "change_heat_upper"]].tolist() == [0.9, 0.5, 1.6]
    assert frame.loc["shift", ["p", "p_corrected", "kind"]].tolist() == [0.5, 0.5, "difference"]
    assert np.isnan(frame.loc["shift", "change_heat"])
    data = found.to_xarray()
    assert float(data["estimate"].sel(parameter="birth")) == fitted.estimates["birth"]
    assert (data.attrs["test"], data.attrs["answer"]) == ("Wald", found.summary())
    assert repr(found) == f"Comparison({found.summary()})"
    assert "data:image/png;base64," in found._repr_html_()


def test_predictions_have_a_row_for_each_time_species_and_quantile(tmp_path):
    found = predicted()
    frame = pandas.read_csv(found.save(tmp_path / "a.csv"))
    for t, time in enumerate(found.times):
        for s, name in enumerate(found.species):
            own = frame[(frame["time"] == time) & (frame["species"] == name)].sort_values("quantile")
            np.testing.assert_array_equal(own["count"], found.counts[:, t, s])
            np.testing.assert_array_equal(own["mean"], found.mean[:, t, s])
    assert found.to_xarray()["time"].attrs["units"] == "h"
    assert found.plot().axes[0].get_ylabel() == "X (copies)"


def test_filters_have_a_row_for_each_chain_cell_and_time():
    found, bare = filtered(), filtered(keep=False)
    frame = found.to_dataframe()
    np.testing.assert_array_equal(frame["effective"].to_numpy().reshape(found.effective.shape), found.effective)
    np.testing.assert_array_equal(frame["mean_X"].to_numpy().reshape(found.effective.shape), found.mean("X"))
    data = found.to_xarray()
    np.testing.assert_array_equal(data["predicted_X"], found.predicted([0.05, 0.5, 0.95])["X"])
    np.testing.assert_array_equal(data["log_likelihood"], found.log_likelihood)
    assert data.attrs["refused.2"] == found.refused[2]
    assert [len(one.plot().axes) for one in (found, bare)] == [3, 1]
    assert list(bare.to_dataframe()) == ["chain", "cell", "time", "effective", "draws", "log_likelihood"]


def test_a_front_has_a_row_for_each_point():
    found = front()
    frame = found.to_dataframe()
    np.testing.assert_array_equal(frame[["objective_0", "objective_1"]], found.objectives)
    assert frame[["k", "v.0", "v.1"]].to_numpy().tolist() == [[1, 0, 0], [2, 1, 2], [3, 2, 4]]
    np.testing.assert_array_equal(found.to_xarray()["way"], found.paths)
    alone = ParetoFront((1.0, 2.0, 3.0), found.objectives, found.standard_errors, found.efficient, found.paths)
    assert alone.to_dataframe()["parameter"].tolist() == [1, 2, 3]


def test_the_file_of_a_fit_has_its_profiles(fitted, tmp_path):
    found = with_profiles(fitted)
    data = results.load(found.save(tmp_path / "a.nc")).sel(profile="birth")
    one = found.profiles["birth"]
    np.testing.assert_array_equal(data["profile_value"], one.values)
    np.testing.assert_array_equal(data["profile_log_likelihood"], one.log_likelihood)
    assert float(data["profile_bounds"].sel(end="lower")) == one.lower
    assert np.isnan(data["profile_bounds"].sel(end="upper"))
    assert [axes.get_xlabel() for axes in found.plot().axes] == ["X (molecules)", "birth (1/h)"]


def test_notebooks_show_paths_and_fits(paths, fitted, monkeypatch):
    assert repr(paths) == (
        f"Paths(12 paths of {', '.join(paths.species)}, 4 times from 0 to 2; "
        + ", ".join(
            f"{(paths.status == code).sum()} {jumpax.Status(int(code)).name}"
            for code in sorted({*paths.status.tolist()})
        )
        + ")"
    )
    told = paths.glance()
    sound = paths.counts[~paths.faulty, -1]
    assert told.table["mean at time 2"] == [f"{value:.4g}" for value in sound.mean(0)]
    assert f"{int(paths.faulty.sum())} of 12 paths were lost" in told.lines[0]
    assert "data:image/png" in paths._repr_html_()
    assert repr(fitted).startswith("FitResult(birth 10.14 ± 1.2; converged")
    assert fitted.plot().axes[0].get_xlabel() == "X (molecules)"  # data under the fitted law
    steps = dataclasses.replace(fitted, compared={}).plot()
    np.testing.assert_array_equal(steps.axes[0].lines[0].get_ydata(), fitted.history.loss)
    monkeypatch.setitem(extras.EXTRAS, "viz", ("no_such_package",))
    monkeypatch.delitem(vars(jumpax.plots), "fit", raising=False)  # which was loaded before
    shown = fitted._repr_html_()
    assert "no picture: drawing a figure needs no_such_package" in shown
    assert "10.14" in shown


def test_of_many_species_and_paths_some_are_shown():
    counts = np.arange(2_500 * 2 * 40, dtype=np.int32).reshape(2_500, 2, 40)
    status = np.full(2_500, int(jumpax.Status.REACHED), np.int32)
    names = tuple(f"S{i}" for i in range(40))
    many = jumpax.Paths(names, counts, np.array([1.0, 2.0]), status, status, counts[:, -1], np.ones(2_500), np.zeros(2_500, bool),
                        {}, (), None, {})  # fmt: skip
    assert "S0, S1, S2, S3, S4, S5 and 34 more" in repr(many)
    assert many.glance().lines == ["the table has the first 6 of 40 species", "the picture has the first 2,000 paths"]
    assert many.plot(shown=1).get_suptitle() == "12 of 40 species"
    assert len(many.plot(["S39", "S3"], shown=1).axes) == 2


def test_large_tables_are_told_of_and_clashes_refused(paths, monkeypatch):
    monkeypatch.setattr("jumpax.results.frame.LARGE", 1_000)
    with pytest.warns(jumpax.JumpaxWarning, match=r"48 rows and 9 columns.*paths\.take"):
        paths.to_dataframe()
    clash = dataclasses.replace(paths, species=("path", "on", "M"), observables={})
    monkeypatch.undo()
    with pytest.raises(jumpax.InputError, match="'path'"):
        clash.to_dataframe()
    with pytest.raises(jumpax.InputError, match="taken: Total"):
        paths.with_observables({"Total": lambda counts: counts["M()"]})
    more = paths.with_observables({"half": lambda counts: counts["M()"] / 2})
    reached = paths.valid
    np.testing.assert_array_equal(more["half"][reached], paths["M()"][reached] / 2)
    assert np.isnan(more["half"][~reached]).all()


def test_what_is_missing_is_named(paths, tmp_path, monkeypatch):
    monkeypatch.setitem(extras.EXTRAS, "parquet", ("no_such_package",))
    with pytest.raises(
        jumpax.UnsupportedError, match=r"a \.parquet file needs no_such_package: pip install 'jumpax\[parquet\]'"
    ):
        paths.save(tmp_path / "a.parquet")
    monkeypatch.setitem(extras.EXTRAS, "io", ("no_such_package",))
    for call in (paths.to_xarray, lambda: paths.save(tmp_path / "a.csv")):
        with pytest.raises(jumpax.UnsupportedError, match=r"pip install 'jumpax\[io\]'"):
            call()
    with pytest.raises(jumpax.InputError, match=r"a result of jumpax is needed here.*not dict"):
        results.to_dataframe({"a": 1})
    assert [*tmp_path.iterdir()] == []
