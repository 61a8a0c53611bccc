"""A monitor of planned sources."""

import threading
from collections.abc import Iterable, Iterator
from typing import Any

from monitor.config.options import MonitorOptions
from monitor.display.view import View
from monitor.pipeline.monitor import Monitor
from monitor.recognition.classifier import OnnxClassifier
from monitor.sources.address import Address
from monitor.sources.source import Source
from testkit.fakes import RecordingSink
from testkit.patience import LIMIT_S
from testkit.process import with_defaults

Sources = dict[str, Iterator[Source]]


def configured(addresses: Iterable[str], **options: Any) -> MonitorOptions:
    """Cameras by number at these addresses, decided on quickly.

    Options of a camera are for all of them.
    """
    defaults: dict[str, Any] = {
        "activity": {"smoothing_s": 0, "min_s": 0, "cooldown_s": 0},
        "stream": {"retry_min_s": 0.1, "retry_max_s": 0.1},
    }
    cameras = [{"name": f"camera-{n}", "source": one} for n, one in enumerate(addresses)]
    return MonitorOptions.model_validate({"cameras": cameras, **with_defaults(defaults, options)})


def watching(
    classifier: OnnxClassifier,
    sources: Sources,
    *more: RecordingSink,
    view: View | None = None,
    addresses: Iterable[str] = (),
    **options: Any,
) -> tuple[Monitor, RecordingSink]:
    """A monitor of cameras at these addresses, each taking its sources in turn.

    If no addresses are given, those of all sources.
    """
    sink = RecordingSink()

    def make(address: Address, settings: object) -> Source:
        return next(sources[address.target])

    watched = configured(tuple(addresses) or sources, **options)
    return Monitor(watched, classifier, [*more, sink], view, make=make), sink


class Running:
    """A monitor on its own thread; leaving stops it and raises what it raised."""

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.monitor.run()
        except BaseException as error:
            self.error = error

    def __enter__(self) -> "Running":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.monitor.stop()
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error
