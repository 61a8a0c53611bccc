"""What targets have in common that are told of events alone."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.notify.notification import CameraState


class Stateless:
    """A target that shows no states of cameras, and keeps nothing open."""

    def update(self, cameras: Mapping[str, CameraState]) -> None:
        """It shows none."""

    def close(self) -> None:
        """Nothing is open."""
