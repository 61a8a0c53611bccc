"""The options of notifications: who is told of events, of which, and when."""

import re
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from monitor.config.base import Options, Secret
from monitor.config.mqtt import MqttOptions
from monitor.names import Label, Name
from monitor.paths import Place

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
_DAY_MINUTES = 24 * 60
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::00)?")


def _time_of_day(value: object) -> object:
    """YAML takes 22:00 without quotes for the number 1320: 22 times 60."""
    if isinstance(value, time):
        return value
    if type(value) is int and 0 <= value < _DAY_MINUTES:
        return time(*divmod(value, 60))
    if isinstance(value, str) and (found := _TIME.fullmatch(value)):
        return time(int(found[1]), int(found[2]))
    raise ValueError(f"a time from 00:00 to 23:59 is needed, found {value!s:.20}")


TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]


class SpanOptions(Options):
    """A part of the week, by the clock on the wall; one that ends before it begins spans midnight.

    It belongs to the day on which it begins.
    """

    days: tuple[Day, ...] = DAYS
    begin: TimeOfDay = time(0)
    end: TimeOfDay = time(0)  # 00:00: midnight; the same as begin: for 24 hours

    def covers(self, local: datetime) -> bool:
        """Whether it covers a moment, given in the zone that counts."""
        now = local.time()
        if self.begin < self.end:
            return self._on(local.date()) and self.begin <= now < self.end
        if now >= self.begin:
            return self._on(local.date())
        return now < self.end and self._on(date.fromordinal(local.toordinal() - 1))

    def _on(self, day: date) -> bool:
        return DAYS[day.weekday()] in self.days


class AtMostOptions(Options):
    """How many messages are sent in some time; then one counts the rest."""

    count: int = Field(ge=1, le=1000, strict=True)
    minutes: float = Field(gt=0, le=10080)


class RuleOptions(Options):
    """Which events are told to which targets; what is not given restricts nothing."""

    to: tuple[Name, ...] = Field(min_length=1)  # names of targets
    cameras: tuple[Name, ...] = ()
    labels: tuple[Label, ...] = ()
    regions: tuple[Name, ...] = ()
    schedule: tuple[SpanOptions, ...] = ()  # only then; none: always
    quiet: tuple[SpanOptions, ...] = ()  # not then
    at_most: AtMostOptions | None = None
    escalate_min: float | None = Field(None, gt=0, le=10080)  # not reviewed by then: others, too
    escalate_to: tuple[Name, ...] = ()
    snapshot: bool = True  # wait for it, for a few seconds

    @model_validator(mode="after")
    def _escalates_to_somebody(self) -> "RuleOptions":
        if (self.escalate_min is None) != (not self.escalate_to):
            raise ValueError("escalate_min and escalate_to belong together")
        return self


def _web_address(secret: SecretStr) -> SecretStr:
    check_web_address(secret.get_secret_value())
    return secret


def check_web_address(text: str) -> str:
    """The text, if it is an address of http or https; ValueError, which does not quote it."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if (
        not host
        or port == 0
        or parts.scheme not in ("http", "https")
        or not (text.isascii() and text.isprintable() and " " not in text)
    ):
        raise ValueError("an address such as https://host/path is needed")
    if parts.username is not None or parts.password is not None or "#" in text:
        raise ValueError("an address without user, password and # is needed")
    return text


def _apprise_address(secret: SecretStr) -> SecretStr:
    if not re.match(r"[A-Za-z0-9]+://.", secret.get_secret_value()):
        raise ValueError("an address of Apprise such as ntfy://topic is needed")
    return secret


class WebhookOptions(Options):
    """A target: JSON that is posted to an address."""

    type: Literal["webhook"] = "webhook"
    name: Name
    url: Annotated[Secret, AfterValidator(_web_address)]  # may hold a token
    secret: Secret | None = None  # signs what is sent; null: no signature
    allow_private: bool = False  # true: the address may be of a local network, or of this machine
    ca_file: Place | None = None  # certificate authorities; null: those of the system
    timeout_s: float = Field(10, ge=1, le=120)  # for all of a message

    @property
    def where(self) -> str:
        """Its address as people may see it."""
        parts = urlsplit(self.url.get_secret_value())
        return f"{parts.scheme}://{parts.netloc}"


class AppriseOptions(Options):
    """A target: any service that Apprise knows."""

    type: Literal["apprise"] = "apprise"
    name: Name
    url: Annotated[Secret, AfterValidator(_apprise_address)]
    ends: bool = False  # true: one more message when an activity has ended

    @property
    def where(self) -> str:
        """Its service."""
        return self.url.get_secret_value().partition(":")[0].lower()


Facility = Literal[
    "user", "daemon", "auth", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
]  # fmt: skip


def _syslog_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc:
        return text
    try:
        there = parts.hostname and parts.port and not parts.username and not parts.path
    except ValueError:
        there = None
    if parts.scheme not in ("udp", "tcp") or not there:
        raise ValueError(
            f"found {text:.100}; allowed: such as udp://192.0.2.1:514, tcp://192.0.2.1:601 "
            "or unix:///dev/log"
        )
    return text


class SyslogOptions(Options):
    """A target: a line of RFC 5424 to a syslog server."""

    type: Literal["syslog"] = "syslog"
    name: Name
    address: Annotated[str, AfterValidator(_syslog_address)] = "unix:///dev/log"
    facility: Facility = "user"

    @property
    def where(self) -> str:
        """Its address."""
        return self.address


class JournaldOptions(Options):
    """A target: an entry of systemd's journal, with fields."""

    type: Literal["journald"] = "journald"
    name: Name
    socket: Place = Path("/run/systemd/journal/socket")

    @property
    def where(self) -> str:
        """Its socket."""
        return str(self.socket)


TargetOptions = Annotated[
    WebhookOptions | AppriseOptions | SyslogOptions | JournaldOptions | MqttOptions,
    Field(discriminator="type"),
]


def _zone(name: str | None) -> str | None:
    if name is not None:
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError):
            raise ValueError(f"no time zone: {name:.64}; allowed: such as Europe/Berlin") from None
    return name


class NotifyOptions(Options):
    """Who is told of events."""

    site: Name = "home"  # what messages call the place where the cameras are
    url: Annotated[str, AfterValidator(check_web_address)] | None = None  # of the page, for links
    zone: Annotated[str | None, AfterValidator(_zone)] = None  # of time; null: of this machine
    give_up_h: float = Field(24, gt=0, le=720)  # hours that a message is tried
    targets: tuple[TargetOptions, ...] = Field(min_length=1)
    rules: tuple[RuleOptions, ...] = ()  # none: everything goes to every target

    @model_validator(mode="after")
    def _targets_are_known(self) -> "NotifyOptions":
        names = [target.name for target in self.targets]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two targets are named {twice}")
        for rule in self.rules:
            for name in (*rule.to, *rule.escalate_to):
                if name not in names:
                    raise ValueError(f"no target is named {name}; targets: {', '.join(names)}")
        return self

    @property
    def all_rules(self) -> tuple[RuleOptions, ...]:
        """The rules, or the one that is in force without any."""
        return self.rules or (RuleOptions(to=tuple(target.name for target in self.targets)),)

    @cached_property
    def clock(self) -> ZoneInfo | None:
        """The zone of its clocks; None: of this machine."""
        return None if self.zone is None else ZoneInfo(self.zone)
