"""Addresses of this machine."""

import pytest

from monitor.errors import MonitorError
from monitor.listening import local_address


def test_a_machine_is_reached_from_the_address_on_the_way_to_it() -> None:
    assert local_address("127.0.0.1", 5432) == "127.0.0.1"
    assert local_address("127.0.0.9", 5432) == "127.0.0.1"
    assert local_address("localhost", 5432) in ("127.0.0.1", "::1")


def test_a_name_that_nobody_knows_is_an_error_in_a_line() -> None:
    with pytest.raises(MonitorError, match=r"^nobody\.invalid:5432: "):
        local_address("nobody.invalid", 5432)
