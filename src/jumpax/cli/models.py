"""From the word that names a model to the model."""

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter

from jumpax._base.errors import InputError, JumpaxWarning, unknown_name
from jumpax.cli.values import parse_assignments, parse_times
from jumpax.importers import READERS, FileModel, read
from jumpax.importers.foreign import refuse_suffix
from jumpax.networks import check_counts, check_theta
from jumpax.networks.toml_model import load_model
from jumpax.networks.zoo import MODELS, Model

Round: TypeAlias = Annotated[bool, Parameter(name="--round")]
"""The option of every command that reads a model."""


def find_file(
    name: str,
    theta: Sequence[str] = (),
    x0: Sequence[str] = (),
    *,
    without_events: bool = False,
    round_counts: bool = False,
) -> tuple[Model, FileModel | None]:
    """A model of the zoo by name, or one from a file, with some of its numbers replaced; and what else the file holds.

    Args:
        name: of the zoo, or a file: TOML, or whatever `jumpax.read` reads.
        theta: words such as `k=1.5`.
        x0: words such as `M=3`.
        without_events: whether events are left out; else what does not treat them refuses the network.
        round_counts: whether to round counts that are not whole instead of refusing them.

    Raises:
        InputError: unknown model, or numbers that do not fit it.
        UnsupportedError: a file with elements that are not read.

    Warns:
        JumpaxWarning: events are left out.

    Example:
        >>> find_file("birth_death", ["birth=3"])[0].theta["birth"]
        3.0
    """
    file = None
    if name.lower().endswith(".toml"):
        model = load_model(name, round_counts=round_counts)
    elif Path(name).suffix.lower() in READERS:
        file = _from_file(name, without_events, round_counts)
        network = file.without_events if without_events else file.network
        numbers = {name: file.theta[name] for name in network.parameters}
        model = Model(network, numbers, file.x0, file.times, file.reference)
    elif name in MODELS:
        model = MODELS[name]()
    else:
        refuse_suffix(Path(name))
        raise InputError(
            f"{unknown_name('model', name, MODELS)} A model of your own is a file: .toml, {', '.join(READERS)}."
        )
    values, counts = parse_assignments("--theta", theta), parse_assignments("--x0", x0)
    check_theta(model.network, {**model.theta, **values})
    start = check_counts(model.network, {**model.x0, **counts}, round_counts=round_counts)
    changed = dataclasses.replace(
        model, theta={**model.theta, **values}, x0=dict(zip(model.network.species, start.tolist(), strict=True))
    )
    return changed, file


def _from_file(name: str, without_events: bool, round_counts: bool) -> FileModel:
    file = read(name, round_counts=round_counts)
    if file.events and without_events:
        listed = ", ".join(event.name for event in file.events)
        warnings.warn(f"what follows is the network without its events ({listed})", JumpaxWarning, stacklevel=2)
    return file


def times_for(model: Model, text: str | None) -> tuple[float, ...]:
    """The times asked for, else those of the model.

    Raises:
        InputError: there are none.
    """
    times = model.times if text is None else parse_times(text)
    if not times:
        raise InputError("the model has no times; give --times, for example --times 0:10:1")
    return times
