"""PEtab problems by the letter of the standard: placeholders, names, formulas, scales, priors, what conditions set.

Judged by the loss at given mean counts, against densities of SciPy, and by closed forms of the means: of birth and death the mean
is birth / death (1 - e^(-death t)).
"""

import math

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jumpax import InputError, UnsupportedError
from jumpax.inference import Conditions, read_petab
from petab_files import OBSERVABLES, PARAMETERS, YAML_2, rows, write

LINES = rows([1.0], [3.0])
HEAD_2 = "observableId\tobservableFormula\tobservablePlaceholders\tnoiseFormula\tnoisePlaceholders\tnoiseDistribution\n"
EXPERIMENT = "experimentId\ttime\tconditionId\ne\t0\tc\n"
CHANGES = "conditionId\ttargetId\ttargetValue\nc\tbirth\t2\n"
ONE_RUN = {
    "yaml": YAML_2,
    "conditions": CHANGES,
    "experiments": EXPERIMENT,
    "parameters": PARAMETERS.replace("birth", "late"),
}


def _loss(file, mean=4.0, **values):
    """At mean counts of X, the same at all times."""
    loss = read_petab(file, cells=10).problem.loss
    seen = loss.seen(jnp.full((1, len(loss.times), 1, 1), mean), values)
    return float(loss.value(seen[0], values, 1.0))


def _normal(measured, middle, spread=0.5):
    return -scipy.stats.norm(middle, spread).logpdf(measured).sum()


def _formula(text):
    return OBSERVABLES.replace("\tX\t", f"\t{text}\t")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("log(X, 2)", 2.0), ("log(X)", math.log(4)), ("ln(X)", math.log(4)), ("log2(X)", 2.0), ("log10(X)", math.log10(4)),
        ("2^3^2 - 510 + 0 * X", 2.0), ("-X^2 + 20", 4.0), ("pow(X, 0.5)", 2.0), ("sqrt(X)", 2.0), ("X^-1", 0.25),
        ("piecewise(1, X < 3, 7, X >= 4, 9)", 7.0), ("piecewise(1, X > 4 || X == 4 && X < 0, 2)", 2.0), ("1 + (X != 4)", 1.0),
        ("sign(-X) + max(X, 5) + min(X, 5)", 8.0), ("arctan(X)", math.atan(4)), ("cot(X)", 1 / math.tan(4)), ("exp(1) * X", 4 * math.e),
        ("piecewise(X, true, 0) + 1e1", 14.0),
    ],
)  # fmt: skip
def test_formulas_mean_what_the_standard_says(tmp_path, text, value):
    """log(a, b) has base b, a^b^c is a^(b^c), && and || bind alike, from the left."""
    assert _loss(write(tmp_path, LINES, observables=_formula(text))) == pytest.approx(_normal(3.0, value), rel=1e-5)


@pytest.mark.parametrize(
    "name", ["Pi", "pi", "E", "e", "I", "N", "S", "inf", "Inf", "exponentiale", "avogadro", "Time", "true", "log"]
)
def test_names_of_the_problem_come_before_constants(tmp_path, name):
    table = PARAMETERS + f"{name}\tlin\t\t\t1.5\t0\n"
    file = write(tmp_path, LINES, parameters=table, observables=_formula(f"{name} * X"))
    assert _loss(file) == pytest.approx(_normal(3.0, 6.0), rel=1e-5)
    filled = rows([1.0], [3.0], more={"observableParameters": [name]})
    file = write(tmp_path, filled, parameters=table, observables=_formula("observableParameter1_seen * X"))
    assert _loss(file) == pytest.approx(_normal(3.0, 6.0), rel=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2 X", "an operator is missing"), ("pi * X", "unknown name 'pi'"), ("X % 2", "this cannot be read"), ("floor(X)", "the function floor is not read"),
        ("X < 3 < 4", "two readings"), ("X + min()", "min does not take 0 arguments"), ("X + log()", "log does not take 0"), ("log(X, 2, 3)", "log does not take 3 arguments"), ("piecewise(1, X > 2)", "the value otherwise"),
    ],
)  # fmt: skip
def test_formulas_that_the_standard_does_not_have(tmp_path, text, message):
    with pytest.raises((InputError, UnsupportedError), match=message):
        read_petab(write(tmp_path, LINES, observables=_formula(text)), cells=10)


def test_long_sums(tmp_path):
    text = " + ".join(["X"] * 1000)
    assert _loss(write(tmp_path, LINES, observables=_formula(text))) == pytest.approx(_normal(3.0, 4000.0), rel=1e-5)


SCALED = _formula("observableParameter1_seen * X")
NOISY = OBSERVABLES.replace("0.5", "noiseParameter1_seen + noiseParameter2_seen * seen")
FILLED = "observableParameters"


def _new(observables, cells, **more):
    return {**ONE_RUN, "observables": HEAD_2 + observables, **more}, rows(
        [1.0], [3.0], "e", name="experimentId", more=cells
    )


PLACES = {
    "too few": ({"observables": SCALED}, LINES, "observableParameters has 0 values, .* ask for 1, for observableParameter1_seen"),
    "too many": ({"observables": SCALED}, rows([1.0], [3.0], more={FILLED: ["1;2"]}), "has 2 values, .* ask for 1"),
    "one of two": ({"observables": NOISY}, rows([1.0], [3.0], more={"noiseParameters": ["1"]}), "noiseParameters has 1 values, .* ask for 2"),
    "none asked": ({}, rows([1.0], [3.0], more={"noiseParameters": ["1"]}), "has 1 values, .* ask for 0"),
    "empty": ({"observables": NOISY}, rows([1.0], [3.0], more={"noiseParameters": ["1;"]}), "has nothing for noiseParameter2_seen"),
    "nan": ({"observables": NOISY}, rows([1.0], [3.0], more={"noiseParameters": ["1;nan"]}), "nothing gives 'nan' a value"),
    "inf": ({"observables": SCALED}, rows([1.0], [3.0], more={FILLED: ["-inf"]}), "has '-inf', which is no number and no name"),
    "underscore": ({"observables": SCALED}, rows([1.0], [3.0], more={FILLED: ["1_0"]}), "has '1_0', which is no number and no name"),
    "a species": ({"observables": SCALED}, rows([1.0], [3.0], more={FILLED: ["X"]}), "'X' is a species, where parameters"),
    "gap": (
        {"observables": SCALED.replace("Parameter1", "Parameter2")}, rows([1.0], [3.0], more={FILLED: ["1;2"]}),
        "numbered 1, 2, ... without gaps; got observableParameter2_seen",
    ),
    "zero": ({"observables": SCALED.replace("Parameter1", "Parameter0")}, rows([1.0], [3.0], more={FILLED: ["1"]}), "without gaps"),
    "of another": (
        {"observables": SCALED + "other\tobservableParameter1_seen + X\t1\tlin\tnormal\n"},
        rows([1.0], [3.0], more={FILLED: ["1"]}) + rows([1.0], [3.0], observable="other", more={FILLED: [""]}).split("\n", 1)[1],
        "observable 'other': nothing gives 'observableParameter1_seen' a value",
    ),
    "in the table": (
        {"observables": SCALED, "parameters": PARAMETERS + "observableParameter1_seen\tlin\t\t\t1\t0\n"},
        rows([1.0], [3.0], more={FILLED: ["1"]}), "'observableParameter1_seen' is a placeholder",
    ),
    "new, too few": (*_new("seen\tX * a\ta\t1\t\tnormal\n", {FILLED: [""]}), "has 0 values, .* ask for 1, for a"),
    "new, empty": (*_new("seen\tX * a\ta;\t1\t\tnormal\n", {FILLED: ["1;2"]}), "observablePlaceholders has ''"),
    "new, twice": (*_new("seen\tX * a\ta;a\t1\t\tnormal\n", {FILLED: ["1;2"]}), "observablePlaceholders has 'a', where a name that stands once"),
    "new, of the model": (*_new("seen\tX * birth\tbirth\t1\t\tnormal\n", {FILLED: ["1"]}), "the model has 'birth' already"),
    "new, of the table": (*_new("seen\tX * late\tlate\t1\t\tnormal\n", {FILLED: ["1"]}), "'late' is a placeholder"),
    "new, not declared": (*_new("seen\tX * observableParameter1_seen\t\t1\t\tnormal\n", {}), "unknown name 'observableParameter1_seen'"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_placeholders_that_are_wrong(tmp_path, name):
    tables, lines, message = PLACES[name]
    with pytest.raises(InputError, match=message):
        read_petab(write(tmp_path, lines, **tables), cells=10)


def test_placeholders_are_filled_row_by_row(tmp_path):
    """Numbers and names, in both versions; the noise reads the observable."""
    cells = {FILLED: ["2;1", "k;0.5"], "noiseParameters": ["0.3;0.1", "0.2;k"]}
    k = "k\tlin\t\t\t1.5\t0\n"
    old = _formula("observableParameter2_seen + observableParameter1_seen * X").replace("0.5", "noiseParameter1_seen + noiseParameter2_seen * seen")  # fmt: skip
    file = write(tmp_path, rows([1.0, 2.0], [3.0, 4.0], more=cells), observables=old, parameters=PARAMETERS + k)
    middle = np.array([9.0, 6.5])
    expected = _normal(np.array([3.0, 4.0]), middle, np.array([0.3, 0.2]) + np.array([0.1, 1.5]) * middle)
    assert _loss(file) == pytest.approx(expected, rel=1e-5)
    new = {**ONE_RUN, "observables": HEAD_2 + "seen\tb + a * X\ta; b\tp + q * seen\tp;q\t\n"}
    new["parameters"] = PARAMETERS.replace("birth", "late") + k
    file = write(tmp_path, rows([1.0, 2.0], [3.0, 4.0], "e", name="experimentId", more=cells), **new)
    assert _loss(file) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("word", ["inf", "INF", "Inf", "+inf", "Infinity", "+Infinity"])
def test_spellings_of_infinity(tmp_path, word):
    """A steady state beside a time is a condition of its own; as a bound it is none."""
    head = PARAMETERS.replace("0.1\t100", f"0.1\t{word}")
    made = read_petab(write(tmp_path, rows([1.0, word], [3.0, 4.0]), parameters=head), cells=10, settle=20.0).problem
    assert isinstance(made, Conditions)
    assert [part.loss.times for part in made.problems.values()] == [(1.0,), None]
    assert (made.parameters["birth"].lower, made.parameters["birth"].upper) == (0.1, math.inf)
    table = PARAMETERS.replace("log10\t0.1\t100", f"lin\t-{word.lstrip('+')}\t{word}")
    free = read_petab(write(tmp_path, LINES, parameters=table), cells=10).problem.parameters["birth"]
    assert (free.lower, free.upper) == (-math.inf, math.inf)


TABLE = "parameterId\tparameterScale\tlowerBound\tupperBound\tnominalValue\testimate\tobjectivePriorType\tobjectivePriorParameters\n"
FIXED = "death\tlin\t0\t10\t1\t0\t\t\n"
GRID = np.array([0.3, 1.0, 4.0, 9.0])


def _of_log10(law):
    """The law of a parameter whose decimal logarithm has this one."""
    return law.logpdf(np.log10(GRID)) - np.log(GRID * math.log(10))


def _of_log(law):
    return law.logpdf(np.log(GRID)) - np.log(GRID)


OLD_LAWS = {
    ("lin", "uniform", "0.2;30"): scipy.stats.uniform(0.2, 29.8).logpdf(GRID),
    ("log10", "uniform", "0.2;30"): scipy.stats.uniform(0.2, 29.8).logpdf(GRID),
    ("log10", "normal", "3;2"): scipy.stats.norm(3, 2).logpdf(GRID),
    ("log10", "laplace", "3;2"): scipy.stats.laplace(3, 2).logpdf(GRID),
    ("lin", "logNormal", "0.5;0.7"): _of_log(scipy.stats.norm(0.5, 0.7)),
    ("log10", "logNormal", "0.5;0.7"): _of_log(scipy.stats.norm(0.5, 0.7)),
    ("lin", "logLaplace", "0.5;0.7"): _of_log(scipy.stats.laplace(0.5, 0.7)),
    ("lin", "parameterScaleUniform", "0.2;30"): scipy.stats.uniform(0.2, 29.8).logpdf(GRID),
    ("lin", "parameterScaleNormal", "3;2"): scipy.stats.norm(3, 2).logpdf(GRID),
    ("lin", "parameterScaleLaplace", "3;2"): scipy.stats.laplace(3, 2).logpdf(GRID),
    ("log", "parameterScaleUniform", "-1.5;3"): _of_log(scipy.stats.uniform(-1.5, 4.5)),
    ("log", "parameterScaleNormal", "0.5;0.7"): _of_log(scipy.stats.norm(0.5, 0.7)),
    ("log", "parameterScaleLaplace", "0.5;0.7"): _of_log(scipy.stats.laplace(0.5, 0.7)),
    ("log10", "parameterScaleUniform", "-0.7;1.4"): _of_log10(scipy.stats.uniform(-0.7, 2.1)),
    ("log10", "parameterScaleNormal", "0.5;0.7"): _of_log10(scipy.stats.norm(0.5, 0.7)),
    ("log10", "parameterScaleLaplace", "0.5;0.7"): _of_log10(scipy.stats.laplace(0.5, 0.7)),
    ("lin", "", ""): scipy.stats.uniform(0.1, 99.9).logpdf(GRID),
    ("log10", "", ""): scipy.stats.loguniform(0.1, 100).logpdf(GRID),
    ("log", "", "-1.5;3"): _of_log(scipy.stats.uniform(-1.5, 4.5)),
    ("log", "uniform", ""): scipy.stats.uniform(0.1, 99.9).logpdf(GRID),
}
NEW_LAWS = {
    ("cauchy", "3;2"): scipy.stats.cauchy(3, 2), ("chisquare", "3"): scipy.stats.chi2(3), ("exponential", "2"): scipy.stats.expon(scale=2),
    ("gamma", "3;2"): scipy.stats.gamma(3, scale=2), ("laplace", "3;2"): scipy.stats.laplace(3, 2),
    ("log-laplace", "0.5;0.7"): scipy.stats.loglaplace(1 / 0.7, scale=math.exp(0.5)),
    ("log-normal", "0.5;0.7"): scipy.stats.lognorm(0.7, scale=math.exp(0.5)), ("log-uniform", "0.2;30"): scipy.stats.loguniform(0.2, 30),
    ("normal", "3;2"): scipy.stats.norm(3, 2), ("rayleigh", "2"): scipy.stats.rayleigh(scale=2), ("uniform", "0.2;30"): scipy.stats.uniform(0.2, 29.8),
    ("", ""): scipy.stats.uniform(0.1, 99.9),
}  # fmt: skip


def _free(folder, scale="", kind="", numbers="", version=1, low="0.1", nominal="5"):
    table = TABLE + f"birth\t{scale}\t{low}\t100\t{nominal}\t1\t{kind}\t{numbers}\n" + FIXED
    if version == 1:
        return read_petab(write(folder, LINES, parameters=table), cells=10)
    new = table.replace("objectivePriorType", "priorDistribution").replace(
        "objectivePriorParameters", "priorParameters"
    )
    return read_petab(write(folder, LINES.replace("simulationConditionId", "experimentId").replace("c0", ""), yaml=YAML_2.replace("condition_files: [conditions.tsv]\nexperiment_files: [experiments.tsv]\n", ""), parameters=new, observables=OBSERVABLES.replace("observableTransformation\t", "").replace("lin\t", "")), cells=10)  # fmt: skip


@pytest.mark.parametrize(("scale", "kind", "numbers"), OLD_LAWS)
def test_priors_of_version_1(tmp_path, scale, kind, numbers):
    found = _free(tmp_path, scale, kind, numbers).problem.parameters["birth"]
    np.testing.assert_allclose(found.prior.log_density(GRID), OLD_LAWS[scale, kind, numbers], rtol=2e-5)
    assert (found.value, found.lower, found.upper) == (pytest.approx(5.0), 0.1, 100.0)
    assert found.logarithmic == (scale != "lin")


@pytest.mark.parametrize(("kind", "numbers"), NEW_LAWS)
def test_priors_of_version_2(tmp_path, kind, numbers):
    found = _free(tmp_path, kind=kind, numbers=numbers, version=2).problem.parameters["birth"]
    np.testing.assert_allclose(found.prior.log_density(GRID), NEW_LAWS[kind, numbers].logpdf(GRID), rtol=2e-5)
    assert found.logarithmic


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "cauchy", "numbers": "3;2"}, "unknown prior 'cauchy'; known: .*parameterScaleLaplace"),
        ({"kind": "log-normal", "numbers": "3;2"}, "unknown prior 'log-normal'"),
        ({"kind": "parameterScaleGamma", "numbers": "3;2"}, "unknown prior"),
        ({"kind": "logNormal", "numbers": "3;2", "version": 2}, "unknown prior 'logNormal'"),
        ({"kind": "normal", "numbers": "3"}, "normal needs 2 numbers, separated by ;, not '3'"),
        ({"kind": "normal", "numbers": "3;two"}, "needs 2 numbers"),
        ({"kind": "normal"}, "needs 2 numbers"),
        ({"kind": "normal", "numbers": "3;0"}, "sd = 0 must be positive"),
        ({"scale": "log10", "kind": "parameterScaleNormal", "numbers": "900;1"}, "beyond what a parameter can be"),
        ({"kind": "gamma", "numbers": "2;0", "version": 2}, "beyond what a parameter can be"),
        ({"kind": "rayleigh", "numbers": "2;1", "version": 2}, "rayleigh needs 1 number,? not"),
        ({"numbers": "2;1", "version": 2}, "priorParameters, and no priorDistribution"),
        ({"kind": "uniform", "numbers": "200;300"}, "no value between the bounds"),
        ({"scale": "log", "low": "-1"}, "lowerBound -1 has no logarithm"),
    ],
)  # fmt: skip
def test_priors_that_are_wrong(tmp_path, given, message):
    with pytest.raises(InputError, match=message):
        _free(tmp_path, **{"scale": "lin", **given})


def test_a_nominal_value_beyond_the_bounds_is_told(tmp_path):
    read = _free(tmp_path, "log10", nominal="500")
    assert read.problem.parameters["birth"].value == pytest.approx(math.sqrt(10))
    assert any("nominal value 500 of 'birth' is not between its bounds" in note for note in read.notes)
