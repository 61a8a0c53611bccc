"""benchmarks/cluster_soak/README.md, made of the result."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.cluster_soak.faults import KINDS, MEANINGS
from benchmarks.cluster_soak.judge import ACT_S, APART, OWED_S, STILL_S
from benchmarks.cluster_soak.results import AGAIN_S, Soak, broken
from benchmarks.page import NOTHING, render

_TEMPLATE = Path(__file__).with_name("README.md.jinja")
_HELD = {"shard": "a shard's process", "agent": "an agent", "controller": "the controller"}


def page(results: Sequence[Soak]) -> str:
    """The page as Markdown."""
    (soak,) = results
    return render(
        _TEMPLATE,
        soak=soak,
        machine=soak.machine,
        act_s=ACT_S,
        still_s=STILL_S,
        owed_s=OWED_S,
        broken=list(broken(soak)),
        fault_rows=[_fault_row(soak, kind) for kind in KINDS],
        apart_row=_times([gap.lasted_s for gap in soak.gaps if gap.after == APART]),
        apart_s=AGAIN_S[APART],
        apart=sum(gap.after == APART for gap in soak.gaps),
        memory_rows=[_memory_row(soak, kind) for kind in _HELD],
    )


def _fault_row(soak: Soak, kind: str) -> list[str]:
    own = [gap.lasted_s for gap in soak.gaps if gap.after == kind]
    limit_s = AGAIN_S.get(kind)
    return [
        kind,
        next(text for name, text in MEANINGS.items() if name == kind),
        str(sum(one.kind == kind for one in soak.failures)),
        str(len(own)),
        *_times(own),
        NOTHING if limit_s is None else f"{limit_s:g} s",
    ]


def _times(seconds: Sequence[float]) -> list[str]:
    """Median and longest."""
    if not seconds:
        return [NOTHING] * 2
    return [f"{median(seconds):.1f} s", f"{max(seconds):.1f} s"]


def _memory_row(soak: Soak, kind: str) -> list[str]:
    held = [one.mib[kind] for one in soak.memory]
    if not held:
        return [_HELD[kind], *[NOTHING] * 3]
    return [_HELD[kind], *(f"{mib:.0f} MiB" for mib in (held[0], max(held), held[-1]))]
