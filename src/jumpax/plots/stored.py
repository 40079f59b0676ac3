"""Figures of results that were saved."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from jumpax._base.errors import InputError
from jumpax.gradients.judgements import Audit, Judgement
from jumpax.plots.bands import bands, filtered
from jumpax.plots.changes import changes
from jumpax.plots.data_and_fit import fit
from jumpax.plots.estimators import audit
from jumpax.plots.fronts import front
from jumpax.plots.posterior import draws, traces
from jumpax.plots.profiles import profile
from jumpax.plots.trajectories import trajectory_panels

if TYPE_CHECKING:
    import xarray


def stored(data: "xarray.Dataset") -> Figure:
    """What `result.plot()` draws, from the file that the result was saved in.

    Args:
        data: of `jumpax.results.load`, or of `result.to_xarray()`.

    Returns:
        The figure of what was saved.

    Raises:
        InputError: it is the data set of something else.

    Examples:
        >>> import jumpax
        >>> paths = jumpax.simulate(jumpax.zoo.birth_death(), times=[1.0, 2.0], paths=3, key=0)
        >>> len(stored(paths.to_xarray()).axes)
        1
    """
    kind = data.attrs.get("result")
    if kind not in _DRAWN:
        what = f"a data set of {kind!r}" if kind else "no data set of jumpax"
        raise InputError(f"there are figures of saved {', '.join(_DRAWN)}; this is {what}")
    return _DRAWN[kind](data)


def _fit(data: "xarray.Dataset") -> Figure:
    """Data sets beside the fit, or steps of the start that ended best."""
    compared: dict[str, list[Any]] = {}
    for number in range(data.sizes.get("data_set", 0)):
        compared.setdefault(str(data["data_condition"].values[number]), []).append(_data_set(data, number))
    losses = data["loss"].values
    last = [row[np.isfinite(row)][-1] if np.isfinite(row).any() else np.inf for row in losses]
    best, free = int(np.argmin(last)), [str(name) for name in data["free"].values]
    steps = slice(0, max(int(np.isfinite(data["value"].values[best]).all(-1).sum()), 1))
    history = SimpleNamespace(loss=losses[best, steps], values=data["value"].values[best, steps])
    units = dict(zip(map(str, data["parameter"].values), map(str, data["unit"].values)))
    return fit(
        SimpleNamespace(
            compared=compared, provenance={"units": _units(data)}, free=free, history=history,
            units={name: unit for name, unit in units.items() if unit},
            profiles=_profiles(data, units),
        )
    )  # fmt: skip


def _profiles(data: "xarray.Dataset", units: Mapping[str, str]) -> dict[str, Any]:
    """The profiles of a fit, by parameter."""
    found = {}
    for number in range(data.sizes.get("profile", 0)):
        name, kept = str(data["profile"].values[number]), np.isfinite(data["profile_value"].values[number])
        values, heights = (data[f"profile_{part}"].values[number, kept] for part in ("value", "log_likelihood"))
        drop = float(data["profile_drop"].values[number])
        found[name] = SimpleNamespace(
            name=name, values=values, log_likelihood=heights, unit=units.get(name, ""), drop=drop
        )
    return found


def _data_set(data: "xarray.Dataset", number: int) -> Any:
    """One of the data sets of a fit, as `FitResult.compared` has it."""
    own = data["data_of"].values == number
    words = {name: str(data[f"data_{name}"].values[number]) for name in ("name", "species", "place")}
    times, measured, errors, fitted = (
        data[f"data_{name}"].values[own] for name in ("time", "measured", "error", "fitted")
    )
    if data["data_cells"].values[number]:
        return SimpleNamespace(**words, counts=measured, law=fitted)
    steady = np.isnan(times).all()
    return SimpleNamespace(**words, times=None if steady else times, measured=measured, errors=errors, fitted=fitted)


def _units(data: "xarray.Dataset") -> dict[str, str]:
    """Those of the network, which provenance has."""
    return {
        str(name).removeprefix("units."): value for name, value in data.attrs.items() if str(name).startswith("units.")
    }


def _posterior(data: "xarray.Dataset") -> Figure:
    """The draws of all parameters: what says its unit."""
    found = {str(name): v for name, v in data.items() if v.dims == ("chain", "draw") and "units" in v.attrs}
    return draws(
        SimpleNamespace(
            draws={name: v.values for name, v in found.items()},
            units={name: v.attrs["units"] for name, v in found.items()},
        )
    )


def _profile(data: "xarray.Dataset") -> Figure:
    """The likelihood along one parameter."""
    along = data["profile_value"]
    axes = profile(
        along.values, data["profile_log_likelihood"].values, name=along.attrs["long_name"], unit=along.attrs["units"] or None,
        threshold=float(data.attrs["profile.drop"]),
    )  # fmt: skip
    return axes.figure  # type: ignore[return-value]


def _records(data: "xarray.Dataset") -> Figure:
    """What was measured."""
    columns = tuple(SimpleNamespace(name=str(name), values=v.values) for name, v in data.items())
    return traces(SimpleNamespace(times=data["time"].values, cells=tuple(data["cell"].values), columns=columns))  # type: ignore[arg-type]


def _audit(data: "xarray.Dataset") -> Figure:
    """Every judgement; what each estimator costs."""
    rows = tuple(
        Judgement(*row) for row in zip(*(data[name].values.tolist() for name in Judgement._fields), strict=True)
    )
    names, cost = [str(name) for name in data["tried"].values], data["seconds_per_path"]
    seconds = {"plain": float(cost.attrs["plain_paths"]), **dict(zip(names, cost.values.tolist(), strict=True))}
    heaviest = dict(zip(names, data["heaviest"].values.tolist(), strict=True))
    return audit(Audit(rows, seconds, heaviest, {}, str(data.attrs["reference"]), str(data.attrs["chosen"]), {}))


def _comparison(data: "xarray.Dataset") -> Figure:
    """Changes of each parameter that is not missing in a condition."""
    conditions = tuple(map(str, np.atleast_1d(data.attrs["conditions"])))
    parameters = []
    for number, name in enumerate(data["compared"].values):
        ends = {n: [float(data[f"change_{n}{e}"][number]) for e in ("", "_lower", "_upper")] for n in conditions[1:]}
        told = {n: change for n, change in ends.items() if not np.isnan(change[0])}
        differs, kind = bool(data["differs"].values[number]), str(data["kind"].values[number])
        parameters.append(SimpleNamespace(name=str(name), differs=differs, kind=kind, changes=told))
    return changes(SimpleNamespace(conditions=conditions, parameters=parameters))


def _prediction(data: "xarray.Dataset") -> Figure:
    """The bands of all species."""
    counts, mean = (np.moveaxis(data[name].values, -1, 0) for name in ("count", "mean"))
    return bands(
        SimpleNamespace(
            species=tuple(map(str, data["species"].values)), times=data["time"].values, quantiles=tuple(data["quantile"].values.tolist()),
            counts=counts, mean=mean, steady=bool(data.attrs["steady"]), provenance={"units": _units(data)},
        )
    )  # fmt: skip


def _filter(data: "xarray.Dataset") -> Figure:
    """Effective particles, and predictions if they were kept."""
    seen, foreseen = (
        {str(n).removeprefix(head): v.values for n, v in data.items() if str(n).startswith(head)}
        for head in ("record_", "predicted_")
    )
    return filtered(
        SimpleNamespace(
            cells=tuple(map(str, data["cell"].values)), times=data["time"].values, effective=data["effective"].values,
            particles=int(data.attrs["particles"]), seen=seen, foreseen=lambda _: foreseen,
        )
    )  # fmt: skip


def _front(data: "xarray.Dataset") -> Figure:
    """The points and the ways to them."""
    many = range(data.sizes["objective"])
    value, error = (np.stack([data[f"{n}_{i}"].values for i in many], -1) for n in ("objective", "error"))
    efficient, ways = data["efficient"].values.astype(bool), data["way"].values
    return front(SimpleNamespace(objectives=value, standard_errors=error, efficient=efficient, paths=ways))


_DRAWN: dict[str, Callable[["xarray.Dataset"], Figure]] = {
    "paths": trajectory_panels,
    "records": _records,
    "fit": _fit,
    "profile": _profile,
    "posterior": _posterior,
    "audit": _audit,
    "comparison": _comparison,
    "prediction": _prediction,
    "filter": _filter,
    "front": _front,
}
"""By the kind of the result."""
