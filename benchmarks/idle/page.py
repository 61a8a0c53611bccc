"""README.md, from what was measured."""

from collections.abc import Collection

from benchmarks.idle.measure import LENGTHS_S, Caught, Kept, Saved

INTRODUCTION = """\
# Idle decoding

Written by `python -m benchmarks.idle`. An activity that outlasts a group of pictures is never lost.
A shorter one may be: here pieces of real fights, of 0.5 to 2 s, are laid into a still corridor at
places spread evenly over a group of pictures, and whole films are watched with idle decoding and
without. Caught: every window that shows some of the piece was decoded. Alerts: how many of those
raised with full decoding are raised with idle decoding too. Most pieces end as they began, so that
no key frame after them shows a trace, which is the harder case.

"""


def page(found: Collection[Kept]) -> str:
    """The figures as tables in Markdown."""
    lengths = " | ".join(f"{length_s:g} s" for length_s in LENGTHS_S)
    lines = [f"| camera | | {lengths} |", "|---|---" + "|---" * len(LENGTHS_S) + "|"]
    for one in [one for one in found if isinstance(one, Caught)]:
        codec = {"h264": "H.264", "hevc": "H.265"}[one.codec]
        caught = " | ".join(_of(share.caught, share.acts) for share in one.shares)
        alerts = " | ".join(_of(share.alerts_idle, share.alerts) for share in one.shares)
        lines += [
            f"| {codec}, {one.rate} rate, key frames {one.group_s:g} s apart"
            f"{', which leaves the scene changed' * (not one.returns)} | caught | {caught} |",
            f"| | alerts | {alerts} |",
        ]
    heads = ("stream", "decoded in full", "idle decoding", "ratio", "idle")
    lines += ["", "CPU a second of stream:", ""]
    lines += ["| " + " | ".join((*heads, "decoding while idle", "while not")) + " |"]
    lines += ["|---" * 7 + "|"]
    lines += [
        f"| {one.stream} | {one.full_ms:.0f} ms | {one.idle_ms:.0f} ms | {one.ratio:.1f} | "
        f"{one.resting_share:.0%} | {one.resting_ms:.1f} ms | {one.decoding_ms:.0f} ms |"
        for one in found
        if isinstance(one, Saved)
    ]
    return "\n".join(lines) + "\n"


def _of(count: int, whole: int) -> str:
    return f"{count} of {whole}" if whole else "–"
