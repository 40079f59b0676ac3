"""`jumpax exact`."""

import time
from typing import Annotated, Any

import jax
import numpy as np
from cyclopts import Parameter

from jumpax.cli.models import AS_DECLARED, AmountOptions, Numbers, find_file, times_for
from jumpax.cli.output import Output, people, print_json, print_notes, print_table
from jumpax.cli.values import parse_limits
from jumpax.exact import Law, StateSpace, distribution, stationary
from jumpax.networks.zoo import Model


def run(
    model: str,
    /,
    *,
    times: str | None = None,
    limits: list[str] | None = None,
    theta: Numbers = None,
    x0: list[str] | None = None,
    amounts: AmountOptions = AS_DECLARED,
    at_rest: Annotated[bool, Parameter(name="--stationary")] = False,
    tolerance: float = 1e-6,
    max_states: int = 1_000_000,
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> None:
    """Solve the master equation of a small model: means, variances, and what the truncation leaves out.

    Args:
        model: A model of the zoo by name, or a file (TOML, SBML, Antimony, BioNetGen).
        times: When to look: first:last:step (both included) or 1,2,5. Default: those of the model.
        limits: Largest counts that are followed: one number, or name=number; may be repeated. A model that conserves
            its molecules needs none.
        theta: Parameters, or counts at the start, as name=number; may be repeated.
        x0: Counts at the start, as name=number; may be repeated.
        amounts: How amounts of a file become counts.
        at_rest: The law that does not change in time, instead of times.
        tolerance: Refuse to leave out more probability than this.
        max_states: Refuse to follow more states than this.
        output: How the answer is given.
    """
    chosen, file = find_file(model, theta or (), x0 or (), amounts=amounts)
    notes = () if file is None else file.notes
    stops = None if at_rest else times_for(chosen, times)
    begin = time.perf_counter()
    with jax.enable_x64(True):
        space = StateSpace.reachable(chosen.network, chosen.x0, parse_limits(limits or ()), max_states=max_states)
        if stops is None:
            law = stationary(space, chosen.theta, tolerance=tolerance)
        else:
            law = distribution(space, chosen.theta, stops, tolerance=tolerance)
        document = {**_document(chosen, law, stops, time.perf_counter() - begin), "notes": notes}
    if output.json:
        print_json(document)
    else:
        _show(document)


def _document(model: Model, law: Law, stops: tuple[float, ...] | None, seconds: float) -> dict[str, Any]:
    """Moments by species, one number per time; for the stationary law one number."""
    species = model.network.species
    mean, variance = np.asarray(law.mean()), np.diagonal(np.asarray(law.covariance()), axis1=-2, axis2=-1)
    return {
        "command": "exact",
        "model": model.network.name,
        "theta": model.theta,
        "x0": model.x0,
        "states": law.space.size,
        "times": stops,
        "mean": dict(zip(species, mean.T)),
        "variance": dict(zip(species, variance.T)),
        "leak": np.asarray(law.leak),
        "seconds": seconds,
        "units": model.network.units,
        "network_digest": model.network.digest,
    }


def _show(document: dict[str, Any]) -> None:
    unit, stops = document["units"].get("time", ""), document["times"]
    heading = f"time ({unit})" if unit else "time"
    columns: dict[str, Any] = {heading: ["stationary"] if stops is None else [f"{t:g}" for t in stops]}
    for name, mean in document["mean"].items():
        spread = np.sqrt(np.maximum(np.atleast_1d(document["variance"][name]), 0.0))
        columns[name] = [f"{m:.5g} ± {s:.3g}" for m, s in zip(np.atleast_1d(mean), spread)]
    columns["leak"] = [f"{leak:.1e}" for leak in np.atleast_1d(document["leak"])]
    print_table(f"{document['model']}: exact mean ± standard deviation", columns)
    people().print(f"{document['states']:,} states, {document['seconds']:.2f} s")
    print_notes(document["notes"])
