"""`python -m webapp.development` is what `make run` starts."""

import sys

from webapp.development.launcher import main

if __name__ == "__main__":
    sys.exit(main())
