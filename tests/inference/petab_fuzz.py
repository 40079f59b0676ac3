"""Mutated PEtab problems and what they mean, read by hand: the loss at given mean counts, what is free, what conditions set.

What can mean nothing has to be refused. Where the meaning is not clear (other names, numbers at bounds, ...) only another kind of
exception than a refusal is a fault. `python tests/inference/petab_fuzz.py 0 2000` reads so many and prints what is wrong.
"""

import csv
import math
import random
import re
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import scipy.stats

sys.path.insert(0, str(Path(__file__).parents[1]))
from jumpax import JumpaxError
from jumpax.inference import Fixed, Free, read_petab
from mutated_tables import mutated
from petab_files import write

PARAMETERS = """parameterId	parameterScale	lowerBound	upperBound	nominalValue	estimate
low	log10	0.1	100	5	1
death	lin	0	10	1	0
scale	lin	0.5	4	2	1
sigma	log	0.1	9	0.5	1
"""
OBSERVABLES = """observableId	observableFormula	noiseFormula	observableTransformation	noiseDistribution
seen	X	0.5	lin	normal
scaled	scale*X+observableParameter1_scaled	noiseParameter1_scaled	log	laplace
half	X/2	sigma	log10	normal
"""
CONDITIONS = "conditionId\tbirth\tX\na\tlow\t3\nb\t8\t0\n"
MEASUREMENTS = """observableId	simulationConditionId	time	measurement	observableParameters	noiseParameters
seen	a	1	3.5		
seen	b	2	4		
scaled	a	1	6	1	sigma
scaled	a	4	7	2	0.3
half	b	2	2.5		
half	b	3	3		
"""
TABLES = {"parameters": PARAMETERS, "observables": OBSERVABLES, "conditions": CONDITIONS, "measurements": MEASUREMENTS}
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_FORMULA = re.compile(r"(?:[A-Za-z_]\w*|\d+\.?\d*|[-+*/. ])+")
_MISSING = ("", "NA", "nan", "NaN")


class WrongError(Exception):
    """It has to be refused."""


class UnclearError(Exception):
    """Whether it is refused is not judged here."""


def number(word: str) -> float:
    """A number that a table has to have."""
    if not _NUMBER.fullmatch(word):
        raise WrongError(f"{word!r} is not a number")
    if not math.isfinite(float(word)):
        raise UnclearError(word)
    return float(word)


def table(text: str, needed: str) -> list[dict[str, str]]:
    """Rows by column."""
    if re.search(r'["#\x00]', text) or not all(line.strip() for line in text.splitlines()) or not text:
        raise UnclearError("marks and empty lines")
    head, *rows = [[word.strip() for word in row] for row in csv.reader(text.splitlines(), delimiter="\t")]
    if any(len(row) != len(head) for row in rows):
        raise WrongError("rows that are longer or shorter than the head")
    if len({*head}) < len(head):
        raise UnclearError("a column twice")
    if not {*needed.split()} <= {*head}:
        raise WrongError("a column that is missing")
    return [dict(zip(head, row, strict=True)) for row in rows]


class Meaning:
    """What tables say.

    Attributes:
        free: value, lower, upper, whether on a logarithmic scale, by name.
        fixed: values.
        set: by condition what it sets to a number.
        loss: by condition, the negative logarithm of the density where the mean of X is 2 + 1.7 t.
    """

    def __init__(self, tables: dict[str, str]):
        self.free, self.fixed = {}, {}
        for row in table(tables["parameters"], "parameterId estimate"):
            self._parameter(row)
        conditions = self._by_name(table(tables["conditions"], "conditionId"), "conditionId")
        observables = self._by_name(
            table(tables["observables"], "observableId observableFormula noiseFormula"), "observableId"
        )
        if {*next(iter(conditions.values()), {})} - {"conditionId", "birth", "X", "death"}:
            raise UnclearError("other columns of conditions")
        rows = table(tables["measurements"], "observableId simulationConditionId time measurement")
        used = {row["simulationConditionId"] for row in rows}
        if not rows or not used <= {*conditions} or not {row["observableId"] for row in rows} <= {*observables}:
            raise WrongError("an unknown name, or nothing")
        if not used:
            raise WrongError("no measurements")
        self.set = {name: self._setting(conditions[name]) for name in used}
        self.loss = dict.fromkeys(self.set, 0.0)
        for row in rows:
            self.loss[row["simulationConditionId"]] += self._term(row, observables[row["observableId"]])

    def _by_name(self, rows, column):
        named = {row[column]: row for row in rows}
        if len(named) < len(rows) or not all(re.fullmatch(r"[a-z]\w*", name) for name in named):
            raise UnclearError(f"names of {column}")
        return named

    def _parameter(self, row):
        name, estimate = row["parameterId"], row["estimate"]
        if name in self.free or name in self.fixed:
            raise WrongError(f"{name} twice")
        if name not in ("low", "death", "scale", "sigma", "birth"):
            raise UnclearError(name)
        if estimate not in ("0", "1"):
            raise UnclearError(f"estimate {estimate}") if number(estimate) in (0.0, 1.0) else WrongError("estimate")
        if estimate == "0":
            self.fixed[name] = number(row.get("nominalValue", ""))
            return
        if any(
            row.get(column, "") in _MISSING for column in ("lowerBound", "upperBound", "nominalValue", "parameterScale")
        ):
            raise UnclearError("what is left out")
        if "inf" in row["nominalValue"]:
            raise UnclearError("a value that is never between the bounds")
        value, lower, upper = (number(row[column]) for column in ("nominalValue", "lowerBound", "upperBound"))
        if row["parameterScale"] not in ("lin", "log", "log10") or lower > upper:
            raise WrongError("scale or bounds")
        if not lower < value < upper or (row["parameterScale"] != "lin" and lower <= 0):
            raise UnclearError("at a bound, or beyond")
        self.free[name] = (value, lower, upper, row["parameterScale"] != "lin")

    def _setting(self, row):
        out = {}
        for name in ("birth", "X"):
            word = row.get(name, "")
            if _NUMBER.fullmatch(word):
                out[name] = number(word)
            elif word not in _MISSING and (name == "X" or word not in (*self.free, *self.fixed)):
                raise UnclearError(word)
        return out

    def _term(self, row, observable):
        value, time = number(row["measurement"]), number(row["time"])
        if time < 0:
            raise WrongError("before the start")
        own = {}
        for kind in ("observable", "noise"):
            words = [word for word in row.get(f"{kind}Parameters", "").split(";") if word]
            wanted = {
                *re.findall(
                    rf"{kind}Parameter\d+_\w+", observable["observableFormula"] + " " + observable["noiseFormula"]
                )
            }
            name = f"{kind}Parameter1_{row['observableId']}"
            if wanted - {name}:
                raise UnclearError("placeholders of others")
            if len(words) != len(wanted):
                raise WrongError("placeholders without a value")
            if words:
                own[name] = self._value(words[0], {})
        middle = self._value(observable["observableFormula"], own | {"X": 2.0 + 1.7 * time})
        spread = self._value(observable["noiseFormula"], own)
        law, scale = (
            usual if observable.get(column, "") in _MISSING else observable[column]
            for column, usual in (("noiseDistribution", "normal"), ("observableTransformation", "lin"))
        )
        if law not in ("normal", "laplace") or scale not in ("lin", "log", "log10"):
            raise WrongError("law or scale")
        if spread <= 0 or (scale != "lin" and value <= 0):
            raise (
                WrongError("no error, no logarithm")
                if value <= 0 or _NUMBER.fullmatch(observable["noiseFormula"])
                else UnclearError("noise")
            )
        if scale != "lin" and middle <= 0:
            raise UnclearError("no logarithm of the mean")
        unit = math.log(10) if scale == "log10" else 1.0
        seen, wanted = (value, middle) if scale == "lin" else (math.log(value) / unit, math.log(middle) / unit)
        density = {"normal": scipy.stats.norm, "laplace": scipy.stats.laplace}[law](wanted, spread)
        return -density.logpdf(seen) + (0.0 if scale == "lin" else math.log(value * unit))

    def _value(self, text, own):
        """A formula at the values of the tables."""
        names = {name: free[0] for name, free in self.free.items()} | self.fixed | own
        if not _FORMULA.fullmatch(text) or not {*re.findall(r"[A-Za-z_]\w*", text)} <= {*names}:
            raise UnclearError(text)
        try:
            return float(eval(text, {"__builtins__": {}}, names))
        except (SyntaxError, ArithmeticError, TypeError) as fault:
            raise UnclearError(text) from fault


def meaning(tables):
    """The meaning, `wrong` where it has to be refused, None where that is not judged."""
    try:
        return Meaning(tables)
    except WrongError:
        return "wrong"
    except (UnclearError, KeyError, IndexError, ValueError):
        return None


def difference(found, meant: Meaning) -> str:
    """What of a problem is not as meant; empty if nothing."""
    parts = found.problem.parts
    if len(parts) != len(meant.set):
        return f"{len(parts)} conditions, not {len(meant.set)}"
    named = parts if len(parts) > 1 else dict(zip(meant.set, parts.values(), strict=True))
    values = {name: value for name, (value, *_) in meant.free.items()} | meant.fixed
    for name, part in named.items():
        counts = jnp.asarray(2.0 + 1.7 * np.asarray(part.loss.times))[None, :, None, None]
        seen = part.loss.seen(counts, values)
        loss = float(part.loss.value(seen[0], values, 1.0))
        if not math.isclose(loss, meant.loss[name], rel_tol=1e-5, abs_tol=1e-4):
            return f"{name}: the loss is {loss}, not {meant.loss[name]}"
    free = {n: p for part in parts.values() for n, p in part.parameters.items() if isinstance(p, Free)}
    for name, p in free.items():
        if (p.value, p.lower, p.upper, p.logarithmic) != meant.free.get(name):
            return f"{name} is {p}, not {meant.free.get(name)}"
    for name, numbers in meant.set.items():
        part = named[name]
        if "birth" in numbers and part.parameters["birth"] != Fixed(numbers["birth"]):
            return f"{name}: birth is {part.parameters['birth']}, not {numbers['birth']}"
        if "X" in numbers and part.x0["X"] != numbers["X"]:
            return f"{name}: X is {part.x0['X']}, not {numbers['X']}"
    return ""


def one(choice: int, folder: Path) -> str:
    """`read`, `read as meant` or `refused`, or what is wrong with that."""
    choose = random.Random(f"tables {choice}")
    name = choose.choice((*TABLES, "measurements", "parameters"))
    tables = {**TABLES, name: mutated(TABLES[name], choose)}
    meant = meaning(tables)
    file = write(folder, tables["measurements"], **{key: text for key, text in tables.items() if key != "measurements"})
    try:
        found = read_petab(file, cells=10)
    except JumpaxError as fault:
        return "refused" if str(fault).strip() else "a refusal without a word"
    except Exception as fault:
        return f"{type(fault).__name__}: {fault}"[:300]
    if meant == "wrong":
        return f"read, though it means nothing: {name}\n{tables[name]}"
    if meant is None:
        return "read"
    return difference(found, meant) or "read as meant"


def some(numbers: range) -> dict[int, str]:
    """The outcomes of some mutations."""
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        return {number: one(number, Path(folder)) for number in numbers}


if __name__ == "__main__":
    outcomes = some(range(*map(int, sys.argv[1:])))
    print(Counter(outcome for outcome in outcomes.values() if outcome in ("read", "read as meant", "refused")))
    bad = {n: o for n, o in outcomes.items() if o not in ("read", "read as meant", "refused")}
    print("\n".join(f"{n}: {o}" for n, o in bad.items()))
    sys.exit(bool(bad))
