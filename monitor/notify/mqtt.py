"""The target that is an MQTT broker: events, snapshots, states, and orders from there."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from monitor.config.mqtt import MqttOptions
from monitor.names import printable
from monitor.notify import home_assistant
from monitor.notify.broker import Broker, Owner
from monitor.notify.message import payload
from monitor.notify.notification import CameraState, Notification, Order, TargetError
from monitor.notify.topics import NO_CAMERA, OFFLINE, ONLINE, RETAINED, Topics, read_order
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

CONFIRM_S = 10.0  # for the connection at the start, and for the broker to confirm an event
_GOODBYE_S = 2.0
_MOST_HEARD = 10_000  # topics of ours that are found at the broker between two updates


class MqttTarget:
    """Publishes to a broker, and reads orders there.

    Without `on_order` it publishes events and nothing else, so that it disturbs no other that owns
    the site's topics. ConfigError for certificates that cannot be read.
    """

    def __init__(
        self, options: MqttOptions, site: str, on_order: Callable[[Order], None] | None
    ) -> None:
        self._options = options
        self._site = site
        self._on_order = on_order
        self._name = f"notify {options.name}: {options.where}"
        self._topics = Topics(options.prefix, site)
        self._throttle = LogThrottle(log)
        self._cameras: Mapping[str, CameraState] = {}  # replaced as a whole: paho's thread reads it
        self._labels: set[tuple[str, str]] = set()  # cameras and labels that were open
        self._told: dict[str, str] = {}  # what stands at each topic
        self._pending: tuple[str, int] | None = None  # notification and message without an answer
        self._lock = threading.Lock()  # of what paho's thread tells
        self._afresh = False  # all that is retained has to be published again
        self._found: set[str] = set()  # topics of ours that the broker had retained
        self._broker = Broker(options, self._owner() if on_order is not None else None)

    def send(self, notification: Notification) -> None:
        """Publish the snapshot, then the event, and wait until the broker has confirmed it."""
        self._publish_states()
        # When the connection is back, paho repeats by itself what was not confirmed. So if such a
        # notification comes again, only its answer is waited for.
        if self._pending is None or self._pending[0] != notification.id:
            self._pending = None
            if not self._broker.wait(CONFIRM_S):
                raise self._error(self._broker.trouble or "does not answer")
            self._broker.forget_answers()
            self._publish_snapshot(notification)
            topic = self._topics.of(notification.alert.camera, "event")
            mid = self._broker.publish(topic, json.dumps(payload(notification, self._site)))
            self._pending = notification.id, mid
        answer = self._broker.answer(self._pending[1], CONFIRM_S)
        if answer is None:
            raise self._error(self._broker.trouble or "does not confirm an event")
        self._pending = None
        if answer:
            raise self._error(f"refuses an event: {answer}")

    def update(self, cameras: Mapping[str, CameraState]) -> None:
        """Publish what has changed, and take away what is of cameras that are gone."""
        if cameras:  # else none is known yet, and all would be taken away
            self._cameras = dict(cameras)
            self._labels |= {(name, label) for name, one in cameras.items() for label in one.open}
            self._labels = {(name, label) for name, label in self._labels if name in cameras}
        self._publish_states()

    def close(self) -> None:
        """Say goodbye, and disconnect."""
        self._broker.close(_GOODBYE_S)

    def _error(self, what: str) -> TargetError:
        return TargetError(f"{self._options.where}: {what}")

    def _publish_snapshot(self, notification: Notification) -> None:
        if notification.snapshot is None:
            return
        camera = notification.alert.camera
        topic = self._topics.of(camera, "snapshot")
        try:
            picture = notification.snapshot.read_bytes()
        except OSError as error:  # evidence is deleted when it is old, or the disk is full
            fault = f"no snapshot: {notification.snapshot}: {error.strerror}"
        else:
            if self._broker.takes(topic, picture):
                # Of a camera that is gone, its last event may come late: nobody would take it away.
                self._broker.publish(topic, picture, retain=camera in self._cameras)
                return
            fault = f"a snapshot of {len(picture)} bytes is more than it takes at once"
        self._throttle.log(logging.WARNING, "snapshot", f"{self._name}: {fault}")

    def _publish_states(self) -> None:
        self._broker.tend()
        if self._pending is None:
            self._broker.forget_answers()
        if self._on_order is None or not self._cameras or not self._broker.up:
            return
        with self._lock:
            afresh, self._afresh = self._afresh, False
            found, self._found = self._found, set()
        if afresh:
            self._told.clear()
        wanted = self._topics.retained(self._cameras, self._labels, datetime.now(UTC))
        if self._options.discovery:
            wanted |= dict(map(self._device, self._cameras))
        for topic in sorted((self._told.keys() | found) - wanted.keys()):
            self._take_away(topic)
        for topic, text in wanted.items():
            if self._told.get(topic) != text:
                self._broker.publish(topic, text, retain=True)
                self._told[topic] = text

    def _device(self, camera: str) -> tuple[str, str]:
        device = home_assistant.device_id(self._site, camera)
        topic = home_assistant.config_topic(self._options.discovery_prefix, device)
        return topic, home_assistant.discovery(self._topics, camera)

    def _take_away(self, topic: str) -> None:
        camera = topic.rpartition("/")[0]
        whole = self._topics.is_state(topic)  # it stands for all of its camera
        for one in [f"{camera}/{what}" for what in RETAINED] if whole else [topic]:
            self._broker.publish(one, b"", retain=True)
            self._told.pop(one, None)

    # On paho's thread.

    def _owner(self) -> Owner:
        topics, options = self._topics, self._options
        devices = home_assistant.config_topic(options.discovery_prefix, "+")
        kept = topics.any(RETAINED[0]), topics.any("open/+"), devices
        return Owner(
            client_id=f"har-monitor-{home_assistant.identifier(self._site)}",
            status=topics.status,
            online=ONLINE,
            offline=OFFLINE,
            topics=(*topics.orders, *kept, f"{options.discovery_prefix}/status"),
            connected=self._connected,
            hear=self._hear,
        )

    def _connected(self) -> None:
        with self._lock:
            self._afresh = True

    def _hear(self, topic: str, content: bytes, retained: bool) -> None:
        if topic == f"{self._options.discovery_prefix}/status":
            if content == ONLINE.encode():
                self._connected()
        elif self._topics.is_order(topic):
            self._order(topic, content, retained)
        elif retained and content and self._is_ours(topic):
            with self._lock:
                if len(self._found) < _MOST_HEARD:
                    self._found.add(topic)

    def _is_ours(self, topic: str) -> bool:
        prefix = home_assistant.site_prefix(self._site)
        devices = home_assistant.config_topic(self._options.discovery_prefix, prefix)
        return self._topics.is_ours(topic) or topic.startswith(devices.removesuffix("/config"))

    def _order(self, topic: str, content: bytes, retained: bool) -> None:
        order, fault = read_order(self._topics, self._cameras, topic, content)
        if order is not None and retained:
            order, fault = None, "it is retained, and would come again and again"
        if order is None:
            text = f"{self._name}: {printable(topic[:200])}: order ignored: {fault}"
            kind = fault if fault == NO_CAMERA else topic  # others may name cameras without end
            self._throttle.log(logging.WARNING, kind, text)
        elif self._on_order is not None:
            self._on_order(order)
