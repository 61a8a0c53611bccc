"""The running API does what its own description says, whatever is sent: generated requests."""

import socket
from collections.abc import Iterator

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from monitor.store.store import EventStore
from testkit.fakes import wait_until
from tests.monitor.web.conftest import ended
from tests.monitor.web.test_process import answer, served, settings

UNHURRIED = list(hypothesis.HealthCheck)
CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    own = settings(tmp_path_factory.mktemp("api"))
    store = EventStore(own.store)
    for number in range(3):
        store.record(*ended(f"e{number}", number))
    store.close()
    links: list[socket.socket] = []
    process = served(own, links.append)
    try:
        wait_until(lambda: answer(process.url + "healthz") == "ok\n")
        made = schemathesis.openapi.from_url(process.url + "api/v1/openapi.json")
        # Server-sent events have no end.
        yield made.exclude(path="/api/v1/changes")
    finally:
        process.close()
        for link in links:
            link.close()


def test_every_operation_does_what_it_says(schema: schemathesis.BaseSchema) -> None:
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= 7
    for operation in operations:

        @hypothesis.settings(max_examples=60, deadline=None, suppress_health_check=UNHURRIED)
        @hypothesis.given(case=operation.as_strategy())
        def hold(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS)

        hold()
