"""Small model files for the tests."""

from pathlib import Path

import jumpax

CASES = Path(__file__).parent / "data" / "dsmts"

MATH = 'xmlns="http://www.w3.org/1998/Math/MathML"'


def sbml(body: str, level: int = 3, version: int = 1) -> str:
    """A document around the inside of a model."""
    where = f"level{level}/version{version}/core" if level == 3 else f"level{level}/version{version}"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<sbml xmlns="http://www.sbml.org/sbml/{where}" level="{level}" version="{version}">\n'
        f'<model id="m">\n{body}\n</model></sbml>'
    )


def written(folder: Path, name: str, text: str | bytes) -> Path:
    """The text as a file."""
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def antimony(folder: Path, text: str) -> jumpax.FileModel:
    """The model in a text of Antimony."""
    return jumpax.read(written(folder, "model.ant", text))


def formulas(model: jumpax.FileModel) -> dict[str, str]:
    """The propensities by reaction."""
    return {r.name: r.law.formula(r.reactants) for r in model.network.reactions}
