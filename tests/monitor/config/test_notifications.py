"""The options of notifications: what is allowed, when spans of the week are, and no secret seen."""

from datetime import datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.config.base import REVEALED
from monitor.config.notifications import NotifyOptions, SpanOptions
from monitor.config.options import MonitorOptions
from monitor.config.outputs import StoreOptions
from monitor.config.yaml_file import load
from monitor.errors import ConfigError

BERLIN = ZoneInfo("Europe/Berlin")
HOOK = "{name: hook, type: webhook, url: 'https://example.com/t0ken', secret: s3cret}"
CHAT = "{name: chat, type: apprise, url: 'tgram://t0ken/1234'}"


def read(folder: Path, text: str) -> MonitorOptions:
    path = folder / "monitor.yaml"
    path.write_text(text)
    return load(path, MonitorOptions)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("targets: []", ":2: notify.targets: tuple should have at least 1 item after validation"),
        ("targets: 'ntfy://s3cret'", "notify.targets: input should be a valid tuple"),
        ("targets: ['ntfy://s3cret']", "notify.targets.0: input should be a valid dictionary"),
        (
            "targets: [{name: a, type: mqtt, host: h, user: a, password: *s3cret }]",
            ":2: aliases (such as *name) are not allowed",
        ),
        ("targets: [{name: a, type: fax}]", "notify.targets.0.type: input should be 'webhook', "),
        (
            "targets: [{name: a, type: webhook, url: 's3cret'}]",
            "notify.targets.0.url: an address such as https://host/path is needed",
        ),
        (
            "targets: [{name: a, type: webhook, url: 'https://me:s3cret@host/'}]",
            "notify.targets.0.url: an address without user, password and # is needed",
        ),
        (
            "targets: [{name: a, type: webhook, url: 's3cret://host/'}]",
            "notify.targets.0.url: an address such as https://host/path is needed",
        ),
        (
            "targets: [{name: a, type: apprise, url: s3cret}]",
            "notify.targets.0.url: an address of Apprise such as ntfy://topic is needed",
        ),
        (
            "targets: [{name: a, type: webhook, url: 'http://h', secret: 53127}]",
            "notify.targets.0.secret: input should be a valid string",
        ),
        (
            "targets: [{name: a, type: syslog, address: 'udp://host'}]",
            "notify.targets.0.address: found udp://host; allowed: such as udp://192.0.2.1:514, ",
        ),
        (
            "targets: [{name: a, type: syslog}, {name: a, type: journald}]",
            "notify: two targets are named a",
        ),
        (
            "{targets: [{name: a, type: syslog}], rules: [{to: [b]}]}",
            "notify: no target is named b; targets: a",
        ),
        (
            "{targets: [{name: a, type: syslog}], rules: [{to: [a], escalate_min: 5}]}",
            "notify.rules.0: escalate_min and escalate_to belong together",
        ),
        (
            "{targets: [{name: a, type: syslog}], rules: [{to: [a], cameras: [dor]}]}",
            "notify: no camera is named dor; cameras: door",
        ),
        (
            "{targets: [{name: a, type: syslog}], rules: [{to: [a], regions: [till]}]}",
            "notify: no region is named till; regions: none",
        ),
        (
            "{targets: [{name: a, type: syslog}], rules: [{to: [a], quiet: [{begin: 24:00}]}]}",
            "notify.rules.0.quiet.0.begin: a time from 00:00 to 23:59 is needed, found 1440",
        ),
        (
            "{targets: [{name: a, type: syslog}], zone: Europe/Berln}",
            "notify.zone: no time zone: Europe/Berln; allowed: such as Europe/Berlin",
        ),
    ],
)
def test_a_mistake_is_named_and_no_secret_is_quoted(
    tmp_path: Path, block: str, message: str
) -> None:
    block = block if block.startswith("{") else f"{{{block}}}"
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"cameras: [{{name: door, source: 0}}]\nnotify: {block}\n")
    assert message in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "53127" not in str(caught.value)


def test_nobody_sees_a_secret_but_the_process_that_needs_it(tmp_path: Path) -> None:
    options = read(tmp_path, f"notify: {{targets: [{HOOK}, {CHAT}]}}\n")
    notify = options.notify
    assert notify is not None
    for shown in (repr(options), str(options.model_dump()), options.model_dump_json()):
        assert "s3cret" not in shown
        assert "t0ken" not in shown
    assert NotifyOptions.model_validate_json(notify.model_dump_json(context=REVEALED)) == notify
    assert [target.where for target in notify.targets] == ["https://example.com", "tgram"]


def test_a_store_is_kept_beside_the_alert_log(tmp_path: Path) -> None:
    sinks = "[{type: log, path: a.jsonl}]"
    options = read(tmp_path, f"notify: {{targets: [{HOOK}]}}\nsinks: {sinks}\n")
    kept = options.with_needed_sinks()
    assert kept.store == StoreOptions(url=str(tmp_path / "events.sqlite"))
    assert kept.evidence is None, "only if it is asked for"


def test_times_may_be_written_without_quotes(tmp_path: Path) -> None:
    """YAML takes 22:00 for a number, 06:00 for a text."""
    spans = "[{begin: 22:00, end: 06:00}, {begin: '7:30', end: 9:05}]"
    rules = f"[{{to: [hook], quiet: {spans}}}]"
    notify = read(tmp_path, f"notify: {{targets: [{HOOK}], rules: {rules}}}\n").notify
    assert notify is not None
    night, morning = notify.rules[0].quiet
    assert (night.begin, night.end) == (time(22), time(6))
    assert (morning.begin, morning.end) == (time(7, 30), time(9, 5))


@pytest.mark.parametrize(
    ("span", "inside", "outside"),
    [
        # 2026-05-04 is a Monday.
        pytest.param(
            SpanOptions(begin=time(8), end=time(18)),
            ["2026-05-04 08:00", "2026-05-09 17:59"],
            ["2026-05-04 07:59", "2026-05-04 18:00"],
            id="by day",
        ),
        pytest.param(
            SpanOptions(days=("fri",), begin=time(22), end=time(6)),
            ["2026-05-08 22:00", "2026-05-08 23:59", "2026-05-09 00:00", "2026-05-09 05:59"],
            ["2026-05-08 05:00", "2026-05-08 21:59", "2026-05-09 06:00", "2026-05-09 22:30"],
            id="over midnight, of the day on which it begins",
        ),
        pytest.param(
            SpanOptions(days=("sat", "sun")),
            ["2026-05-09 00:00", "2026-05-10 23:59"],
            ["2026-05-08 23:59", "2026-05-11 00:00"],
            id="whole days",
        ),
        pytest.param(
            SpanOptions(days=("mon",), begin=time(20)),
            ["2026-05-04 20:00", "2026-05-04 23:59"],
            ["2026-05-05 00:00", "2026-05-04 19:59"],
            id="until midnight",
        ),
        pytest.param(
            SpanOptions(days=("mon",), begin=time(6), end=time(6)),
            ["2026-05-04 06:00", "2026-05-05 05:59"],
            ["2026-05-04 05:59", "2026-05-05 06:00"],
            id="24 hours",
        ),
    ],
)
def test_a_span_of_the_week(span: SpanOptions, inside: list[str], outside: list[str]) -> None:
    def covers(text: str) -> bool:
        return span.covers(datetime.fromisoformat(text).replace(tzinfo=BERLIN))

    assert [text for text in inside if not covers(text)] == []
    assert [text for text in outside if covers(text)] == []
