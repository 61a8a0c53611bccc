"""What the results must hold to; `make soak` fails where they do not."""

from collections.abc import Iterator

from benchmarks.reliability.results import Results
from benchmarks.reliability.soak import AGAIN_S, total

MEMORY_MIB = 5.0  # that 200 drops may leave behind


def broken(results: Results) -> Iterator[str]:
    """Each promise that was not kept, in a line."""
    if (soak := results.soak) is not None:
        if lost := len(total(list(soak.judged.values())).lost):
            yield f"{lost} alerts were owed and never came"
        if soak.blind:
            yield f"{soak.blind} times a camera was not watched within {AGAIN_S:g} s of its fault"
        if soak.exit_code or soak.tracebacks:
            yield f"har-monitor ended with {soak.exit_code} and {soak.tracebacks} tracebacks"
    if (dropped := results.drops) is not None:
        before, after = dropped.before, dropped.after
        if after.memory_mib > before.memory_mib + MEMORY_MIB:
            yield f"drops left {after.memory_mib - before.memory_mib:.1f} MiB behind"
        if after.threads > before.threads or after.files > before.files:
            yield "drops left threads or descriptors behind"
    if (killed := results.kills) is not None and (killed.torn or killed.twice or killed.unended):
        yield "after a kill the alert log had torn lines, ids given twice or starts without an end"
