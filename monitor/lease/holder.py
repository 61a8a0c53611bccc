"""Who takes a lease: this process, or the one that comes after it when it was killed."""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path

from monitor.store.lease import Holder

# What no two machines have the same: of this start of it, else of its system, for a unit of systemd
# with ProcSubset=pid does not see the first.
_MACHINE = (Path("/proc/sys/kernel/random/boot_id"), Path("/etc/machine-id"))


def this_process(locked: Path | None) -> Holder:
    """Who this process is; whoever was the same is dead.

    `locked` is a file that this process has locked, such as its alert log: nobody else can have
    the lock, and the system takes it from a process that dies. So the process that is started again
    with the same file takes its lease at once. Without one no other process is ever the same.
    """
    host = os.uname().nodename
    machine = next(filter(None, map(_text, _MACHINE)), None)
    identity = uuid.uuid4().hex
    if locked is not None and machine is not None:
        folder = locked.absolute().parent.stat()  # the file changes if it is rotated
        facts = (machine, host, folder.st_dev, folder.st_ino, locked.name)
        identity = hashlib.sha256(repr(facts).encode()).hexdigest()[:32]
    return Holder(identity, f"process {os.getpid()} on {host}")


def _text(path: Path) -> str:
    """What a file holds; nothing if it cannot be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
