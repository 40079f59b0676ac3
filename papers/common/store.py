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


def digest(value: Any) -> str:
    """Of plain values."""
    return hashlib.sha256(json.dumps(plain(value), sort_keys=True).encode()).hexdigest()[:16]


class Parts:
    """Finished parts of one item, kept only as long as settings and versions that they were made with stay the same."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], versions: Mapping[str, str], fresh: bool, tell: Tell):
        self.folder, self.versions, self.tell = folder, dict(versions), tell
        self.digest = digest(settings)
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)

    def saved(self, name: str) -> tuple[dict[str, Any] | None, str]:
        """A part that was finished earlier, with its seconds; or why what is there cannot be used, if anything is there."""
        path = self._path(name)
        if not path.exists():
            return None, ""
        try:
            found = json.loads(path.read_text())
            checksum = found.pop("checksum")
        except (ValueError, KeyError, TypeError, AttributeError):
            return None, "damaged, or from before parts had checksums"
        if checksum != digest(found):
            return None, "damaged"
        if found["digest"] != self.digest:
            return None, "made with other settings"
        made = found["versions"]
        if other := [f"{n} {made.get(n)}, {v} here" for n, v in self.versions.items() if made.get(n) != v]:
            return None, f"made with {'; '.join(other)}"
        return found, ""

    def run(
        self, parts: Mapping[str, Callable[[], Any]], after: Callable[[], None]
    ) -> tuple[dict[str, Any], dict[str, float]]:
        """Results of all parts and the seconds they took in all (wall and CPU), computing those that are not there."""
        looked = {name: self.saved(name) for name in parts}
        for why in dict.fromkeys(why for _, why in looked.values() if why):
            self.tell(f"  {', '.join(name for name, (_, own) in looked.items() if own == why)}: {why}: made anew")
        found = {name: part for name, (part, _) in looked.items()}
        missing = [name for name in parts if found[name] is None]
        if kept := len(parts) - len(missing):
            self.tell(f"  {kept} of {len(parts)} parts were finished before")
        begin = time.perf_counter()
        for number, name in enumerate(missing, 1):
            start, busy = time.perf_counter(), time.process_time()
            value = plain(parts[name]())
            seconds, busy = time.perf_counter() - start, time.process_time() - busy
            found[name] = {
                "digest": self.digest, "versions": self.versions, "seconds": round(seconds, 3), "cpu": round(busy, 3), "value": value,
            }  # fmt: skip
            write_json(self._path(name), {**found[name], "checksum": digest(found[name])})
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
