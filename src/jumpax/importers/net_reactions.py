"""Reactions in a network of BioNetGen: tens of thousands, of some dozens of kinds."""

from collections import Counter
from collections.abc import Collection, Sequence

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.importers import guard, kinetics, net_rates
from jumpax.networks import AbstractLaw, Reaction
from jumpax.networks.equation import Side
from jumpax.networks.expressions.expression import Expression, Name, names

_Names = tuple[str, ...]


class NetReactions:
    """Reads reactions one by one; a side that comes again, and a rate of as many molecules, is read once.

    Args:
        species: in the order of the file.
        fixed: those of them that never change.
        constants: names that are not species.
        lookup: the expression behind a name.
    """

    def __init__(
        self, species: Sequence[str], fixed: Collection[str], constants: Collection[str], lookup: net_rates.Lookup
    ):
        self.species, self.fixed, self.constants, self.lookup = species, {*fixed}, constants, lookup
        self._numbered = {str(number): name for number, name in enumerate(species, 1)}
        self._names = {name: Name(name) for name in species}
        self._sides: dict[str, tuple[_Names, Side]] = {}
        self._laws: dict[tuple[str, _Names], AbstractLaw] = {}
        self._patterns: dict[tuple[str, _Names], AbstractLaw | None] = {}
        self._equal: dict[AbstractLaw, AbstractLaw] = {}

    def at(self, number: str) -> str:
        """The species with a number.

        Raises:
            InputError: there is none.
        """
        name = self._numbered.get(number)
        if name is None and number.isdecimal() and 1 <= int(number) <= len(self.species):
            name = self.species[int(number) - 1]
        if name is None:
            raise InputError(f"species number {number!r}; there are 1 to {len(self.species)}")
        return name

    def reaction(self, name: str, words: Sequence[str]) -> Reaction | None:
        """The reaction of a line, words being its reactants, products and rate; none if it changes no count.

        Raises:
            InputError: something cannot be read.
            UnsupportedError: a rate law that is not known, too many reactants.
        """
        if len(words) < 3:
            raise InputError("reactants, products and a rate are needed")
        left, used = self._side(words[0])
        _, made = self._side(words[1])
        if len(left) > guard.MOST_TAKEN:
            raise UnsupportedError(f"more than {guard.MOST_TAKEN:,} reactants")
        rate = words[2] if len(words) == 3 else " ".join(words[2:])
        law = self._laws.get((rate, left))
        if law is None:
            law = self._laws[rate, left] = self._law(rate, left)
        if len(used) == len(made) and dict(used) == dict(made):
            return None
        return Reaction.of(used, made, law, name=name)

    def _side(self, text: str) -> tuple[_Names, Side]:
        """The species on a side with repetitions, and how many there are of each that may change."""
        found = self._sides.get(text)
        if found is None:
            all_of_them = tuple(self.at(number) for number in text.split(",") if number != "0")
            found = self._sides[text] = all_of_them, self._moving(all_of_them)
        return found

    def _moving(self, side: _Names) -> Side:
        return tuple((name, count) for name, count in Counter(side).items() if name not in self.fixed)

    def _law(self, rate: str, left: _Names) -> AbstractLaw:
        """The law of these reactants, from that of any that are as alike to each other and as fixed."""
        places = {name: f"\0{'fixed' if name in self.fixed else ''}{i}" for i, name in enumerate(dict.fromkeys(left))}
        if self.fixed:
            self.fixed.update([place for name, place in places.items() if name in self.fixed])
        pattern = tuple(places[name] for name in left)
        if (rate, pattern) not in self._patterns:
            whole = net_rates.rate(rate.split(), pattern, self.lookup)
            plain = all(name in self.constants or name.startswith("\0") for name in names(whole))
            self._patterns[rate, pattern] = self._judged(whole, pattern) if plain else None
        law = self._patterns[rate, pattern]
        if law is None:  # the rate itself reads counts, which may be those of reactants
            return self._judged(net_rates.rate(rate.split(), left, self.lookup), left)
        return kinetics.renamed(law, {place: self._names[name] for name, place in places.items()})

    def _judged(self, whole: Expression, left: _Names) -> AbstractLaw:
        """An expression as a law; equal ones are the same."""
        read = [name for name in names(whole) if name not in self.constants and name not in self.fixed]
        law = kinetics.law(whole, self._moving(left), read)
        return self._equal.setdefault(law, law)
