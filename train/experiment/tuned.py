"""What tuning leaves in a model: rules, what they were tuned for, and what was measured."""

import zipfile
from pathlib import Path

from export.atomic import replacing
from export.saved import CONTRACT_MEMBER
from monitor.recognition.metadata import Contract, Tuning
from monitor.recognition.tracker import Rules
from train.report.streams import StreamReport, in_words

CROSSED = (
    "Each fold was watched by the network that was not fitted on it and judged by rules tuned on "
    "the other folds; the footage was the same for all."
)
SAME = (
    "The clips were watched by a network that was not fitted on them, but judged by the very rules "
    "that were tuned on them: other streams will fare worse."
)


def write_contract(path: Path, contract: Contract) -> None:
    """Replace the contract in a .keras file; the network stays as it is, to the byte."""
    with (
        replacing(path) as temporary,
        zipfile.ZipFile(path) as old,
        zipfile.ZipFile(temporary, "w") as new,
    ):
        for member in old.infolist():
            if member.filename != CONTRACT_MEMBER:
                new.writestr(member, old.read(member))
        new.writestr(CONTRACT_MEMBER, contract.model_dump_json(indent=2))


def tuning_of(rules: Rules, report: StreamReport, per_day: float | None) -> Tuning:
    """What a contract says of `rules`; `per_day` are the false alarms a day that were wanted."""
    of = report.total
    metrics = {
        "events": of.events,
        "hours": of.hours,
        "event_f1": of.f1,
        "event_precision": of.precision,
        "event_recall": of.recall,
        "delay_p50_s": of.delay_s(0.5),
        "false_alarms_per_day": 24 * of.false_per_hour,
        "false_alarms_per_day_high": 24 * of.false_per_hour_high,
        "false_alarms_per_day_wanted": per_day,
    }
    limit = "" if per_day is None else f" with at most {per_day:g} false alarms a day"
    measured = SAME if report.warning else CROSSED
    return Tuning(
        hysteresis=rules.hysteresis,
        smoothing_s=rules.smoothing_s,
        min_s=rules.min_s,
        metrics={name: round(value, 4) for name, value in metrics.items() if value is not None},
        evaluation=f"for the highest event F1{limit}; {in_words(of)}. {measured}",
    )


def words(rules: Rules) -> str:
    """What was tuned, in a line."""
    thresholds = ", ".join(f"{label} from {at:g}" for label, at in rules.thresholds.items())
    return f"{thresholds}, after {rules.min_s:g} s, smoothed over {rules.smoothing_s:g} s"
