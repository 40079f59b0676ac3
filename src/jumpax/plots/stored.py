"""Figures of results that were saved."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from jumpax._base.errors import InputError
from jumpax.plots.data_and_fit import fit
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
        The figure of paths, records, a fit, a profile or a posterior.

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
    for number in range(len([name for name in data.dims if str(name).startswith("datum_")])):
        own = {str(n).removeprefix(f"data_{number}_"): v for n, v in data.items() if f"datum_{number}" in v.dims}
        about = next(iter(own.values())).attrs
        columns = {"times": None, **{name: v.values for name, v in own.items()}}
        compared.setdefault(about["condition"], []).append(SimpleNamespace(**about, **columns))
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
        )
    )  # fmt: skip


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


_DRAWN: dict[str, Callable[["xarray.Dataset"], Figure]] = {
    "paths": trajectory_panels,
    "records": _records,
    "fit": _fit,
    "profile": _profile,
    "posterior": _posterior,
}
"""By the kind of the result."""
