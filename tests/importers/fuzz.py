"""Mutated model files: `python tests/importers/fuzz.py 10000` reads so many, in processes of their own.

Each is read, or refused by an InputError or UnsupportedError. What is read of SBML and Antimony must have the propensities,
changes and initial amounts of `by_hand.py`. Prints what did not, and exits with 1.
"""

import argparse
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import jax
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import test_bionetgen
import test_gradients
from by_hand import ByHand
from model_files import CASES

import jumpax
from jumpax._base.errors import InputError, UnsupportedError
from jumpax.importers import antimony
from jumpax.networks.expressions.expression import evaluate_host

PLAIN = (
    *(text for suffix, text in test_gradients.MODELS.values() if suffix != ".net"),
    "function f(x, y) x * y / (1 + x) end; compartment V = 2, W = 0.5; species A in V, B in W; substanceOnly species C in V;"
    "A = 10; B = 40; C = 3; k = 0.5; g := 2 * k; h = 3 * k; r: A -> B; V * (k * A - g * B); s: A + B => 2 C; f(A, g) * V;"
    "t: $C => A; h * piecewise(C, C > 2 && time > 1, 0) + log10(C + 1); y := A + B; E: at time >= 3: A = 5, k = 1",
    "unit substance = 1e-21 mole; unit extent = 1e-21 mole; compartment V = 2; species A in V; substanceOnly species B in V;"
    "species $S in V; A = 0.0166054; B = 0.0498162; S = 0.5; k = 0.5; r: A -> B; V * k * A - 3 * B; s: A + B => 2 B; k * A * B;"
    "t: B => ; piecewise(k * B * B, B > 0.01, S) + S * B / (1 + A)",
    "species A; A = 9; p = 2; A => ; p * A / (1 + A^2); => 3 A; max(0, p - sqrt(A)) + abs(sin(A)) + floor(A / 2); at A > 20: A = 1",
    "compartment V = 1; species A in V; A = 10; g = 0.02; k = 0.5; m = 1; V' = g * V; m' = -0.1 * m + sin(time); r: A => ; k * m * A * V;"
    "s: => A; 3 * V; E: at 2 after A > 20, priority = 2: A = floor(A / 2)",
    "substanceOnly species A, B; A = 12; B = 3; T = 300; T' = 0.5 * (310 - T); k := exp(-50 / T); r: A -> B; k * A - 0.2 * B;"
    "E: at W > 2, persistent=false: W = 1, A = ceil(A / 2); W = 1; W' = 0.3 * W * (1 - W / 4); q: => A; 5 * W",
    "species A; A = 9; k = 1; p = 0; p' = k - p; r: A => ; k * A; s: => A; x; x := 2 * k + p;"
    "at 0.5 after A < 5, t0=false, fromTrigger=false: A = poisson(9), k = k + 1; at time > 7, priority=k: k = uniform(1, 2)",
)
"""The last three with continuous variables, events that wait, and draws."""
NETS = (test_bionetgen.NET, test_bionetgen.HEADERS + test_bionetgen.WHOLE, test_gradients.NET)
FILES = [
    f
    for name in ("00011", "00019", "00025", "00027", "00029", "00033", "00039", "00003")
    for f in sorted((CASES / name).glob("*.xml"))
]
SLOWEST = 20.0
_PIECES = re.compile(r"<[^<>]*>|[A-Za-z_]\w*|\d+\.?\d*(?:[eE][-+]?\d+)?|[^\w\s]|\s+")
_WORDS = (
    "<plus/>", "<minus/>", "<times/>", "<divide/>", "<power/>", "<cn>0</cn>", "<ci>X</ci>", "<lt/>", "<exp/>", "<ln/>",
    "true", "false", "0", "1e400", "-1", "0.5", "time", "NaN", "", "(", ")", "#", ";", "$", "&&", "!", "=>", "->", ",", "^", "\x01", "é",
)  # fmt: skip


def seed_of(number: int) -> tuple[str, str]:
    """Suffix and text of the file that the mutation of this number starts from: 7 of 10 SBML, 1 of 20 Antimony."""
    choose = random.Random(number)
    if number % 20 == 0:
        return ".ant", choose.choice(PLAIN)
    if number % 4 == 1:
        return ".net", choose.choice(NETS)
    place = choose.randrange(len(FILES) + 3 * len(PLAIN))
    return ".xml", FILES[place].read_text(encoding="utf-8") if place < len(FILES) else converted(
        PLAIN[place % len(PLAIN)]
    )


_SBML: dict[str, str] = {}


def converted(text: str) -> str:
    """Antimony in SBML, once."""
    if text not in _SBML:
        _SBML[text] = _convert(text, "a seed").decode()
    return _SBML[text]


_ALIKE = (
    r'(?<=[>" (=*/+,])\d+\.?\d*(?=[<" ;,)*/+])', r"<(?:plus|minus|times|divide|power|lt|gt|leq|geq|exp|ln|abs|floor)\s*/>",
    r"<ci>[^<]*</ci>", r'"(?:true|false)"', r"<speciesReference[^>]*/>", r"(?<=\w) [-+*/^<>] (?=\w)",
    r"(?<![\w<&/])[A-Za-z]\w*(?![\w=>(])",
)  # fmt: skip
"""Things that can stand in each other's place."""


def exchanged(text: str, choose: random.Random) -> str:
    """One thing in the place of another of its kind, or both exchanged, or another number."""
    found = list(re.finditer(choose.choice(_ALIKE), text))
    if not found:
        return text
    a, b = choose.choice(found), choose.choice(found)
    new = {a.span(): b.group()}
    if choose.random() < 0.3:
        new[b.span()] = a.group()
    if a.group()[0].isdigit() and choose.random() < 0.5:
        new = {a.span(): choose.choice(("0", "1", "2", "3", "0.5", "1e9", "17", str(choose.random())))}
    if a.group() in ('"true"', '"false"'):
        new = {a.span(): '"true"' if a.group() == '"false"' else '"false"'}
    for (start, stop), word in sorted(new.items(), reverse=True):
        text = text[:start] + word + text[stop:]
    return text


def mutated(text: str, choose: random.Random) -> bytes:
    """One to three changes: of bytes, of pieces (tags, names, numbers, signs), of lines."""
    for _ in range(choose.choice((1, 1, 2, 3))):
        if choose.random() < 0.7:
            text = exchanged(text, choose)
            continue
        if choose.random() < 0.15:
            raw = bytearray(text.encode())
            raw[choose.randrange(len(raw))] ^= 1 << choose.randrange(8)
            text = raw.decode(errors="replace") if choose.random() < 0.9 else raw.decode("latin-1")
            continue
        parts = text.splitlines(keepends=True) if choose.random() < 0.3 else _PIECES.findall(text)
        solid = [i for i, part in enumerate(parts) if part.strip()] or [0]
        first, second = choose.choice(solid), choose.choice(solid)
        kind = choose.randrange(6)
        if kind == 0:
            parts[first] = ""
        elif kind == 1:
            parts.insert(second, parts[first])
        elif kind == 2:
            parts[first], parts[second] = parts[second], parts[first]
        elif kind == 3:
            parts[first] = choose.choice(_WORDS)
        elif kind == 4:
            parts[first] = parts[second]
        else:
            numbers = [i for i in solid if re.fullmatch(r"[-\d.eE]+|<c[in]>", parts[i])] or [first]
            parts[choose.choice(numbers)] = choose.choice(
                ("0", "1", "2", "3", "0.5", "1e9", "-2", str(choose.random()))
            )
        text = "".join(parts) or " "
    return text.encode(errors="replace")


_convert = antimony._converted
_seen: list[str] = []


def _record(text: str, origin: str) -> bytes:
    made = _convert(text, origin)
    _seen.append(made.decode())
    return made


def one(number: int, folder: Path) -> str:
    """Reads one mutation: `read` or `refused`, or what is wrong with that."""
    suffix, seed = seed_of(number)
    content = mutated(seed, random.Random(f"mutation {number}"))
    file = folder / f"m{suffix}"
    file.write_bytes(content)
    begin = time.perf_counter()
    antimony._converted = _record
    try:
        model = jumpax.read(file)
    except (InputError, UnsupportedError) as fault:
        return "refused" if str(fault).strip() else "a refusal without a word"
    except Exception as fault:
        return f"{type(fault).__name__}: {fault}"[:300]
    finally:
        antimony._converted = _convert
        if time.perf_counter() - begin > SLOWEST:
            return f"{time.perf_counter() - begin:.0f} s"  # noqa: B012
    if suffix == ".net":
        return "read"
    return compared(_seen[-1] if suffix == ".ant" else content.decode("utf-8-sig"), model, random.Random(number))


def compared(text: str, model: jumpax.FileModel, choose: random.Random) -> str:
    """`read` if the network is that of `by_hand.py`, at three random states; else the difference."""
    hand, network = ByHand(text), model.without_events

    def public(name):
        return "t_" if name == "t" and "t_" in (*network.species, *network.parameters) else name

    ids = {public(s): s for s in (x.getId() for x in hand.model.getListOfSpecies()) if public(s) in network.species}
    moving = {s for s in hand.changing() if any(s in hand.changes(r) for r in hand.model.getListOfReactions())}
    if missing := moving - {*ids.values()}:
        return f"species {missing} left out"
    for name, count in model.x0.items():
        start, unit = hand.start(ids[name]), hand.molecules(ids[name])
        if abs(start * unit - count) > 1e-6 + (1e-3 * count if unit != 1.0 else 0.0):
            return f"{name} starts at {count}, not {start * unit}"
    columns = dict(zip((r.name for r in network.reactions), network.stoichiometry.T.tolist()))
    theta = {name: np.float64(value) for name, value in model.theta.items()}
    flows = {next((f for f in hand.flows if public(f) == flow.name), flow.name): flow.rate for flow in network.flows}
    if missing := {*hand.flows} - {*flows}:
        return f"what flows, {missing}, left out"
    for _ in range(3):
        for name in flows:
            if hand.model.getSpecies(name) is None:
                hand.now[name] = theta[public(name)] = np.float64(
                    choose.choice((0.5, 1.0, 2.0)) * model.theta[public(name)]
                )
        amounts = {s: float(choose.choice((0, 1, 2, 3, 7, 40, 1000))) for s in ids.values()}
        counts, now = tuple(np.float64(amounts[ids[s]]) for s in network.species), choose.choice((0.0, 1.5, 40.0))
        with jax.enable_x64(True):
            rates = dict(zip(columns, map(float, network.propensities(counts, theta, np.float64(now)))))
        parts = {s: amount / hand.molecules(s) for s, amount in amounts.items()}
        values = {**theta, **dict(zip(network.species, counts))}
        for name, rate in flows.items():
            if hand.model.getSpecies(name) is None:
                got, wanted = float(evaluate_host(rate, values, now)), hand.slope(name, parts, now)
                if np.isfinite(wanted) and not abs(got - wanted) <= 1e-9 * max(abs(got), abs(wanted)):
                    return f"{name} flows by {got}, not {wanted}, at {amounts}"
        for reaction in hand.model.getListOfReactions():
            name, change = reaction.getId(), {public(s): n for s, n in hand.changes(reaction).items()}
            if not change:
                if name in columns:
                    return f"{name} changes nothing, and is there"
                continue
            if columns.get(name) != [change.get(s, 0) for s in network.species]:
                return f"{name} changes {columns.get(name)}, not {change}"
            back = rates.get(f"{name}_reverse", 0.0) if hand.model.getReaction(f"{name}_reverse") is None else 0.0
            unit = hand.molecules(next(ids[s] for s in change))
            got, wanted = rates[name] - back, unit * hand.rate(reaction, parts, now)
            size = max(abs(rates[name]), abs(back), abs(wanted))
            if np.isfinite(got) != np.isfinite(wanted) and not np.isnan(got):  # a path stops at NaN, with an error
                return f"{name} is {got}, not {wanted}"
            if np.isfinite(got) and np.isfinite(wanted) and abs(got - wanted) > 1e-9 * size:
                return f"{name} is {got}, not {wanted}, at {amounts}"
    return "read"


def some(numbers: range, told: bool = False) -> dict[int, str]:
    """The outcomes of some mutations."""
    out = {}
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        for number in numbers:
            if told:
                print(json.dumps([number, None]), flush=True)
            out[number] = one(number, Path(folder))
            if told:
                print(json.dumps([number, out[number]]), flush=True)
    return out


def main() -> int:
    """All, in processes of 500 each, so that a crash of a library is seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("last", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--here", action="store_true", help="in this process, told line by line")
    asked = parser.parse_args()
    if asked.here:
        resource.setrlimit(resource.RLIMIT_DATA, (6 * 2**30, 6 * 2**30))
        some(range(asked.first, asked.last), told=True)
        return 0
    outcomes: dict[int, str] = {}
    at = asked.first
    while at < asked.last:
        end = min(at + 500, asked.last)
        command = [sys.executable, __file__, str(end), "--first", str(at), "--here"]
        done = subprocess.run(["timeout", "600", *command], capture_output=True, text=True)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
        outcomes |= {number: outcome for number, outcome in lines if outcome is not None}
        if done.returncode:
            outcomes[lines[-1][0]] = f"the process ended with {done.returncode}: {done.stderr[-300:]}"
            end = lines[-1][0] + 1
        at = end
        print(at, dict(Counter(o for o in outcomes.values() if o in ("read", "refused"))), flush=True)
    bad = {n: o for n, o in outcomes.items() if o not in ("read", "refused")}
    print(json.dumps(bad, indent=1, ensure_ascii=False))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
