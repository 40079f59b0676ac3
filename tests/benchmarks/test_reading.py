"""The survey of model files: reasons without names and numbers, and the files of PEtab problems."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import reading


def test_reasons_of_two_files_are_alike():
    told = [
        "line 7: species 'A': its initial amount 0.5 is no count",
        "line 12: species 'B': its initial amount 1e-3 is no count",
    ]
    first, second = (reading.reasons(f"/x/m{n}.xml cannot be used:\n- {line}") for n, line in enumerate(told))
    assert first == second == ["species NAME: its initial amount # is no count"]
    assert reading.reasons("/x/m.net is not text: at byte 4") == ["FILE is not text: at byte #"]


def test_problems_of_petab_name_their_models(tmp_path):
    for name in ("model.xml", "other.xml", "m.net"):
        (tmp_path / name).write_text("")
    assert [file.name for file in reading.files(tmp_path)] == ["m.net", "model.xml", "other.xml"]
    (tmp_path / "problem.yaml").write_text(
        "problems:\n- sbml_files:\n  - model.xml\n  condition_files:\n  - conditions.tsv\n"
    )
    assert [file.name for file in reading.files(tmp_path)] == ["model.xml"]


def test_a_folder(tmp_path):
    (tmp_path / "a.ant").write_text("species A; A = 3; A => ; A")
    (tmp_path / "b.ant").write_text("species A; A = 0.5; A => ; A")
    made = reading.survey(tmp_path, 60.0, {})
    assert (made["files"], made["read"]) == (2, 1)
    assert list(made["reasons"].values()) == [["b.ant"]]
    assert reading.survey(tmp_path, 60.0, {"round_counts": True})["read"] == 2
