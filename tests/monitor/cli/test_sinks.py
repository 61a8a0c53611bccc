"""The sinks of a configuration, and what is left in their logs of a monitor that was killed."""

import errno
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import monitor.cli.sinks
from monitor.cli.sinks import make_sinks, shadow_log, unfinished
from monitor.config.options import MonitorOptions
from monitor.config.outputs import AlertLogOptions, ConsoleOptions
from monitor.errors import SinkError
from monitor.events.alert import AlertEvent
from monitor.events.alert_log import AlertLogSink, ShadowLogSink
from monitor.events.console import ConsoleSink
from monitor.events.recovery import orphans
from monitor.events.sink import Sink
from testkit.alerts import alert

FIRST = "0001-01-01T00:00:00+23:59"  # before all times in UTC


def logs(*paths: Path) -> list[AlertLogOptions]:
    return [AlertLogOptions(path=path) for path in paths]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def kept(path: Path) -> list[tuple[str, str]]:
    return [(line["event"], line["id"]) for line in lines(path)]


def end(name: str) -> AlertEvent:
    return alert(name, event="end", end_s=9.0, reason="score fell")


def write(sinks: Sequence[Sink], *alerts: AlertEvent) -> None:
    """Give them alerts, and let them go: by `close`, as the kernel does for a killed process."""
    for sink in sinks:
        for one in alerts:
            sink.write(one)
        sink.close()


def start_again(*paths: Path) -> list[AlertEvent]:
    """What the next monitor of these logs ends at its start."""
    sinks = make_sinks(logs(*paths))
    ended = unfinished(sinks)
    write(sinks, *ended)
    return ended


def test_by_default_there_is_a_log_and_the_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log, console = make_sinks(MonitorOptions().sinks)
    assert isinstance(log, AlertLogSink)
    assert isinstance(console, ConsoleSink)
    write([log, console], alert("1"))
    assert kept(tmp_path / "alerts.jsonl") == [("start", "1")]


def test_sinks_are_made_in_their_order_and_with_their_options(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    small = AlertLogOptions(path=second, max_mib=0.001, keep=1)  # 1048 bytes
    sinks = make_sinks([ConsoleOptions(), *logs(first), small])
    assert [sink.name for sink in sinks] == ["console", f"alert log {first}", f"alert log {second}"]
    write(sinks, *(alert(str(number)) for number in range(6)))
    assert [name for _, name in kept(first)] == list("012345")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "b.jsonl", "b.jsonl.1"]
    assert [name for _, name in kept(tmp_path / "b.jsonl.1") + kept(second)] == list("2345")


def test_if_a_sink_cannot_be_opened_those_before_it_are_closed(tmp_path: Path) -> None:
    path, missing = tmp_path / "a.jsonl", tmp_path / "none" / "b.jsonl"
    with pytest.raises(SinkError, match=f"^alert log {missing}: no such file or directory$"):
        make_sinks([*logs(path), ConsoleOptions(), *logs(missing)])
    write(make_sinks(logs(path)), alert("1"))  # else it were locked
    assert kept(path) == [("start", "1")]


def test_two_logs_at_one_path_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with pytest.raises(SinkError, match="another har-monitor writes to it; give each its own log"):
        make_sinks(logs(path, path))


def test_what_a_killed_monitor_left_open_is_ended_by_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "alerts.jsonl"
    write(make_sinks(logs(path)), alert("a1"), end("a1"), alert("a2", region="till"))
    (ended,) = start_again(path)
    assert (ended.id, ended.reason, ended.end_s, ended.latency_ms) == (
        "a2", "monitor died", None, None,
    )  # fmt: skip
    assert caplog.messages == [f"{path}: 1 activities that were left open are ended"]
    found = lines(path)
    assert kept(path) == [("start", "a1"), ("end", "a1"), ("start", "a2"), ("end", "a2")]
    assert found[-1]["reason"] == "monitor died"
    assert found[-1]["end_s"] is None, "nobody knows"
    assert (found[-1]["camera"], found[-1]["region"]) == ("door", "till")
    assert start_again(path) == []
    assert lines(path) == found, "once"


def test_what_was_rotated_before_the_monitor_was_killed_is_ended_too(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    write(make_sinks(logs(path)), alert("a1"))
    path.rename(tmp_path / "alerts.jsonl.1")
    start_again(path)
    assert kept(path) == [("end", "a1")]


def test_an_activity_that_is_open_in_two_logs_is_ended_once_in_each(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    write(make_sinks(logs(first, second)), alert("a1"))
    write(make_sinks(logs(second)), alert("a2"))
    assert [ended.id for ended in start_again(first, second)] == ["a1", "a2"]
    assert kept(first) == [("start", "a1"), ("end", "a1"), ("end", "a2")]
    assert kept(second) == [("start", "a1"), ("start", "a2"), ("end", "a1"), ("end", "a2")]
    assert start_again(first, second) == []


def test_an_activity_that_was_seen_again_is_open_only_if_its_last_start_has_no_end(
    tmp_path: Path,
) -> None:
    path = tmp_path / "alerts.jsonl"
    write(make_sinks(logs(path)), alert("a1"), end("a1"), alert("a1"), end("a1"))
    assert start_again(path) == []
    write(make_sinks(logs(path)), alert("a1"))
    assert [ended.id for ended in start_again(path)] == ["a1"]


@pytest.mark.parametrize(
    "foreign",
    [
        b"no json\n",
        b'{"schema": "har-monitor.alert.v2", "event": "start"}\n',
        b'{"schema": "har-monitor.alert.v2", "event": "start", "id": 7}\n',
        b'{"schema": "har-monitor.alert.v2", "event": "start", "id": "x"}\n',
        b'{"schema": "another", "event": "start", "id": "x"}\n',
        alert("x").model_dump_json().replace(".v2", ".v1").encode() + b"\n",
        b'{"schema": "har-monitor.alert.v2", "event": "start", "id": "x"\n',
        alert("x").model_dump_json().replace("door", "\\ud800").encode() + b"\n",
        alert("x").model_dump_json().replace("2026-05-04T03:02:01.000Z", FIRST).encode() + b"\n",
        b"[" * 50_000 + b"\n",
        b"x" * 200_000 + b"\n",
        b"\xff\xfe\x00\n",
    ],
    ids=[
        "words", "no id", "a number", "an id alone", "schema", "older", "torn", "no text",
        "no time", "deep", "long", "bytes",
    ],
)  # fmt: skip
def test_what_others_wrote_into_the_log_is_passed_over(tmp_path: Path, foreign: bytes) -> None:
    path = tmp_path / "alerts.jsonl"
    write(make_sinks(logs(path)), alert("a1"))
    path.write_bytes(foreign + path.read_bytes() + foreign)
    assert [ended.id for ended in start_again(path)] == ["a1"]
    assert path.read_bytes().count(b'"monitor died"') == 1


def test_numbers_that_json_does_not_have_stop_no_start(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    known = alert("x").model_dump_json()
    scored = known.replace('"score":0.9', '"score":NaN').replace('"id":"x"', '"id":"y"')
    timed = known.replace('"latency_ms":9.0', '"latency_ms":1e999')
    assert "NaN" in scored
    assert "1e999" in timed
    more = known[:-1].replace('"id":"x"', '"id":"z"') + ', "more": [Infinity, {"far": 1e999}]}'
    path.write_text(f"{scored}\n{more}\n{timed}\n")
    (ended,) = start_again(path)
    assert (ended.event, ended.id, ended.score, ended.latency_ms) == ("end", "x", 0.9, None)
    assert [line["id"] for line in lines(path)[3:]] == ["x"]


def test_of_a_pipe_nothing_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    (sink,) = make_sinks(logs(path))
    assert unfinished([sink, ConsoleSink()]) == []  # would wait for ever
    sink.close()


def test_a_log_that_cannot_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> list[AlertEvent]:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    path = tmp_path / "alerts.jsonl"
    sinks = make_sinks(logs(path))
    monkeypatch.setattr(monitor.cli.sinks, "orphans", refuse)
    with pytest.raises(SinkError, match=f"^alert log {path}: input/output error$"):
        unfinished(sinks)
    write(sinks)


def test_starts_without_an_end_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    starts = [alert("a1"), alert("a2", region="till", start_time=datetime(2026, 5, 4, tzinfo=UTC))]
    write(make_sinks(logs(path)), *starts)
    assert orphans(path) == starts


def shadowed(log: Path, shadow: str | None = "fall") -> MonitorOptions:
    camera = {"name": "door", "source": "a.mp4", "shadow": shadow}
    sinks = [{"type": "log", "path": str(log)}, {"type": "console"}]
    return MonitorOptions.model_validate({"cameras": [camera], "sinks": sinks})


def test_shadows_have_a_log_of_their_own_from_the_first_line_on(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    sink = shadow_log(shadowed(path))
    assert sink is not None
    assert not sink.takes(alert("a1"))
    assert list(tmp_path.iterdir()) == []
    write([sink], alert("s1", shadow=True))
    assert kept(tmp_path / "alerts.shadow.jsonl") == [("start", "s1")]
    assert not path.exists()
    sink.close()

    assert shadow_log(shadowed(tmp_path / "other.jsonl", shadow=None)) is None
    assert shadow_log(shadowed(path, shadow=None)) is not None, "what was left open is ended"
    assert unfinished([ShadowLogSink(tmp_path / "x.jsonl", max_bytes=9, keep=1)]) == []


def test_what_a_killed_shadow_left_open_is_ended_in_its_log(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    sink = shadow_log(shadowed(path))
    assert sink is not None
    write([sink], alert("s1", shadow=True))
    again = shadow_log(shadowed(path))
    assert again is not None
    (ended,) = unfinished([*make_sinks(logs(path)), again])
    assert (ended.id, ended.shadow, ended.reason) == ("s1", True, "monitor died")
