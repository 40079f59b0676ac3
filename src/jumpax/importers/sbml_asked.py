"""SBML with formulas beside it: what tables of measurements say in the names of a model."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from jumpax._base.errors import first_few
from jumpax._base.extras import need
from jumpax.importers import guard
from jumpax.importers.counts import Counting
from jumpax.importers.faults import Faults
from jumpax.importers.infix import TIME
from jumpax.importers.model import FileModel
from jumpax.importers.petab_formulas import WORDS, formula
from jumpax.importers.sbml import parse_sbml, sbml_text
from jumpax.importers.start_values import Starts
from jumpax.importers.to_mathml import tree


@final
@dataclass(frozen=True)
class Asking:
    """What is said in the names of a model.

    The formulas are in the names and the units of the file: concentrations, compartments and other rules mean in them what they
    mean in the file.

    Attributes:
        formulas: by the name of a parameter that the file does not have, in the syntax of PEtab.
        values: of parameters, those of the file, then without their initial assignments, and others.
        targets: parameters and species whose values are given elsewhere: a parameter is set to the number here, without its
            initial assignment; None where the value of the file is wanted, too, so that it must not have one.
        placeholders: names in formulas for which others, or numbers, will be put in.
        may_have: whether the file may have parameters that are called like placeholders.
        open_: parameters and species whose values here are only examples.
        needed: those of the values that the file must have, since nothing else reads them.
        perhaps: by the name of a parameter that the file does not have, one that is made an observable under that name if it has it.
    """

    formulas: Mapping[str, str]
    values: Mapping[str, float]
    targets: Mapping[str, float | None]
    placeholders: Collection[str]
    may_have: bool
    open_: frozenset[str]
    needed: frozenset[str]
    perhaps: Mapping[str, str]


def read_sbml_asked(path: Path, counting: Counting, asking: Asking, faults: Faults) -> FileModel | None:
    """The model in a file of SBML, with more assignment rules.

    Args:
        path: of the file.
        counting: how amounts become counts.
        asking: what is to be added, and what given elsewhere.
        faults: takes formulas that cannot be read, names that are no parameters, and numbers of the file that would have to
            follow from examples; then there is no model.

    Raises:
        InputError, UnsupportedError: as `read`.
    """
    need("models", "reading SBML")
    import libsbml

    written = sbml_text(path)
    document = libsbml.readSBMLFromString(written)
    model = document.getModel()
    if model is None:
        return parse_sbml(written, str(path), path.stem, counting)  # which tells what is wrong
    before = faults.count
    for name in asking.placeholders:
        if not asking.may_have and model.getElementBySId(name) is not None:
            faults.wrong.append(f"the model has {name!r} already, so that no placeholder can be called so")
        else:
            _set(model, name, 1.0, faults)
    for name, value in asking.values.items():
        if name in asking.needed and model.getElementBySId(name) is None:
            faults.wrong.append(f"parameter {name!r} is none of the model, and no table reads it")
        else:
            _set(model, name, value, faults)
    for name, value in asking.targets.items():
        _aim(model, name, value, faults)
    there = {name: own for name, own in asking.perhaps.items() if model.getParameter(own) is not None}
    for name, text in {**asking.formulas, **there}.items():
        _add(model, name, text, faults)
    if faults.count > before:
        return None
    faults.unread += first_few(
        Starts(model).stiff(asking.open_),
        lambda found: (
            f"{found[0]!r} has at the start what follows from {', '.join(map(repr, found[1]))}, which a fit or a condition "
            "changes; it would keep the value of the file"
        ),
    )
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


def _add(model: Any, name: str, text: str, faults: Faults) -> None:
    """A parameter with a rule."""
    if model.getElementBySId(name) is not None:
        faults.wrong.append(f"the model has {name!r} already, so that no formula can be called so")
        return
    with faults.of(f"the formula of {name!r}"):
        math = tree(formula(text, [word for word in (TIME, *WORDS) if model.getElementBySId(word) is not None]), str)
        parameter = model.createParameter()
        parameter.setId(name)
        if model.getLevel() > 1:
            parameter.setConstant(False)
        rule = model.createAssignmentRule()
        rule.setVariable(name)
        rule.setMath(math)
