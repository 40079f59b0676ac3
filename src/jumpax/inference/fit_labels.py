"""Names for the arrays of fits."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from jumpax._base.labelled import Labelled, Variable
from jumpax.inference.losses.compared import Compared
from jumpax.inference.profile import Profile

if TYPE_CHECKING:
    from jumpax.inference.result import FitResult

_ERROR = "standard error, by the Fisher information; 0 of what is fixed, infinite for what the data do not determine, missing if unresolved"
_NOISE = "what other random paths would change in the estimate; infinite and missing as the standard error"
_INTERVAL = "95 % interval of a free parameter within its bounds; missing if it is not free, or unresolved"


def labelled(result: "FitResult") -> Labelled:
    """Estimates with their errors, which are the table; every step of every start, shorter ones ending in NaN; data beside the fit."""
    names, steps, one = list(result.estimates), ("start", "step"), ("parameter",)
    longest = max(len(run.history.loss) for run in result.runs)

    def padded(column: str) -> Float[np.ndarray, "..."]:
        parts = [np.asarray(getattr(run.history, column), float) for run in result.runs]
        return np.stack([np.concatenate([p, np.full((longest - len(p), *p.shape[1:]), np.nan)]) for p in parts])

    def each(values: Mapping[str, float]) -> Float[np.ndarray, " parameters"]:
        return np.array([values[name] for name in names], float)

    intervals = np.array([result.intervals.get(name, (np.nan, np.nan)) for name in names])
    variables = {
        "estimate": Variable(one, each(result.estimates)),
        "standard_error": Variable(one, each(result.standard_errors), {"long_name": _ERROR}),
        "interval": Variable((*one, "end"), intervals, {"long_name": _INTERVAL}),
        "simulation_error": Variable(one, each(result.simulation_errors), {"long_name": _NOISE}),
        "role": Variable(one, np.array([result.role(name) for name in names], object)),
        "unit": Variable(one, np.array([result.units.get(name, "") for name in names], object)),
        "information": Variable(("free", "free_2"), result.information, {"long_name": "Fisher information, unconstrained scale"}),
        "loss": Variable(steps, padded("loss")),
        "loss_error": Variable(steps, padded("loss_error")),
        "gradient": Variable((*steps, "free"), padded("gradient"), {"long_name": "on the unconstrained scale"}),
        "gradient_error": Variable((*steps, "free"), padded("gradient_error")),
        "value": Variable((*steps, "free"), padded("values"), {"long_name": "free parameters"}),
    }  # fmt: skip
    if result.search is not None:
        variables["search_paths"] = Variable(("visit",), np.asarray(result.search.paths, float))
        variables["search_value"] = Variable(("visit", "free"), result.search.values)
    variables |= _data(result.compared) | _profiles(result.profiles)
    coordinates = {
        "parameter": Variable(one, np.array(names, object)),
        "free": Variable(("free",), np.array(result.free, object)),
        "end": Variable(("end",), np.array(["lower", "upper"], object)),
    }
    if result.profiles:
        coordinates["profile"] = Variable(("profile",), np.array([*result.profiles], object))
    columns = {
        "estimate": "estimate", "standard_error": "standard_error", "interval": "", "simulation_error": "simulation_error",
        "role": "role", "unit": "unit",
    }  # fmt: skip
    return Labelled("fit", variables, coordinates, one, columns, _about(result))


def _data(compared: Mapping[str, Sequence[Compared]]) -> dict[str, Variable]:
    """All data beside their fit, in few columns for any number of sets: numbers along `datum`, their sets along `data_set`.

    A set is numbers along time, or numbers of cells by count; what it does not have is missing (NaN), or an empty text.
    """
    sets = [(where, one._asdict()) for where, found in compared.items() for one in found]
    if not sets:
        return {}
    sizes = [len(_column(one, "measured", "counts")) for _, one in sets]

    def joined(*names: str) -> Float[np.ndarray, " data"]:
        empty = (np.full(size, np.nan) for size in sizes)
        return np.concatenate(
            [_column(one, *names, otherwise=none) for (_, one), none in zip(sets, empty, strict=True)]
        )

    datum, each = ("datum",), ("data_set",)
    words = {name: np.array([one.get(name, "") for _, one in sets], object) for name in ("name", "species", "place")}
    return {
        "data_of": Variable(datum, np.repeat(np.arange(len(sets)), sizes), {"long_name": "number of the data set"}),
        "data_time": Variable(datum, joined("times")),
        "data_measured": Variable(datum, joined("measured", "counts"), {"long_name": "numbers, or numbers of cells by count"}),
        "data_error": Variable(datum, joined("errors"), {"long_name": "standard errors"}),
        "data_fitted": Variable(datum, joined("fitted", "law"), {"long_name": "numbers, or probabilities by count"}),
        "data_condition": Variable(each, np.array([where for where, _ in sets], object)),
        **{f"data_{name}": Variable(each, values) for name, values in words.items()},
        "data_cells": Variable(each, np.array(["law" in one for _, one in sets]), {"long_name": "whether it is of cells by count"}),
    }  # fmt: skip


def _profiles(found: Mapping[str, Profile]) -> dict[str, Variable]:
    """All profiles along `profile` and `profile_point`, shorter ones ending in NaN."""
    if not found:
        return {}
    longest, axes = max(len(one.values) for one in found.values()), ("profile", "profile_point")

    def padded(column: str) -> Float[np.ndarray, "profiles points"]:
        parts = [np.asarray(getattr(one, column), float) for one in found.values()]
        return np.stack([np.pad(part, (0, longest - len(part)), constant_values=np.nan) for part in parts])

    drop = np.array([one.drop for one in found.values()])
    return {
        "profile_value": Variable(axes, padded("values"), {"long_name": "of the parameter that is held"}),
        "profile_log_likelihood": Variable(axes, padded("log_likelihood"), {"long_name": "below its largest value"}),
        "profile_error": Variable(axes, padded("errors"), {"long_name": "simulation error of the log-likelihood"}),
        "profile_drop": Variable(axes[:1], drop, {"long_name": "of the log-likelihood, at the bounds"}),
        "profile_bounds": Variable((*axes[:1], "end"), np.array([_ends(one) for one in found.values()])),
    }


def _ends(one: Profile) -> tuple[float, float]:
    """Bounds of a profile; missing where it has none."""
    low, high = (np.nan if end is None else end for end in (one.lower, one.upper))
    return low, high


def _column(
    one: Mapping[str, object], *names: str, otherwise: Float[np.ndarray, " data"] | None = None
) -> Float[np.ndarray, " data"]:
    """The first of these fields that a data set has."""
    found = next((one[name] for name in names if one.get(name) is not None), otherwise)
    return np.asarray(found, float)


def _about(result: "FitResult") -> dict[str, object]:
    """How the fit ended, in words and numbers."""
    about = {
        "loss_final": result.loss, "converged": result.converged, "reason": result.reason,
        "undetermined": ", ".join(result.undetermined), "unresolved": ", ".join(result.unresolved),
        "determined": "; ".join(map(str, result.determined)), "goodness": "\n".join(map(str, result.goodness)),
        "goodness_p_value": [float(one.p_value) for one in result.goodness], "warnings": "\n".join(result.doubts.values()), **result.notes,
    }  # fmt: skip
    if result.search is not None:
        told = {k: v for k, v in result.to_dict()["search"].items() if k != "trace"}
        search = result.search
        about["search"] = {**told, "others": _lines(search.others), "mean_field": _lines(search.mean_field)}
    return {**about, **result.provenance}


def _lines(places: Iterable[Mapping[str, float]]) -> str:
    """Places, one in each line."""
    return "\n".join(", ".join(f"{name} = {value:g}" for name, value in place.items()) for place in places)
