"""A document of SBML, opened: of a Level that is read, flat, and with all in it that is never read noted."""

from typing import Any

from jumpax._base.errors import InputError
from jumpax.importers.faults import Faults

_UNCHECKED = (
    "GENERAL_CONSISTENCY", "UNITS_CONSISTENCY", "MATHML_CONSISTENCY", "SBO_CONSISTENCY", "OVERDETERMINED_MODEL",
    "MODELING_PRACTICE",
)  # fmt: skip
_EMPTY = (
    "EmptyListElement", "EmptyListInReaction", "EmptyListInKineticLaw", "EmptyListOfUnits", "EmptyUnitListElement",
    "MissingEventAssignment",
)  # fmt: skip
_EMPTY_UNITS = "<listOfUnits> container in a <unitDefinition> cannot be empty."  # Level 2 Version 1 has no code for it
_MOST_MODELS = 1_000
_READ_PACKAGES = ("l3v2extendedmath", "distrib")  # only more operations, which the allow-list judges


def opened(text: str, origin: str, faults: Faults) -> tuple[Any, Any]:
    """The document and its model, with faults of the document noted; it must be kept while the model is used.

    Level 1 becomes Level 2, models of models (package `comp`) become flat, by libSBML's converters.

    Raises:
        InputError: it is not SBML.
    """
    import libsbml

    document = libsbml.readSBMLFromString(text)
    broken, model = _errors(document), document.getModel()
    if not broken and document.getLevel() == 1 and model is not None:
        broken = _modernised(document, model)
    if not broken and model is not None and document.getPlugin("comp") is not None:
        broken = _flattened(document)
        model = document.getModel()
    if broken or model is None:
        listed = "\n".join(f"- {fault}" for fault in broken or ["there is no model in it"])
        raise InputError(f"{origin} is not SBML that can be read:\n{listed}")
    for checks in _UNCHECKED:
        document.setConsistencyChecks(getattr(libsbml, f"LIBSBML_CAT_{checks}"), False)
    document.checkConsistency()  # names that are used twice
    faults.wrong += _errors(document)
    _refuse(document, model, faults)
    return document, model


def _errors(document: Any) -> list[str]:
    """What libSBML says is wrong, in short; not that a list is empty, which says nothing about the model."""
    import libsbml

    errors = [document.getError(place) for place in range(document.getNumErrors())]
    empty = {getattr(libsbml, name) for name in _EMPTY}
    errors = [e for e in errors if e.getErrorId() not in empty and not e.getMessage().strip().endswith(_EMPTY_UNITS)]
    said = [(e.getLine(), " ".join(e.getMessage().split())) for e in errors if e.isError() or e.isFatal()]
    short = [(line, text if len(text) <= 300 else f"{text[:120]} ... {text[-170:]}") for line, text in said]
    return list(dict.fromkeys(f"line {line}: {text}" for line, text in short))


def _modernised(document: Any, model: Any) -> list[str]:
    """What hinders libSBML's converter from Level 1 to 2, after which the document is of Level 2."""
    for compartment in model.getListOfCompartments():
        if not compartment.isSetSize():
            compartment.setSize(1.0)  # the default of Level 1, which the converter forgets
    if document.setLevelAndVersion(2, 5, False):
        return []
    return [*_errors(document), "libSBML cannot convert it from Level 1 to Level 2"]


def _flattened(document: Any) -> list[str]:
    """What hinders libSBML's converter from making one model of the models in it; names become `submodel__name`."""
    import libsbml

    models = document.getPlugin("comp")
    if outside := models.getNumExternalModelDefinitions():  # the converter would open the files
        return [f"{outside} models of it are in other files; put them into this one (externalModelDefinition)"]
    parts = {d.getId(): _parts(d) for d in models.getListOfModelDefinitions()}
    if _instances(_parts(document.getModel()), parts, ()) > _MOST_MODELS:
        return [f"more than {_MOST_MODELS} models in models, or a model in itself"]
    asked = libsbml.ConversionProperties()
    for option, value in (("flatten comp", True), ("performValidation", False), ("leavePorts", False)):
        asked.addOption(option, value)
    if document.convert(asked) == libsbml.LIBSBML_OPERATION_SUCCESS:
        return []
    return [*_errors(document), "libSBML cannot make one flat model of the models in it (package 'comp')"]


def _parts(model: Any) -> list[str]:
    """The models that a model is made of, as often as they are."""
    plugin = model.getPlugin("comp")
    return [] if plugin is None else [submodel.getModelRef() for submodel in plugin.getListOfSubmodels()]


def _instances(parts: list[str], models: dict[str, list[str]], inside: tuple[str, ...]) -> int:
    """How many models there are in it when all are written out; no more are counted than are too many."""
    count = 0
    for part in parts:
        if part in inside:
            return _MOST_MODELS + 1
        count += 1 + _instances(models.get(part, []), models, (*inside, part))
        if count > _MOST_MODELS:
            break
    return count


def _refuse(document: Any, model: Any, faults: Faults) -> None:
    """Elements that are not read, whatever is in them."""
    for place in range(document.getNumPlugins() if document.getLevel() > 2 else 0):
        package = document.getPlugin(place).getPackageName()
        if document.getPkgRequired(package) and package not in _READ_PACKAGES:
            faults.unread.append(f"the package {package!r}, which the file says is required")
    for place in range(document.getNumUnknownPackages()):
        package = document.getUnknownPackagePrefix(place)
        if document.getPackageRequired(document.getUnknownPackageURI(place)):
            faults.unread.append(f"the package {package!r}, which the file says is required")
    for rule in model.getListOfRules():
        if rule.isAlgebraic():
            faults.unread.append(
                f"line {rule.getLine()}: algebraic rule; solve it for one of its names, and write an assignment rule"
            )
    for constraint in model.getListOfConstraints():
        faults.unread.append(f"line {constraint.getLine()}: constraint; take it out, it does not act on the model")
