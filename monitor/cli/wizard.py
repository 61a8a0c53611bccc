"""The questions of har-monitor init: which cameras there are, and what they send."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from rich.table import Table
from rich.text import Text

from monitor.cli.dialogue import Dialogue
from monitor.cli.probe import warnings
from monitor.errors import MonitorError, SourceError, SourceOpenError
from monitor.names import is_name, plain_name, printable
from monitor.paths import video_file
from monitor.recognition.metadata import ModelMetadata
from monitor.setup.advice import advice, codec_name, key_frames, notes
from monitor.setup.configuration import CameraSetup
from monitor.setup.discovery import EVERYBODY, Place, discover
from monitor.setup.onvif import OnvifCamera, choose, device_url, with_login
from monitor.setup.probe import WATCH_S, Found, probe_all
from monitor.setup.soap import Credentials
from monitor.setup.webcams import webcams
from monitor.sources.address import parse_address, split_name
from monitor.states import OpenFailure

_TRIES = 3  # of a password


@dataclass(frozen=True)
class _Camera:
    """A camera on its way to a configuration."""

    name: str
    place: str  # the address of its ONVIF service, or its source
    onvif: bool = False
    source: str = ""  # once it is known
    found: Found | None = None


class Wizard:
    """Asks its way from nothing to cameras that were seen; nothing is written."""

    def __init__(self, dialogue: Dialogue, seconds: float | None) -> None:
        self._dialogue = dialogue
        self._say = dialogue.say
        self._seconds = WATCH_S if seconds is None else seconds
        self._credentials: Credentials | None = None

    def run(
        self,
        sources: Sequence[str],
        places: Sequence[Place],
        metadata: ModelMetadata,
        taken: Collection[str] = (),
    ) -> list[CameraSetup]:
        """The cameras to watch by a model, one at least; no name of them is among those `taken`."""
        cameras = [_typed(text) for text in sources] or self._choose(self._look(places))
        if not cameras:
            raise MonitorError("no camera to watch: nothing was written")
        cameras = _numbered(cameras, taken)
        self._dialogue.step("What they see")
        reached = [one for camera in cameras if (one := self._reach(camera, metadata)) is not None]
        watched = self._watch(reached, metadata)
        if not watched:
            raise MonitorError("no camera could be opened: nothing was written")
        known = {camera.name for camera in watched}
        missing = ", ".join(one.name for one in cameras if one.name not in known)
        # A script that names a camera wants it watched.
        if missing and not self._dialogue.confirm(
            f"Go on without {missing}?", default=not self._dialogue.yes
        ):
            raise MonitorError(f"{missing}: could not be opened: nothing was written")
        return [self._settle(camera, metadata) for camera in watched]

    def _look(self, places: Sequence[Place]) -> list[_Camera]:
        self._dialogue.step("Which cameras")
        with self._dialogue.console.status("Looking for cameras, for three seconds"):
            devices = discover(places or (EVERYBODY,))
        found = [
            _Camera(one.name or plain_name(urlsplit(one.url).hostname or ""), one.url, onvif=True)
            for one in devices
        ]
        found += [_Camera(parse_address(str(path)).name, str(path)) for path in webcams()]
        if not found:
            self._say("No camera answers on this network, and there is no webcam.")
            return []
        table = Table.grid(padding=(0, 2))
        for number, camera in enumerate(found, 1):
            where = urlsplit(camera.place).netloc if camera.onvif else camera.place
            table.add_row(f"{number:4}", Text(camera.name), Text(printable(where), style="dim"))
        self._say("Cameras that were found:")
        self._dialogue.console.print(table)
        return found

    def _choose(self, found: Sequence[_Camera]) -> list[_Camera]:
        """Those of the found ones that are wanted, and others by their addresses."""
        wanted = "all"
        if found:
            wanted = self._dialogue.ask(
                "Which of them? Such as 1,3, or none",
                "all",
                lambda answer: None if _picked(answer, found) is not None else "numbers, or none",
            )
        cameras = _picked(wanted, found) or []
        while typed := self._dialogue.ask(
            f"{'Another' if cameras else 'A'} camera? rtsp://..., a host, or NAME=ADDRESS; "
            "Enter for none",
            "",
            _fault,
        ):
            cameras.append(_typed(typed))
        return cameras

    def _reach(self, camera: _Camera, metadata: ModelMetadata) -> _Camera | None:
        """The camera with the source that is to be watched; None if it tells none."""
        if not camera.onvif:
            return replace(camera, source=camera.place)
        for tries in range(_TRIES + 1):
            asking = OnvifCamera(camera.place, self._credentials)
            try:
                choice = choose(asking.profiles(), metadata.fps)
                source = asking.stream(choice.profile)
            except SourceOpenError as error:
                asks = error.cause == OpenFailure.AUTHENTICATION
                if self._credentials is not None or self._dialogue.yes or not asks:
                    self._say(f"{camera.name}: {error}", "yellow")
                if not asks or self._dialogue.yes or tries == _TRIES:
                    break
                self._credentials = self._login([camera])
                continue
            self._say(f"{camera.name}: {choice.profile}, {choice.reason}")
            return replace(camera, source=with_login(source, self._credentials))
        return None

    def _login(self, cameras: Sequence[_Camera]) -> Credentials:
        """A user and a password for these cameras, which ask for them."""
        hosts = [(one.name, urlsplit(one.place).hostname) for one in cameras]
        names = ", ".join(name if name == host else f"{name} ({host})" for name, host in hosts)
        self._say(f"{names}: which user and password?")
        user = self._dialogue.ask("User", "admin")
        return Credentials(user, self._dialogue.secret("Password"))

    def _watch(self, cameras: Sequence[_Camera], metadata: ModelMetadata) -> list[_Camera]:
        """The cameras that open, each with what was found."""
        if not cameras:
            return []
        seconds = float(
            self._dialogue.ask(
                "Seconds to watch them; 60 show best where things move",
                f"{self._seconds:g}",
                _seconds_fault,
            )
        )
        watched = self._probed(cameras, metadata, seconds)
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("camera", "video", "a second", "key frames", "moves"):
            table.add_column(heading)
        for camera in watched:
            if (found := camera.found) is not None:
                shown = (
                    f"{codec_name(found)} {found.width}×{found.height}".strip(),
                    f"{found.fps:.1f}{'' if found.even else ', uneven'}",
                    key_frames(found).partition(":")[0] if found.codec else "",
                    f"{100 * found.moving / found.windows:.0f} %" if found.windows else "",
                )
                table.add_row(Text(camera.name), *shown)
        self._dialogue.console.print(table)
        for camera in watched:
            if camera.found is not None and (hurts := advice(camera.found, metadata)):
                self._say()
                self._say(f"{camera.name} has what will hurt:")
                self._dialogue.console.print(warnings(hurts))
        return watched

    def _probed(
        self, cameras: Sequence[_Camera], metadata: ModelMetadata, seconds: float
    ) -> list[_Camera]:
        order = [camera.name for camera in cameras]
        opened: list[_Camera] = []
        for tries in range(_TRIES):
            addresses = [parse_address(camera.source) for camera in cameras]
            names = ", ".join(camera.name for camera in cameras)
            with self._dialogue.console.status(Text(f"Watching {names} for {seconds:g} s")):
                results = probe_all(addresses, metadata, seconds)
            refused: list[_Camera] = []
            for camera, result in zip(cameras, results, strict=True):
                if not isinstance(result, SourceError):
                    opened.append(replace(camera, found=result))
                    continue
                self._say(f"{camera.name}: {result}", "yellow")
                cause = result.cause if isinstance(result, SourceOpenError) else None
                if cause == OpenFailure.AUTHENTICATION and tries + 1 < _TRIES:
                    refused.append(camera)
            if self._dialogue.yes or not refused:
                break
            login = self._login(refused)
            cameras = [replace(one, source=with_login(one.source, login)) for one in refused]
        return sorted(opened, key=lambda one: order.index(one.name))

    def _settle(self, camera: _Camera, metadata: ModelMetadata) -> CameraSetup:
        """What is written of a camera, with its region, if it has one."""
        found = camera.found
        assert found is not None
        watch_box = False
        if found.box is not None:
            left, top, right, bottom = (round(100 * side) for side in found.box)
            self._say(
                f"{camera.name}: things move from {left} to {right} % across and {top} to "
                f"{bottom} % down."
            )
            watch_box = self._dialogue.confirm(
                "Watch that part alone? Nothing outside of it would be seen.", default=False
            )
        address, said = parse_address(camera.source), notes(found, metadata)
        return CameraSetup(camera.name, address, said, found.box, watch_box)


def _typed(text: str) -> _Camera:
    """A camera as somebody wrote it; MonitorError if it is none, or a file that is not there."""
    given, target = split_name(text)
    if (url := None if os.path.exists(target) else device_url(target)) is not None:
        return _Camera(given or plain_name(urlsplit(url).hostname or ""), url, onvif=True)
    address = parse_address(target)
    if address.kind == "file":
        video_file(Path(address.target), target)
    return _Camera(given or address.name, address.target)


def _fault(text: str) -> str | None:
    """What is wrong with the address of a camera; nothing if there is none."""
    if not text:
        return None
    try:
        _typed(text)
    except MonitorError as error:
        return str(error)
    return None


def _seconds_fault(text: str) -> str | None:
    try:
        return None if 1 <= float(text) <= 3600 else "1 to 3600"
    except ValueError:
        return "a number"


def _picked(text: str, found: Sequence[_Camera]) -> list[_Camera] | None:
    """The cameras with these numbers; None if there are no such numbers."""
    if text.lower() in ("all", "none"):
        return list(found) if text.lower() == "all" else []
    numbers = text.replace(",", " ").split()
    if not all(one.isascii() and one.isdecimal() and len(one) < 6 for one in numbers):
        return None
    places = [int(one) - 1 for one in numbers]
    if not places or not all(0 <= place < len(found) for place in places):
        return None
    return [found[place] for place in dict.fromkeys(places)]


def _numbered(cameras: Iterable[_Camera], taken: Collection[str]) -> list[_Camera]:
    """The cameras, with names that differ from each other and from those that are taken."""
    named: dict[str, _Camera] = {}
    for camera in cameras:
        base = camera.name if is_name(camera.name) else "camera"
        name, count = base, 1
        while name in named or name in taken:
            count += 1
            name = f"{base}-{count}"
        named[name] = replace(camera, name=name)
    return list(named.values())
