"""Who takes a lease: this process, or the one that comes after it when it was killed."""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path

from monitor.store.lease import Holder

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # of this machine, since it was started


def this_process(locked: Path | None) -> Holder:
    """Who this process is; whoever was the same is dead.

    `locked` is a file that this process has locked, such as its alert log: nobody else can have
    the lock, and the system takes it from a process that dies. So the process that is started again
    with the same file takes its lease at once. Without one no other process is ever the same.
    """
    identity = uuid.uuid4().hex
    if locked is not None and _BOOT_ID.exists():
        folder = (
            locked.absolute().parent.stat()
        )  # the file itself is another one once it is rotated
        facts = (_BOOT_ID.read_text().strip(), folder.st_dev, folder.st_ino, locked.name)
        identity = hashlib.sha256(repr(facts).encode()).hexdigest()[:32]
    return Holder(identity, f"process {os.getpid()} on {os.uname().nodename}")
