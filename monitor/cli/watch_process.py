"""A process that watches some of the cameras for its parent.

python -m monitor.cli.watch_process PLACES LINK: it inherits both descriptors, of the file that
LookPlaces shares and of the link.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from monitor.cli.command import exit_codes, run_beside, start_logging
from monitor.config.options import CameraOptions
from monitor.decode.look_places import LookPlaces
from monitor.decode.tap import PacketTap
from monitor.errors import MonitorError, SinkError
from monitor.events.alert import AlertEvent
from monitor.events.sink import Sink
from monitor.evidence.evidence_sink import EvidenceSink
from monitor.evidence.ring import PacketRing
from monitor.health.status import CameraSnapshot
from monitor.lease.granted import Grant, GrantedLease
from monitor.lease.sinks import leased
from monitor.link import LinkClosed, pack, receive
from monitor.pipeline.monitor import Monitor, cores
from monitor.processes.messages import STATE, ProcessSettings, ProcessState, error_head
from monitor.records import SinkStatus
from monitor.web.pictures import LivePictures

log = logging.getLogger(__name__)

END_S = 6.0  # that it has to end, once the parent is gone
# If memory is short, the kernel rather ends a process, which is started again, than the parent.
_OOM = ("/proc/self/oom_score_adj", 300)


def main() -> None:
    """Watch until the cameras have ended, or the parent says so, or is gone."""
    # They are for the parent, which ends this process.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError):
        Path(_OOM[0]).write_text(str(_OOM[1]))
    console = Console(stderr=True)
    with exit_codes(console):
        text = sys.stdin.buffer.read()
        if not text:  # the watching ended before it began
            return
        settings = ProcessSettings.read(text)
        start_logging(console, verbose=settings.verbose, patient=False)
        places, link = map(int, sys.argv[1:])
        parent = ToParent(socket.socket(fileno=link))
        try:
            share = Share(settings, parent, LookPlaces(cores(), places))
        except MonitorError as error:
            parent.end(error)
            return
        share.run()


class ToParent:
    """The link to the parent; any thread may send. It is a sink of alerts, too."""

    name = "parent process"

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self._sending = threading.Lock()

    def send(self, head: dict[str, object], body: bytes = b"") -> None:
        """Send a message; LinkClosed if the parent is gone."""
        with self._sending:
            try:
                self.link.sendall(pack(head, body))
            except OSError:
                raise LinkClosed from None

    def end(self, failure: MonitorError | None) -> None:
        """Say that nothing is watched any more, and why, if that is a fault."""
        with suppress(LinkClosed):
            self.send({"type": "ended", **error_head(failure)})

    def takes(self, alert: AlertEvent) -> bool:
        """Alerts of shadows, too."""
        return True

    def write(self, alert: AlertEvent) -> None:
        """Hand an alert on; SinkError if the parent is gone."""
        try:
            self.send({"type": "alert"}, alert.model_dump_json().encode())
        except LinkClosed:
            raise SinkError("the process that writes alerts is gone") from None

    def close(self) -> None:
        """The link is needed until the end."""


class Share:
    """Watches its share of the cameras for the parent."""

    def __init__(self, settings: ProcessSettings, parent: ToParent, places: LookPlaces) -> None:
        self._parent = parent
        self._lease = GrantedLease()
        leased_to = settings.shard
        may_write = (lambda: True) if leased_to is None else lambda: self._lease.may_write
        self._evidence = (
            None
            if settings.evidence is None
            else EvidenceSink(settings.evidence, may_write=may_write)
        )
        kept: list[Sink] = [] if self._evidence is None else [self._evidence]
        if leased_to is not None:
            kept = leased(kept, self._lease, leased_to)
        self._monitor = Monitor(
            settings.options,
            sinks=[parent, *kept],
            tap=self._tap,
            on_beat=self._beat,
            usable=settings.cores,
            places=places,
            gives_up=False,  # the parent knows of all cameras
        )
        self._pictures = LivePictures(self._monitor.hub, self._ring, self._show)
        self._gone = threading.Event()  # the parent has closed the link

    def run(self) -> None:
        """Watch to the end, and say how it ended."""
        threading.Thread(target=self._listen, name="parent", daemon=True).start()
        failure: MonitorError | None = None
        try:
            self._monitor.run()
        except MonitorError as error:
            failure = error
        self._beat(self._monitor.cameras, self._monitor.sinks, 0.0)
        self._parent.end(failure)
        self._gone.wait(END_S)

    def _listen(self) -> None:
        while True:
            try:
                head, body = receive(self._parent.link)
            except LinkClosed:
                break
            match head["type"]:
                case "cameras":  # those that leave take their time
                    settings = ProcessSettings.read(body)
                    threading.Thread(
                        target=self._change, args=(settings,), name="cameras", daemon=True
                    ).start()
                case "look":
                    self._pictures.look(head)
                case "grown":
                    if self._evidence is not None:
                        self._evidence.note(head["bytes"])
                case "lease":
                    self._lease.take(Grant(head["epoch"], head["until_s"]))
                case "stop":
                    self._monitor.stop()
        self._gone.set()
        self._monitor.stop()
        late = threading.Timer(END_S, os._exit, (1,))  # whatever hangs
        late.daemon = True
        late.start()

    def _change(self, settings: ProcessSettings) -> None:
        failure: MonitorError | None = None
        try:
            self._monitor.reload(settings.options)
        except MonitorError as error:
            failure = error
        with suppress(LinkClosed):
            self._parent.send({"type": "changed", **error_head(failure)})

    def _beat(
        self, cameras: Sequence[CameraSnapshot], sinks: Sequence[SinkStatus], busy_s: float
    ) -> None:
        evidence = self._evidence
        state = ProcessState(
            tuple(cameras),
            tuple(sinks),
            self._monitor.workers,
            busy_s,
            0 if evidence is None else evidence.grown_bytes,
            None if evidence is None else evidence.used_bytes,
        )
        with suppress(LinkClosed):
            self._parent.send({"type": "state"}, STATE.dump_json(state))

    def _show(self, message: bytes) -> None:
        with suppress(LinkClosed):
            self._parent.send({"type": "page"}, message)

    def _tap(self, camera: CameraOptions) -> PacketTap | None:
        return None if self._evidence is None else self._evidence.tap(camera)

    def _ring(self, camera: str) -> PacketRing | None:
        return None if self._evidence is None else self._evidence.ring(camera)


if __name__ == "__main__":
    run_beside(main)
