"""Train the network, or see what weights read: `python papers/vilar2026/mnist train|evaluate [options]`."""

import argparse
import dataclasses
import json
import signal
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])

from common.store import plain, write_json  # noqa: E402
from vilar2026.mnist import digits, evaluation, storage  # noqa: E402
from vilar2026.mnist.training import Plan, Training  # noqa: E402

OPTIONS = {"epochs": float, "batch": int, "kappa": float, "rate": float, "fall": float, "decay": float}
WINDOWS = ((1.0, 3.0), (2.0, 4.0), (3.0, 8.0), (3.0, 23.0))


def train(arguments: argparse.Namespace) -> None:
    """Begin, or go on with what is in the folder."""
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    plan = Plan(seed=arguments.seed, **{name: given[name] for name in OPTIONS if name in given})
    if arguments.window:
        plan = dataclasses.replace(plan, window=tuple(arguments.window))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    few = digits.few() if arguments.few else None
    data, held_out = few or digits.training_set(arguments.data), few or digits.validation_set(arguments.data)
    training = Training(plan, data, held_out, arguments.folder, lambda line: print(line, flush=True))
    try:
        training.run(arguments.seconds)
    finally:
        training.save()


def evaluate(arguments: argparse.Namespace) -> None:
    """Read the validation images, or those of the test set, with exact paths; print and keep the result."""
    params, windows = storage.load_weights(arguments.weights), (*WINDOWS, tuple(arguments.window))
    windows = tuple(sorted(set(windows), key=lambda window: window[::-1]))
    if arguments.few:
        chosen = digits.few()
    else:
        chosen = (digits.unseen if arguments.test else digits.validation_set)(arguments.data)
    if arguments.draws > 1:
        seeds = range(arguments.seed, arguments.seed + arguments.draws)
        print(json.dumps(plain(evaluation.repeated(params, chosen, tuple(arguments.window), seeds)), indent=1))
        return
    parts = []
    for first in range(0, len(chosen.labels), 1000):
        parts.append(
            evaluation.answers(params, chosen.part(slice(first, first + 1000)), windows, arguments.seed, first)
        )
        print(f"{first + len(parts[-1]['labels'])} of {len(chosen.labels)} images", flush=True)
    found = plain(evaluation.summary(parts, windows, arguments.window))
    if arguments.out:
        write_json(arguments.out, found)
    print(json.dumps(found | {"confusion": None}, indent=1))


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    actions = parser.add_subparsers(required=True)
    for action in (train, evaluate):
        sub = actions.add_parser(action.__name__, help=action.__doc__, description=action.__doc__)
        sub.set_defaults(action=action)
        sub.add_argument("--data", type=Path, help="mnist.npz; fetched if not given")
        sub.add_argument("--few", action="store_true", help="only the 300 digits that are kept with the code")
        sub.add_argument("--seed", type=int, default=1)
        sub.add_argument(
            "--window", type=float, nargs=2, default=None if action is train else (3.0, 23.0), metavar=("FROM", "TO")
        )
        if action is train:
            sub.add_argument("--folder", type=Path, default=Path(__file__).parent / "run", help="where states are kept")
            sub.add_argument(
                "--seconds", type=float, default=float("inf"), help="stop after so many; go on by the same command"
            )
            for name, kind in OPTIONS.items():
                sub.add_argument(f"--{name}", type=kind)
        else:
            sub.add_argument("--weights", type=Path, default=storage.WEIGHTS)
            sub.add_argument(
                "--draws",
                type=int,
                default=1,
                help="read so many times, in --window alone; print the mean and its spread",
            )
            sub.add_argument("--test", action="store_true", help="the test set instead of the validation images")
            sub.add_argument("--out", type=Path, help="a JSON file for the result")
    arguments = parser.parse_args()
    arguments.action(arguments)


if __name__ == "__main__":
    main()
