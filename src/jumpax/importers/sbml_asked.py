"""SBML with formulas beside it: what tables of measurements say in the names of a model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jumpax._base.errors import InputError
from jumpax._base.extras import need
from jumpax.importers import guard
from jumpax.importers.counts import Counting
from jumpax.importers.faults import Faults
from jumpax.importers.model import FileModel
from jumpax.importers.sbml import parse_sbml, sbml_text


def read_sbml_asked(
    path: Path,
    counting: Counting,
    formulas: Mapping[str, str],
    values: Mapping[str, float],
    targets: Mapping[str, float | None],
    faults: Faults,
) -> FileModel | None:
    """The model in a file of SBML, with more assignment rules.

    The formulas are in the names and the units of the file: concentrations, compartments and other rules mean in them what they
    mean in the file.

    Args:
        path: of the file.
        counting: how amounts become counts.
        formulas: by the name of a parameter that the file does not have, in the plain text of SBML; `log` is the natural one.
        values: of parameters, those of the file, then without their initial assignments, and others.
        targets: parameters and species whose values are given elsewhere: a parameter is set to the number here, without its
            initial assignment; None where the value of the file is wanted, too, so that it must not have one.
        faults: takes formulas that cannot be read, and names that are no parameters; then there is no model.

    Raises:
        InputError, UnsupportedError: as `read`.
    """
    need("models", "reading SBML")
    import libsbml

    text = sbml_text(path)
    document = libsbml.readSBMLFromString(text)
    model = document.getModel()
    if model is None:
        return parse_sbml(text, str(path), path.stem, counting)  # which tells what is wrong
    before = faults.count
    for name, value in values.items():
        _set(model, name, value, faults)
    for name, value in targets.items():
        _aim(model, name, value, faults)
    for name, formula in formulas.items():
        _add(model, name, formula, faults)
    if faults.count > before:
        return None
    written = guard.check_xml(libsbml.writeSBMLToString(document).encode(), str(path))
    return parse_sbml(written, str(path), path.stem, counting)


def _set(model: Any, name: str, value: float, faults: Faults) -> None:
    """Give a parameter a value; one that the model does not have is added."""
    parameter = model.getParameter(name)
    if parameter is None:
        if (other := model.getElementBySId(name)) is not None:
            faults.unread.append(f"{name!r} is a {other.getElementName()} of the model, where a parameter is needed")
            return
        parameter = model.createParameter()
        parameter.setId(name)
        if model.getLevel() > 1:
            parameter.setConstant(True)
    elif model.getAssignmentRule(name) is not None:
        faults.wrong.append(f"parameter {name!r} follows from a rule of the model, so that it has no value of its own")
        return
    parameter.setValue(value)
    model.removeInitialAssignment(name)


def _aim(model: Any, name: str, value: float | None, faults: Faults) -> None:
    """Make room for values of a parameter or a species that are given elsewhere."""
    if model.getSpecies(name) is not None:
        if model.getAssignmentRule(name) is not None:
            faults.wrong.append(
                f"species {name!r} follows from a rule of the model, so that it has no start of its own"
            )
        return
    if model.getParameter(name) is None:
        other = model.getElementBySId(name)
        what = "no name of the model" if other is None else f"a {other.getElementName()} of the model"
        faults.unread.append(f"a condition sets {name!r}, which is {what}; parameters and species are set")
    elif value is not None:
        _set(model, name, value, faults)
    elif model.getInitialAssignment(name) is not None:
        faults.unread.append(
            f"some conditions set {name!r}, and in others its initial assignment gives it a value; set it in all"
        )


def _add(model: Any, name: str, formula: str, faults: Faults) -> None:
    """A parameter with a rule."""
    import libsbml

    if model.getElementBySId(name) is not None:
        faults.wrong.append(f"the model has {name!r} already, so that no formula can be called so")
        return
    with faults.of(f"the formula of {name!r}"):
        guard.check_text(formula.encode(), "it")  # for libSBML recurses over what it reads
        settings = libsbml.L3ParserSettings()
        settings.setParseLog(libsbml.L3P_PARSE_LOG_AS_LN)
        math = libsbml.parseL3FormulaWithSettings(formula, settings)
        if math is None:
            told = " ".join(libsbml.getLastParseL3Error().split())
            raise InputError(f"{formula} cannot be read: {told}")
        parameter = model.createParameter()
        parameter.setId(name)
        if model.getLevel() > 1:
            parameter.setConstant(False)
        rule = model.createAssignmentRule()
        rule.setVariable(name)
        rule.setMath(math)
