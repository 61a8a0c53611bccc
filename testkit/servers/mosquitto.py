"""An MQTT broker of one's own, Debian's Mosquitto, and clients of it that are not paho."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from testkit.patience import LIMIT_S

SERVER = "/usr/sbin/mosquitto"
_READY = "testkit/ready"


@dataclass(frozen=True)
class Message:
    """What a client was sent."""

    topic: str
    payload: bytes
    retained: bool  # it was there before the client
    qos: int

    @property
    def text(self) -> str:
        """The payload as text."""
        return self.payload.decode()


class Listener:
    """All messages at some topics, in order, from now on, as mosquitto_sub shows them."""

    def __init__(self, *command: str) -> None:
        self._changed = threading.Condition()
        self._messages: list[Message] = []
        self._ready = False
        self._popen = subprocess.Popen(
            ["mosquitto_sub", *command, "-F", "%r %q %x %t"],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        self._thread = threading.Thread(target=self._read, name="mosquitto_sub")
        self._thread.start()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            retained, qos, payload, topic = line.decode().rstrip("\n").split(" ", 3)
            one = Message(topic, bytes.fromhex(payload), retained == "1", int(qos))
            with self._changed:
                if topic != _READY:
                    self._messages.append(one)
                self._ready |= topic == _READY
                self._changed.notify_all()

    def ready(self, wait_s: float) -> bool:
        """Whether something was heard already, or is within this time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ready, wait_s)

    @property
    def messages(self) -> list[Message]:
        """Those that have come."""
        with self._changed:
            return list(self._messages)

    def at(self, topic: str) -> list[Message]:
        """Those of one topic."""
        return [one for one in self.messages if one.topic == topic]

    def until(self, what: Callable[[list[Message]], bool], whose: str | None = None) -> None:
        """Wait until there are messages, or some of one topic, and they are so."""

        def there() -> bool:
            found = [one for one in self._messages if whose in (None, one.topic)]
            return bool(found) and what(found)

        with self._changed:
            assert self._changed.wait_for(there, LIMIT_S), [
                (one.topic, one.payload[:200]) for one in self._messages
            ]

    def said(self, topic: str, payload: str) -> None:
        """Wait until the newest message of a topic is this."""
        self.until(lambda found: found[-1].text == payload, topic)

    def close(self) -> None:
        """End the client; asked kindly, it sometimes stays."""
        self._popen.kill()
        self._popen.wait(LIMIT_S)
        self._thread.join(LIMIT_S)
        assert self._popen.stdout is not None
        self._popen.stdout.close()


@dataclass
class Mosquitto:
    """A broker in a folder; `lines` are of its configuration, beside the port."""

    folder: Path
    port: int
    lines: tuple[str, ...] = ("allow_anonymous true",)
    client: tuple[str, ...] = ()  # options that its clients here need
    _popen: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        config = self.folder / "mosquitto.conf"
        user = ("user root",) if os.geteuid() == 0 else ()  # else it could not read the files
        listener = f"listener {self.port} 127.0.0.1"
        config.write_text("\n".join(("per_listener_settings false", *user, listener, *self.lines)))
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._popen = subprocess.Popen(
                [SERVER, "-c", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        end_s = time.monotonic() + LIMIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self._popen.poll() is None, (self.folder / "mosquitto.log").read_text()
                assert time.monotonic() < end_s
                time.sleep(0.01)

    def stop(self) -> None:
        """End it as by a crash: nobody is told, and nothing that it retained is kept."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait(LIMIT_S)
            self._popen = None

    def freeze(self) -> None:
        """Its connections stay open, and nothing is answered."""
        assert self._popen is not None
        self._popen.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        assert self._popen is not None
        self._popen.send_signal(signal.SIGCONT)

    @contextmanager
    def listen(self, *topics: str) -> Iterator[Listener]:
        """What is retained at these topics, or at all, and all that comes from now on."""
        wanted = [part for topic in (*(topics or ("#",)), _READY) for part in ("-t", topic)]
        listener = Listener(*self._where, "-q", "1", *wanted)
        try:
            while not listener.ready(0.02):
                self.publish(_READY, "")
            yield listener
        finally:
            listener.close()

    def publish(self, topic: str, payload: str, *options: str) -> None:
        """Publish as others would."""
        subprocess.run(
            ["mosquitto_pub", *self._where, "-q", "1", "-t", topic, "-m", payload, *options],
            check=True, capture_output=True, timeout=LIMIT_S,
        )  # fmt: skip

    @property
    def _where(self) -> tuple[str, ...]:
        return ("-h", "127.0.0.1", "-p", str(self.port), *self.client)


@contextmanager
def mosquitto(folder: Path, *lines: str, client: tuple[str, ...] = ()) -> Iterator[Mosquitto]:
    """A running broker; skips the test if it is not installed, but not in CI."""
    if not Path(SERVER).exists() or shutil.which("mosquitto_sub") is None:
        reason = "no Mosquitto: apt-get install mosquitto mosquitto-clients (make test does)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Mosquitto(folder, port, lines or ("allow_anonymous true",), client)
    server.start()
    try:
        yield server
    finally:
        server.stop()
