"""`jumpax demo` from outside."""

import json

import pytest

from jumpax.cli.app import main
from jumpax.results import load


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    """One small demonstration: its folder, exit code, and what stood on standard output."""
    import contextlib
    import io

    folder, words = tmp_path_factory.mktemp("demo"), io.StringIO()
    arguments = ["demo", "--gene", "Cry1", "--time", "29", "--start", "1", "--paths", "2000", "--json"]
    with contextlib.redirect_stdout(words):
        code = main([*arguments, "--out", str(folder / "made")])
    return folder / "made", code, words.getvalue()


def test_json_is_one_document_with_the_promised_entries(answer):
    _, code, text = answer
    document = json.loads(text)
    assert code == 0
    (gene,) = document["genes"]
    assert gene["name"] == "Cry1"
    assert gene["cells"] == 436
    for key in ("fit", "se", "exact"):
        assert set(gene[key]) == {"burst_frequency", "burst_size"}
        assert all(value > 0 for value in gene[key].values())
    assert gene["seconds"] > 0
    assert gene["events"] > 1e6
    assert gene["k_off"]["one_sided"]
    assert gene["k_off"]["lower"] > 1
    assert gene["k_off"]["upper"] is None
    assert document["settings"]["start_number"] == 1


def test_report_figures_and_numbers_are_written(answer):
    folder, _, text = answer
    files = json.loads(text)["files"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:image/png;base64,') == 3
    assert "http" not in page.split("<body>")[0]
    assert "k_off &gt; " in page
    assert "CircadianSMFISH" in page
    assert len(files["figures"]) == 3
    data = load(files["results"][0])
    assert set(data.free.values) == {"burst_frequency", "burst_size"}
    assert data.attrs["gene"] == "Cry1"
    assert data.sizes["start"] == 1
    assert "network_digest" in data.attrs


def test_wrong_words_are_bad_input(capsys):
    assert main(["demo", "--gene", "Cry2", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["exit_code"] == 2
