"""From the word that names a model to the model."""

import dataclasses
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Amounts:
    """How amounts of a model file become counts: options of every command that reads a model.

    Attributes:
        round_counts: Round initial amounts that are not whole numbers of molecules.
        molecules_per_unit: Molecules in one unit of substance of a file, whatever it declares (SBML, Antimony).
    """

    round_counts: Annotated[bool, Parameter(name="--round")] = False
    molecules_per_unit: Annotated[float | None, Parameter(name="--molecules-per-unit")] = None


AmountOptions: TypeAlias = Annotated[Amounts, Parameter(name="*")]
AS_DECLARED = Amounts()
Numbers: TypeAlias = Annotated[list[str] | None, Parameter(name=("--theta", "--set"))]
"""Words such as `k=1.5`, for parameters, and for species as `--x0` has them."""


def find_file(
    name: str,
    theta: Sequence[str] = (),
    x0: Sequence[str] = (),
    *,
    without_events: bool = False,
    amounts: Amounts = AS_DECLARED,
) -> tuple[Model, FileModel | None]:
    """A model of the zoo by name, or one from a file, with some of its numbers replaced; and what else the file holds.

    Args:
        name: of the zoo, or a file: TOML, or whatever `jumpax.read` reads.
        theta: words such as `k=1.5`; or `M=3`, of species.
        x0: words such as `M=3`.
        without_events: whether events are left out; else what does not treat them refuses the network.
        amounts: how amounts become counts.

    Raises:
        InputError: unknown model, or numbers that do not fit it.
        UnsupportedError: a file with elements that are not read.

    Warns:
        JumpaxWarning: events are left out.

    Examples:
        >>> find_file("birth_death", ["birth=3"])[0].theta["birth"]
        3.0
    """
    file, round_counts = None, amounts.round_counts
    suffix = Path(name).suffix.lower()
    if name.lower().endswith(".toml"):
        model = load_model(name, round_counts=round_counts)
    elif suffix in READERS:
        file = _from_file(name, without_events, amounts)
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
    if file is None and amounts.molecules_per_unit is not None:
        raise InputError(f"{name} has numbers of molecules already; --molecules-per-unit is for SBML and Antimony")
    values, counts = parse_assignments("--theta", theta), parse_assignments("--x0", x0)
    species = [name for name in values if name in model.network.species]
    if twice := [name for name in species if name in counts]:
        raise InputError(f"--x0 and --set both give a count of {', '.join(twice)}")
    counts |= {name: values.pop(name) for name in species}
    check_theta(model.network, {**model.theta, **values})
    start = check_counts(model.network, {**model.x0, **counts}, round_counts=round_counts)
    changed = dataclasses.replace(
        model, theta={**model.theta, **values}, x0=dict(zip(model.network.species, start.tolist(), strict=True))
    )
    return changed, file


def _from_file(name: str, without_events: bool, amounts: Amounts) -> FileModel:
    file = read(name, round_counts=amounts.round_counts, molecules_per_unit=amounts.molecules_per_unit)
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
