"""`python -m concur`: the same as the command `concur`."""

from concur.cli import main

# Process workers import this module again under another name: only the first import may run the command.
if __name__ == "__main__":
    raise SystemExit(main())
