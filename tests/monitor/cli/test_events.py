"""har-events, as it is typed."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from monitor.cli.events import app
from monitor.events.alert_log import AlertLogSink
from monitor.states import EndReason
from monitor.store.event import Review, Verdict
from monitor.store.journal import Journal, ReviewLine, journal_path
from monitor.store.store import EventStore
from testkit.alerts import alert

BEGAN = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def fill(count: int = 3) -> None:
    store = EventStore("events.sqlite")
    for number in range(count):
        start = alert(f"{number}abc", camera=f"cam{number}", time=BEGAN + timedelta(hours=number))
        end = {"event": "end", "end_s": 9.0, "reason": EndReason.SCORE_FELL, "trace": ((0.5, 0.9),)}
        store.record(start, start.model_copy(update=end))
    store.review("1abc", Verdict(review=Review.RELABELLED, review_label="hug", note="=2"), "ann")
    store.close()


def test_list_shows_the_newest_first() -> None:
    fill()
    lines = run("list").output.splitlines()
    assert lines[0].split() == ["began", "event", "lasted", "score", "review", "id"]
    assert [line.split()[-1] for line in lines[1:]] == ["2abc", "1abc", "0abc"]
    assert "cam1: fight" in lines[2]
    assert "8.0 s   0.90  hug" in lines[2]


def test_what_people_wrote_is_text(tmp_path: Path) -> None:
    store = EventStore("events.sqlite")
    store.record(alert("a", camera="[/]", label="[red]x"))
    store.close()
    assert "[/]: [red]x" in run("list").output


def test_events_of_a_shadow_are_listed_only_if_asked_for() -> None:
    store = EventStore("events.sqlite")
    store.record(alert("0abc"), alert("s", shadow=True))
    store.close()
    assert [line.split()[-1] for line in run("list").output.splitlines()[1:]] == ["0abc"]
    found = run("list", "--origin", "shadow").output.splitlines()[1:]
    assert len(found) == 1
    assert found[0].split()[-3:] == ["unreviewed,", "shadow", "s"]
    both = run("list", "--origin", "shadow", "--origin", "alert", "--json").output
    assert [json.loads(line)["id"] for line in both.splitlines()] == ["s", "0abc"]
    refused = run("list", "--origin", "ghost")
    assert refused.exit_code == 2
    assert "origin" in refused.output


def test_list_says_how_many_it_does_not_show() -> None:
    fill()
    assert "2 older ones are not shown: --limit" in run("list", "--limit", "1").output


def test_list_filters_and_speaks_json() -> None:
    fill()
    output = run("list", "--camera", "cam1", "--camera", "cam2", "--review", "relabelled", "--json")
    (event,) = map(json.loads, output.output.splitlines())
    assert (event["id"], event["review_label"], event["reviewer"]) == ("1abc", "hug", "ann")


def test_a_time_is_local() -> None:
    fill()
    local = (BEGAN + timedelta(hours=1)).astimezone().strftime("%Y-%m-%dT%H:%M:%S")
    assert len(run("list", "--json", "--since", local).output.splitlines()) == 2
    assert len(run("list", "--json", "--until", local).output.splitlines()) == 1


def test_show_takes_the_first_signs_of_an_id() -> None:
    fill()
    output = run("show", "1a").output
    assert "review_label  hug" in output
    assert "+0.5 s  0.90  ####################################" in output
    assert json.loads(run("show", "1abc", "--json").output)["label"] == "fight"


def test_export_writes_a_table_in_which_nothing_is_a_formula() -> None:
    fill()
    assert run("export", "e.csv").output == "3 events written to e.csv\n"
    with Path("e.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["2abc", "1abc", "0abc"]
    assert rows[1]["note"] == "'=2"
    run("export", "e.jsonl", "--camera", "cam0")
    assert json.loads(Path("e.jsonl").read_text())["id"] == "0abc"


def test_rebuild_takes_the_log_and_the_reviews() -> None:
    log = AlertLogSink(Path("alerts.jsonl"), max_bytes=1 << 20, keep=1)
    log.write(alert("a"))
    log.close()
    journal = Journal(journal_path(Path("alerts.jsonl")))
    journal.write(ReviewLine(id="a", time=BEGAN, by="ann", verdict=Verdict(marked=True)))
    journal.close()

    assert run("rebuild").output == "1 alerts and 1 reviews read; 1 events\n"
    assert run("list", "--marked").output.count("marked") == 1


def test_rebuild_takes_reviews_without_a_log() -> None:
    """The page over all shards has no alert log."""
    fill()
    journal = Journal(journal_path(Path("page.jsonl")))
    journal.write(ReviewLine(id="1abc", time=BEGAN, by="ann", verdict=Verdict(marked=True)))
    journal.close()
    assert run("rebuild", "page.jsonl").output == "0 alerts and 1 reviews read; 3 events\n"
    assert run("list", "--marked").output.count("marked") == 1


def test_prune() -> None:
    fill()
    days = (datetime.now(UTC) - BEGAN - timedelta(hours=1.5)) / timedelta(days=1)
    assert run("prune", "--days", f"{days:.6f}").output == "2 events deleted; 1 left\n"


def test_the_store_of_a_configuration() -> None:
    Path("sub").mkdir()
    Path("sub/har.yaml").write_text("sinks:\n  - {type: log}\n  - {type: store, url: e.sqlite}\n")
    EventStore("sub/e.sqlite").close()
    assert run("--config", "sub/har.yaml", "list").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("list", "error: event store events.sqlite: no such file; give --store or --config"),
        ("--store other list --review maybe", "'relabelled', found 'maybe'"),
        ("--store other show none", "error: no event none"),
        ("--store other export e.txt", "error: e.txt: unknown kind of file; allowed: .csv, .jsonl"),
        ("--store other rebuild none.jsonl", "error: none.jsonl: no such file"),
        ("--store ftp://ann:s3cret@h/x list", "unknown kind ftp; allowed: the path of a file, or"),
        ("--config empty.yaml list", "error: empty.yaml: no sink of the type store"),
    ],
)
def test_faults_are_one_line(arguments: str, message: str) -> None:
    EventStore("other").close()
    Path("empty.yaml").write_text("sinks: []\n")

    result = run(*arguments.split())

    assert result.exit_code in (1, 2)
    assert message in " ".join(result.output.split())
    assert result.output.count("\n") == 1
    assert "s3cret" not in result.output
