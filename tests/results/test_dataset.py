"""Data sets and netCDF files."""

import dataclasses

import numpy as np
import pytest
import xarray

import jumpax
from jumpax import results
from jumpax._base import extras


@pytest.fixture(scope="module")
def model():
    return jumpax.zoo.telegraph()


@pytest.fixture(scope="module")
def paths(model):
    return jumpax.simulate(
        model.network,
        model.theta,
        model.x0,
        times=[0.0, 0.5, 2.0],
        paths=7,
        key=3,
        record=(jumpax.TimeAverages(model.network), jumpax.ReactionCounts(model.network)),
    )


def test_everything_of_the_paths_is_there_under_a_name(model, paths):
    units = {"time": "min", "M": "copies"}
    named = dataclasses.replace(paths, provenance={**paths.provenance, "units": units})
    data = results.to_dataset(named, settings={"theta": model.theta})
    assert dict(data.sizes) == {"path": 7, "time": 3, "species": 3}
    np.testing.assert_array_equal(data.counts.sel(species="M"), paths["M"])
    np.testing.assert_array_equal(data.time, [0.0, 0.5, 2.0])
    np.testing.assert_array_equal(data.events, paths.events)
    np.testing.assert_array_equal(data.end_time, paths.end_times)
    np.testing.assert_array_equal(data.record_0_2, paths.records[0][2])
    assert {name for name in data if str(name).startswith("record_1")} == {f"record_1_{r}" for r in range(4)}
    assert data.attrs["network_digest"] == model.network.digest
    assert data.attrs["versions.jax"] == paths.provenance["versions"]["jax"]
    assert data.attrs["theta.k_on"] == 0.5
    assert data.time.attrs["units"] == data.end_time.attrs["units"] == "min"
    assert data.unit.values.tolist() == ["molecules", "molecules", "copies"]
    meanings = dict(zip(data.status.attrs["flag_values"], data.status.attrs["flag_meanings"].split()))
    assert [meanings[code] for code in data.status.values] == ["REACHED"] * 7


def test_netcdf_round_trip(paths, tmp_path):
    data = paths.to_xarray()
    file = results.save(data, tmp_path / "paths.nc")
    again = results.load(file)
    xarray.testing.assert_equal(data, again)
    assert again.counts.dtype == np.int32
    assert again.time.dtype == np.float64  # minutes are not turned into timedelta
    assert set(again.attrs) == set(data.attrs)
    assert all(np.array_equal(again.attrs[name], data.attrs[name]) for name in data.attrs)
    assert [path.name for path in tmp_path.iterdir()] == ["paths.nc"]


def test_steps_and_events(model, tmp_path):
    log = jumpax.simulate(model.network, model.theta, model.x0, steps=[4], paths=3, key=0, record=jumpax.Events())
    again = results.load(results.save(log, tmp_path / "log.nc"))
    assert dict(again.sizes) == {"path": 3, "step": 1, "species": 3, "event": 12}
    assert np.issubdtype(again.step.dtype, np.integer)
    for path in range(3):
        times, reactions = log.log.of(path)
        mine = again.event_path == path
        np.testing.assert_array_equal(again.event_time[mine], times)
        np.testing.assert_array_equal(again.event_reaction[mine], reactions)


@pytest.mark.fault(9)
def test_truncated_paths_keep_their_mark(tmp_path):
    model = jumpax.zoo.birth_death()
    cut = jumpax.simulate(
        model.network, model.theta, model.x0, times=[0.0, 50.0], paths=4, key=0, max_events=2, throw=False
    )
    again = results.load(results.save(cut, tmp_path / "cut.nc"))
    assert np.isnan(again.counts.values[:, 1]).all()
    np.testing.assert_array_equal(again.counts[:, 0], cut.counts[:, 0])
    assert (again.status == jumpax.Status.EVENT_BUDGET).all()


def test_a_failed_write_leaves_the_old_file(paths, tmp_path):
    file = tmp_path / "paths.nc"
    file.write_text("old")
    data = paths.to_xarray().assign_attrs(wrong=object())
    with pytest.raises(TypeError):
        results.save(data, file)
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["paths.nc"]


def test_errors_name_the_remedy(paths, tmp_path):
    with pytest.raises(jumpax.InputError, match=r"\.nc .*\.csv .*\.parquet or \.gdat, not '\.xls'"):
        results.save(paths, tmp_path / "paths.xls")
    with pytest.raises(jumpax.InputError, match="make it first"):
        results.save(paths, tmp_path / "nowhere" / "paths.nc")
    with pytest.raises(jumpax.InputError, match="no file"):
        results.load(tmp_path / "none.nc")
    (tmp_path / "text.nc").write_text("not netCDF")
    with pytest.raises(jumpax.InputError, match="cannot be read as netCDF"):
        results.load(tmp_path / "text.nc")
    with pytest.raises(jumpax.InputError, match="Paths"):
        results.to_dataset({"counts": 1})
    with pytest.raises(jumpax.InputError, match="Dataset"):
        results.save({"counts": 1}, tmp_path / "paths.nc")


def test_missing_packages_are_named(paths, tmp_path, monkeypatch):
    monkeypatch.setitem(extras.EXTRAS, "io", ("xarray", "no_such_package"))
    for call in (lambda: results.save(paths, tmp_path / "a.nc"), lambda: results.to_dataset(paths)):
        with pytest.raises(jumpax.UnsupportedError, match=r"needs no_such_package: pip install 'jumpax\[io\]'"):
            call()
