"""What of PEtab is wrong or not read: all of it at once, with tables and lines."""

import re

import pytest

import jumpax
from jumpax import InputError, UnsupportedError
from jumpax.inference import read_petab
from petab_files import OBSERVABLES, PARAMETERS, SBML, YAML, YAML_2, rows, write

LINES = rows([1.0, 2.0], [3.0, 4.0])
CONDITIONS = "conditionId\tbirth\nc0\t{}\n"
FAULTS = {
    "no such condition": ({}, rows([1.0], [3.0], "c1"), "measurements.tsv, line 2: unknown condition 'c1'; known: c0"),
    "no such observable": (
        {}, rows([1.0], [3.0], observable="sen"), "measurements.tsv, line 2: unknown observable 'sen'; known: seen. Did you mean 'seen'?",
    ),
    "no number": ({}, rows([1.0, "late"], [3.0, "x"]), "line 3, column 'measurement': 'x' is not a number"),
    "no time": ({}, rows([1.0, "late"], [3.0, "x"]), "line 3, column 'time': 'late' is not a number"),
    "before the start": ({}, rows([-1.0], [3.0]), "line 2: the time -1; times begin at 0"),
    "missing": ({}, rows([1.0], ["NA"]), "line 2: measurement is missing"),
    "no logarithm": (
        {"observables": OBSERVABLES.replace("lin", "log10")}, rows([1.0], [0.0]), "line 2: the measurement 0 has no logarithm",
    ),
    "noise": ({"observables": OBSERVABLES.replace("0.5", "0")}, LINES, "observables.tsv, line 2: the noise of 'seen' is 0"),
    "noise of a row": (
        {"observables": OBSERVABLES.replace("0.5", "noiseParameter1_seen")},
        rows([1.0], [3.0], more={"noiseParameters": [-1]}), "measurements.tsv, line 2: the noise -1 must be above 0",
    ),
    "placeholders": (
        {"observables": OBSERVABLES.replace("0.5", "noiseParameter1_seen")}, LINES,
        "line 2: noiseParameters has 0 values, the formulas of 'seen' ask for 1",
    ),
    "placeholder of nothing": (
        {"observables": OBSERVABLES.replace("0.5", "noiseParameter1_seen")},
        rows([1.0], [3.0], more={"noiseParameters": ["sd"]}), "observable 'seen': nothing gives 'sd' a value",
    ),
    "formula": ({"observables": OBSERVABLES.replace("\tX\t", "\tX +\t")}, LINES, "line 2: the observableFormula of 'seen': X + cannot be read: a number or a name is missing"),
    "name in a formula": ({"observables": OBSERVABLES.replace("\tX\t", "\tX + Y\t")}, LINES, "unknown name 'Y'"),
    "scale": ({"observables": OBSERVABLES.replace("lin", "log2")}, LINES, "observableTransformation 'log2'"),
    "bounds": ({"parameters": PARAMETERS.replace("100", "0.01")}, LINES, "parameters.tsv, line 2: parameter 'birth':"),
    "estimate": ({"parameters": PARAMETERS.replace("\t1\t0\n", "\t1\tno\n")}, LINES, "parameter 'death': estimate must be 1 or 0"),
    "no value": ({"parameters": PARAMETERS.replace("\t1\t0\n", "\t\t0\n")}, LINES, "it is not estimated, and has no nominalValue"),
    "parameter scale": ({"parameters": PARAMETERS.replace("log10", "log3")}, LINES, "parameterScale must be lin, log or log10"),
    "twice": ({"parameters": PARAMETERS + PARAMETERS.split("\n")[1] + "\n"}, LINES, "line 4: parameterId 'birth' stands in line 2"),
    "a rule": (
        {"parameters": PARAMETERS + "half\tlin\t0\t1\t0.5\t1\n"}, LINES, "parameter 'half' follows from a rule of the model",
    ),
    "a name that is set": ({"conditions": CONDITIONS.format("speed")}, LINES, "'speed', to which it is set, is not in the parameter table"),
    "no table": ({"yaml": YAML.replace("observables.tsv", "no.tsv")}, LINES, "no.tsv: .* cannot be read"),
    "no column": ({"observables": OBSERVABLES.replace("noiseFormula", "noise")}, LINES, "unknown column 'noiseFormula'"),
    "entry": ({"yaml": YAML + "observable_file: x.tsv\n"}, LINES, "unknown entry 'observable_file'"),
    "start": ({"start": 'initialAmount="2.5"'}, LINES, "species 'X': its initial amount 2.5 is not a whole number"),
    "no yaml": ({"yaml": "a: [1"}, LINES, "is not YAML"),
    "no petab": ({"yaml": "a: 1"}, LINES, "is not a problem of PEtab"),
}  # fmt: skip
UNREAD = {
    "law": ({"observables": OBSERVABLES.replace("normal", "cauchy")}, LINES, "noiseDistribution 'cauchy'; normal and laplace are read"),
    "time in a formula": ({"observables": OBSERVABLES.replace("\tX\t", "\tX * time\t")}, LINES, "'seen': its observableFormula reads the time"),
    "compartment": ({"conditions": CONDITIONS.format(3).replace("birth", "c")}, LINES, "a condition sets 'c', which is a compartment"),
    "nothing": ({"conditions": CONDITIONS.format(3).replace("birth", "brith")}, LINES, "a condition sets 'brith', which is no name of the model"),
    "two models": ({"yaml": YAML.replace("[model.xml]", "[model.xml, b.xml]")}, LINES, "it has 2 models"),
    "two problems": ({"yaml": YAML + "- condition_files: [a.tsv]\n"}, LINES, "it has 2 problems"),
    "version": ({"yaml": YAML.replace("version: 1", "version: 3")}, LINES, "versions 1 and 2 of PEtab are read"),
    "language": ({"yaml": YAML_2.replace("sbml", "bngl")}, LINES, "a model in the language bngl; SBML is read"),
    "extensions": ({"yaml": YAML + "extensions: {other: 1}\n"}, LINES, "extensions: other"),
    "a column of observables": ({"observables": OBSERVABLES.replace("noiseDistribution", "weight")}, LINES, "column 'weight' is not known"),
    "periods": (
        {"yaml": YAML_2, "conditions": "conditionId\ttargetId\ttargetValue\na\tbirth\t3\n",
         "experiments": "experimentId\ttime\tconditionId\ne\t0\ta\ne\t5\ta\n"},
        rows([1.0], [3.0], "e", name="experimentId"), "experiment 'e' has periods from 0, 5 on",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [*FAULTS, *UNREAD])
def test_faults_are_told_with_their_place(tmp_path, name):
    tables, lines, message = {**FAULTS, **UNREAD}[name]
    message = message if ".*" in message else re.escape(message)
    with pytest.raises(UnsupportedError if name in UNREAD else InputError, match=message):
        read_petab(write(tmp_path, lines, **tables), cells=10)


def test_all_faults_are_told_at_once(tmp_path):
    file = write(
        tmp_path, rows([1.0], ["x"], "c1"), parameters=PARAMETERS.replace("log10", "log3"),
        observables=OBSERVABLES.replace("\tX\t", "\tX + Y\t"),
    )  # fmt: skip
    with pytest.raises(InputError) as told:
        read_petab(file, cells=10)
    for part in ("unknown condition 'c1'", "parameterScale must be", "'x' is not a number", "unknown name 'Y'"):
        assert part in str(told.value)


@pytest.mark.parametrize(
    ("cells", "message"),
    [(None, "give cells=..."), (1, "RecordProblem"), (True, "cells must be"), ("5", "cells must be"), (0.5, "cells must be")],
)  # fmt: skip
def test_what_was_measured_must_be_said(tmp_path, cells, message):
    with pytest.raises(InputError, match=re.escape(message)):
        read_petab(write(tmp_path, LINES), cells=cells)


@pytest.mark.parametrize("settle", [None, 0.0, float("inf")])
def test_steady_state_needs_a_time(tmp_path, settle):
    with pytest.raises(InputError, match="settle"):
        read_petab(write(tmp_path, rows(["inf"], [3.0])), cells=10, settle=settle)


def test_too_many_molecules_are_told_with_the_remedy(tmp_path):
    with pytest.raises(InputError, match=r"at most 1,000,000,000|at most [\d,]+ are counted.*molecules_per_unit="):
        read_petab(write(tmp_path, LINES, start='initialAmount="1e15"'), cells=10)


def test_a_file_that_is_no_sbml_is_refused(tmp_path):
    file = write(tmp_path, LINES)
    (tmp_path / "model.xml").write_text(SBML.replace("sbml", "cellml"))
    with pytest.raises(jumpax.JumpaxError, match=r"model\.xml"):
        read_petab(file, cells=10)
