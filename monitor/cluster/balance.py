"""How busy nodes are, by what their shards cost, and which move of a shard would even that out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from monitor.costs import cost_of

# Nodes may differ by so much of their mean: what is measured varies, and a move is no pleasure.
UNEVEN = 0.3
# A shard changes hands if it leaves so much more behind than it will find, in parts of its cost.
WORTH = 0.1


class Loads:
    """What each node has to do, in parts of what it can: the cost of its shards over its cores."""

    def __init__(self, cores: Mapping[str, float], costs: Mapping[int, float]) -> None:
        self._cores = cores
        self.cost = cost_of(costs)  # of a shard, in cores
        self._nodes: dict[int, str] = {}
        self._load = dict.fromkeys(cores, 0.0)

    def add(self, shard: int, node: str) -> None:
        """Count a shard where it is to be, and nowhere else."""
        if shard in self._nodes:
            self._load[self._nodes[shard]] -= self._share(shard, self._nodes[shard])
        self._nodes[shard] = node
        self._load[node] += self._share(shard, node)

    def lightest(self, shard: int, nodes: Iterable[str]) -> str | None:
        """Of these nodes the one that has least to do once it has this shard; None if of none."""
        return min(nodes, key=lambda node: (self._with(shard, node), node), default=None)

    def rank(self, shard: int, node: str, *, is_there: bool) -> float:
        """How busy a node is with a shard; a little less than that if it watches it already."""
        kept = WORTH * self._share(shard, node) if is_there else 0.0
        return self._with(shard, node) - kept

    def move(self, shards: Collection[int], nodes: Collection[str]) -> tuple[int, str] | None:
        """The one shard of these whose move evens out most, and where to; None if it is even."""
        if len(nodes) < 2:
            return None
        heaviest = max(nodes, key=lambda node: (self._load[node], node))
        lightest = min(nodes, key=lambda node: (self._load[node], node))
        gap = self._load[heaviest] - self._load[lightest]
        if gap <= UNEVEN * sum(self._load[node] for node in nodes) / len(nodes):
            return None
        left = {
            shard: gap - self._share(shard, heaviest) - self._share(shard, lightest)
            for shard in shards
            if self._nodes.get(shard) == heaviest
        }
        useful = [
            shard
            for shard in left
            if self._with(shard, lightest) < self.rank(shard, heaviest, is_there=True)
        ]
        if not useful:
            return None
        return min(useful, key=lambda shard: (abs(left[shard]), shard)), lightest

    def _share(self, shard: int, node: str) -> float:
        return self.cost(shard) / self._cores[node]

    def _with(self, shard: int, node: str) -> float:
        """What a node has to do if it has a shard."""
        without = self._load[node]
        if self._nodes.get(shard) == node:
            without -= self._share(shard, node)
        return without + self._share(shard, node)
