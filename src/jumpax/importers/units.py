"""Units of substance in an SBML model, as molecules."""

import contextlib
import functools
import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, final

from jumpax._base.errors import InputError, JumpaxWarning, UnsupportedError

AVOGADRO = 6.02214179e23
"""Items in a mole: the value that SBML Level 3 fixes, for the symbol `avogadro` too (that of the SI is 1.7e-7 less)."""
_COUNTED = {"item": 1.0, "mole": AVOGADRO}
_PREFIXES = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15, "a": 1e-18, "z": 1e-21}
_PURE = {"dimensionless": 1.0, "avogadro": AVOGADRO}


@final
@dataclass(frozen=True)
class Substance:
    """What an amount of 1 means.

    Attributes:
        name: the unit as the file calls it; empty where it declares none.
        molecules: in one unit; 1 where the unit is no number of molecules, since nothing is converted then.
        note: what must be said about it; empty for items.
        declared: whether the file says that it is a number of molecules.
        doubtful: whether the file says that it is none of anything, for example a kilogram.
    """

    name: str
    molecules: float = 1.0
    note: str = ""
    declared: bool = False
    doubtful: bool = False


_UNSAID = Substance("", note="the file declares no unit of substance; amounts are taken as numbers of molecules")
_SILENT = Substance(
    "", note="the file says nothing about its unit of substance, in Level 2 the mole; amounts are taken as numbers of molecules"
)  # fmt: skip
_MOLES = Substance(
    "mole", AVOGADRO,
    "the file says nothing about its unit of substance; it is the mole of Level 2, since no amount reaches 1",
)  # fmt: skip


class Units:
    """The units of one model.

    Args:
        model: `libsbml.Model`.
        amount: the amount of a species at the start, in units of the file.
        per_unit: molecules in one unit, whatever the file declares; None where it is as the file declares.
    """

    def __init__(self, model: Any, amount: Callable[[str], float], per_unit: float | None = None):
        self.model, self._amount, self.per_unit = model, amount, per_unit
        self.modern = model.getLevel() > 2
        self._usual = model.getSubstanceUnits() if self.modern else "substance"
        self._named = {species.getId(): species.getSubstanceUnits() for species in model.getListOfSpecies()}
        self._known: dict[str, Substance] = {}

    def of(self, species: str) -> Substance:
        """The unit that a species is counted in."""
        declared = self._substance(self._named[species] or self._usual)
        return declared if self.per_unit is None else self._chosen(declared, self.per_unit)

    @staticmethod
    def _chosen(declared: Substance, per_unit: float) -> Substance:
        """A unit of the file with the molecules that the user says are in it."""
        name = declared.name or "unit"
        aside = f"; the file declares {declared.molecules:.9g}" if declared.declared else ""
        note = f"1 {name} of the file is taken as {per_unit:.9g} molecules, as molecules_per_unit says{aside}"
        return Substance(name, per_unit, f"{note}; laws are evaluated in the units of the file", declared=True)

    def factor(self, species: str) -> str:
        """The parameter that converts extents of reactions into amounts of a species; empty where there is none."""
        own = self.model.getSpecies(species)
        if not self.modern:
            return ""
        return own.getConversionFactor() or self.model.getConversionFactor()

    def rate(self, reaction: Any, changed: Iterable[str]) -> float:
        """Reactions in one unit of a rate: molecules in the unit of its extent, which is that of the species it changes.

        Raises:
            UnsupportedError: the species have different units, or the extent has another one.
        """
        units = {self.of(name).molecules: self.of(name) for name in changed}
        if len(units) > 1:
            names = ", ".join(sorted(unit.name or "no unit" for unit in units.values()))
            raise UnsupportedError(f"its species have different units of substance ({names}); give them one")
        unit = next(iter(units.values()))
        if self.per_unit is not None or any(map(self.factor, changed)):
            return unit.molecules
        extent = self._extent(reaction)
        if extent.declared and not math.isclose(extent.molecules, unit.molecules):
            raise UnsupportedError(
                f"its rate is in {extent.name}, the species it changes in {unit.name or 'no declared unit'}, and without "
                "a conversion factor that has two readings; give both the same unit"
            )
        return unit.molecules

    def _extent(self, reaction: Any) -> Substance:
        if self.modern:
            return self._substance(self.model.getExtentUnits())
        law = reaction.getKineticLaw()
        return self._substance(
            law.getSubstanceUnits() if law is not None and law.isSetSubstanceUnits() else "substance"
        )

    def notes(self) -> tuple[str, ...]:
        """What must be said about the units of the species.

        Warns:
            JumpaxWarning: about a doubtful unit.
        """
        found = dict.fromkeys(map(self.of, self._named))
        for unit in found:
            if unit.doubtful:
                warnings.warn(unit.note, JumpaxWarning, stacklevel=2)
        return tuple(unit.note for unit in found if unit.note)

    def _substance(self, name: str) -> Substance:
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def _read(self, name: str) -> Substance:
        if not name:
            return _UNSAID
        if name == "substance" and self.model.getUnitDefinition(name) is None:
            return _UNSAID if self.modern else self._silent
        factor, molecules, others = self._measure(name)
        shown = self._called(name)
        if not others and molecules == 1:
            note = f"1 {shown} is {factor:.9g} molecules; laws are evaluated in the units of the file"
            return Substance(shown, factor, "" if factor == 1.0 else note, declared=True)
        kind = "dimensionless" if not others and not molecules else "no number of molecules"
        note = f"the unit of substance {shown} is {kind}; amounts are taken as numbers of molecules"
        return Substance(shown, note=note, doubtful=kind != "dimensionless")

    @functools.cached_property
    def _silent(self) -> Substance:
        """The unit of a Level 2 file that names none: items, unless that would leave less than one of everything."""
        amounts = []
        for species in self.model.getListOfSpecies():
            with contextlib.suppress(InputError, UnsupportedError):  # told elsewhere
                amounts.append(self._amount(species.getId()))
        some = [amount for amount in amounts if amount != 0.0]
        return _MOLES if some and all(abs(amount) < 1.0 for amount in some) else _SILENT

    def _called(self, name: str) -> str:
        """The unit as people write it: nmol, whatever the file calls it."""
        definition = self.model.getUnitDefinition(name)
        if definition is None or definition.getNumUnits() != 1 or definition.getUnit(0).getExponentAsDouble() != 1.0:
            return name
        size = definition.getUnit(0).getMultiplier() * 10.0 ** definition.getUnit(0).getScale()
        prefix = next((p for p, one in _PREFIXES.items() if math.isclose(one, size)), None)
        if _kind(definition.getUnit(0)) == "mole" and prefix is not None:
            return f"{prefix}mol"
        return _kind(definition.getUnit(0)) if size == 1.0 else name

    def _measure(self, name: str) -> tuple[float, float, bool]:
        """Of a unit: molecules in it, its power of molecules, and whether it measures anything else."""
        import libsbml

        definition = self.model.getUnitDefinition(name)
        if definition is None:
            if libsbml.UnitKind_forName(name) == libsbml.UNIT_KIND_INVALID:
                raise InputError(f"the unit {name!r} is not defined")
            return {**_COUNTED, **_PURE}.get(name, 1.0), float(name in _COUNTED), name not in {**_COUNTED, **_PURE}
        factor, molecules, others = 1.0, 0.0, {}
        for unit in definition.getListOfUnits():
            kind, power = _kind(unit), unit.getExponentAsDouble()
            factor *= _power(name, unit, power, {**_COUNTED, **_PURE}.get(kind, 1.0))
            if kind in _COUNTED:
                molecules += power
            elif kind not in _PURE:
                others[kind] = others.get(kind, 0.0) + power
        return factor, molecules, any(others.values())


def _kind(unit: Any) -> str:
    import libsbml

    return libsbml.UnitKind_toString(unit.getKind())


def _power(name: str, unit: Any, power: float, base: float) -> float:
    """What one factor of a unit is in molecules."""
    try:
        size = (unit.getMultiplier() * 10.0 ** unit.getScale() * base) ** power
    except (ArithmeticError, ValueError):
        size = math.nan
    if isinstance(size, complex) or not (math.isfinite(size) and size > 0.0):
        raise InputError(f"the unit {name!r} has no multiplier, scale or exponent that gives a positive number")
    return size
