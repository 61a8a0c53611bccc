"""The tables of the event store. A change needs a migration; a test compares the two."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

REVISION = "0006"  # the newest of migrations/versions

metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("camera", Text, nullable=False),
    Column("region", Text),
    Column("origin", String(16), nullable=False),
    Column("label", Text, nullable=False),
    Column("model", String(64), nullable=False),
    Column("model_name", Text, nullable=False),
    # Milliseconds since 1970, UTC: of the start in the world, or of the alert if that is a file's.
    Column("at_ms", BigInteger, nullable=False),
    Column("start_ms", BigInteger),
    Column("end_ms", BigInteger),
    Column("start_s", Float, nullable=False),
    Column("end_s", Float),
    Column("reason", Text),  # why it ended; null while it is open
    Column("window_s", Float, nullable=False),
    Column("score", Float, nullable=False),
    Column("peak_score", Float, nullable=False),
    Column("peak_s", Float),
    Column("threshold", Float),
    Column("box", JSON),
    Column("trace", JSON, nullable=False),
    Column("latency_ms", Float),
    Column("review", String(16), nullable=False),
    Column("review_label", Text),
    Column("note", Text, nullable=False),
    Column("reviewer", Text),
    Column("reviewed_ms", BigInteger),
    Column("marked", Boolean, nullable=False),
    # Who recorded it, if that was a shard of a site: its shard, and the epoch of its lease.
    Column("shard", String(16)),
    Column("epoch", BigInteger),
    Index("events_newest", "at_ms", "id"),
    Index("events_of_camera", "camera", "at_ms"),
    Index("events_of_label", "label", "at_ms"),
    Index("events_by_review", "review", "at_ms"),
    Index("events_of_origin", "origin", "at_ms"),
)

# How each camera did: a row when its state or its cause changed. It lasted until the next row of
# the camera, but no longer than `seen_ms`.
states = Table(
    "states",
    metadata,
    Column("camera", Text, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),
    Column("seen_ms", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("cause", Text, nullable=False),
)

# Windows that were not classified: how many in each minute, by camera and reason.
skipped = Table(
    "skipped",
    metadata,
    Column("camera", Text, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),  # when the minute began
    Column("reason", String(32), primary_key=True),
    Column("windows", Integer, nullable=False),
    Column("total", Integer, nullable=False),  # all windows of that minute
)

# When two models watched a camera side by side; likewise as states.
pairs = Table(
    "pairs",
    metadata,
    Column("camera", Text, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),
    Column("seen_ms", BigInteger, nullable=False),
    Column("model", String(64), nullable=False),  # sha256 of the one that raised alerts
    Column("shadow", String(64), nullable=False),  # and of the one that was tried out
)

# Starts and ends of activities of which no notifications were planned yet; with `notify` only.
news = Table(
    "news",
    metadata,
    Column("seq", Integer, primary_key=True),  # their order
    Column("alert", Text, nullable=False),  # AlertEvent, JSON
    Column("fresh", Boolean, nullable=False),  # the event was not known before
)

# Notifications: of those that wait, a target gets the one with the least `seq` that is due.
outbox = Table(
    "outbox",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("target", Text, nullable=False),
    Column("rule", String(16), nullable=False),  # that it comes of
    Column("kind", String(16), nullable=False),
    Column("event", String(64), nullable=False),
    Column("alert", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),  # when its alert was raised
    Column("due_ms", BigInteger, nullable=False),
    Column("snapshot", Boolean, nullable=False),  # it is to wait for one, for a few seconds
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("held_back", Integer, nullable=False),  # events that a summary counts
    Column("error", Text, nullable=False),  # of the last attempt
    Column("done_ms", BigInteger),  # when it was sent, or given up
    Index("outbox_of_target", "target", "state", "seq"),
    Index("outbox_of_event", "event"),
    Index("outbox_of_rule", "target", "rule", "kind", "at_ms"),
)

# Cameras of which somebody said whether their events are notified.
arming = Table(
    "arming",
    metadata,
    Column("camera", Text, primary_key=True),
    Column("armed", Boolean, nullable=False),
    Column("snoozed_ms", BigInteger),  # not notified until then
)

# Who may write, of those who share the store: a row for each name that ever was leased. Whoever
# takes a lease counts its epoch up; times are of the database's clock.
leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("holder", String(64), nullable=False),  # no two that live have the same
    Column("described", Text, nullable=False),  # it, for people
    Column("cameras", String(16), nullable=False),  # fingerprint of those it knows of; "": none
    Column("expires_ms", BigInteger, nullable=False),  # 0: it was given back
)

# Events that began before were deleted: one row, if any was.
pruned = Table(
    "pruned",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("before_ms", BigInteger, nullable=False),
)

# Whose leases these are: one row.
site = Table(
    "site",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("shards", Integer, nullable=False),
)

# How each shard does: a row by whoever holds its lease, as it said last.
shards = Table(
    "shards",
    metadata,
    Column("shard", String(16), primary_key=True),  # I/N
    Column("epoch", BigInteger, nullable=False),
    Column("node", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("said_ms", BigInteger, nullable=False),  # the database's clock
    Column("address", Text, nullable=False),  # HOST:PORT at which its evidence is; "": none
    Column("secret", String(64), nullable=False),  # that is asked for there
    Column("settings", Text, nullable=False),  # JSON: what the page is told of its cameras
    Column("state", Text, nullable=False),  # JSON: `monitor.health.report.Report`
)
