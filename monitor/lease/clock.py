"""The clock by which a lease is held."""

import time


def boot_time_s() -> float:
    """A clock that nobody sets, and that goes on while the machine sleeps, if there is one."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
