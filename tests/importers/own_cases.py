"""Cases in the manner of the stochastic suite, 74 of our own: models with the exact law of a variable at some times.

`python tests/importers/own_cases.py` draws all of them on all engines in both precisions and prints what passed.

A law is one of SciPy, probabilities of 0, 1, 2, ... by the master equation (a matrix exponential, below), or one number. With n paths

    sup |F_n - F| < sqrt(log(2 / 1e-7) / (2 n))    by Dvoretzky, Kiefer, Wolfowitz and Massart: a false alarm at 1e-7 at most, for each law
    |mean - mu| < 5 sigma / sqrt(n)                as of normal numbers at 6e-7
    |s^2 - sigma^2| < 6 sd(s^2)                    by the exact kurtosis; as of normal numbers at 2e-9, of skewed laws more often

so some of the 208 laws fails by chance in one engine and precision at 2e-4, and somewhere in all six at 1e-3. Laws whose moments are
not there are judged by the first line alone.
"""

import argparse
import functools
import sys
import tempfile
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from own_laws import TWO, decay, master, mixed, poisson, start_then
from scipy import stats

import jumpax
from jumpax._base.errors import UnsupportedError
from jumpax.importers import antimony

ENGINES, PRECISIONS = ("reference", "xla", "cpu"), ("float32", "float64")
NOT_ON_CPU = ("continuous variables", "no printed form")
PATHS = {"reference": 200, "xla": 10_000, "cpu": 10_000}


@dataclass(frozen=True)
class Case:
    """A model in Antimony, and laws of its variables by time."""

    text: str
    laws: Mapping[str, Callable[[float], Any]]
    times: tuple[float, ...] = (0.5, 2.0)
    sbml: tuple[tuple[str, str], ...] = ()
    """What is replaced in the SBML that is made of the text: things that Antimony cannot say."""


def _drawn(law: str, exact: Any) -> Case:
    """A number that an event at time 1 draws."""
    return Case(
        f"A => ; A; A = 3; p = 0; at time >= 1: p = {law}",
        {"p": lambda t: exact if t > 1 else 0.0, "A": lambda t: decay(3, t)},
    )


def _cut(exact: Any, low: float, high: float) -> Any:
    """A law between bounds, both included: its distribution function, without moments."""
    below = exact.cdf(np.nextafter(low, -np.inf)) if hasattr(exact, "ppf") else 0.0
    share = exact.cdf(high) - below
    return lambda x: np.clip((exact.cdf(np.minimum(x, high)) - below) / share, 0.0, 1.0) * (x >= low)


LAWS = {
    "normal(1, 2)": stats.norm(1, 2), "uniform(-1, 3)": stats.uniform(-1, 4), "exponential(2)": stats.expon(scale=0.5),
    "gamma(3, 0.5)": stats.gamma(3, scale=0.5), "poisson(4.5)": stats.poisson(4.5), "binomial(10, 0.3)": stats.binom(10, 0.3),
    "bernoulli(0.3)": stats.bernoulli(0.3), "chisquare(5)": stats.chi2(5), "laplace(1, 0.5)": stats.laplace(1, 0.5),
    "lognormal(0.5, 0.4)": stats.lognorm(0.4, scale=np.exp(0.5)), "rayleigh(2)": stats.rayleigh(scale=2),
    "cauchy(1, 2)": stats.cauchy(1, 2).cdf,
    "normal(1, 2, 0, 2)": stats.truncnorm(-0.5, 0.5, 1, 2), "exponential(2, 0.1, 1)": _cut(stats.expon(scale=0.5), 0.1, 1),
    "gamma(3, 0.5, 1, 2)": _cut(stats.gamma(3, scale=0.5), 1, 2), "poisson(4.5, 2, 6)": _cut(stats.poisson(4.5), 2, 6),
    "binomial(10, 0.3, 1, 4)": _cut(stats.binom(10, 0.3), 1, 4), "chisquare(5, 2, 8)": _cut(stats.chi2(5), 2, 8),
    "laplace(1, 0.5, 0, 3)": _cut(stats.laplace(1, 0.5), 0, 3), "cauchy(1, 2, -1, 9)": _cut(stats.cauchy(1, 2), -1, 9),
    "lognormal(0.5, 0.4, 1, 2)": _cut(stats.lognorm(0.4, scale=np.exp(0.5)), 1, 2),
    "rayleigh(2, 1, 3)": _cut(stats.rayleigh(scale=2), 1, 3),
}  # fmt: skip
STARTS = {
    "A starts as poisson": ("A = poisson(9); k = 1", lambda t: stats.poisson(9 * np.exp(-t))),
    "A starts as binomial": ("A = binomial(20, 0.4); k = 1", lambda t: stats.binom(20, 0.4 * np.exp(-t))),
    "A starts as bernoulli": ("A = bernoulli(0.6); k = 1", lambda t: stats.bernoulli(0.6 * np.exp(-t))),
    "A starts as truncated poisson": ("A = poisson(4, 2, 7); k = 1", lambda t: start_then(stats.poisson(4).pmf(range(2, 8)), 2, t)),
    "the rate starts as uniform": ("A = 6; k = uniform(0.2, 2)", lambda t: mixed(6, stats.uniform(0.2, 1.8), t)),
    "the rate starts as exponential": ("A = 6; k = exponential(2)", lambda t: mixed(6, stats.expon(scale=0.5), t)),
    "the rate starts as gamma": ("A = 6; k = gamma(2, 0.5)", lambda t: mixed(6, stats.gamma(2, scale=0.5), t)),
    "the rate starts as lognormal": ("A = 6; k = lognormal(0, 0.5)", lambda t: mixed(6, stats.lognorm(0.5), t)),
    "the rate starts as truncated normal": ("A = 6; k = normal(1, 1, 0, 2)", lambda t: mixed(6, stats.truncnorm(-1, 1, 1, 1), t)),
}  # fmt: skip
OTHERS = {
    "immigration and death": Case("=> A; 5; A => ; A; A = 3", {"A": lambda t: poisson(5 * (1 - np.exp(-t)), decay(3, t))}),
    "birth and death": Case("A => 2 A; 0.6*A; A => ; A; A = 4", {"A": master([[1], [-1]], [lambda a: 0.6 * a, lambda a: a], [4], [60])[0]}),
    "immigration in batches": Case("=> 3 A; 2; A => ; A; A = 0", {"A": master([[3], [-1]], [lambda a: 2.0, lambda a: a], [0], [50])[0]}),
    "dimerisation": Case("2 P => D; 0.1*P*(P-1); D => 2 P; 0.5*D; P = 12; D = 0",
                         dict(zip("PD", master([[-2, 1], [2, -1]], [lambda p, d: 0.1 * p * (p - 1), lambda p, d: 0.5 * d], [12, 0], [13, 7])))),
    "catalysis by a held species": Case("species $E; S + E => P + E; 0.25*S*E; S = 9; P = 0; E = 4", {"P": lambda t: stats.binom(9, -np.expm1(-t))}),
    "catalysis by a species that dies": Case("S + E => P + E; 0.3*S*E; E => ; E; S = 5; P = 0; E = 3", dict(zip("SE", master(
        [[-1, 0], [0, -1]], [lambda s, e: 0.3 * s * e, lambda s, e: e], [5, 3], [6, 4])))),
    "there and back": Case("A -> B; 2*A - B; A = 10; B = 0", {"B": lambda t: stats.binom(10, 2 / 3 * -np.expm1(-3 * t))}),
    "a chain": Case("A => B; A; B => C; 2*B; A = 8; B = 0; C = 0", {"C": lambda t: stats.binom(8, (1 - np.exp(-t)) ** 2)}),
    "two become three": Case("2 A => 3 B; 0.2*A*(A-1)/2; A = 8; B = 0", {"A": master([[-2]], [lambda a: 0.1 * a * (a - 1)], [8], [9])[0]}),
    "annihilation": Case("A + B => ; 0.1*A*B; A = 7; B = 5", {"B": master([[-1]], [lambda b: 0.1 * b * (b + 2)], [5], [6])[0]}),
    "an epidemic": Case("S + I => 2 I; 0.2*S*I; I => ; I; S = 8; I = 2", dict(zip("SI", master(
        [[-1, 1], [0, -1]], [lambda s, i: 0.2 * s * i, lambda s, i: i], [8, 2], [9, 11])))),
    "a queue": Case("=> A; 3; A => ; 4*piecewise(1, A > 0, 0); A = 2", {"A": master([[1], [-1]], [lambda a: 3.0, lambda a: 4.0 * (a > 0)], [2], [50])[0]}),
    "a gene": Case("G => G1; 1.5*G; G1 => G; G1; => M; 8*G1; M => ; M; G = 1; G1 = 0; M = 0", {"M": master(
        [[1, 0], [-1, 0], [0, 1], [0, -1]], [lambda g, m: 1.5 * (1 - g), lambda g, m: g, lambda g, m: 8.0 * g, lambda g, m: m], [0, 0], [2, 40])[1]}),
    "repression": Case("=> A; 6/(1 + (B/2)^2); => B; 6/(1 + (A/2)^2); A => ; A; B => ; B; A = 0; B = 5", dict(zip("AB", master(
        [[1, 0], [0, 1], [-1, 0], [0, -1]],
        [lambda a, b: 6 / (1 + (b / 2) ** 2), lambda a, b: 6 / (1 + (a / 2) ** 2), lambda a, b: a, lambda a, b: b], [0, 5], [22, 22])))),
    "saturation": Case("S => P; 3*S/(2 + S); S = 9; P = 0", {"S": master([[-1]], [lambda s: 3 * s / (2 + s)], [9], [10])[0]}),
    "a function and its arguments": Case("function f(x, y) x*y end; => A; f(2, k); A => ; A; A = 0; k = 2.5", {"A": lambda t: stats.poisson(-5 * np.expm1(-t))}),
    "a volume": Case("compartment V = 4; species A in V, B in V; A + B => ; V*0.4*A*B; A = 7/V; B = 5/V",
                     {"B": master([[-1]], [lambda b: 0.1 * b * (b + 2)], [5], [6])[0]}),
    "a volume that an event sets": Case("compartment V = 2; species A in V; => A; 3*V; A = 0; at time >= 1: V = 5",
                                        {"A": lambda t: stats.poisson(3 * (2 * min(t, 1) + 5 * max(t - 1, 0)))}),
    "a volume of a rule": Case("compartment V := 2 + q; q = 1; substanceOnly species A in V; => A; 3*V; A = 0; at time >= 1: q = 3",
                               {"A": lambda t: stats.poisson(3 * (3 * min(t, 1) + 5 * max(t - 1, 0)))}),
    "a growing volume": Case("compartment V = 2; V' = 0.5*V; substanceOnly species A in V; => A; 3*V; A = 0", {"A": lambda t: stats.poisson(12 * np.expm1(0.5 * t)),
                             "V": lambda t: 2 * np.exp(0.5 * t)}),
    "a conversion factor": Case("=> A; 2.5; A => ; A/2; A = 0; cf = 2", {"A": lambda t: stats.poisson(-5 * np.expm1(-t))},
                                sbml=(("<model ", '<model conversionFactor="cf" '),)),
    "a unit of substance": Case("unit substance = 1e-21 mole; unit extent = 1e-21 mole; substanceOnly species A; => A; 0.005; A => ; A; A = 0",
                                {"A": lambda t: stats.poisson(-0.005 * 602.214179 * np.expm1(-t))}),
    "an assignment rule": Case("=> A; 5; A => ; A; A = 0; y := 2*A + 1", {"y": lambda t: TWO(stats.poisson(-5 * np.expm1(-t)))}),
    "a rate by a rule": Case("=> A; r; A => ; A; A = 0; c = 2.5; r := 2*c", {"A": lambda t: stats.poisson(-5 * np.expm1(-t))}),
    "a rate that steps": Case("=> A; piecewise(2, time < 1, 6); A = 0", {"A": lambda t: stats.poisson(2 * min(t, 1) + 6 * max(t - 1, 0))}),
    "a rate that swings": Case("=> A; 4*(1 + sin(3*time)); A = 0", {"A": lambda t: stats.poisson(4 * (t + (1 - np.cos(3 * t)) / 3))}),
    "a rate that fades": Case("m = 1; m' = -m; A => ; 2*m*A; A = 9", {"A": lambda t: stats.binom(9, np.exp(2 * np.expm1(-t))), "m": lambda t: np.exp(-t)}),
    "a temperature ramp": Case("T = 300; T' = 5; k := exp(T/5 - 60); => A; k; A = 0", {"A": lambda t: stats.poisson(np.expm1(t))}),
    "a flow that an event resets": Case("m = 1; m' = 2; => A; m; A = 0; at time >= 1: m = 0", {"A": lambda t: stats.poisson(t + t * t if t < 1 else 2 + (t - 1) ** 2),
                                        "m": lambda t: 1 + 2 * t if t < 1 else 2 * (t - 1)}),
    "a flow that counts drive": Case("p = 0; p' = A; A => ; A; A = 1", {"p": lambda t: lambda x: np.where(x < t * (1 - 1e-9), -np.expm1(-x), 1.0)}),
    "partition": Case("A => ; A; A = 20; at time >= 1: A = binomial(A, 0.5)", {"A": lambda t: stats.binom(20, np.exp(-t) * (0.5 if t > 1 else 1))}),
    "a dose": Case("A => ; A; A = 4; at time >= 1: A = A + 8", {"A": lambda t: start_then(np.convolve(stats.binom(4, np.exp(-1)).pmf(range(5)), np.eye(9)[8]), 0, t - 1) if t > 1 else decay(4, t)}),
    "a dose again and again": Case("A => ; A; A = 0; next = 0.5; at time >= next: A = A + 3, next = next + 0.5", {
        "A": lambda t: functools.reduce(np.convolve, [stats.binom(3, np.exp(s - t)).pmf(range(4)) for s in (0.5, 1.0, 1.5) if s < t])}, times=(0.75, 1.75)),
    "a random dose": Case("A => ; A; A = 0; at time >= 1: A = A + poisson(6)", {"A": lambda t: stats.poisson(6 * np.exp(1 - t)) if t > 1 else 0.0}),
    "a condition of counts": Case("=> A; 4; A = 0; n = 0; at A >= 3: A = 0, n = n + 1", {
        "A": lambda t: stats.poisson(4 * t).pmf(np.arange(60)).reshape(-1, 3).sum(0), "n": lambda t: stats.poisson(4 * t).pmf(np.arange(60)).reshape(-1, 3).sum(1)}),
    "a condition and a draw": Case("=> A; 4; A = 0; at A >= 5: A = binomial(4, 0.5)", {"A": master(
        [[n + 1 - 5 * (n > 0)] if n == 0 else [k - 4] for n, k in ((0, 0), *((1, k) for k in range(5)))],
        [lambda a: 4.0 * (a < 4), *(lambda a, p=p: 4.0 * p * (a == 4) for p in stats.binom(4, 0.5).pmf(range(5)))], [0], [5])[0]}),
    "a delay, values of the trigger": Case("A => ; A; A = 9; p = 0; at 0.5 after time >= 1: p = A", {"p": lambda t: decay(9, 1) if t > 1.5 else 0.0}),
    "a delay, values of the end": Case("A => ; A; A = 9; p = 0; at 0.5 after time >= 1, fromTrigger=false: p = A", {"p": lambda t: decay(9, 1.5) if t > 1.5 else 0.0}),
    "a delay that is persistent": Case("=> A; 2; A = 0; p = 0; at 0.5 after A == 1: p = 1", {"p": lambda t: stats.bernoulli(-np.expm1(-2 * max(t - 0.5, 0)))}),
    "a delay that is not": Case("=> A; 2; A = 0; p = 0; at 0.5 after A == 1, persistent=false: p = 1",
                                {"p": lambda t: stats.bernoulli(np.exp(-1) * -np.expm1(-2 * max(t - 0.5, 0)))}),
    "priorities": Case("A => ; A; A = 3; p = 1; at time >= 1, priority=1, fromTrigger=false: p = p + 1; at time >= 1, priority=2, fromTrigger=false: p = 2*p", {"p": lambda t: 3.0 if t > 1 else 1.0}),
    "equal priorities": Case("A => ; A; A = 3; p = 1; at time >= 1, priority=1, fromTrigger=false: p = p + 1; at time >= 1, priority=1, fromTrigger=false: p = 2*p",
                             {"p": lambda t: np.array([0, 0, 0, 0.5, 0.5]) if t > 1 else 1.0}),
    "priorities by counts": Case("=> A; 1; A = 0; p = 1; at time >= 1, priority=A, fromTrigger=false: p = p + 1; at time >= 1, priority=0.5, fromTrigger=false: p = 2*p",
                                 {"p": lambda t: np.array([0, 0, 0, np.exp(-1), 1 - np.exp(-1)]) if t > 1 else 1.0}),
}  # fmt: skip
CASES = (
    {law: _drawn(law, exact) for law, exact in LAWS.items()}
    | {name: Case(f"A => ; k*A; {text}", {"A": law}) for name, (text, law) in STARTS.items()}
    | OTHERS
)


def model(case: Case, folder: Path) -> jumpax.FileModel:
    """The case as SBML, read."""
    text = antimony._converted(case.text, "the case").decode()
    for old, new in case.sbml:
        assert old in text
        text = text.replace(old, new, 1)
    file = folder / "case.xml"
    file.write_text(text, encoding="utf-8")
    return jumpax.read(file)


def faults(values: np.ndarray, law: Any, rounding: float) -> list[str]:
    """What of a sample is not as the law says."""
    values, n = np.asarray(values, np.float64), len(values)
    if isinstance(law, int | float):
        far = np.abs(values - law).max() / max(1.0, abs(law))
        return [] if far < rounding else [f"{values[0]} where {law} is exact"]
    law = stats.rv_discrete(values=(np.arange(len(law)), law / law.sum())) if isinstance(law, np.ndarray) else law
    cdf = law if callable(law) and not hasattr(law, "cdf") else law.cdf
    points, many = np.unique(values, return_counts=True)
    upper = np.cumsum(many) / n
    edge = rounding * np.maximum(1.0, np.abs(points))
    off = max((upper - cdf(points + edge)).max(), (cdf(points - edge) - (upper - many / n)).max())
    told = [f"distribution off by {off:.3f}"] if off > np.sqrt(np.log(2 / 1e-7) / (2 * n)) else []
    if cdf is law:
        return told
    mean, variance, kurtosis = (float(number) for number in law.stats(moments="mvk"))
    if variance == 0:
        return told
    z = (values.mean() - mean) / np.sqrt(variance / n)
    y = (
        (values.var() / variance - 1) / np.sqrt((kurtosis + 2) / n) if kurtosis > -1.99 else 0.0
    )  # of two numbers, one share
    return told + [f"{what}: z = {s:.1f}" for what, s, most in (("mean", z, 5), ("variance", y, 6)) if abs(s) >= most]


def judge(name: str, engine: str, precision: str, folder: Path, paths: int | None = None) -> list[str]:
    """What is wrong with the paths of a case; the seed follows from its name, the engine and the precision."""
    case, told = CASES[name], []
    seed = zlib.crc32(f"{name}, {engine}, {precision}".encode())
    read = model(case, folder)
    found = jumpax.simulate(
        read, times=case.times, paths=paths or PATHS[engine], key=seed, engine=engine, precision=precision
    )  # type: ignore[arg-type]
    for variable, law in case.laws.items():
        for stop, time in enumerate(case.times):
            off = faults(found[variable][:, stop], law(time), 2e-5 if precision == "float32" else 1e-6)
            told += [f"{name}, {variable} at {time:g}: {fault}" for fault in off]
    return told


def main() -> int:
    """All cases, engine by engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, nargs="*", default=ENGINES)
    parser.add_argument("--precision", choices=PRECISIONS, nargs="*", default=PRECISIONS)
    asked, bad = parser.parse_args(), []
    warnings.simplefilter("ignore")
    for engine in asked.engine:
        for precision in asked.precision:
            ends: Counter[str] = Counter()
            for name in CASES:
                with tempfile.TemporaryDirectory() as folder:
                    try:
                        told = judge(name, engine, precision, Path(folder))
                        ends["failed" if told else "passed"] += 1
                    except UnsupportedError as fault:
                        known = engine == "cpu" and any(what in str(fault) for what in NOT_ON_CPU)
                        told = [] if known else [f"{name}: {fault}"]
                        ends["not treated"] += 1
                    except jumpax.JumpaxError as fault:
                        told = [f"{name}: {fault}"]
                        ends["failed"] += 1
                bad += [f"{engine} {precision}: {fault}" for fault in told]
            print(engine, precision, dict(ends), flush=True)
    print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
