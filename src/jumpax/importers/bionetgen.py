"""Networks of BioNetGen (`.net`) as models."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from jumpax._base.errors import InputError, UnsupportedError, unknown_name
from jumpax.importers import guard
from jumpax.importers.counts import Counting, said, whole
from jumpax.importers.faults import Faults
from jumpax.importers.infix import TIME, parse
from jumpax.importers.model import FileModel, Rule
from jumpax.importers.net_reactions import NetReactions
from jumpax.networks import Network, Reaction, check_counts, check_theta
from jumpax.networks.expressions.expression import (
    Call,
    Expression,
    Name,
    Number,
    call,
    evaluate_host,
    names,
    reads_time,
)

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
LONGEST = 1_000_000  # characters of a line: a group names thousands of species

Line = tuple[int, str]


def read_net(path: Path, counting: Counting) -> FileModel:
    """The network in a `.net` file of BioNetGen; see `read`.

    A rate constant, or function, is multiplied by the number of ordered choices of the reactants, x (x - 1) ... for equal
    ones, as BioNetGen's own exact simulator does; the file has the factor 1/2 of a pair in its rates, and volumes, too.

    Source: github.com/RuleWorld/bionetgen, bng2/Network3/src/network.cpp: `rxn_rate` with `discrete` (factors x - n, also for
    functions), `read_Elt_array` ($ anywhere in a name holds the species), `read_Rxn_array` (factor*rate, Sat, MM, Hill),
    `read_functions_array` (time, no arguments); bng2/Perl2/RateLaw.pm, `toString` (factors are written as numbers).
    """
    text = guard.check_text(guard.load(path, guard.LARGEST_XML), str(path), LONGEST)
    return parse_net(text, str(path), path.stem, counting)


def parse_net(text: str, origin: str, name: str, counting: Counting, numbers: "Numbers | None" = None) -> FileModel:
    """The network in a text that the guard has passed, with other numbers if wanted; see `read_net`."""
    faults = Faults()
    return _Net(_blocks(text, faults), faults, counting.rounded, numbers or Numbers()).build(origin, name)


@final
@dataclass(frozen=True)
class Numbers:
    """What goes before the formulas of a file.

    Attributes:
        parameters: formulas of parameters.
        amounts: formulas of the amounts of species at the start.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    amounts: Mapping[str, str] = field(default_factory=dict)


@final
class Named:
    """The parameters of a network, and the formulas of its amounts.

    Attributes:
        parameters: their names.
        amounts: the formula of each species at the start.
        fixed: species that nothing changes.
    """

    def __init__(self, text: str, origin: str):
        faults = Faults()
        self._blocks = _blocks(text, faults)
        net = self._net({})
        faults.tell(origin)
        self.parameters = tuple(name for name in net.formulas if name not in net.functions)
        entries = [" ".join(entry.split()[1:]) or "0" for _, entry in self._blocks["species"]]
        self.amounts, self.fixed = dict(zip(net.species, entries, strict=True)), net.fixed

    def _net(self, parameters: Mapping[str, str]) -> "_Net":
        net = _Net(self._blocks, Faults(), False, Numbers(parameters))
        net.find_names()
        return net

    def number(self, formula: str, parameters: Mapping[str, str]) -> float:
        """The value of a formula of parameters.

        Raises:
            InputError: it has none.
        """
        return self._net(parameters).evaluated(formula)


def _blocks(text: str, faults: Faults) -> dict[str, list[Line]]:
    """Lines by block, without comments and running numbers."""
    blocks: dict[str, list[Line]] = {name: [] for name in _BLOCKS}
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        if "#" in line:
            line = line.split("#", 1)[0]
        words = line.split(None, 1)
        if not words:
            continue
        if inside in blocks and words[0] not in ("begin", "end"):
            if words[0] != str(len(blocks[inside]) + 1) or len(words) < 2:
                entry = f"entry number {len(blocks[inside]) + 1} of {inside}"
                faults.wrong.append(f"line {number}: {entry} should be here")
            blocks[inside].append((number, words[-1] if len(words) > 1 else ""))
            continue
        where, name = f"line {number}", " ".join(" ".join(words[1:]).split())
        if words[0] == "begin":
            if inside or name not in (*_BLOCKS, *_UNUSED) or blocks.get(name):
                faults.unread.append(f"{where}: the block {name!r} here")
            inside = name
        elif words[0] == "end":
            if not inside or name != inside:
                faults.wrong.append(f"{where}: the end of {name!r}, where {inside!r} is open")
            inside = ""
        elif not inside and not _HEADER.fullmatch(" ".join(line.split())):
            faults.unread.append(f"{where}: {words[0]!r} outside of the blocks; export the network alone")
    if inside:
        faults.wrong.append(f"the block {inside!r} has no end")
    return blocks


class _Net:
    """One file."""

    def __init__(self, blocks: dict[str, list[Line]], faults: Faults, round_counts: bool, given: Numbers):
        self.blocks, self.faults, self.round_counts = blocks, faults, round_counts
        self.given, self.notes = given, list[str]()
        self.formulas: dict[str, tuple[int, str]] = {}
        self.groups: dict[str, tuple[int, str]] = {}
        self.functions: set[str] = set()
        self.shared: set[str] = set()
        self.species: list[str] = []
        self.fixed: set[str] = set()
        self.defined = {TIME}
        self.values: dict[str, Expression] = {}
        self.numbers: dict[str, float] = {}
        self._inside: tuple[str, ...] = ()

    def build(self, origin: str, name: str) -> FileModel:
        """The model, or all faults."""
        self.find_names()
        self.reader = NetReactions(self.species, self.fixed, self.formulas, self.value)
        x0 = self._counts()
        reactions = [*self._reactions()]
        observables = dict(self._observables(x0))
        if not reactions and not self.faults.wrong and not self.faults.unread:
            self.faults.wrong.append("it has no reactions")
        theta = {}
        laws = {id(r.law): r.law for r in reactions}.values()
        for parameter in dict.fromkeys(p for law in laws for p in law.parameters):
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

    def find_names(self) -> None:
        """What is defined, before anything is read. A group may be called like a parameter."""
        self.functions = {entry.split("(")[0] for _, entry in self.blocks["functions"]}
        for block, pattern in (("parameters", r"(\S+?)\s*=?\s+(.*)"), ("functions", r"(\w+)\(\)\s*=?\s*(.*)")):
            for number, entry in self.blocks[block]:
                entry = " ".join(entry.split())
                found = re.fullmatch(pattern, entry)
                if found is None:
                    self.faults.unread.append(f"line {number}: {block[:-1]} {entry!r}")
                else:
                    self._define(found.group(1), number)
                    given = self.given.parameters if block == "parameters" else {}
                    self.formulas[found.group(1)] = (number, given.get(found.group(1), found.group(2)))
        for number, entry in self.blocks["groups"]:
            words = entry.split() or [""]
            if words[0] in self.formulas and words[0] not in {*self.functions, *self.groups}:
                self.shared.add(words[0])
            else:
                self._define(words[0], number)
            self.groups[words[0]] = (number, "".join(words[1:]))
        for number, entry in self.blocks["species"]:
            written = entry.split(None, 1)[0] if entry else ""
            species = written.replace("$", "", 1)
            self._define(species, number)
            self.species.append(species)
            if species != written:
                self.fixed.add(species)

    def _define(self, name: str, number: int) -> None:
        if name in self.defined:
            why = "means the time" if name == TIME else "is defined twice"
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
        return self.evaluated(self.formulas[name][1])

    def evaluated(self, text: str) -> float:
        """A formula of parameters as a number; each is worked out once."""
        if text not in self.numbers:
            self.numbers[text] = self._number_of(text)
        return self.numbers[text]

    def _number_of(self, text: str) -> float:
        def number(name: str) -> Expression:
            if name not in self.formulas:
                raise InputError(unknown_name("parameter", name, self.formulas))
            self.value(name)  # finds circles
            return Number(self._number(name))

        value = evaluate_host(parse(text, number), {})
        if not math.isfinite(value):
            raise InputError(f"{text} has no finite value")
        return value

    def _group(self, text: str) -> Expression:
        terms = []
        for term in filter(None, text.split(",")):
            weight, _, index = term.rpartition("*")
            if not re.fullmatch(r"[0-9.]*", weight) or weight.count(".") > 1 or weight == ".":
                raise InputError(f"{term!r} is not a species number with a weight")
            count = Name(self.reader.at(index))
            terms.append(call("multiply", Number(float(weight)), count) if weight else count)
        if len(terms) > 1:
            return Call("add", tuple(terms))  # of any length: it is as flat as it is long
        return terms[0] if terms else Number(0.0)

    def _counts(self) -> dict[str, float]:
        counts = {}
        for (number, entry), species in zip(self.blocks["species"], self.species, strict=True):
            with self.faults.of(f"line {number}: species {species!r}"):
                amount = self.evaluated(self.given.amounts.get(species, " ".join(entry.split()[1:]) or "0"))
                counts[species] = whole(amount, converted=False, rounded=self.round_counts)
                self.notes.append(said(species, amount, counts[species]))
        return counts

    def _reactions(self) -> Iterator[Reaction]:
        for number, entry in self.blocks["reactions"]:
            words = entry.split()
            try:
                made = self.reader.reaction(f"r{number}", words)
            except (InputError, UnsupportedError) as fault:
                self.faults.note(f"line {number}: reaction {' '.join(words)!r}", fault)
            else:
                if made is not None:
                    yield made

    def _observables(self, x0: dict[str, float]) -> Iterator[tuple[str, Rule]]:
        """Groups, and functions that rates read, as formulas of counts."""
        for name in dict.fromkeys((*self.groups, *(n for n in self.formulas if n in self.values))):
            with self.faults.of(f"observable {name!r}"):
                expression = self._group(self.groups[name][1]) if name in self.groups else self.value(name)
                read = names(expression)
                if reads_time(expression) or all(n in self.formulas for n in read):
                    continue
                known = {n: self._number(n) for n in read if n in self.formulas}
                known |= {n: float(x0[n]) for n in read if n in self.fixed and n in x0}
                yield name, Rule(expression, tuple(known.items()))
