"""The options of a target that is an MQTT broker."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from monitor.config.base import Options, Secret
from monitor.listening import LOCAL_ADDRESSES, authority
from monitor.names import Name
from monitor.paths import Place


def _host(host: str) -> str:
    try:
        host.encode("idna")  # as the socket will; it ends a thread of paho if that fails
    except UnicodeError:
        raise ValueError("no host name") from None
    return host


def _topic(topic: str) -> str:
    if not all(topic.split("/")):
        raise ValueError("a topic has no empty levels")
    return topic


Host = Annotated[str, Field(pattern=r"^[0-9A-Za-z.:_-]{1,253}$"), AfterValidator(_host)]
Topic = Annotated[str, Field(pattern=r"^[0-9A-Za-z/._-]{1,128}$"), AfterValidator(_topic)]


class MqttOptions(Options):
    """A target: an MQTT broker, also for Home Assistant."""

    type: Literal["mqtt"] = "mqtt"
    name: Name
    host: Host
    port: Annotated[int, Field(ge=1, le=65535, strict=True)] | None = None  # null: 1883; TLS: 8883
    user: str | None = Field(None, min_length=1, max_length=256)
    password: Secret | None = None
    tls: bool = False
    ca_file: Place | None = None  # authorities that the broker's is among; null: the system's
    certificate: Place | None = None  # of this client, PEM, with the chain
    key: Place | None = None
    prefix: Topic = "har"  # of all topics: PREFIX/SITE/CAMERA/...
    keepalive_s: int = Field(15, ge=5, le=3600)  # 1.5 times as late, a frozen one is offline
    discovery: bool = True  # Home Assistant finds the cameras
    discovery_prefix: Topic = "homeassistant"

    @model_validator(mode="after")
    def _belong_together(self) -> "MqttOptions":
        if self.password is not None and self.user is None:
            raise ValueError("a password needs a user")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together")
        if not self.tls and (self.ca_file is not None or self.certificate is not None):
            raise ValueError("ca_file, certificate and key need tls: true")
        return self

    @property
    def where(self) -> str:
        """The address of the broker."""
        return f"mqtt{'s' if self.tls else ''}://{authority(self.host, self.broker_port)}"

    @property
    def broker_port(self) -> int:
        """The port that was named, or the usual one."""
        return self.port or (8883 if self.tls else 1883)

    @property
    def tells_password(self) -> bool:
        """Whether the password crosses a network as it is."""
        return self.password is not None and not self.tls and self.host not in LOCAL_ADDRESSES
