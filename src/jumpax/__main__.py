"""`python -m jumpax` is the command line."""

import sys

from jumpax.cli import main

if __name__ == "__main__":
    sys.exit(main())
