"""Networks of BioNetGen (`.net`) as models."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

from jumpax._base.errors import InputError, UnsupportedError, unknown_name
from jumpax.importers import guard, kinetics, net_rates
from jumpax.importers.counts import said, whole
from jumpax.importers.faults import Faults
from jumpax.importers.infix import parse
from jumpax.importers.model import FileModel, Rule
from jumpax.networks import Network, Reaction, check_counts, check_theta
from jumpax.networks.equation import write
from jumpax.networks.expressions.expression import Expression, Name, Number, call, evaluate_host, names, reads_time

_BLOCKS = ("parameters", "functions", "species", "reactions", "groups")
_UNUSED = (
    "molecule types",
    "observables",
    "compartments",
    "reaction rules",
    "energy patterns",
    "population types",
    "population maps",
)  # what the network was made from; volumes are in the factors of its rates already
_HEADER = re.compile(
    r"(?:version|setModelName|setOption)\s*\(.*\)\s*;?|substanceUnits\s*\(\s*[\"']?Number[\"']?\s*\)\s*;?"
)
_LONGEST = 1_000_000  # characters of a line: a group names thousands of species

Line = tuple[int, list[str]]


def read_net(path: Path, round_counts: bool) -> FileModel:
    """The network in a `.net` file of BioNetGen; see `read`.

    A rate constant, or function, is multiplied by the number of ordered choices of the reactants, x (x - 1) ... for equal
    ones, as BioNetGen's own exact simulator does; the file has the factor 1/2 of a pair in its rates, and volumes, too.

    Source: github.com/RuleWorld/bionetgen, bng2/Network3/src/network.cpp: `rxn_rate` with `discrete` (factors x - n, also for
    functions), `read_Elt_array` ($ anywhere in a name holds the species), `read_Rxn_array` (factor*rate, Sat, MM, Hill),
    `read_functions_array` (time, no arguments); bng2/Perl2/RateLaw.pm, `toString` (factors are written as numbers).
    """
    text = guard.check_text(guard.load(path, guard.LARGEST_XML), str(path), _LONGEST)
    faults = Faults()
    return _Net(_blocks(text, faults), faults, round_counts).build(str(path), path.stem)


def _blocks(text: str, faults: Faults) -> dict[str, list[Line]]:
    """Lines by block, without comments and running numbers."""
    blocks: dict[str, list[Line]] = {name: [] for name in _BLOCKS}
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        where, name = f"line {number}", " ".join(words[1:])
        if words[0] == "begin":
            if inside or name not in (*_BLOCKS, *_UNUSED) or blocks.get(name):
                faults.unread.append(f"{where}: the block {name!r} here")
            inside = name
        elif words[0] == "end":
            if not inside or name != inside:
                faults.wrong.append(f"{where}: the end of {name!r}, where {inside!r} is open")
            inside = ""
        elif not inside and not _HEADER.fullmatch(" ".join(words)):
            faults.unread.append(f"{where}: {words[0]!r} outside of the blocks; export the network alone")
        elif inside in _BLOCKS:
            if words[0] != str(len(blocks[inside]) + 1) or len(words) < 2:
                faults.wrong.append(f"{where}: entry number {len(blocks[inside]) + 1} of {inside} should be here")
            blocks[inside].append((number, [*words[1:], ""] if len(words) < 2 else words[1:]))
    if inside:
        faults.wrong.append(f"the block {inside!r} has no end")
    return blocks


class _Net:
    """One file."""

    def __init__(self, blocks: dict[str, list[Line]], faults: Faults, round_counts: bool):
        self.blocks, self.faults, self.round_counts = blocks, faults, round_counts
        self.notes: list[str] = []
        self.formulas: dict[str, tuple[int, str]] = {}
        self.groups: dict[str, tuple[int, str]] = {}
        self.functions: set[str] = set()
        self.shared: set[str] = set()
        self.species: list[str] = []
        self.fixed: set[str] = set()
        self.defined = {"time"}
        self.values: dict[str, Expression] = {}
        self._inside: tuple[str, ...] = ()

    def build(self, origin: str, name: str) -> FileModel:
        """The model, or all faults."""
        self._names()
        x0 = self._counts()
        reactions = [r for line in self.blocks["reactions"] for r in self._reaction(*line)]
        observables = dict(self._observables(x0))
        if not reactions and not self.faults.wrong and not self.faults.unread:
            self.faults.wrong.append("it has no reactions")
        theta = {}
        for parameter in dict.fromkeys(p for r in reactions for p in r.law.parameters):
            with self.faults.of(f"parameter {parameter!r}"):
                theta[parameter] = x0.get(parameter, 0.0) if parameter in self.fixed else self._number(parameter)
        self.faults.tell(origin)
        moving = [s for s in self.species if s not in self.fixed]
        network = Network(reactions, species=moving, name=name)
        check_theta(network, theta)
        start = {s: int(x0[s]) for s in moving}
        check_counts(network, start)
        notes = tuple(filter(None, self.notes))
        return FileModel(network, theta, start, reference=origin, observables=observables, notes=notes)

    def _names(self) -> None:
        """What is defined, before anything is read. A group may be called like a parameter."""
        self.functions = {words[0].split("(")[0] for _, words in self.blocks["functions"]}
        for block, pattern in (("parameters", r"(\S+?)\s*=?\s+(.*)"), ("functions", r"(\w+)\(\)\s*=?\s*(.*)")):
            for number, words in self.blocks[block]:
                found = re.fullmatch(pattern, " ".join(words))
                if found is None:
                    self.faults.unread.append(f"line {number}: {block[:-1]} {' '.join(words)!r}")
                else:
                    self._define(found.group(1), number)
                    self.formulas[found.group(1)] = (number, found.group(2))
        for number, words in self.blocks["groups"]:
            if words[0] in self.formulas and words[0] not in {*self.functions, *self.groups}:
                self.shared.add(words[0])
            else:
                self._define(words[0], number)
            self.groups[words[0]] = (number, "".join(words[1:]))
        for number, words in self.blocks["species"]:
            species = words[0].replace("$", "", 1)
            self._define(species, number)
            self.species.append(species)
            if species != words[0]:
                self.fixed.add(species)

    def _define(self, name: str, number: int) -> None:
        if name in self.defined:
            why = "means the time" if name == "time" else "is defined twice"
            self.faults.wrong.append(f"line {number}: {name!r} {why}")
        self.defined.add(name)

    def value(self, name: str) -> Expression:
        """What a name stands for in formulas: one that is a group and a parameter, the parameter, but not in functions."""
        if name in self.shared and (inside := [n for n in self._inside if n in self.functions]):
            raise InputError(
                f"the function {inside[-1]} reads {name!r}, which is a parameter and a group; rename one of them"
            )
        if name not in self.values:
            if name in self._inside or len(self._inside) > 100:
                raise InputError(f"a circle of definitions, or a long chain: {' -> '.join((*self._inside, name))}")
            self._inside = (*self._inside, name)
            try:
                self.values[name] = self._value(name)
            finally:
                self._inside = self._inside[:-1]
        return self.values[name]

    def _value(self, name: str) -> Expression:
        if name in self.groups and name not in self.shared:
            return self._group(self.groups[name][1])
        if name not in self.formulas:
            raise InputError(unknown_name("name", name, (*self.formulas, *self.groups)))
        made = parse(self.formulas[name][1], self.value)
        return Name(name) if isinstance(made, Number) else made

    def _number(self, name: str) -> float:
        return self._evaluated(self.formulas[name][1])

    def _evaluated(self, text: str) -> float:
        """A formula of parameters as a number."""

        def number(name: str) -> Expression:
            if name not in self.formulas:
                raise InputError(unknown_name("parameter", name, self.formulas))
            self.value(name)  # finds circles
            return Number(self._number(name))

        value = evaluate_host(parse(text, number), {})
        if not math.isfinite(value):
            raise InputError(f"{text} has no finite value")
        return value

    def _at(self, index: str) -> str:
        if not index.isdigit() or not 1 <= int(index) <= len(self.species):
            raise InputError(f"species number {index!r}; there are 1 to {len(self.species)}")
        return self.species[int(index) - 1]

    def _group(self, text: str) -> Expression:
        terms = []
        for term in filter(None, text.split(",")):
            weight, _, index = term.rpartition("*")
            if not re.fullmatch(r"[0-9.]*", weight) or weight.count(".") > 1 or weight == ".":
                raise InputError(f"{term!r} is not a species number with a weight")
            terms.append(call("multiply", Number(float(weight or 1)), Name(self._at(index))))
        return call("add", *terms) if terms else Number(0.0)

    def _counts(self) -> dict[str, float]:
        counts = {}
        for (number, words), species in zip(self.blocks["species"], self.species, strict=True):
            with self.faults.of(f"line {number}: species {species!r}"):
                amount = self._evaluated(" ".join(words[1:]) or "0")
                counts[species] = whole(amount, converted=False, rounded=self.round_counts)
                self.notes.append(said(species, amount, counts[species]))
        return counts

    def _reaction(self, number: int, words: list[str]) -> list[Reaction]:
        with self.faults.of(f"line {number}: reaction {' '.join(words)!r}"):
            if len(words) < 3:
                raise InputError("reactants, products and a rate are needed")
            left, right = ([self._at(i) for i in side.split(",") if i != "0"] for side in words[:2])
            if len(left) > guard.MOST_TAKEN:
                raise UnsupportedError(f"more than {guard.MOST_TAKEN:,} reactants")
            whole = net_rates.rate(words[2:], left, self.value)
            used, made = (self._moving(side) for side in (left, right))
            if dict(used) == dict(made):
                return []
            law = kinetics.law(whole, used, [s for s in self._read(whole) if s not in self.fixed])
            return [Reaction(write(used, made), law, name=f"r{number}")]
        return []

    def _read(self, expression: Expression) -> list[str]:
        return [name for name in names(expression) if name not in self.formulas]

    def _moving(self, side: list[str]) -> tuple[tuple[str, int], ...]:
        return tuple((s, side.count(s)) for s in dict.fromkeys(side) if s not in self.fixed)

    def _observables(self, x0: dict[str, float]) -> Iterator[tuple[str, Rule]]:
        """Groups, and functions that rates read, as formulas of counts."""
        for name in dict.fromkeys((*self.groups, *(n for n in self.formulas if n in self.values))):
            with self.faults.of(f"observable {name!r}"):
                expression = self._group(self.groups[name][1]) if name in self.groups else self.value(name)
                if reads_time(expression) or not set(self._read(expression)):
                    continue
                known = {n: self._number(n) for n in names(expression) if n in self.formulas}
                known |= {n: float(x0[n]) for n in names(expression) if n in self.fixed and n in x0}
                yield name, Rule(expression, tuple(known.items()))
