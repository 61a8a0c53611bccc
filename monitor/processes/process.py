"""A process that watches some of the cameras, as its parent sees it."""

from __future__ import annotations

import logging
import math
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import IO, Any

from monitor.child import ChildProcess
from monitor.config.options import CameraOptions
from monitor.errors import MonitorError
from monitor.events.alert import AlertEvent
from monitor.health.status import CameraSnapshot
from monitor.lease.granted import Grant
from monitor.link import LinkClosed, pack, receive
from monitor.processes.messages import STATE, ProcessSettings, ProcessState, error_of
from monitor.states import CameraState

log = logging.getLogger(__name__)

BEGIN_S = 30.0  # that a process has until it first says how it does
SILENT_S = 15.0  # without a word of how it does: it hangs
END_S = 7.0  # that it has to end, with what its sinks have to write
LOOP_S = 600.0  # a process that died twice in so long dies again and again
_SEND_S = 2  # that a process has to take an order
PROCESS_ENDED = "process ended"  # why its cameras are not watched


class WatchProcess:
    """A process that watches some of the cameras, and is started again if it dies or hangs.

    The callbacks are called by its threads here, and must not hold them up.
    """

    def __init__(
        self,
        number: int,
        *,
        on_alert: Callable[[AlertEvent], object],
        on_page: Callable[[bytes], object],  # takes messages for the page's process
        on_death: Callable[[WatchProcess], bool],  # see ChildProcess
        on_end: Callable[
            [WatchProcess, MonitorError | None], object
        ],  # it ended, and not by a fault
        places: IO[bytes],  # of those that look: see LookPlaces
        deaths: tuple[float, ...] = (),  # the clock at those of the one that it was split from
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.number = number
        self.cameras: tuple[CameraOptions, ...] = ()
        self.ended = False  # its files have, or it was stopped
        self.closing = False
        self.state = ProcessState()
        self._on_alert, self._on_page = on_alert, on_page
        self._on_death, self._on_end = on_death, on_end
        self._clock = clock
        self._deaths = deaths
        self._link: socket.socket | None = None
        self._sending = threading.Lock()
        self._listener: threading.Thread | None = None
        self._look: dict[str, Any] = {"type": "look"}
        self._open: dict[str, AlertEvent] = {}  # activities that go on, by their ids
        self._heard_s = math.inf  # the clock when it last said how it does, or is to at the latest
        self._silent = False  # at the last check
        self._answers: list[MonitorError | None] = []
        self._answered = threading.Condition()
        self._over = threading.Event()
        self._settings = ""  # JSON
        self._process = ChildProcess(
            "monitor.cli.watch_process",
            f"process {number}",
            f"process {number}",
            END_S,
            [places],
            by_signal=False,
            on_death=self._died,
        )

    def assign(self, settings: ProcessSettings) -> None:
        """Let the next process watch this."""
        self.cameras = settings.cameras
        self._settings = settings.model_dump_json()
        self._process.change(self._settings)

    def start(self) -> None:
        """Begin to watch; to be called once, after `assign`."""
        self._process.give(self._settings, self._connect)

    def change(self, settings: ProcessSettings, limit_s: float) -> None:
        """Watch this instead; a process that cannot, or takes too long, is begun anew with it."""
        self.assign(settings)
        with self._answered:
            self._answers.clear()
        if not self._send({"type": "cameras"}, self._settings.encode()):
            return  # there is none; the next one has them
        with self._answered:
            self._answered.wait_for(lambda: self._answers or self._link is None, limit_s)
            answers = tuple(self._answers)
        if answers != (None,) and self._link is not None:
            why = answers[0] if answers else f"it did not answer within {limit_s:g} s"
            log.error("process %d: its cameras cannot be changed: %s", self.number, why)
            self._process.kill()

    def look(self, order: Mapping[str, Any]) -> None:
        """Follow the page's order."""
        self._look = {**order, "type": "look"}
        self._send(self._look)

    def grown(self, count: int) -> None:
        """Say how many bytes of evidence others have written."""
        self._send({"type": "grown", "bytes": count})

    def grant(self, grant: Grant | None) -> None:
        """Say until when it may keep evidence; None: no longer than it was told."""
        if grant is not None:
            self._send({"type": "lease", "epoch": grant.epoch, "until_s": grant.until_s})

    def stop(self) -> None:
        """Tell it to end."""
        if not self._send({"type": "stop"}):
            self._over.set()

    def close(self, limit_s: float) -> None:
        """End its process, once it has had its time; twice is fine."""
        self._over.wait(limit_s)
        with self._sending:
            self.closing = True
            link, self._link = self._link, None
            if link is not None:
                with suppress(OSError):
                    link.shutdown(socket.SHUT_RDWR)
        self._process.close()

    def check(self) -> None:
        """End a process that hangs; called about once a second."""
        silent, self._silent = self._silent, self._clock() - self._heard_s >= SILENT_S
        if silent and self._silent:  # still: what it said while we were frozen is heard by now
            log.error("process %d: has not said how it does for %g s", self.number, SILENT_S)
            self._heard_s = math.inf
            self._process.kill()

    @property
    def loops(self) -> bool:
        """Whether its process dies again and again."""
        return len(self.recent_deaths) >= 2

    @property
    def recent_deaths(self) -> tuple[float, ...]:
        """The clock at each."""
        since_s = self._clock() - LOOP_S
        return tuple(at_s for at_s in self._deaths if at_s >= since_s)

    @property
    def snapshots(self) -> dict[str, CameraSnapshot]:
        """How its cameras do, by name; of those of which nothing is known yet, nothing."""
        watched = {camera.name for camera in self.cameras}
        known = {one.name: one for one in self.state.cameras if one.name in watched}
        if self._link is not None or self.ended:
            return known
        gone = CameraState.RETRYING
        return {
            name: replace(one, state=gone, cause=PROCESS_ENDED, fault="", blind_s=0.0, regions={})
            for name, one in known.items()
        }

    def _connect(self, link: socket.socket) -> None:
        """Speak to a new process."""
        if self._listener is not None:
            self._listener.join()  # all that the last one said was heard
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_S, 0))
        self._heard_s = self._clock() + BEGIN_S - SILENT_S
        with self._sending:
            if self.closing:
                link.close()
                return
            self._link = link
        self._listener = threading.Thread(
            target=self._listen, args=(link,), name=f"process {self.number} says", daemon=True
        )
        self._listener.start()
        self._send(self._look)

    def _listen(self, link: socket.socket) -> None:
        """Hear what a process says, until it is gone."""
        with link:
            while True:
                try:
                    head, body = receive(link)
                except LinkClosed:
                    break
                self._take(head, body)
            with self._sending:
                if self._link is link:
                    self._link = None
        self._heard_s = math.inf
        for start in self._open.values():
            self._on_alert(start.after_a_kill(datetime.now(UTC)))
        self._open.clear()
        with self._answered:
            self._answered.notify_all()

    def _take(self, head: dict[str, Any], body: bytes) -> None:
        match head["type"]:
            case "state":
                self.state = STATE.validate_json(body)
                self._heard_s = self._clock()
            case "alert":
                alert = AlertEvent.model_validate_json(body)
                if alert.event == "start":
                    self._open[alert.id] = alert
                else:
                    self._open.pop(alert.id, None)
                self._on_alert(alert)
            case "page":
                self._on_page(body)
            case "changed":
                with self._answered:
                    self._answers.append(error_of(head))
                    self._answered.notify_all()
            case "ended":
                self.ended = True
                self._over.set()
                self._on_end(self, error_of(head))

    def _died(self) -> bool:
        self._deaths = (*self.recent_deaths, self._clock())
        return self._on_death(self)

    def _send(self, head: dict[str, Any], body: bytes = b"") -> bool:
        """Whether there is a process that took it; one that takes nothing is ended."""
        with self._sending:
            if self._link is None:
                return False
            try:
                self._link.sendall(pack(head, body))
            except OSError:
                with suppress(OSError):
                    self._link.shutdown(socket.SHUT_RDWR)
                self._link = None
                self._process.kill()
                return False
        return True
