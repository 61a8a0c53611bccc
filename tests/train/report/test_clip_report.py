import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.errors import MonitorError
from testkit.models import metadata
from testkit.scores import PAPER_COUNTS, PAPER_LABELS, scored
from train.data.clips import Clip
from train.evaluate.scores import Scored, by_dataset, concatenate
from train.report.clip_page import contact_sheet, worst_mistakes
from train.report.write import write_clip_report

HISTORY = {
    "loss": [0.9, 0.6, 0.4],
    "accuracy": [0.4, 0.7, 0.9],
    "val_loss": [0.9, 0.7, 0.8],
    "val_accuracy": [0.4, 0.6, 0.6],
}
VOID = {"br", "col", "hr", "img", "input", "link", "meta"}


class Page(HTMLParser):
    """A page's text, and a check that every element that opens also closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


def write(out: Path, clips: Scored, **options: Any) -> tuple[dict[str, Any], Page, str]:
    """Both files of a report, read back."""
    write_clip_report(out, clips, **({"title": "A test", "overlap": "grouped"} | options))
    html = (out / "report.html").read_text(encoding="utf-8")
    text = (out / "metrics.json").read_text(encoding="utf-8")
    page = Page(html)
    assert page.open == []
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in JSON")), page, html


def diagonal(labels: int) -> list[list[int]]:
    return np.eye(labels, dtype=int).tolist()


@pytest.mark.parametrize("labels", [2, 4, 50])
@pytest.mark.parametrize("history", [None, HISTORY], ids=["no-history", "history"])
def test_a_report_is_complete_with_few_and_with_many_labels(
    tmp_path: Path, labels: int, history: dict[str, list[float]] | None
) -> None:
    names = [f"Label{index:02d}" for index in range(labels)]

    content, page, _ = write(tmp_path, scored(names, diagonal(labels)), history=history)

    assert content["labels"] == names
    assert all(name in page.text for name in names)
    assert ("Training" in page.text) == (history is not None)
    assert content["history"] == (history or {})


def test_the_page_loads_nothing_and_runs_no_script(tmp_path: Path) -> None:
    _, page, html = write(
        tmp_path, scored(PAPER_LABELS, PAPER_COUNTS), history=HISTORY, metadata=metadata()
    )

    assert not re.search(r"https?:|//[a-z]|url\(|@import", re.sub(r"base64,[^\"]*", "", html))
    assert page.sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.sources)
    assert not {"script", "link", "iframe"} & set(page.tags)


def test_labels_paths_reasons_and_notes_are_shown_as_they_are_and_never_run(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"

    _, page, html = write(
        tmp_path,
        scored((evil, 'b" onload="x'), ((1, 1), (0, 1)), folder="<img src=x>/"),
        title=evil,
        skipped=[(evil, evil)],
        notes=[evil],
        settings={evil: evil},
    )

    assert "<script" not in html
    assert "<img src=x>" not in html
    assert page.text.count(evil) >= 6
    assert 'b" onload="x' in page.text


def test_the_numbers_of_the_paper_are_in_both_files(tmp_path: Path) -> None:
    content, page, _ = write(tmp_path, scored(PAPER_LABELS, PAPER_COUNTS))

    horse_race = content["per_label"]["HorseRace"]
    assert [horse_race[name] for name in ("tn", "fp", "fn", "tp")] == [91, 11, 4, 33]
    assert content["accuracy"]["right"] == 124
    assert content["confusion"] == [list(row) for row in PAPER_COUNTS]
    assert content["counts"] == {"clips": 139, "groups": 5, "skipped": 0}
    assert content["micro"]["precision"] == pytest.approx(content["accuracy"]["value"])
    for shown in ("89.2 %", "0.892", "0.938", "0.893", "0.808", "0.108", "0.035"):
        assert shown in page.text


def test_every_clip_is_listed_with_its_scores(tmp_path: Path) -> None:
    content, _, _ = write(tmp_path, scored(("a", "b"), ((1, 1), (0, 0))))

    assert content["clips"] == [
        {"path": "a/0000.mp4", "group": "g0", "truth": "a", "predicted": "a", "scores": [0.9, 0.1]},
        {"path": "a/0001.mp4", "group": "g1", "truth": "a", "predicted": "b", "scores": [0.1, 0.9]},
    ]


def test_a_label_without_test_clips_is_a_dash_and_null(tmp_path: Path) -> None:
    content, page, _ = write(tmp_path, scored(("a", "b", "c"), ((2, 0, 0), (1, 1, 0), (0, 0, 0))))

    absent = content["per_label"]["c"]
    assert [absent[name] for name in ("tpr", "f1", "auc", "roc")] == [None] * 4
    assert "–" in page.text


@pytest.mark.parametrize("labels", [2, 12])
def test_clips_of_one_label_only_make_a_report_without_curves(tmp_path: Path, labels: int) -> None:
    counts = np.zeros((labels, labels), int)
    counts[0, :2] = 3, 1

    content, page, _ = write(tmp_path, scored([f"l{i}" for i in range(labels)], counts.tolist()))

    assert content["macro"]["auc"] is None
    assert "no curve to draw" in page.text


def test_a_loss_that_is_not_finite_is_null_and_leaves_a_gap(tmp_path: Path) -> None:
    history = {"loss": [0.5, float("nan"), 0.4], "val_loss": [float("inf"), 0.5, 0.6]}

    content, page, html = write(tmp_path, scored(("a", "b"), ((1, 0), (0, 1))), history=history)

    assert content["history"] == {"loss": [0.5, None, 0.4], "val_loss": [None, 0.5, 0.6]}
    assert "nan" not in html
    assert "epoch 2" in page.text


@pytest.mark.parametrize(
    ("overlap", "says"),
    [
        pytest.param("grouped", None, id="grouped"),
        pytest.param("random", "Scenes leak into the test", id="random"),
        pytest.param("fitted", "This is training data, not a test", id="fitted"),
        pytest.param("overlapping", "Most likely training data, not a test", id="overlapping"),
        pytest.param("related", "Perhaps not a clean test", id="related"),
        pytest.param("unknown", "Perhaps not a clean test", id="unknown"),
    ],
)
def test_a_report_that_is_no_clean_test_says_so_first(
    tmp_path: Path, overlap: str, says: str | None
) -> None:
    content, page, _ = write(tmp_path, scored(("a", "b"), ((1, 0), (0, 1))), overlap=overlap)

    assert content["warning"] == says
    assert says is None or page.text.index(says) < page.text.index("Accuracy")


def test_a_grouped_split_of_clips_without_groups_is_not_called_grouped(tmp_path: Path) -> None:
    clips = scored(("a", "b"), ((1, 0), (0, 1)))
    alone = Scored(
        clips.labels, clips.clips, clips.clips, clips.truth, clips.scores, clips.previews
    )

    content, page, _ = write(tmp_path, alone)

    assert content["split"] == "ungrouped"
    assert "Scenes may leak into the test" in page.text


def test_folds_are_listed_one_by_one_with_their_mean(tmp_path: Path) -> None:
    folds = {
        "fold 0": scored(("a", "b"), ((4, 0), (1, 3)), folder="0/"),
        "fold 1": scored(("a", "b"), ((2, 2), (1, 3)), folder="1/"),
    }
    both = scored(("a", "b"), ((6, 2), (2, 6)))

    content, page, _ = write(tmp_path, both, folds=folds)

    assert [content["folds"][name]["accuracy"] for name in folds] == [0.875, 0.625]
    assert "0.750 ± 0.177" in page.text


def test_data_sets_are_listed_one_by_one(tmp_path: Path) -> None:
    hard = scored(("fight", "nofight"), ((4, 4), (3, 5)), folder="street/", groups=4)
    easy = scored(("fight", "nofight"), ((30, 2), (0, 28)), folder="hockey/", groups=60)

    content, page, _ = write(
        tmp_path, concatenate([easy, hard]), datasets={"hockey": easy, "street": hard}
    )

    assert content["accuracy"]["value"] == pytest.approx(67 / 76)
    assert {name: figures["accuracy"] for name, figures in content["datasets"].items()} == {
        "hockey": round(58 / 60, 4),
        "street": round(9 / 16, 4),
    }
    assert content["datasets"]["street"]["clips"] == 16
    assert content["folds"] == {}
    table = page.text.partition("Data sets")[2]
    for name, clips, groups, accuracy in (("hockey", 60, 60, 0.967), ("street", 16, 4, 0.562)):
        assert f"{name}{clips}{groups}{accuracy}" in table


def test_a_single_data_set_has_no_table_of_data_sets(tmp_path: Path) -> None:
    content, page, _ = write(tmp_path, scored(("a", "b"), ((1, 0), (0, 1))))

    assert content["datasets"] == {}
    assert "Data sets" not in page.text


def test_a_data_set_without_groups_beside_one_with_groups_is_reported(tmp_path: Path) -> None:
    grouped = scored(("a", "b"), ((2, 0), (0, 2)), folder="one/", groups=2)
    alone = scored(("a", "b"), ((1, 0), (0, 1)), folder="two/")
    alone = replace(alone, groups=alone.clips)

    content, page, _ = write(
        tmp_path, concatenate([grouped, alone]), datasets={"one": grouped, "two": alone}
    )

    assert content["split"] == "ungrouped"
    assert "one of the data sets, names no groups" in page.text


def test_scores_are_parted_by_data_set() -> None:
    both = concatenate([scored(("a", "b"), ((1, 0), (0, 1)), folder=f"{name}/") for name in "xy"])
    clips = [Clip(path, "a", "g", 0, dataset=path[0]) for path in both.clips]

    parts = by_dataset(both, clips)

    assert {name: part.clips for name, part in parts.items()} == {
        "x": both.clips[:2], "y": both.clips[2:],
    }  # fmt: skip
    assert concatenate(list(parts.values())).scores.tolist() == both.scores.tolist()
    assert by_dataset(both, [replace(clip, dataset="") for clip in clips]) == {}


def test_skipped_clips_are_listed_with_their_reasons(tmp_path: Path) -> None:
    skipped = [("a/broken.mp4", "not a video"), ("a/short.mp4", "too short")]

    content, page, _ = write(tmp_path, scored(("a", "b"), ((1, 0), (0, 1))), skipped=skipped)

    assert content["skipped"] == [{"path": path, "reason": reason} for path, reason in skipped]
    assert "a/broken.mp4" in page.text
    assert "not a video" in page.text


def test_the_worst_mistakes_are_the_most_confident_wrong_answers() -> None:
    sure = scored(("a", "b"), ((1, 1), (0, 0)), score=0.99, folder="sure/")
    doubtful = scored(("a", "b"), ((1, 1), (0, 0)), score=0.6, folder="doubtful/")

    assert worst_mistakes(concatenate([doubtful, sure])) == [3, 1]


def test_the_contact_sheet_shows_every_label_that_was_tested() -> None:
    clips = scored(("a", "b", "c"), ((40, 0, 0), (0, 2, 0), (0, 0, 0)))

    chosen = contact_sheet(clips)

    assert [clips.truth[index] for index in chosen] == [0] * 12 + [1] * 2
    assert len(set(chosen)) == 14


def test_a_folder_that_cannot_be_created_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(MonitorError, match=r"cannot write a report to .*file"):
        write(tmp_path / "file", scored(("a", "b"), ((1, 0), (0, 1))))
