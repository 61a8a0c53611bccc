"""The search for rules, on predictions made by hand."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from monitor.errors import DataError
from monitor.recognition.tracker import Rules
from monitor.records import Prediction
from train.evaluate.playback import WatchedStream
from train.evaluate.stream_results import match_stream
from train.evaluate.streams import PlanSegment, StreamPlan
from train.evaluate.tuning import THRESHOLDS, Trials, cross_validate, search_rules, threshold_sweep

SPAN_S = 2.0
BASE = Rules({"fight": 0.5}, hysteresis=0.15, smoothing_s=0.5, min_s=0.5, hold_s=2, cooldown_s=5)
TWO = Rules({"fight": 0.5, "fall": 0.5}, 0.15, 0.5, 0.5, hold_s=2, cooldown_s=5)
GAP_S = 20


def stream(*acts: tuple[str, float], others: dict[str, float] | None = None) -> WatchedStream:
    """A minute's gap around clips of four seconds, each a label and the score that `fight` gets.

    For a clip of `fall` it is fall's score. Between the clips every score is 0.05.
    """
    pieces = []
    at_s = 0.0
    for label, _ in acts:
        pieces.append(PlanSegment(Path("f"), "f", None, 0.0, at_s, at_s + GAP_S))
        pieces.append(PlanSegment(Path("c"), "c", label, 0.0, at_s + GAP_S, at_s + GAP_S + 4))
        at_s = pieces[-1].end_s
    pieces.append(PlanSegment(Path("f"), "f", None, 0.0, at_s, at_s + GAP_S))
    plan = StreamPlan("a", None, tuple(pieces))
    windows = []
    for half in range(4, round(plan.duration_s * 2)):
        end_s = half / 2
        shown = plan.segment_at(end_s - SPAN_S / 2)
        scores = {"fight": 0.05, "fall": 0.05}
        for clip, (label, score) in zip(plan.clips, acts, strict=True):
            if clip is shown:
                scores["fall" if label == "fall" else "fight"] = score
        scores["nothing"] = 1 - sum(scores.values())
        windows.append(Prediction("a", end_s - SPAN_S, end_s, scores, 0.0))
    return WatchedStream(plan, tuple(windows), ())


def found(
    streams: Sequence[WatchedStream], per_day: float | None = None, base: Rules = BASE
) -> Rules:
    return search_rules(streams, Trials(base, SPAN_S), per_day).rules


def test_the_threshold_separates_events_from_the_rest() -> None:
    streams = [stream(("fight", 0.9), ("nofight", 0.6), ("fight", 0.85), ("nofight", 0.4))]

    tuned = search_rules(streams, Trials(BASE, SPAN_S))

    assert 0.6 < tuned.rules.thresholds["fight"] <= 0.85
    assert tuned.metrics.f1 == 1
    assert tuned.within_limit


def test_among_equal_rules_the_fastest_are_chosen() -> None:
    rules = found([stream(("fight", 0.9), ("nofight", 0.3))])

    assert (rules.smoothing_s, rules.min_s) == (0.0, 0.0)


def test_a_single_high_window_raises_the_minimum_duration() -> None:
    watched = stream(("fight", 0.9), ("nofight", 0.1))
    spikes = {10.0, 60.0}  # in the footage
    windows = [
        Prediction(w.camera, w.start_s, w.end_s, {"fight": 0.99, "nothing": 0.01}, 0.0)
        if isinstance(w, Prediction) and w.end_s in spikes
        else w
        for w in watched.windows
    ]

    rules = found([WatchedStream(watched.plan, tuple(windows), ())])

    assert rules.smoothing_s + rules.min_s > 0


def test_other_rules_are_unchanged() -> None:
    rules = found([stream(("fight", 0.9))])

    assert (rules.hysteresis, rules.hold_s, rules.cooldown_s) == (0.15, 2, 5)


WEAK = [stream(*[("fight", 0.7)] * 3, ("nofight", 0.75), ("fight", 0.9))]


def test_without_a_limit_three_events_outweigh_a_false_alarm() -> None:
    tuned = search_rules(WEAK, Trials(BASE, SPAN_S))

    assert (tuned.metrics.found, tuned.metrics.false_alarms) == (4, 1)
    assert tuned.within_limit


def test_a_limit_is_kept_even_if_it_costs_events() -> None:
    tuned = search_rules(WEAK, Trials(BASE, SPAN_S), per_day=24)

    assert (tuned.metrics.found, tuned.metrics.false_alarms) == (1, 0)
    assert tuned.within_limit


def test_a_limit_is_a_rate_a_day_and_not_a_count() -> None:
    seconds = WEAK[0].plan.duration_s
    once_a_stream = 86400 / seconds

    assert search_rules(WEAK, Trials(BASE, SPAN_S), once_a_stream * 1.01).metrics.false_alarms == 1
    assert search_rules(WEAK, Trials(BASE, SPAN_S), once_a_stream * 0.99).metrics.false_alarms == 0


def test_if_no_rules_keep_the_limit_those_with_the_fewest_false_alarms_are_chosen() -> None:
    streams = [stream(("nofight", 0.9), ("fight", 0.9), ("nofight", 0.7))]

    tuned = search_rules(streams, Trials(BASE, SPAN_S), per_day=0)

    assert not tuned.within_limit
    assert (tuned.metrics.found, tuned.metrics.false_alarms) == (1, 1)


def test_rules_that_find_nothing_are_an_error() -> None:
    with pytest.raises(DataError) as caught:
        found([stream(("fight", 0.05), ("fight", 0.05))])

    assert str(caught.value) == "no rules find any of 2 events: this model cannot be tuned"


def test_each_label_gets_its_own_threshold() -> None:
    streams = [
        stream(("fight", 0.9), ("nofight", 0.7), ("fall", 0.4), ("fight", 0.9), ("fall", 0.4))
    ]

    rules = found(streams, base=TWO)

    assert 0.7 < rules.thresholds["fight"] <= 0.9
    assert 0.05 < rules.thresholds["fall"] <= 0.4


def test_labels_share_the_allowed_false_alarms() -> None:
    # One false alarm of fight buys one event, one of fall buys two: only one may be made.
    streams = [
        stream(("fight", 0.5), ("nofight", 0.6), ("fight", 0.9)),
        stream(("fall", 0.5), ("fall", 0.5), ("fall", 0.9)),
    ]
    loud = stream(("nothing", 0.0))
    windows = [
        Prediction(w.camera, w.start_s, w.end_s, {"fight": 0.05, "fall": 0.6, "nothing": 0.35}, 0)
        if isinstance(w, Prediction) and 20 <= w.end_s <= 24
        else w
        for w in loud.windows
    ]
    streams.append(WatchedStream(loud.plan, tuple(windows), ()))
    seconds = sum(one.plan.duration_s for one in streams)

    one_alarm = search_rules(streams, Trials(TWO, SPAN_S), per_day=86400 / seconds * 1.01)

    assert (one_alarm.metrics.found, one_alarm.metrics.false_alarms) == (4, 1)
    assert one_alarm.rules.thresholds["fall"] <= 0.5 < one_alarm.rules.thresholds["fight"]


def test_streams_without_an_event_cannot_be_tuned_on() -> None:
    with pytest.raises(DataError) as caught:
        found([stream(("nofight", 0.3))])

    assert str(caught.value) == "nothing to tune on: no clip of fight is in any stream"


def test_a_fold_is_tested_with_rules_that_were_tuned_without_it() -> None:
    high = [stream(("fight", 0.9), ("nofight", 0.7))]
    low = [stream(("fight", 0.5), ("nofight", 0.2))]

    results = cross_validate([high, low], Trials(BASE, SPAN_S))

    assert [one.watched for one in results] == [*high, *low]
    assert [one.rules for one in results] == [found(low), found(high)]
    assert results[0].rules.thresholds["fight"] <= 0.5
    assert len(results[0].matches.false_alarms) == 1, "the other fold's threshold is too low here"
    assert results[1].matches.events[0][1] == (), "and too high here"


def test_a_trial_uses_the_monitors_tracker_and_runs_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = stream(("fight", 0.9)), stream(("fight", 0.5))
    trials = Trials(BASE, SPAN_S)
    rules = Rules({"fight": 0.8}, 0.15, 1.0, 0.0, hold_s=2, cooldown_s=5)

    assert trials.matches(one, 0.8, 1.0, 0.0) == match_stream(one, rules, SPAN_S).matches
    assert trials.matches(one, 0.8, 1.0, 0.0) is trials.matches(one, 0.8, 1.0, 0.0)
    assert trials.matches(other, 0.8, 1.0, 0.0) != trials.matches(one, 0.8, 1.0, 0.0)


def test_the_sweep_covers_every_threshold_with_the_other_rules_unchanged() -> None:
    streams = [stream(("fight", 0.9), ("nofight", 0.6))]

    swept = dict(threshold_sweep(streams, BASE, SPAN_S))

    assert tuple(swept) == THRESHOLDS
    assert (swept[0.5].found, swept[0.5].false_alarms) == (1, 1)
    assert (swept[0.7].found, swept[0.7].false_alarms) == (1, 0)
    assert (swept[0.98].found, swept[0.98].false_alarms) == (0, 0)
