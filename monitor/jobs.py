"""Jobs for other processes: what such a process runs, and what this one hears of it."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from monitor.errors import MonitorError

Key = TypeVar("Key")
# Of a module, so that it can be pickled; takes a job, and what all jobs have in common.
Function = Callable[[Any, Any], object]


@dataclass(frozen=True)
class Outcome(Generic[Key]):
    """What became of a job."""

    key: Key
    value: Any = None  # what the function gave; None if it failed
    failure: str = ""  # in a line
    crashed: bool = False  # its process died


class JobPool(Protocol[Key]):
    """Processes that run functions, on this machine or on others."""

    @property
    def has_room(self) -> bool:
        """Whether another job may be given."""

    @property
    def busy(self) -> int:
        """How many jobs are under way."""

    @property
    def described(self) -> str:
        """Who works, in words."""

    def start(self, key: Key, function: Function, job: object) -> None:
        """Begin a job."""

    def outcomes(self, timeout_s: float) -> Iterator[Outcome[Key]]:
        """What has become of jobs, once one has ended or some time has passed."""

    def close(self) -> None:
        """Give up what is under way; twice is fine."""


def attempt(function: Function, job: object, common: object) -> tuple[Any, str, str]:
    """What a function gives, why it failed, and where, if that is a fault of the program."""
    try:
        return function(job, common), "", ""
    except MonitorError as error:
        return None, str(error), ""
    except Exception as error:
        return None, f"{type(error).__name__}: {error}", traceback.format_exc()
