"""Training from scratch by mini-batches, with gradients through exact paths alone; it goes on wherever it was interrupted.

The optimiser's step rises, stays, and falls to nothing over the last part of the planned epochs. So a plan can be made longer
at any time before that part; `plateau.npz` keeps the state at its beginning.
"""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from common.store import write_json
from vilar2026.mnist import digits, evaluation
from vilar2026.mnist.network import Parameters, draw_start
from vilar2026.mnist.reading import Step, Window, slope
from vilar2026.mnist.storage import load_state, save_state, save_weights


@dataclasses.dataclass(frozen=True)
class Plan:
    """Every choice of a training, seeds included.

    Attributes:
        epochs: passes through the training images.
        batch: images per step of the optimiser, one path each.
        window: times between which the outputs are averaged.
        kappa: logits are kappa times the averages.
        rate: the optimiser's step on the plateau.
        rise: share of the epochs over which the step rises.
        fall: share of the epochs over which it falls.
        decay: weight decay of AdamW, on the regulatory weights only.
        spreads: standard deviations of the regulatory weights at the start, hidden and output genes.
        offset: of the hidden genes at the start.
        seed: of the start, the batches, the shifts and the paths.
        validated: windows in which validation images are read after every epoch.
        validation_images: how many of them.
        keep: seconds between two states on disk.
    """

    epochs: float = 30.0
    batch: int = 128
    window: Window = (0.5, 2.0)
    kappa: float = 0.25
    rate: float = 6e-3
    rise: float = 0.02
    fall: float = 0.6
    decay: float = 1e-3
    spreads: tuple[float, float] = (0.05, 0.2)
    offset: float = -2.0
    seed: int = 1
    validated: tuple[Window, ...] = ((0.5, 2.0), (3.0, 8.0))
    validation_images: int = 1000
    keep: float = 30.0

    def optimiser(self, per_epoch: int) -> optax.GradientTransformation:
        """AdamW on the planned schedule."""

        def rate(step):
            share = (step + 1) / (self.epochs * per_epoch)
            return self.rate * jnp.clip(jnp.minimum(share / self.rise, (1 - share) / self.fall), 0.0, 1.0)

        return optax.adamw(
            rate, weight_decay=self.decay, mask=lambda tree: {name: name.startswith("weights") for name in tree}
        )


class Training:
    """A training and its folder: `state.npz`, from which it goes on, `plateau.npz`, and at last `weights.npz` and `history.json`."""

    def __init__(
        self,
        plan: Plan,
        data: digits.Digits,
        held_out: digits.Digits,
        folder: Path,
        tell: Callable[[str], None] = print,
    ):
        self.plan, self.data, self.folder, self.tell = plan, data, folder, tell
        self.held_out = held_out.part(slice(plan.validation_images))
        self.per_epoch = len(data.labels) // plan.batch
        self.total = round(plan.epochs * self.per_epoch)
        optimiser = plan.optimiser(self.per_epoch)
        self.params: Parameters = draw_start(plan.seed, *plan.spreads, plan.offset)
        self.state = optimiser.init(self.params)
        self.about: dict = {"step": 0, "seconds": 0.0, "history": [], "sittings": []}
        if (folder / "state.npz").exists():
            self.params, self.state, self.about = load_state(folder / "state.npz", self.state)
        self.about["sittings"].append({"from": self.about["step"], "plan": dataclasses.asdict(plan)})

        def update(gradient, state, params):
            change, state = optimiser.update(gradient, state, params)
            return optax.apply_updates(params, change), state

        self.update = jax.jit(update)

    def run(self, seconds: float = np.inf) -> None:
        """Train to the end of the plan, or for so many seconds; the state of every `plan.keep` seconds is on disk."""
        begin = kept = told = time.perf_counter()
        before, start, mean = self.about["seconds"], self.about["step"], None
        while self.about["step"] < self.total and time.perf_counter() - begin < seconds:
            found = self.one()
            mean = (
                found
                if mean is None
                else Step(*(0.99 * old + 0.01 * new for old, new in zip(mean, found, strict=True)))
            )
            step, now = self.about["step"], time.perf_counter()
            self.about["seconds"] = before + now - begin
            if step == round((1 - self.plan.fall) * self.total):
                self.save("plateau.npz")
            if whole := step % self.per_epoch == 0 or step == self.total:
                self.look(mean)
            if whole or now - told > 10:
                self.tell(self.line(mean, (step - start) / (now - begin)))
                told = now
            if whole or now - kept > self.plan.keep:
                self.save()
                kept = now
        self.save()
        save_weights(self.folder / "weights.npz", self.params)
        write_json(self.folder / "history.json", self.about)

    def one(self) -> Step:
        """One step of the optimiser, which depends on nothing but the state and its number."""
        plan, step = self.plan, self.about["step"]
        epoch, place = divmod(step, self.per_epoch)
        order = np.random.default_rng((plan.seed, epoch)).permutation(len(self.data.labels))
        part = self.data.part(order[place * plan.batch : (place + 1) * plan.batch])
        images = digits.shifted(part.images, np.random.default_rng((plan.seed, epoch, place)))
        key = jax.random.fold_in(jax.random.key(plan.seed), step)
        found, gradient = slope(self.params, images, part.labels, plan.kappa, plan.window, key)
        self.params, self.state = self.update(gradient, self.state, self.params)
        self.about["step"] += 1
        return found

    def look(self, mean: Step) -> None:
        """A point of the learning curve, with exact paths of validation images."""
        right = evaluation.accuracy(self.params, self.held_out, self.plan.validated, self.plan.seed)
        names = [f"window {begin:g}-{end:g}" for begin, end in self.plan.validated]
        point = {
            "epoch": self.about["step"] / self.per_epoch,
            "seconds": round(self.about["seconds"], 1),
            **mean._asdict(),
        }
        self.about["history"].append(point | {"validation": dict(zip(names, right, strict=True))})
        self.tell(f"  validation: {', '.join(f'{name} {value:.2%}' for name, value in zip(names, right, strict=True))}")

    def line(self, mean: Step, pace: float) -> str:
        """Where the training is."""
        left, images = (self.total - self.about["step"]) / pace, pace * self.plan.batch
        return (
            f"epoch {self.about['step'] / self.per_epoch:.2f} of {self.plan.epochs:g}: loss {mean.loss:.4f}, right {mean.accuracy:.2%}, "
            f"{mean.events:.0f} events per image, {images * mean.events:.3g} events/s, {images:.0f} images/s, {left / 60:.0f} min left"
        )

    def save(self, name: str = "state.npz") -> None:
        """Write the state of now."""
        save_state(self.folder / name, self.params, self.state, self.about)
