"""Fits as labelled data sets."""

from typing import TYPE_CHECKING, Any

import numpy as np

from jumpax._base.extras import need
from jumpax.results.attributes import flatten

if TYPE_CHECKING:
    import xarray


def fit_to_dataset(result: Any, profile: Any = None, **settings: Any) -> "xarray.Dataset":
    """Estimates, their errors, and every step of every start.

    Standard errors are infinite for what the data do not determine, NaN for what too few paths leave open; ends of intervals
    likewise. Dimensions are `parameter` (all of them), `free` (the free ones), `start` and `step`; shorter starts end in NaN. With a
    profile there is also `profile_value`; with a budget `visit`, along which `search_paths` and `search_value` lead to the estimate.

    Args:
        result: the `FitResult` of `jumpax.fit` (its room brings Optax, so it is not named here).
        profile: the `Profile` of one of its parameters.
        **settings: more attributes.

    Returns:
        An xarray Dataset with the provenance as attributes (nested names are joined by dots).

    Raises:
        UnsupportedError: xarray is not installed.
    """
    need("io", "a data set")
    import xarray

    names = list(result.estimates)
    longest = max(len(run.history.loss) for run in result.runs)
    steps = ("start", "step")

    def padded(column: str) -> np.ndarray:
        parts = [np.asarray(getattr(run.history, column), float) for run in result.runs]
        return np.stack([np.concatenate([p, np.full((longest - len(p), *p.shape[1:]), np.nan)]) for p in parts])

    variables: dict[str, Any] = {
        "estimate": (("parameter",), np.array([result.estimates[n] for n in names])),
        "standard_error": (("parameter",), np.array([result.standard_errors[n] for n in names])),
        "simulation_error": (("parameter",), np.array([result.simulation_errors[n] for n in names])),
        "interval": (("free", "end"), np.array([result.intervals[n] for n in result.free])),
        "information": (("free", "free_2"), result.information),
        "loss": (steps, padded("loss")),
        "loss_error": (steps, padded("loss_error")),
        "gradient": ((*steps, "free"), padded("gradient")),
        "gradient_error": ((*steps, "free"), padded("gradient_error")),
        "value": ((*steps, "free"), padded("values")),
    }
    coordinates: dict[str, Any] = {
        "parameter": (("parameter",), np.array(names, object)),
        "unit": (("parameter",), np.array([result.units[n] for n in names], object)),
        "free": (("free",), np.array(result.free, object)),
        "end": (("end",), np.array(["lower", "upper"], object)),
    }
    if profile is not None:
        coordinates["profile_value"] = (("profile_value",), profile.values)
        variables["profile_log_likelihood"] = (("profile_value",), profile.log_likelihood)
        bounds = {"lower": profile.lower, "upper": profile.upper, "confidence": profile.confidence}
        settings = {**settings, "profile": {"name": profile.name, **bounds}}
    if result.search is not None:
        search = result.search
        variables["search_paths"] = (("visit",), np.asarray(search.paths, float))
        variables["search_value"] = (("visit", "free"), search.values)
        told = {k: v for k, v in result.to_dict()["search"].items() if k != "trace"}
        settings = {
            **settings,
            "search": {**told, "others": _lines(search.others), "mean_field": _lines(search.mean_field)},
        }
    outcome = {
        "loss_final": result.loss, "converged": result.converged, "reason": result.reason,
        "undetermined": ", ".join(result.undetermined), "unresolved": ", ".join(result.unresolved),
        "determined": "; ".join(map(str, result.determined)), "goodness": "\n".join(map(str, result.goodness)),
        "goodness_p_value": [float(one.p_value) for one in result.goodness], "warnings": "\n".join(result.doubts.values()), **result.notes,
    }  # fmt: skip
    return xarray.Dataset(variables, coordinates, flatten({**outcome, **settings, **result.provenance}))


def _lines(places: Any) -> str:
    """Places, one in each line."""
    return "\n".join(", ".join(f"{name} = {value:g}" for name, value in place.items()) for place in places)
