"""`python -m meanbits`, the command line."""

from meanbits.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
