"""`jumpax convert`."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from jumpax._base.files import check_file
from jumpax.cli.models import AS_DECLARED, AmountOptions, Numbers, find_file
from jumpax.cli.output import Output, people, print_json, print_notes
from jumpax.importers import WRITERS, write


def run(
    model: str,
    file: Path,
    /,
    *,
    theta: Numbers = None,
    x0: list[str] | None = None,
    amounts: AmountOptions = AS_DECLARED,
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> None:
    """Write a model as SBML (.xml), Antimony (.ant) or a network of BioNetGen (.net).

    Args:
        model: A model of the zoo by name, or a file (TOML, SBML, Antimony, BioNetGen).
        file: Where to write; a file that is there is replaced.
        theta: Parameters, or counts at the start, as name=number; may be repeated.
        x0: Counts at the start, as name=number; may be repeated.
        amounts: How amounts of a file become counts.
        output: How the answer is given.
    """
    check_file(file, tuple(WRITERS), "a model")
    chosen, source = find_file(model, theta or (), x0 or (), amounts=amounts)
    whole: Any = chosen if source is None else dataclasses.replace(source, theta=chosen.theta, x0=chosen.x0)
    written, network = write(whole, file), chosen.network
    document = {
        "command": "convert",
        "model": network.name,
        "file": str(written),
        "species": len(network.species),
        "reactions": network.reaction_count,
        "events": len(network.events),
        "notes": () if source is None else source.notes,
    }
    if output.json:
        print_json(document)
        return
    print_notes(document["notes"])
    parts = ", ".join(f"{document[what]} {what}" for what in ("species", "reactions", "events"))
    people().print(f"{network.name}: {parts}, written to {written}", soft_wrap=True)
