"""The metrics of all shards of a site, made of what each says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.samples import Sample

from monitor.health.report import ShardView
from monitor.metrics.collector import families
from monitor.metrics.facts import Disk, Evidence, Facts
from monitor.states import CameraState

_WATCHED = "har_camera_watched"


def site_exposition(
    shards: Callable[[], Sequence[ShardView]], facts: Callable[[], Facts]
) -> Callable[[], bytes]:
    """What makes the text of all metrics of a site; any thread may call it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SiteCollector(shards, facts))
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry)


class SiteCollector(Collector):
    """Metrics as each shard alone would have them, with its shard as one more label."""

    def __init__(
        self,
        shards: Callable[[], Sequence[ShardView]],
        facts: Callable[[], Facts],  # of them: the reviews
    ) -> None:
        self._shards = shards
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        """All metrics at this moment; of a shard that is silent, that nothing of it is watched."""
        shards = self._shards()
        heard = GaugeMetricFamily(
            "har_shard_heard", "1 if a shard was heard of within 10 s, else 0.", labels=("shard",)
        )
        for shard in shards:
            heard.add_metric([shard.shard], shard.heard)
        yield heard
        reviews = self._facts().reviews
        yield from _merged((shard.shard, _of_shard(shard, Facts(reviews))) for shard in shards)


def _of_shard(shard: ShardView, known: Facts) -> Iterable[Metric]:
    report = shard.report
    if not shard.heard:
        gone = [replace(camera, state=CameraState.STOPPED) for camera in report.cameras]
        found = families(report.version, gone, (), (), Facts())
        return [metric for metric in found if metric.name == _WATCHED]
    facts = replace(
        known,
        disks={name: Disk(*sizes) for name, sizes in report.disks.items()},
        evidence=None if report.evidence is None else Evidence(*report.evidence, report.copies),
    )
    return families(report.version, report.cameras, report.sinks, report.workers, facts)


def _merged(found: Iterable[tuple[str, Iterable[Metric]]]) -> Iterable[Metric]:
    """Each metric once, with the samples of all shards."""
    merged: dict[str, Metric] = {}
    for shard, metrics in found:
        for one in metrics:
            known = merged.setdefault(one.name, Metric(one.name, one.documentation, one.type))
            known.samples += [
                Sample(sample.name, {"shard": shard, **sample.labels}, *sample[2:])
                for sample in one.samples
            ]
    return merged.values()
