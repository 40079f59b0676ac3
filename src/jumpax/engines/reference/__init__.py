"""The reference engine: written to be read; every other engine must follow it path by path."""

from jumpax.engines.reference.engine import Reference as Reference
