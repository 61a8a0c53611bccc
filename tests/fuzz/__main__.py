"""python -m tests.fuzz [--seconds N] [NAME ...]: fuzz for long; 1 where something was found."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.targets import TARGETS

FOUND = Path(".fuzz")  # where inputs go that are findings
PROPERTIES = "properties"  # the property tests of the suite, which draws no example anew
NAMES = (*TARGETS, PROPERTIES)


def main() -> int:
    """Every target that was named, or all, one after the other."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    arguments.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    arguments.add_argument("--seconds", type=int, default=300, help="for each (default: 300)")
    given = arguments.parse_args()
    if unknown := set(given.names) - set(NAMES):
        arguments.error(f"{sorted(unknown)[0]}: no such target; targets: {', '.join(NAMES)}")
    names = given.names or NAMES
    if find_spec("atheris") is None and set(names) & set(TARGETS):
        print("atheris is missing: pip install atheris==3.0.0", file=sys.stderr)
        return 2
    FOUND.mkdir(exist_ok=True)
    failed = []
    for name in names:
        print(f"{name}: {given.seconds} s", flush=True)
        if not (_properties if name == PROPERTIES else _target)(name, given.seconds):
            failed.append(name)
    for name in failed:
        where = "the example is above" if name == PROPERTIES else f"the input is {FOUND}/{name}-*"
        print(f"{name}: found something; {where}", file=sys.stderr)
    return 1 if failed else 0


def _target(name: str, seconds: int) -> bool:
    command = [sys.executable, "-m", "tests.fuzz.one", name, str(seconds), str(FOUND)]
    with tempfile.TemporaryDirectory(prefix="har-fuzz-") as folder:  # nothing is left of it
        return not subprocess.run(command, env=os.environ | {"TMPDIR": folder}).returncode


def _properties(name: str, seconds: int) -> bool:
    """Again and again, each time with other examples."""
    options = ["-q", "-m", "hypothesis", "--hypothesis-profile", "fuzz", "--ignore", "tests/slow"]
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        if subprocess.run([sys.executable, "-m", "pytest", *options]).returncode:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
