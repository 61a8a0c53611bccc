"""The connection to an MQTT broker: kept, and made again; what it confirms; why it fails."""

from __future__ import annotations

import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from monitor.config.mqtt import MqttOptions
from monitor.notify.notification import TargetError
from monitor.notify.tls import cause_of, tls_context
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

CONNECT_S = 3.0  # for TCP and for TLS; `close` waits for it at worst
RETRY_S = (1, 30)  # first and longest pause before connecting again; it doubles
_OLD_BROKER = "Unsupported protocol version"
_SOON_S = 10.0  # brokers end the connection of the other who comes with the same name
_MOST_WAITING = 10_000  # messages that the broker has not confirmed; some 20 MB
_MOST_READ = 1 << 16  # bytes of a message to us: paho would read 256 MiB; ours have 3 kB
_OVERHEAD = 64  # bytes of a message beside its topic and payload, at most


@dataclass(frozen=True)
class Owner:
    """What the owner of a site's topics has at the broker beside its messages."""

    client_id: str
    status: str  # topic, retained
    online: str
    offline: str  # also the last will
    topics: Sequence[str]  # that are read
    connected: Callable[[], None]
    hear: Callable[[str, bytes, bool], None]  # topic, payload, whether it was retained


class Broker:
    """Publishes and reads, in the background; both callbacks of the owner come from paho's thread.

    MQTT 5, since its brokers say what they refuse; 3.1.1 with those that know no other. Without an
    owner it only publishes, under a name that the broker gives.
    """

    def __init__(self, options: MqttOptions, owner: Owner | None) -> None:
        self._options = options
        self._owner = owner
        self._name = f"notify {options.name}: {options.where}"
        self._throttle = LogThrottle(log)
        self._tls = tls_context(options) if options.tls else None
        # What paho's thread tells. The lock is never held while paho is called: it has its own.
        self._changed = threading.Condition()
        self._answers: dict[int, str] = {}  # by message; empty: taken
        self._waiting = 0  # messages without an answer
        self._refused = self._old = False
        self._since_s = 0.0
        self._largest = math.inf  # bytes of a message that the broker takes
        self._closed = False
        self.up = False
        self.trouble = ""  # why it is not, as far as that is known
        self._client: Client | None = None  # before it is used

    def tend(self) -> None:
        """Connect, and do what else paho leaves to its user; called before all else, and often."""
        if self._client is None:
            if self._options.tells_password:
                log.warning("%s: the password is sent as it is; tls: true hides it", self._name)
            self._client = self._connect(MQTTProtocolVersion.MQTTv5)
        if self._old:
            self._client.disconnect()
            self._client.loop_stop()
            self._old = False
            self._client = self._connect(MQTTProtocolVersion.MQTTv311)
        self._client.loop_start()  # does nothing unless an error of paho's own ended its thread

    def wait(self, limit_s: float) -> bool:
        """Whether it is connected; at the start that takes a moment."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.up or self.trouble or self._old, limit_s)
            if not self._old:
                return self.up
            self.tend()

    def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> int:
        """Hand a message over, and return its number; if the connection breaks, it is repeated.

        TargetError if too many wait already.
        """
        assert self._client is not None
        with self._changed:
            if self._waiting >= _MOST_WAITING:
                raise TargetError(f"{self._options.where}: confirms nothing")
            self._waiting += 1
        return self._client.publish(topic, payload, qos=1, retain=retain).mid

    def takes(self, topic: str, payload: bytes) -> bool:
        """Whether the broker says that it takes so much; else it would break the connection."""
        return len(topic.encode()) + len(payload) + _OVERHEAD <= self._largest

    def answer(self, mid: int, limit_s: float) -> str | None:
        """What it answers to a message: empty if it took it; None if there is no answer yet."""
        with self._changed:
            self._changed.wait_for(lambda: mid in self._answers or not self.up, limit_s)
            return self._answers.pop(mid, None)

    def forget_answers(self) -> None:
        """Those to messages for which nobody waits: their numbers come again."""
        with self._changed:
            self._answers.clear()

    def close(self, limit_s: float) -> None:
        """Say goodbye, so that the broker need not publish the last will."""
        if self._closed or self._client is None:
            return
        self._closed = True
        if self.up and self._owner is not None:
            with suppress(TargetError):
                said = self.publish(self._owner.status, self._owner.offline, retain=True)
                self.answer(said, limit_s)
        self._client.disconnect()
        self._client.loop_stop()

    def _connect(self, protocol: MQTTProtocolVersion) -> Client:
        options, owner = self._options, self._owner
        client_id = owner.client_id if owner is not None else ""
        client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=protocol)
        client.connect_timeout = CONNECT_S
        client.reconnect_delay_set(*RETRY_S)
        if options.user is not None:
            secret = options.password
            password = None if secret is None else secret.get_secret_value()
            client.username_pw_set(options.user, password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        if owner is not None:
            client.will_set(owner.status, owner.offline, qos=1, retain=True)
        client.on_connect = self._connected
        client.on_connect_fail = self._not_connected
        client.on_disconnect = self._disconnected
        client.on_publish = self._answered
        client.on_subscribe = self._subscribed
        client.on_message = self._message
        limit = None
        if protocol == MQTTProtocolVersion.MQTTv5:
            limit = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            limit.MaximumPacketSize = _MOST_READ  # the broker keeps what is larger
        client.connect_async(
            options.host, options.broker_port, options.keepalive_s, properties=limit
        )
        client.loop_start()
        return client

    def _connected(self, client: Client, _: Any, __: Any, reason: Any, properties: Any) -> None:
        if reason == _OLD_BROKER and client.protocol == MQTTProtocolVersion.MQTTv5:
            log.info("%s: knows no MQTT 5; MQTT 3.1.1 is spoken", self._name)
            with self._changed:
                self._refused = self._old = True
                self._changed.notify_all()
            return
        if reason.is_failure:
            self._refused = True
            self._fails(f"refuses the connection: {reason}")
            return
        if self._owner is not None:
            client.publish(self._owner.status, self._owner.online, qos=1, retain=True)
            client.subscribe([(topic, 1) for topic in self._owner.topics])
            self._owner.connected()
        with self._changed:
            self.up, self.trouble, self._since_s = True, "", time.monotonic()
            self._refused = False
            self._largest = getattr(properties, "MaximumPacketSize", math.inf)
            self._changed.notify_all()
        log.info("%s: connected", self._name)

    def _not_connected(self, _: Client, __: Any) -> None:
        self._fails(cause_of(sys.exc_info()[1]))  # paho catches it, and hands none on

    def _disconnected(self, _: Client, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        refused, self._refused = self._refused, False
        if self._closed or refused or self._old:  # and it was said why
            return
        text = "connection lost"
        if reason != "Unspecified error":  # paho's word for no reason
            text += f": {reason}"
        elif self.up and self._owner is not None and time.monotonic() - self._since_s < _SOON_S:
            text += f"; has another one the name {self._owner.client_id}, too?"
        self._fails(text)

    def _fails(self, text: str) -> None:
        with self._changed:
            self.up, self.trouble = False, text
            self._changed.notify_all()
        self._throttle.log(logging.WARNING, text, f"{self._name}: {text}")

    def _answered(self, _: Client, __: Any, mid: int, reason: Any, ___: Any) -> None:
        answer = str(reason) if reason.is_failure else ""
        with self._changed:
            self._waiting = max(0, self._waiting - 1)  # that of the status was not counted
            self._answers[mid] = answer
            self._changed.notify_all()
        if answer:
            text = f"{self._name}: refuses what is published: {answer}"
            self._throttle.log(logging.WARNING, text, text)

    def _subscribed(self, _: Client, __: Any, ___: int, reasons: list[Any], ____: Any) -> None:
        assert self._owner is not None
        for topic, reason in zip(self._owner.topics, reasons, strict=False):
            if reason.is_failure:
                text = f"{self._name}: {topic} may not be read: {reason}"
                self._throttle.log(logging.WARNING, text, text)

    def _message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        assert self._owner is not None
        try:
            self._owner.hear(message.topic, bytes(message.payload), message.retain)
        except Exception:  # whatever comes, the next message is read
            text = self._throttle.due("message", f"{self._name}: a message failed")
            if text is not None:
                log.exception("%s", text)
