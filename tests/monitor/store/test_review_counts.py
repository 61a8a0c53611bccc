"""How many events people confirmed, dismissed or relabelled, for the metrics."""

from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from monitor.store.event import Review, Verdict
from monitor.store.journal import SpanLine
from monitor.store.review_counts import counting, review_counts
from monitor.store.store import EventStore
from monitor.store.taught import teach
from testkit.alerts import NOW, alert


def test_reviews_are_counted_by_camera_and_label(store: EventStore) -> None:
    old = NOW - timedelta(days=2)
    reviews = {
        "a": (Review.DISMISSED, {}),
        "b": (Review.DISMISSED, {}),
        "c": (Review.CONFIRMED, {}),
        "d": (Review.RELABELLED, {"label": "fall"}),
        "e": (Review.DISMISSED, {"camera": "yard"}),
        "of a shadow": (Review.DISMISSED, {"shadow": True}),
        "long ago": (Review.DISMISSED, {"start_time": old}),
        "of nobody": (None, {}),
    }
    for id, (review, more) in reviews.items():
        store.record(alert(id, **{"start_time": NOW, **more}))
        if review is not None:
            instead = "dance" if review is Review.RELABELLED else None
            store.review(id, Verdict(review=review, review_label=instead), "ann")
    span = {"id": "t", "camera": "door", "label": "fight", "start_time": NOW, "end_time": NOW}
    teach(store, SpanLine.model_validate({"time": NOW, "by": "ann", **span}))

    assert review_counts(store, NOW - timedelta(days=1)) == {
        ("door", "fall", "confirmed"): 0,
        ("door", "fall", "dismissed"): 0,
        ("door", "fall", "relabelled"): 1,
        ("door", "fight", "confirmed"): 1,
        ("door", "fight", "dismissed"): 2,
        ("door", "fight", "relabelled"): 0,
        ("yard", "fight", "confirmed"): 0,
        ("yard", "fight", "dismissed"): 1,
        ("yard", "fight", "relabelled"): 0,
    }


def test_only_what_was_reviewed_is_looked_at(tmp_path: Path) -> None:
    store = EventStore(str(tmp_path / "events.sqlite"))
    with store.reading() as connection:
        query = counting(NOW).compile(connection, compile_kwargs={"literal_binds": True})
        rows = connection.execute(sa.text(f"EXPLAIN QUERY PLAN {query}")).all()
    store.close()
    assert "events_by_review (review=? AND at_ms>?)" in " ".join(row.detail for row in rows)
