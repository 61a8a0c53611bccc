"""benchmarks/idle/README.md, made of the results."""

from collections.abc import Collection
from pathlib import Path

from benchmarks.idle.measure import LENGTHS_S, Caught, Kept, Saved
from benchmarks.page import NOTHING, render

_TEMPLATE = Path(__file__).with_name("README.md.jinja")
_CODECS = {"h264": "H.264", "hevc": "H.265"}


def page(results: Collection[Kept]) -> str:
    """The page as Markdown."""
    return render(
        _TEMPLATE,
        lengths=[f"{length_s:g} s" for length_s in LENGTHS_S],
        caught=[row for one in results if isinstance(one, Caught) for row in _caught_rows(one)],
        saved=[_saved_row(one) for one in results if isinstance(one, Saved)],
    )


def _caught_rows(one: Caught) -> list[list[str]]:
    camera = f"{_CODECS[one.codec]}, {one.rate} rate, key frames {one.group_s:g} s apart"
    camera += "; pieces leave the scene changed" * (not one.returns)
    return [
        [camera, "caught", *(_of(share.caught, share.acts) for share in one.shares)],
        ["", "alerts", *(_of(share.alerts_idle, share.alerts) for share in one.shares)],
    ]


def _saved_row(one: Saved) -> list[str]:
    return [
        one.stream,
        f"{one.full_ms:.0f} ms",
        f"{one.idle_ms:.0f} ms",
        f"{one.ratio:.1f}",
        f"{one.resting_share:.0%}",
        f"{one.resting_ms:.1f} ms",
        f"{one.decoding_ms:.0f} ms",
    ]


def _of(count: int, whole: int) -> str:
    return f"{count} of {whole}" if whole else NOTHING
