"""What becomes of faults that simulators are known for: `python tests/contract/known_faults.py` writes docs/faults.md.

Tests say which of them they are about, `@pytest.mark.fault(number, ...)`; their files are read here, not run.
"""

import ast
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- written by tests/contract/known_faults.py -->\n", "<!-- end -->\n"
ADDRESS = "https://github.com/jumpax/jumpax/blob/main"
MARK = "pytest.mark.fault"


class Fault(NamedTuple):
    """A fault in a few words, and the answer; of one that has no test yet, what there is."""

    words: str
    answer: str
    covered: bool = True


FAULTS = {
    number: Fault(*row)
    for number, row in enumerate(
        [
            ("a negative rate constant", "error with its name and value, or the path"),
            (
                "a rate that is NaN or infinite",
                "error; a propensity that becomes one ends the path as `BAD_PROPENSITY`",
            ),
            (
                "a propensity negative in some states",
                "`BAD_PROPENSITY` with reaction, state and time; nothing is clipped",
            ),
            (
                "a rate that does not stop when its reactant is used up",
                "warning when the network is made; a count below zero ends the path as `NEGATIVE_COUNT`",
            ),
            (
                "`k * X**2` for a pair of X, which fires at X = 1",
                "warning when the network is made, with the right factor",
            ),
            (
                "pairs counted twice, or a factor of 2 in k",
                "one convention; `describe()` prints each propensity as a formula",
            ),
            ("nothing can happen any more", "the state is held until the end as `ABSORBED`; the score stays"),
            ("a population explodes", "`EVENT_BUDGET` with the number of paths, the time reached and the state"),
            (
                "paths that were cut short in an average",
                "refused, unless `allow_truncated=True`; no value after their end",
            ),
            (
                "a uniform number of 0, an infinite wait",
                "cannot be: the extreme words of the generator give finite waits",
            ),
            ("a wait of 0", "allowed; the path goes on"),
            (
                "the clock of float32 stands still at late times",
                "time is a pair of numbers; where it would stall all the same, the path is drawn again in float64",
            ),
            ("an end before the start, at it, infinite or NaN", "error; at the start the result is the start"),
            ("times that are unsorted, doubled or before the start", "error with the place of each"),
            ("saved values off by one event", "the state at the time of an event includes it, to the last bit"),
            ("a fractional count at the start", "error; rounded with `round_counts=True`"),
            ("a negative count at the start", "error"),
            (
                "a start of the wrong length, a species that is unknown or missing",
                "error with the names that there are",
            ),
            (
                "counts beyond 32 bits, products of counts that overflow, counts that float32 does not hold",
                "`COUNT_OVERFLOW`; propensities are in floating point from exact counts, and float64 takes over",
            ),
            ("numbers that lose their value when converted", "error before the conversion"),
            (
                "a rare reaction that vanishes beside frequent ones",
                "has its share to about 1e-6 of itself in float32 too",
            ),
            ("a running total of propensities that drifts", "none is kept: the last molecule still decays"),
            ("one NaN among the propensities, which is then chosen", "`BAD_PROPENSITY`, before anything is chosen"),
            (
                "rates that depend on time, held between events",
                "drawn under a bound; one that breaks ends the path as `BOUND_BROKEN`; what cannot treat them refuses by name",
            ),
            (
                "an event at a given time that comes late",
                "happens at exactly its time, and is in the state at a stop there",
            ),
            (
                "events at one moment, events that trigger each other without end",
                "order of priority; a storm ends the path",
            ),
            ("parts of an SBML file that are not treated", "error with all of them at once, each with its line"),
            ("a local parameter with the name of a global one", "has its own value"),
            ("species at the boundary, changed by a reaction", "held; at amount 0 they block nothing"),
            ("names that mean something to a parser: `lambda`, `E`, `if`", "names of a model stay names"),
            ("whole numbers divided as whole numbers", "formulas are worked out in floating point"),
            ("a stoichiometry, a law, a size or a value that is missing", "error with its line, where it is needed"),
            (
                "amounts and concentrations, compartments of a size other than 1",
                "converted once, when the file is read",
            ),
            ("a net law of a reversible reaction, which turns negative", "split where its form allows; else a warning"),
            ("XML entities that blow up", "refused before the parser sees them"),
            ("XML entities that read other files", "refused before the parser sees them"),
            ("formulas nested so deeply that the parser crashes", "refused before the parser sees them"),
            (
                "formulas of files that are run as Python",
                "none is: no `eval`, no pickle; mutated files are refused or read right",
            ),
            ("one seed in all replicas", "streams by the number of the path"),
            ("results that depend on batches or threads", "the same paths, bit for bit"),
            ("the x64 flag of JAX changes the paths", "only the default precision, which every result says"),
            ("a number of paths that cannot be divided evenly", "any number goes, in threads and in shards"),
            (
                "a process dies in a run of several",
                "shards know nothing of each other; one that died goes on from its file, and a merge names those that miss; joined processes end with an error that says which of them has lost another, and what to do",
            ),
            (
                "a slow process in a run of several",
                "nobody waits for it: shards are drawn one by one, and joined afterwards",
            ),
            (
                "a process that lives and does nothing",
                "joined processes that wait for it say so after ten minutes, and with `JUMPAX_PATIENCE` end all; shards wait for nobody",
            ),
            (
                "a full disk, or a kill while a run is saved",
                "written aside and renamed, with checksums; the file before stays, and the error names it",
            ),
            ("a run resumed with another model, version or setting", "error with every field that differs"),
            (
                "a derivative that is NaN where the value is fine: sqrt or a power at 0",
                "laws of jumpax have none; of others, an error with the parameters (NaN inside `jit`)",
            ),
            (
                "a gradient that is all noise",
                "`estimate` has a standard error for each; a warning where single paths carry it, or where a fit ends in noise",
            ),
            ("data that cannot be: negative, NaN, fractional, out of time, empty", "error with the rows"),
            ("data that no simulated path reaches", "the floor or the smoothing is named, and such data are counted"),
            ("a Poisson number above 32 bits", "error at the start; in an event the path ends as `BAD_ASSIGNMENT`"),
            (
                "out of memory on a GPU",
                "paths are drawn, and summed, in as many parts as it has memory for; if 64 paths do not fit, an error with the numbers",
            ),
        ],
        1,
    )
}


def marked() -> dict[int, list[tuple[str, str]]]:
    """File and name of the tests of each fault."""
    found = defaultdict(list)
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        text = file.read_text(encoding="utf-8")
        if f"@{MARK}(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            for mark in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == MARK:
                    for number in mark.args:
                        found[ast.literal_eval(number)].append((file.relative_to(ROOT).as_posix(), node.name))
    return found


def table() -> str:
    """The count and the table in Markdown."""
    tests = marked()
    told = sum(number in tests for number in FAULTS)
    missing = ", ".join(str(number) for number, fault in FAULTS.items() if not fault.covered)
    lines = [
        f"{told} of these {len(FAULTS)} faults have a test; not yet: {missing}.\n"
        if missing
        else "Each of them has a test.\n",
        "| | fault | answer | tests |",
        "|---|---|---|---|",
    ]
    for number, (words, answer, covered) in FAULTS.items():
        links = "<br>".join(f"[`{name.removeprefix('test_')}`]({ADDRESS}/{file})" for file, name in tests[number])
        lines.append(f"| {number} | {words} | {answer} | {links if covered else 'not yet'} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    text = DOCUMENT.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    DOCUMENT.write_text(head + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1], encoding="utf-8")
