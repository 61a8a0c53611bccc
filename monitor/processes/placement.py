"""Which process watches which camera."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from math import ceil

from monitor.costs import cost_of

PER_PROCESS = 25  # cameras, at least: a process takes 50 to 80 MiB
FEW = 64  # up to so many cameras, a process needs two cores of its own: it would save nothing
# A camera that moves is not watched for a second or two: so much more than the mean must a process
# have to do before one does.
UNEVEN = 1.25


def process_count(wanted: int | str, cameras: int, cores: int) -> int:
    """How many processes there are to be; `wanted` is their number, or `auto`."""
    if isinstance(wanted, int):
        return min(wanted, cameras)
    most = cores if cameras > FEW else cores // 2
    return max(1, min(most, ceil(cameras / PER_PROCESS)))


def place(
    cameras: Iterable[str],
    costs: Mapping[str, float],  # of those that are known: seconds of work a second
    before: Mapping[str, int],  # processes of cameras that are watched
    processes: Collection[int],
) -> dict[str, int]:
    """A process of each camera: evenly by what they cost, and few that are watched move."""
    known = cost_of(costs)
    cost = {name: known(name) for name in cameras}
    placed = {name: before[name] for name in cost if before.get(name) in processes}
    load = dict.fromkeys(processes, 0.0)
    for name, process in placed.items():
        load[process] += cost[name]
    for name in sorted(cost.keys() - placed.keys(), key=lambda name: (-cost[name], name)):
        placed[name] = min(load, key=lambda process: (load[process], process))
        load[placed[name]] += cost[name]
    while (move := _best_move(placed, cost, load)) is not None:
        name, to = move
        load[placed[name]] -= cost[name]
        load[to] += cost[name]
        placed[name] = to
    return {name: placed[name] for name in cost}


def _best_move(
    placed: Mapping[str, int], cost: Mapping[str, float], load: Mapping[int, float]
) -> tuple[str, int] | None:
    """The one camera whose move evens out most, and where to; None if it is even enough."""
    if len(load) < 2:
        return None
    heaviest, lightest = max(load, key=load.__getitem__), min(load, key=load.__getitem__)
    if load[heaviest] <= UNEVEN * sum(load.values()) / len(load):
        return None
    gap = load[heaviest] - load[lightest]
    useful = [name for name, process in placed.items() if process == heaviest and cost[name] < gap]
    if not useful:
        return None
    return min(useful, key=lambda name: (abs(cost[name] - gap / 2), name)), lightest
