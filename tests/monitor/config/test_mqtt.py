"""The options of an MQTT broker."""

from typing import Any

import pytest
from pydantic import ValidationError

from monitor.config.mqtt import MqttOptions

MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no host": ({}, "Field required"),
    "an address": ({"host": "mqtt://h"}, "String should match pattern"),
    "no host name": ({"host": "a..b"}, "no host name"),
    "a password alone": ({"host": "h", "password": "s3cret"}, "a password needs a user"),
    "half of a certificate": (
        {"host": "h", "tls": True, "certificate": "c.pem"},
        "certificate and key belong together",
    ),
    "certificates without TLS": (
        {"host": "h", "ca_file": "ca.pem"},
        "ca_file, certificate and key need tls: true",
    ),
    "a prefix with a wildcard": ({"host": "h", "prefix": "har/#"}, "String should match pattern"),
    "a prefix of the broker": ({"host": "h", "prefix": "$SYS"}, "String should match pattern"),
    "an empty level": (
        {"host": "h", "discovery_prefix": "ha/"},
        "a topic has no empty levels",
    ),
    "a keepalive that no broker keeps": (
        {"host": "h", "keepalive_s": 1},
        "Input should be greater than or equal to 5",
    ),
}


def made(**options: Any) -> MqttOptions:
    return MqttOptions.model_validate({"name": "ha"} | options)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told(name: str) -> None:
    options, said = MISTAKES[name]
    with pytest.raises(ValidationError) as told:
        made(**options)
    [error] = told.value.errors()
    assert said in error["msg"]


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"host": "h"}, "mqtt://h:1883"),
        ({"host": "h", "tls": True}, "mqtts://h:8883"),
        ({"host": "::1", "port": 1}, "mqtt://[::1]:1"),
    ],
)
def test_the_port_is_the_usual_one(options: dict[str, Any], where: str) -> None:
    assert made(**options).where == where


def test_a_password_is_not_shown() -> None:
    assert "s3cret" not in repr(made(host="h", user="har", password="s3cret"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"host": "192.0.2.1"}, True),
        ({"host": "192.0.2.1", "tls": True}, False),
        ({"host": "127.0.0.1"}, False),
    ],
)
def test_a_password_on_a_network_without_tls_is_told(options: dict[str, Any], told: bool) -> None:
    assert made(user="har", password="s3cret", **options).tells_password is told
