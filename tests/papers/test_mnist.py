"""The network that reads digits: against an independent simulator, its training interrupted, its weights, its data."""

import json
import runpy
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "papers"))

from vilar2026.mnist import digits, evaluation, network, reading, storage
from vilar2026.mnist.training import Plan, Training

PLAN = Plan(epochs=2, batch=16, window=(0.2, 0.6), validated=((0.2, 0.6),), validation_images=16, seed=5)


def start():
    return network.draw_start(3, 0.1, 0.5, -1.0)


def simulate(drive, weights, offset, synthesis, begin, end, paths, draw):
    """The direct method with lists of molecules, all paths at once: averages of the outputs from begin to end, events."""
    outputs, every = len(offset), np.arange(paths)
    means, events, time = np.zeros((paths, outputs)), np.zeros(paths), np.zeros(paths)
    kept = {name: np.zeros((paths, 64), np.int64) for name in ("hidden", "made")}
    many = {name: np.zeros(paths, np.int64) for name in kept}
    u, counts, total = np.tile(offset, (paths, 1)), np.zeros((paths, outputs)), np.cumsum(drive)

    def add(name, rows, which):
        if len(rows) and many[name][rows].max() == kept[name].shape[1]:
            kept[name] = np.pad(kept[name], ((0, 0), (0, kept[name].shape[1])))
        kept[name][rows, many[name][rows]] = which
        many[name][rows] += 1

    def drop(name, rows, place):
        many[name][rows] -= 1
        which = kept[name][rows, place]
        kept[name][rows, place] = kept[name][rows, many[name][rows]]
        return which

    while len(every):
        rates = np.cumsum(synthesis / (1 + np.exp(-u[every])), 1)
        parts = np.stack([np.full(len(every), total[-1]), many["hidden"][every], many["made"][every], rates[:, -1]], 1)
        ends = np.cumsum(parts, 1)
        after = time[every] + draw.exponential(1 / ends[:, -1])
        within = np.clip(np.minimum(after, end) - np.maximum(time[every], begin), 0, None)
        means[every] += counts[every] * within[:, None] / (end - begin)
        time[every] = after
        going = after < end
        every, rates, ends = every[going], rates[going], ends[going]
        events[every] += 1
        choice = draw.random(len(every)) * ends[:, -1]
        kind = (choice[:, None] >= ends[:, :3]).sum(1)
        left = choice - np.where(kind > 0, ends[np.arange(len(every)), kind - 1], 0)
        born, lost, gone, new = (np.flatnonzero(kind == k) for k in range(4))
        which = np.searchsorted(total, left[born], side="right")
        add("hidden", every[born], which)
        u[every[born]] += weights[which]
        u[every[lost]] -= weights[drop("hidden", every[lost], left[lost].astype(int))]
        counts[every[gone], drop("made", every[gone], left[gone].astype(int))] -= 1
        which = (left[new, None] >= rates[new]).sum(1)
        add("made", every[new], which)
        counts[every[new], which] += 1
    return means, events


def test_parameters_are_as_many_as_in_the_paper():
    assert sum(value.size for value in start().values()) == network.PARAMETERS
    assert network.PARAMETERS == 784 * 256 + 256 * 10 + 2 * (256 + 10) == 203_796


def test_outputs_and_events_against_an_independent_simulator():
    """22 means of 512 and 4,000 paths; |z| < 5 each: false alarms less than 2e-5."""
    params, image = start(), digits.few().images[0]
    means, events = reading.read(params, np.repeat(image[None], 512, 0), (0.5, 1.5), jax.random.key(7))
    drive = np.asarray(network.drive(params, image[None])[0], float)
    weights = np.asarray(params["weights_output"], float) / network.SCALE
    synthesis = np.exp(np.asarray(params["log_synthesis_output"], float))
    offset, draw = np.asarray(params["offset_output"], float), np.random.default_rng(1)
    other = simulate(drive, weights, offset, synthesis, 0.5, 1.5, 4000, draw)
    for mine, theirs in ((means, other[0]), (events[:, None], other[1][:, None]), (means**2, other[0] ** 2)):
        error = np.sqrt(mine.var(0) / len(mine) + theirs.var(0) / len(theirs))
        assert np.all(np.abs(mine.mean(0) - theirs.mean(0)) < 5 * error)


@pytest.mark.long
def test_gradient_against_differences_of_the_independent_simulator():
    """Along one direction in all 203,796 parameters, 2,560 paths against 160,000: |z| < 4 (false alarm 6e-5)."""
    params, image, draw = start(), digits.few().images[:1], np.random.default_rng(2)
    spread = {"weights_hidden": 0.05, "weights_output": 0.3}
    way = {name: spread.get(name, 1.0) * draw.normal(size=value.shape) for name, value in params.items()}
    signs = draw.choice([-1.0, 1.0], 10)

    def value(params, key):
        return (reading.over(params, np.repeat(image, 128, 0), key, (0.5, 1.5))[0] @ signs).mean()

    def along(key):
        return sum(float(np.vdot(slope[name], way[name])) for slope in [grad(params, key)] for name in way)

    def mean(step):
        moved = {name: np.asarray(value, float) + step * way[name] for name, value in params.items()}
        drive = np.asarray(network.drive(moved, image)[0], float)
        weights, synthesis = moved["weights_output"] / network.SCALE, np.exp(moved["log_synthesis_output"])
        found = simulate(drive, weights, moved["offset_output"], synthesis, 0.5, 1.5, 80_000, draw)[0] @ signs
        return found.mean(), found.var() / len(found)

    grad = jax.jit(jax.grad(value))
    slopes = np.array([along(jax.random.key(i)) for i in range(20)])
    (up, error_up), (down, error_down) = mean(0.1), mean(-0.1)
    error = np.sqrt(slopes.var(ddof=1) / 20 + (error_up + error_down) / 0.04)
    assert abs(slopes.mean() - (up - down) / 0.2) < 4 * error


def test_training_goes_on_where_it_was_interrupted(tmp_path):
    few = digits.few().part(slice(48))
    whole = Training(PLAN, few, few, tmp_path / "whole", lambda line: None)
    whole.run()
    told = []
    parted = Training(PLAN, few, few, tmp_path / "parted", told.append)
    for _ in range(4):
        parted.one()
    parted.save()
    parted = Training(PLAN, few, few, tmp_path / "parted", told.append)
    assert parted.about["step"] == 4
    parted.run()
    for name, value in whole.params.items():
        np.testing.assert_array_equal(value, parted.params[name])
        assert not np.array_equal(value, Training(PLAN, few, few, tmp_path / "new", told.append).params[name])
    assert [point["epoch"] for point in whole.about["history"]] == [1, 2]
    assert [sitting["from"] for sitting in parted.about["sittings"]] == [0, 4]
    assert "epoch 2.00 of 2" in told[-1]
    assert not list(tmp_path.glob("*/.*"))


def test_weights_that_are_kept_read_digits(tmp_path):
    """300 digits that were not trained on; half a million events."""
    assert storage.WEIGHTS.stat().st_size < 1_000_000
    params = storage.load_weights()
    assert evaluation.accuracy(params, digits.few(), [(0.5, 2.0)], 1)[0] > 0.93
    storage.save_weights(tmp_path / "again.npz", params)
    for name, value in storage.load_weights(tmp_path / "again.npz").items():
        np.testing.assert_array_equal(value, params[name])


def test_summary_counts_what_is_read():
    parts = [
        {"read": [[1, 2], [1, 1]], "labels": [1, 1], "events": [10.0, 20.0]},
        {"read": [[3], [3]], "labels": [3], "events": [40.0, 50.0]},
    ]
    found = evaluation.summary(parts, [(0, 1), (0, 2)], (0, 1))
    assert (found["images"], found["accuracy"], found["events_per_image"]) == (3, 2 / 3, 20.0)
    assert found["confusion"][1, 2] == found["confusion"][1, 1] == found["confusion"][3, 3] == 1
    assert found["windows"][1]["accuracy"] == 1


def test_several_draws_give_a_mean_and_its_spread(monkeypatch, capsys):
    shares = {1: 0.97, 2: 0.99, 3: 0.98}
    monkeypatch.setattr(evaluation, "accuracy", lambda params, chosen, windows, seed: [shares[seed]])
    found = evaluation.repeated({}, digits.few(), (0.5, 2.0), [1, 2, 3])
    assert (found["draws"], found["images"]) == (3, 300)
    np.testing.assert_allclose([found["mean"], found["spread"]], [0.98, 0.01])
    np.testing.assert_allclose(found["standard_error"], 0.01 / np.sqrt(3))
    command = runpy.run_path(str(Path(__file__).parents[2] / "papers/vilar2026/mnist/__main__.py"))
    monkeypatch.setattr(sys, "argv", ["mnist", "evaluate", "--few", "--window", "0.5", "2", "--draws", "3"])
    command["main"]()
    assert json.loads(capsys.readouterr().out)["mean"] == pytest.approx(0.98)


def test_shifts_move_by_one_pixel_each_way():
    image = np.zeros((900, 784), np.float32)
    image[:, 14 * 28 + 10] = 1
    rows, columns = np.divmod(digits.shifted(image, np.random.default_rng(0)).argmax(1), 28)
    seen = set(zip(rows.tolist(), columns.tolist(), strict=True))
    assert seen == {(14 + down, 10 + right) for down in (-1, 0, 1) for right in (-1, 0, 1)}


def test_other_archives_are_refused(tmp_path):
    few = digits.few()
    arrays = {name: few.images if name[0] == "x" else few.labels for name in digits.NAMES}
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(ValueError, match="does not hold the MNIST digits"):
        digits.training_set(tmp_path / "other.npz")
