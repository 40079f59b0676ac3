"""The MNIST digits: the archive and its checksum, the split into training and validation, and shifted images."""

import hashlib
import io
import urllib.request
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from common.store import write_whole

DATA = Path(__file__).parent / "data"
ARCHIVE = DATA / "mnist.npz"
"""Where the archive is looked for, and put when it is fetched."""
MIRROR = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
CONTENT = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"
"""SHA-256 over the bytes of the four arrays, so that any repacking of the same digits is accepted and nothing else."""
NAMES = ("x_train", "y_train", "x_test", "y_test")
HELD_OUT, SPLIT_SEED = 5_000, 0


class Digits(NamedTuple):
    """Images from 0 to 1, and which digit they show."""

    images: Float[np.ndarray, "digits 784"]
    labels: Int[np.ndarray, " digits"]

    def part(self, chosen) -> "Digits":
        """Some of them."""
        return Digits(self.images[chosen], self.labels[chosen])


def few() -> Digits:
    """The 300 digits that are kept with the code; they are among those held out for validation."""
    with np.load(DATA / "few.npz") as saved:
        return _digits(saved["images"], saved["labels"])


def training_set(archive: Path | None = None) -> Digits:
    """The 55,000 digits to train with."""
    return _training(archive).part(_order()[HELD_OUT:])


def validation_set(archive: Path | None = None) -> Digits:
    """The 5,000 digits of the training set that are held out, for choices and learning curves."""
    return _training(archive).part(_order()[:HELD_OUT])


def unseen(archive: Path | None = None) -> Digits:
    """The 10,000 digits of the test set."""
    arrays = _arrays(archive)
    return _digits(arrays["x_test"], arrays["y_test"])


def shifted(images: Float[np.ndarray, "digits 784"], draw: np.random.Generator) -> Float[np.ndarray, "digits 784"]:
    """Every image moved by -1, 0 or 1 pixels each way, dark pixels following."""
    wide = np.pad(images.reshape(-1, 28, 28), ((0, 0), (1, 1), (1, 1)))
    down, right = draw.integers(0, 3, (2, len(images), 1, 1))
    rows, columns = np.arange(28)[:, None] + down, np.arange(28) + right
    return wide[np.arange(len(images))[:, None, None], rows, columns].reshape(len(images), 784)


def _training(archive: Path | None) -> Digits:
    arrays = _arrays(archive)
    return _digits(arrays["x_train"], arrays["y_train"])


def _digits(images: UInt8[np.ndarray, "digits 28 28"], labels: np.ndarray) -> Digits:
    return Digits(images.reshape(len(images), 784).astype(np.float32) / 255, labels.astype(np.int32))


def _order() -> Int[np.ndarray, " 60000"]:
    return np.random.default_rng(SPLIT_SEED).permutation(60_000)


def _arrays(archive: Path | None) -> dict[str, np.ndarray]:
    """The arrays of the archive, fetched if there is none; ValueError if they are not the digits."""
    path = Path(archive) if archive is not None else ARCHIVE
    content = path.read_bytes() if archive is not None or path.exists() else _fetched()
    with np.load(io.BytesIO(content)) as saved:
        arrays = {name: saved[name] for name in NAMES}
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(arrays[name]).tobytes() for name in NAMES)).hexdigest()
    if digest != CONTENT:
        raise ValueError(f"{path} does not hold the MNIST digits: SHA-256 of its arrays is {digest}, not {CONTENT}")
    if archive is None and not path.exists():
        write_whole(path, content)
    return arrays


def _fetched() -> bytes:
    try:
        with urllib.request.urlopen(MIRROR, timeout=60) as answer:
            return answer.read()
    except OSError as fault:
        raise FileNotFoundError(f"{MIRROR} cannot be fetched ({fault}); put the archive at {ARCHIVE}") from fault
