"""A lease that another process of ours keeps, for as long as it last said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from monitor.errors import SinkError
from monitor.lease.clock import boot_time_s


@dataclass(frozen=True)
class Grant:
    """What a process that watches for the keeper is told."""

    epoch: int
    until_s: float  # by `boot_time_s`, which all processes of a machine share


class GrantedLease:
    """May be used until the newest grant ends: a keeper that is frozen, or gone, gives no other."""

    def __init__(self, clock: Callable[[], float] = boot_time_s) -> None:
        self._clock = clock
        self._grant: Grant | None = None

    def take(self, grant: Grant) -> None:
        """Go by this from now on."""
        self._grant = grant

    @property
    def epoch(self) -> int | None:
        """Of the lease; None before anything was granted."""
        return None if self._grant is None else self._grant.epoch

    @property
    def may_write(self) -> bool:
        """Whether nobody else can have the lease just now."""
        return self._grant is not None and self._clock() < self._grant.until_s

    def check(self, what: str) -> None:
        """SinkError that names `what` is not to be written, unless that is sure to be ours."""
        if not self.may_write:
            raise SinkError(f"{what}: the lease of this shard is not sure")
