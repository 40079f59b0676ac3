"""Models written as TOML."""

import re
import tomllib

import pytest

import jumpax
from jumpax.networks.toml_model import load_model, read_model

TELEGRAPH = """
times = [1, 2.5]
[network]
name = "telegraph"
species = ["off", "on", "M"]
reactions = [
  { name = "switch", equation = "off <-> on", law = "mass_action", rate = "k_on", reverse = { rate = "k_off" } },
  { name = "transcription", equation = "on -> on + M", rate = "k_tx" },
  { name = "decay_of_M", equation = "M -> 0", rate = "gamma" },
]
[theta]
k_on = 0.5
k_off = 1
k_tx = 60.0
gamma = 1.0
[x0]
off = 1
on = 0
M = 0
[units]
time = "min"
"""

LAWS = """
[network]
reactions = [
  { equation="0->P", law = "hill", regulator = "P", maximum = "b", threshold = "K", exponent = 2, kind = "repression" },
  { equation = "S -> P", law = "michaelis_menten", substrate = "S", maximum = 1.5, constant = "K", enzyme = "P" },
]
[theta]
b = 1.0
K = 2.0
[x0]
P = 0
S = 9
"""


def test_the_telegraph_of_the_zoo(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(TELEGRAPH)
    model, zoo = load_model(file), jumpax.zoo.telegraph()
    assert model.network == jumpax.Network(zoo.network.reactions, name="telegraph", units={"time": "min"})
    assert model.network.digest == zoo.network.digest
    assert (model.theta, model.x0) == (zoo.theta, zoo.x0)
    assert model.times == (1.0, 2.5)


def test_laws_by_name():
    network = read_model(tomllib.loads(LAWS), name="mine").network
    assert network.name == "mine"
    assert [reaction.law for reaction in network.reactions] == [
        jumpax.Hill("P", "b", "K", 2, kind="repression"),
        jumpax.MichaelisMenten("S", 1.5, "K", enzyme="P"),
    ]


def test_all_errors_at_once():
    table = tomllib.loads("""
        theta = 3
        times = [2, 1]
        extra = 1
        [network]
        reactions = [
          { equation = "A -> B", rate = "k", kind = "x" },
          { equation = "A -> ", law = "hil" },
          { equation = "A B", rate = "k" },
          { equation = "A -> B", law = "hill", regulator = "A", maximum = "b" },
          { equation = "A <-> B", rate = "k" },
          { equation = "A <-> B", rate = "k", reverse = "g" },
          { rate = "k" },
          { equation = "A -> B", rate = true },
        ]
        [units]
        time = 3
        """)
    with pytest.raises(jumpax.InputError) as caught:
        read_model(table, origin="mine.toml")
    message = str(caught.value)
    for piece in (
        "mine.toml cannot be used",
        "theta must be a table",
        "times must be a list of increasing numbers",
        "unknown entry 'extra'",
        "reaction 1 (A -> B): unknown field of mass_action 'kind'; known: rate",
        "reaction 2 (A -> ): unknown law 'hil'; known: mass_action, hill, michaelis_menten. Did you mean 'hill'?",
        "reaction 3 (A B): cannot read the reaction",
        "reaction 4 (A -> B): hill needs threshold",
        "reaction 4 (A -> B): hill needs exponent",
        "reaction 5 (A <-> B): 'A <-> B' is reversible and needs a second law",
        "reaction 6 (A <-> B): reverse must be a table",
        "reaction 7: must be a table with an equation",
        "reaction 8 (A -> B): MassAction: rate must be the name of a parameter or a finite number, not True",
        "the unit of 'time' must be text",
    ):
        assert piece in message, piece


def test_numbers_are_checked_against_the_network():
    table = tomllib.loads(TELEGRAPH)
    table["theta"] = {"k_on": -1.0, "k_off": 1.0, "k_tx": 60.0, "gama": 1.0}
    table["x0"] = {"off": 0.5, "on": 0}
    with pytest.raises(jumpax.InputError) as caught:
        read_model(table)
    for piece in (
        "'gamma' is missing",
        "'gama'",
        "'k_on' is negative",
        "the count of 'M' is missing",
        "not a whole number",
    ):
        assert piece in str(caught.value), piece


def test_missing_parts(tmp_path):
    with pytest.raises(jumpax.InputError, match=re.escape("the table [network] is missing")):
        read_model({})
    with pytest.raises(jumpax.InputError, match="a list of tables"):
        read_model({"network": {"name": "empty"}})
    with pytest.raises(jumpax.InputError, match="cannot be read"):
        load_model(tmp_path / "none.toml")
    file = tmp_path / "bad.toml"
    file.write_text("network = [")
    with pytest.raises(jumpax.InputError, match="is not TOML"):
        load_model(file)


def test_tables_of_others_are_passed_over():
    table = {**tomllib.loads(LAWS), "data": {"file": "x.csv"}}
    assert read_model(table, also=("data",)).x0 == {"P": 0, "S": 9}
    with pytest.raises(jumpax.InputError, match="unknown entry 'data'"):
        read_model(table)
