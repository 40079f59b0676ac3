"""A journal of simulations: a fit that was killed is begun anew, and what its journal answers is not simulated again.

A fit, or a posterior, is a function of its problem, settings and key. It asks for simulations, one after the other; all that lies
between them takes little time. So no state of it is kept, but the answers: the numbers of each simulation are appended to a file, under a
digest of everything that they depend on. To go on, the same code runs from its beginning. Optimisers, generators and trust regions
come to where they were by themselves, bit for bit, in descents, searches, profiles and chains alike, and no part of their state can
be forgotten. What is no function of anything, how long a pilot takes, is in its answer.

Nothing is written over, and each record has a checksum: a kill costs the record that is being written, no more. That is what two
copies of a state would be kept for. Records are arrays in NumPy's format, compressed; nothing is pickled.
"""

import contextlib
import importlib.metadata
import io
import json
import os
import shutil
import struct
import time
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar, final

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base.errors import InputError, JumpaxWarning
from jumpax._base.files import write_whole
from jumpax._base.random import key_words
from jumpax.engines.kept import Files
from jumpax.networks.fingerprint import digest

Answer = TypeVar("Answer")
Fields = Mapping[str, tuple[str, str]]
"""What a computation is, by name: in words, and a digest of it."""
MAGIC = b"jumpax journal 1\n"
HEAD = struct.Struct("<QI")
"""Before each record: its length and CRC-32."""
NAME = 32
"""Bytes of the digest of a question."""
LIBRARIES = ("jumpax", "jax", "jaxlib", "numpy", "llvmlite")
"""Those that all numbers depend on."""
SHOWN = 80
"""Most characters of a field in a message."""
SYNCED = 1.0
"""Seconds after which what was written has to be on the disk, whatever becomes of the machine."""

_open: ContextVar["Journal | None"] = ContextVar("journal", default=None)


def answered(
    question: Callable[[], object],
    compute: Callable[[], Answer],
    like: Callable[[], Any],
    effects: Callable[[], object] = lambda: None,
) -> Answer:
    """What `compute` returns; or what the open journal has recorded of it. Without a journal it is just called.

    Args:
        question: everything that the answer depends on, for `fingerprint.digest`.
        compute: gives a tree of NumPy arrays.
        like: gives some tree of the same structure.
        effects: what `compute` may change beside; an answer that came with a change is not recorded, so that it comes again.
    """
    journal = _open.get()
    return compute() if journal is None else journal.answer(bytes.fromhex(digest(question())), compute, like, effects)


def lasting(value: object) -> str:
    """Digest of a part of questions that is one object from the first to the last of them, and may be large: looked at once."""
    journal = _open.get()
    assert journal is not None
    if id(value) not in journal.lasting:
        journal.lasting[id(value)] = (value, digest(value))
    return journal.lasting[id(value)][1]


def as_array(value: object) -> np.ndarray:
    """Plain values as a part of an answer."""
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def as_value(array: np.ndarray) -> Any:
    """Back."""
    return json.loads(array.tobytes())


def interrupted() -> None:
    """From now on nothing is recorded: what follows an interruption does not belong to the run that will go on."""
    if (journal := _open.get()) is not None:
        journal.recording = False


@contextlib.contextmanager
def journal(files: Files, fields: Fields) -> Iterator[None]:
    """What is computed inside is recorded, or answered.

    Args:
        files: where it is written to, and read from.
        fields: what is computed: another computation does not go on from a file.

    Raises:
        InputError: no such file, one of another kind, damaged in its first lines, or of another computation: names all that differs.

    Warns:
        JumpaxWarning: records are damaged; the disk is full; or the run has left that of the file.
    """
    path, read = _begun(files, fields)
    with open(path, "rb" if files.save is None else "r+b", buffering=0) as file:
        made = Journal(file, read)
        token = _open.set(made)
        try:
            yield
            made.judge()
        finally:
            _open.reset(token)
            made.sync()


def field(value: object) -> tuple[str, str]:
    """A field of a computation: in words, and its digest."""
    words = repr(value)
    long = len(words) > SHOWN or " at 0x" in words
    return f"one of type {type(value).__name__}" if long else words, digest(value)


def circumstances(verb: str, settings: Mapping[str, Any], more: Sequence[str] = ()) -> dict[str, tuple[str, str]]:
    """What every computation depends on beside its problem: settings with a key, versions of libraries, `more` of them too, numbers, back end.

    Settings that are None are as by default.
    """
    words = str(tuple(map(int, key_words(settings["key"]))))  # a number and the key made of it are the same
    key = (str(settings["key"]) if isinstance(settings["key"], int) else words, words)
    found = {"verb": field(verb), "key": key}
    found |= {name: field(value) for name, value in settings.items() if value is not None and name != "key"}
    found |= {f"version of {name}": field(_version(name)) for name in (*LIBRARIES, *more)}
    return found | {"precision": field(str(jnp.zeros(()).dtype)), "backend": field(jax.default_backend())}


def _version(library: str) -> str:
    """Of what may not be installed."""
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def check(path: Path, found: Mapping[str, Sequence[str]], here: Fields) -> None:
    """Refuse the file of another computation.

    Raises:
        InputError: naming everything in which the two differ.
    """
    lines = []
    for name in dict.fromkeys((*here, *found)):
        other, own = (tuple(side.get(name, ("nothing", ""))) for side in (found, here))
        if other[1] != own[1]:
            told = [f"{words} ({mark[:8]})" if other[0] == own[0] else words for words, mark in (other, own)]
            lines.append(f"- {name}: {told[0]} in the file, {told[1]} here")
    if lines:
        raise InputError(
            f"{path} holds another run and cannot go on here; start anew, or restore what differs:\n" + "\n".join(lines)
        )


class Contents(NamedTuple):
    """What is sound of a file."""

    fields: dict[str, list[str]]
    places: dict[bytes, tuple[int, int]]
    """Begin and length of each answer."""
    end: int
    """Where it ends."""
    fault: str
    """Why it ends before the file does; or nothing."""


def contents(path: Path) -> Contents:
    """What is sound of a file.

    Raises:
        InputError: one of another kind, or damaged in its first lines.
    """
    with open(path, "rb") as file:
        size, places, fault = os.fstat(file.fileno()).st_size, {}, ""
        if file.read(len(MAGIC)) != MAGIC:
            raise InputError(f"{path} is not a file that save=... of a fit, a posterior or an audit writes")
        fields, fault = _record(file, size)
        if fault:
            raise InputError(f"{path} is damaged at its beginning, and nothing of it can be used: start anew")
        while (end := file.tell()) < size:
            payload, fault = _record(file, size)
            if fault:
                break
            places[payload[:NAME]] = (end + HEAD.size + NAME, len(payload) - NAME)
    return Contents(json.loads(fields), places, end, fault)


def _begun(files: Files, fields: Fields) -> tuple[Path, Contents]:
    """A new file; or one to go on from, a copy of it if it is to be kept as it is."""
    found, save = files.found(), files.save
    if found is None:
        assert save is not None
        first = MAGIC + _framed(json.dumps(fields).encode())
        write_whole(save, lambda aside: aside.write_bytes(first))
        return save, Contents({}, {}, len(first), "")
    read = contents(found)
    check(found, read.fields, fields)
    if read.fault:
        warnings.warn(
            f"{found} is sound in its first {len(read.places)} simulations only ({read.fault}): these are used, and what followed is "
            "simulated again",
            JumpaxWarning,
            stacklevel=4,
        )
    if save is not None and not (save.exists() and save.samefile(found)):
        write_whole(save, lambda aside: shutil.copyfile(found, aside))
    return save or found, read


def _record(file: BinaryIO, size: int) -> tuple[bytes, str]:
    """The next record, or what is wrong with it."""
    head = file.read(HEAD.size)
    if len(head) == HEAD.size:
        length, checksum = HEAD.unpack(head)
        if file.tell() + length <= size:
            payload = file.read(length)
            return payload, "" if zlib.crc32(payload) == checksum else "a checksum is wrong after them"
    return b"", "it breaks off in the next, as by a kill"


def _framed(payload: bytes) -> bytes:
    return HEAD.pack(len(payload), zlib.crc32(payload)) + payload


@final
class Journal:
    """Answers and records in one run.

    Args:
        file: open, and written to if it can be.
        read: what is sound of it.
    """

    def __init__(self, file: io.FileIO, read: Contents):
        self._file, self._places, self._end = file, dict(read.places), read.end
        self.recording = file.writable()
        self._unused, self._new, self._told, self._synced = set(read.places), 0, False, 0.0
        self.lasting: dict[int, tuple[object, str]] = {}
        """Digests, and what they are of, by its identity."""
        if self.recording:
            file.truncate(read.end)

    def answer(
        self, name: bytes, compute: Callable[[], Answer], like: Callable[[], Any], effects: Callable[[], object]
    ) -> Answer:
        """As `answered`."""
        self._unused.discard(name)
        if name in self._places:
            return jax.tree.unflatten(jax.tree.structure(like()), self._read(*self._places[name]))
        before = effects()
        made = compute()
        if effects() == before:
            self._new += 1
            if self.recording:
                self._write(name, jax.tree.leaves(made))
        return made

    def _read(self, begin: int, length: int) -> list[np.ndarray]:
        self._file.seek(begin)
        content = zlib.decompress(self._file.read(length))
        arrays, found = io.BytesIO(content), []
        while arrays.tell() < len(content):
            found.append(np.load(arrays, allow_pickle=False))
        return found

    def _write(self, name: bytes, leaves: list[Any]) -> None:
        """Append a record; a disk that is full costs this one only."""
        arrays = io.BytesIO()
        for leaf in leaves:
            np.save(arrays, leaf, allow_pickle=False)
        record = _framed(name + zlib.compress(arrays.getbuffer(), 1))
        try:
            self._file.seek(self._end)
            left = memoryview(record)
            while left:
                left = left[self._file.write(left) :]
            if time.monotonic() - self._synced > SYNCED:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError as fault:
            self._lost(fault)
        else:
            self._places[name] = (self._end + HEAD.size + NAME, len(record) - HEAD.size - NAME)
            self._end += len(record)

    def _lost(self, fault: OSError) -> None:
        """Take half a record off, and tell once."""
        with contextlib.suppress(OSError):
            self._file.truncate(self._end)
        if not self._told:
            self._told = True
            warnings.warn(
                f"{self._file.name} cannot be written ({fault.strerror or fault}). The run goes on, and what the file holds stays usable; "
                "what is missing there is simulated again when a run resumes from it",
                JumpaxWarning,
                stacklevel=2,
            )

    def judge(self) -> None:
        """At the end of a run that was not interrupted: whether it was that of the file."""
        if self._unused and self._new and self.recording:
            warnings.warn(
                f"{len(self._unused)} simulations in {self._file.name} were not asked for, and {self._new} others were: the last bits of "
                "numbers differ here, as they do between kinds of processors, or a function that you gave depends on more than "
                "its arguments. The result is sound, but not that of an uninterrupted run, bit for bit",
                JumpaxWarning,
                stacklevel=4,
            )

    def sync(self) -> None:
        """What was written is on the disk."""
        if self._file.writable():
            with contextlib.suppress(OSError):
                os.fsync(self._file.fileno())
