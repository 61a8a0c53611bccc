"""python -m tests.fuzz [--seconds N] [NAME ...]: fuzz for long; 1 where something was found."""

import argparse
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.targets import TARGETS

FOUND = Path(".fuzz")  # where inputs go that are findings


def main() -> int:
    """Every target that was named, or all, one after the other."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    arguments.add_argument("names", nargs="*", metavar="NAME", help=", ".join(TARGETS))
    arguments.add_argument("--seconds", type=int, default=300, help="for each (default: 300)")
    given = arguments.parse_args()
    if unknown := set(given.names) - set(TARGETS):
        arguments.error(f"{sorted(unknown)[0]}: no such target; targets: {', '.join(TARGETS)}")
    if find_spec("atheris") is None:
        print("atheris is missing: pip install atheris==3.0.0", file=sys.stderr)
        return 2
    FOUND.mkdir(exist_ok=True)
    failed = []
    for name in given.names or TARGETS:
        print(f"{name}: {given.seconds} s", flush=True)
        command = [sys.executable, "-m", "tests.fuzz.one", name, str(given.seconds), str(FOUND)]
        with tempfile.TemporaryDirectory(prefix="har-fuzz-") as folder:  # nothing is left of it
            if subprocess.run(command, env=os.environ | {"TMPDIR": folder}).returncode:
                failed.append(name)
    for name in failed:
        print(f"{name}: found something; the input is {FOUND}/{name}-*", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
