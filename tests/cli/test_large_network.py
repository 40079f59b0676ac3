"""`jumpax check` of networks that run on tables."""

import json

import pytest

from jumpax.cli import check, main

BOXES = 300


@pytest.fixture
def ring(tmp_path):
    """Molecules hop round a ring and leave it by a law that is no mass action; there are groups that no law reads."""
    hops = [f"{i + 1} {i + 1} {(i + 1) % BOXES + 1} k{i % 20}" for i in range(BOXES)]
    blocks = {
        "parameters": [f"{i + 1} k{i} 1.0" for i in range(20)],
        "functions": ["1 leave() k0/(1+Seen)"],
        "species": [f"{i + 1} X{i}() 5" for i in range(BOXES)],
        "reactions": [*hops, f"{BOXES + 1} 1 0 leave"],
        "groups": ["1 Seen 1,2", *(f"{i} Pair{i} {i},{i + 1}" for i in range(2, 12))],
    }
    file = tmp_path / "ring.net"
    file.write_text("".join(f"begin {name}\n" + "\n".join(lines) + f"\nend {name}\n" for name, lines in blocks.items()))
    return str(file)


@pytest.fixture
def nothing_traced(monkeypatch):
    def fail(*_):
        raise AssertionError("a large network is not traced")

    monkeypatch.setattr(check, "operations_per_event", fail)
    monkeypatch.setattr(check, "_states", fail)


def test_size_and_costs(capsys, ring, nothing_traced):
    assert main(["check", ring, "--json"]) == 0
    model = json.loads(capsys.readouterr().out)["model"]
    assert model["engine"] == "tables"
    assert (model["species"], model["reactions"], model["parameters"]) == (BOXES, BOXES + 1, 20)
    made = model["tables"]
    assert (made["terms"], made["constants"], made["other_laws"]) == (20, 20, 1)
    assert made["per_event"]["counts"] == pytest.approx((2 * BOXES + 1) / (BOXES + 1))
    assert 2 <= made["per_event"]["propensities"] < 3
    assert made["bytes"]["tables"] > 4 * BOXES
    assert made["bytes"]["path"] > 4 * BOXES
    assert made["peak"] is None or made["peak"] > 1e7
    assert set(made["seconds"]) == {"reading", "tables"}
    assert min(made["seconds"].values()) > 0
    assert model["speed"]["compile_seconds"] > 0
    assert model["speed"]["events_per_second"] > 1e4
    assert model["description"].count("\n") < 60


def test_the_screen_shows_the_first_few(capsys, ring, nothing_traced):
    assert main(["check", ring, "--no-speed"]) == 0
    shown = capsys.readouterr().out
    assert f"... and {BOXES + 1 - check.FEW} more\n" in shown
    assert "... and 15 more\n" in shown  # parameters
    assert f"... and {12 - check.FEW} more observables" in shown  # groups and the function
    assert "20 terms of 20 constants; other laws: 1;" in " ".join(shown.split())
    assert "speed not measured" in " ".join(shown.split())
    assert shown.count("\n") < 90


def test_paths_that_end_at_once(capsys, ring):
    """Without molecules there are no events, and no speed."""
    words = [word for i in range(BOXES) for word in ("--x0", f"X{i}()=0")]
    assert main(["check", ring, *words, "--json"]) == 0
    speed = json.loads(capsys.readouterr().out)["model"]["speed"]
    assert (speed["events"], speed["events_per_second"]) == (0, None)
