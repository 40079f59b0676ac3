"""Where a result comes from."""

import functools
import importlib.metadata
import platform
from typing import Any

import jax
import numpy as np

from jumpax.networks import Network


@functools.cache
def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("jumpax", "jax", "jaxlib", "numpy", "equinox")}


def provenance(network: Network, key: tuple[Any, Any], precision: str, engine: str, **settings: Any) -> dict[str, Any]:
    """Key, versions, precision, back end, hash and units of the network, settings; plain values that any file can hold."""
    return {
        "key": [int(np.asarray(word)) for word in key],
        "precision": precision,
        "engine": engine,
        "backend": jax.default_backend(),
        "x64": bool(jax.config.read("jax_enable_x64")),
        "python": platform.python_version(),
        "versions": dict(_versions()),
        "network": network.name,
        "network_digest": network.digest,
        "units": network.units,
        **settings,
    }
