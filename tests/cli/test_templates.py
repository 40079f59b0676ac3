"""Problem files to begin with: what is printed is read as it stands, with the data that its head shows."""

import json
import re

import pytest

from jumpax.cli.app import main
from jumpax.cli.problem_file import read_problem
from jumpax.cli.record_file import read_record_file
from jumpax.cli.template import KINDS


@pytest.mark.parametrize(("command", "kind"), [(command, kind) for command, kinds in KINDS.items() for kind in kinds])
def test_a_template_is_a_problem(tmp_path, capsys, command, kind):
    assert main([command, "--template", kind]) == 0
    text = capsys.readouterr().out
    head = text.split("\n\n", 1)[0]
    rows = re.findall(r"^#   (\S.*)$", head, re.MULTILINE)
    for file in re.findall(r"\w+\.csv", head):
        (tmp_path / file).write_text("\n".join(",".join(row.split()) for row in rows), encoding="utf-8")
    read = read_problem if command == "fit" else read_record_file
    sections = [part for part in text.split("\n\n") if part.startswith("# [")]  # of which each may be used, too
    for used in ["", *sections]:
        (tmp_path / "problem.toml").write_text(
            text.replace(used, re.sub("^# ", "", used, flags=re.MULTILINE)), encoding="utf-8"
        )
        assert len(read(tmp_path / "problem.toml").problem.free) >= 2


def test_the_usual_template_needs_no_kind(capsys):
    assert main(["fit", "--template"]) == main(["fit", "--template", "counts"]) == 0
    twice = capsys.readouterr().out
    assert twice[: len(twice) // 2] == twice[len(twice) // 2 :]
    assert main(["fit", "--template", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"command": "fit", "template": twice[: len(twice) // 2]}
    assert main(["fit"]) == 2
    assert "jumpax fit --template" in capsys.readouterr().err
