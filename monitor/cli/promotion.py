"""Cameras that are watched by the model that was tried out, because somebody promoted it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.config.options import CameraOptions, MonitorOptions
from monitor.recognition.classifier import sha256_of
from monitor.recognition.shipped import DEFAULT, model_path
from monitor.store.event import milliseconds, moment_of

if TYPE_CHECKING:
    from monitor.store.journal import PromotionLine

log = logging.getLogger(__name__)


class Promotions:
    """What was promoted and not rolled back, as the journal beside the alert log says.

    The journal tells only which of the two models of a camera raises its alerts. Which two these
    are, the configuration says: if it has named others since, nothing is promoted.
    """

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}  # sha256 of the models, as they were when first asked for
        self._said: set[PromotionLine] = set()

    def applied(self, options: MonitorOptions) -> tuple[MonitorOptions, frozenset[str]]:
        """The options, in which a promoted shadow and its camera's model have changed places.

        And the names of these cameras. ModelError if a model cannot be read, StoreError if the
        journal cannot.
        """
        for camera in options.shadows:  # the files may be others when somebody promotes them
            assert camera.shadow is not None
            self._sha256(_model(camera))
            self._sha256(camera.shadow)
        last = _last_lines(options)
        promoted = frozenset(
            camera.name
            for camera in options.shadows
            if (line := last.get(camera.name)) is not None
            and line.promoted
            and self._counts(camera, line)
        )
        cameras = tuple(
            _swapped(camera) if camera.name in promoted else camera for camera in options.cameras
        )
        return options.model_copy(update={"cameras": cameras}), promoted

    def _counts(self, camera: CameraOptions, line: PromotionLine) -> bool:
        """Whether the configuration still names the two models of which a line tells."""
        assert camera.shadow is not None
        named = self._sha256(_model(camera)), self._sha256(camera.shadow)
        counts = named == (line.model, line.shadow)
        if line not in self._said:
            self._said.add(line)
            on = f"{moment_of(milliseconds(line.time)):%Y-%m-%d %H:%M:%S} UTC"
            if counts:
                log.info(
                    "camera %s: %s raises its alerts, and %s is the shadow: promoted by %s on %s; "
                    "the page of the models rolls that back",
                    camera.name,
                    camera.shadow,
                    _model(camera),
                    line.by,
                    on,
                )
            else:
                log.warning(
                    "camera %s: what %s promoted on %s counts no longer: the configuration names "
                    "other models",
                    camera.name,
                    line.by,
                    on,
                )
        return counts

    def _sha256(self, path: Path) -> str:
        if path not in self._known:
            self._known[path] = sha256_of(path)
        return self._known[path]


def _last_lines(options: MonitorOptions) -> dict[str, PromotionLine]:
    """What the journal says last of each camera; nothing is read where no model is tried out."""
    log_path = options.log_path
    if log_path is None or not options.shadows:
        return {}
    # Not at the top: SQLAlchemy takes a third of a second.
    from monitor.store.journal import journal_path, read_promotions

    return read_promotions(journal_path(log_path))


def _model(camera: CameraOptions) -> Path:
    return model_path(DEFAULT) if camera.model is None else camera.model


def _swapped(camera: CameraOptions) -> CameraOptions:
    return camera.model_copy(update={"model": camera.shadow, "shadow": _model(camera)})
