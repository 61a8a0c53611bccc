"""Cameras that an admin adds on the page: looked at, written into the configuration, taken back."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from monitor.errors import ConfigError, MonitorError
from monitor.names import is_name, printable
from monitor.setup.advice import advice, facts, notes
from monitor.setup.configuration import CameraSetup
from monitor.setup.onvif import OnvifCamera, choose, device_url, with_login
from monitor.setup.probe import probe
from monitor.setup.soap import Credentials
from monitor.sources.address import parse_address, redact

if TYPE_CHECKING:
    from monitor.cli.config_files import Addition, ConfigFiles
    from monitor.recognition.metadata import ModelMetadata
    from monitor.recognition.models import Models

log = logging.getLogger(__name__)

WATCH_S = 8.0  # that a camera is looked at, while somebody waits
# A page must lead to no file, and to no port of this machine at which it would have to listen.
_SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "srt")


class CameraAdding:
    """Carries the orders of the page out, one at a time; what came last can be taken back."""

    def __init__(self, files: ConfigFiles, models: Models, reload: Callable[[], object]) -> None:
        self._files = files
        self._models = models
        self._reload = reload  # has the configuration read again
        self._turn = threading.Lock()
        self._looked: tuple[str, str, Addition] | None = None  # number, camera, what would change
        self._added: tuple[str, Addition] | None = None

    def answer(self, order: dict[str, Any]) -> dict[str, Any]:
        """What becomes of an order; `error` says why nothing does."""
        if not self._turn.acquire(blocking=False):
            return {"error": "another camera is looked at just now: try again"}
        try:
            if order["what"] == "look":
                return self._look(**order["camera"])
            done = self._add(order["id"]) if order["what"] == "add" else self._undo()
        except MonitorError as error:
            return {"error": redact(printable(str(error)))}
        except Exception:
            log.exception("a camera could not be added")
            return {"error": "a fault of har-monitor: its log says which"}
        finally:
            self._turn.release()
        log.info("camera %s: %s on the page by %s", done["camera"], done["done"], order["by"])
        return done

    def _look(self, name: str, source: str, user: str, password: str) -> dict[str, Any]:
        known = self._files.read()
        if not is_name(name):
            raise ConfigError(f"{name!r} is no name of a camera")
        if any(camera.name == name for camera in known.cameras):
            raise ConfigError(f"there is a camera {name} already")
        metadata = self._models.get(known.defaults.model).metadata
        credentials = Credentials(user, password) if user or password else None
        source, stream = _stream(source, credentials, metadata)
        address = parse_address(source)
        found = probe(address, metadata, WATCH_S)
        setup = CameraSetup(name, address, notes(found, metadata))
        addition = self._files.addition([setup])
        number = secrets.token_hex(8)
        self._looked = number, name, addition
        return {
            "id": number,
            "stream": stream,
            "facts": list(facts(found, metadata)),
            "advice": list(advice(found, metadata)),
            "difference": addition.difference,
        }

    def _add(self, number: str) -> dict[str, Any]:
        if self._looked is None or self._looked[0] != number:
            raise ConfigError("another camera was looked at since: look at this one again")
        _, name, addition = self._looked
        self._files.add(addition)
        self._looked, self._added = None, (name, addition)
        self._reload()
        return {"camera": name, "done": "added"}

    def _undo(self) -> dict[str, Any]:
        if self._added is None:
            raise ConfigError("no camera was added since the start")
        name, addition = self._added
        self._files.undo(addition)
        self._added = None
        self._reload()
        return {"camera": name, "done": "taken back"}


def _stream(
    source: str, credentials: Credentials | None, metadata: ModelMetadata
) -> tuple[str, str]:
    """The address of the stream of what somebody wrote, and what ONVIF says of it."""
    if (url := device_url(source)) is not None:
        camera = OnvifCamera(url, credentials)
        choice = choose(camera.profiles(), metadata.fps)
        address = with_login(camera.stream(choice.profile), credentials)
        return address, f"{choice.profile}, {choice.reason}"
    scheme = parse_address(source).scheme
    if scheme not in _SCHEMES:
        allowed = ", ".join(f"{one}://" for one in _SCHEMES)
        raise ConfigError(f"a host that knows ONVIF, or an address of a stream: {allowed}")
    if scheme == "srt" and "mode" in parse_qs(urlsplit(source).query):
        raise ConfigError("an address of SRT without mode: it is the camera that is called")
    return source if credentials is None else with_login(source, credentials), ""
