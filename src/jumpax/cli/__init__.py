"""The command line: words to calls."""

from jumpax.cli.app import main as main
