"""Results on disk: JSON files that are either whole or not there."""

import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Tell = Callable[[str], None]


def plain(value: Any) -> Any:
    """Lists, mappings and numbers that JSON can hold; what is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return plain(np.asarray(value).tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file aside and rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write plain values as JSON."""
    write_whole(path, json.dumps(plain(value), indent=1, allow_nan=False) + "\n")


class Parts:
    """Finished parts of one item, kept only as long as the settings that they were made with stay the same."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], fresh: bool, tell: Tell):
        self.folder, self.tell = folder, tell
        self.digest = hashlib.sha256(json.dumps(plain(settings), sort_keys=True).encode()).hexdigest()[:16]
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)

    def saved(self, name: str) -> dict[str, Any] | None:
        """A part that was finished earlier, with its seconds, or None."""
        path = self._path(name)
        if not path.exists():
            return None
        found = json.loads(path.read_text())
        return found if found["digest"] == self.digest else None

    def run(
        self, parts: Mapping[str, Callable[[], Any]], after: Callable[[], None]
    ) -> tuple[dict[str, Any], dict[str, float]]:
        """Results of all parts and the seconds they took in all (wall and CPU), computing those that are not there."""
        found = {name: self.saved(name) for name in parts}
        missing = [name for name in parts if found[name] is None]
        if kept := len(parts) - len(missing):
            self.tell(f"  {kept} of {len(parts)} parts were finished before")
        begin = time.perf_counter()
        for number, name in enumerate(missing, 1):
            start, busy = time.perf_counter(), time.process_time()
            value = plain(parts[name]())
            seconds, busy = time.perf_counter() - start, time.process_time() - busy
            found[name] = {"digest": self.digest, "seconds": round(seconds, 3), "cpu": round(busy, 3), "value": value}
            write_json(self._path(name), found[name])
            left = (time.perf_counter() - begin) / number * (len(missing) - number)
            self.tell(
                f"  {number}/{len(missing)} {name}: {seconds:.1f} s ({busy:.1f} s of CPU), about {left:.0f} s left"
            )
            after()
        whole = {name: part for name, part in found.items() if part is not None}
        spent = {clock: round(sum((part[clock] for part in whole.values()), 0.0), 1) for clock in ("seconds", "cpu")}
        return {name: part["value"] for name, part in whole.items()}, spent

    def _path(self, name: str) -> Path:
        return self.folder / f"{name.replace(' ', '_').replace('/', '_')}.json"
