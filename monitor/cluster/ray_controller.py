"""The actor that places a site's shards: one of a cluster, and under a lease one of the store."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayError

from monitor.cluster.agent import SiteConfig
from monitor.cluster.controller import ClusterStatus, Controller
from monitor.cluster.plan import Actions
from monitor.cluster.ray_agent import ShardAgent
from monitor.cluster.ray_session import nodes_alive, pinned
from monitor.cluster.site import options_of
from monitor.errors import MonitorError
from monitor.lease.keeper import LeaseKeeper
from monitor.states import LeaseState
from monitor.store.lease import Holder, Leases
from monitor.store.rebuild import KeptStore
from monitor.throttle import LogThrottle

TURN_S = 1.0
LEASE = "cluster"  # the name of the lease: one cluster places the shards of a store
_NAME = re.compile(r"\w[\w.:-]{0,99}", re.ASCII)
_ZONE = "zone:"  # begins the resources of a node that say whose cameras it reaches
_CLOSE_S = 5.0  # that a turn has to end

log = logging.getLogger(__name__)


def namespace(site: str) -> str:
    """Of a site's actors."""
    return f"har-monitor {site}"


def agent_of(node: dict[str, Any], config: SiteConfig) -> Any:
    """The agent of a node, which is begun if there is none."""
    name, resources = node["NodeName"], node["Resources"]
    cores = float(resources.get("CPU", 1.0))
    zones = tuple(sorted(one.removeprefix(_ZONE) for one in resources if one.startswith(_ZONE)))
    return (
        ray.remote(ShardAgent)
        .options(
            name=f"agent {name} {node['NodeID']}",
            namespace=namespace(config.site),
            get_if_exists=True,
            lifetime="detached",
            num_cpus=0,
            max_restarts=-1,
            scheduling_strategy=pinned(node["NodeID"]),
        )
        .remote(name, cores, zones, config)
    )


class ShardController:
    """Begins to work at once: of an actor that is begun anew, no call is repeated."""

    def __init__(self, config: SiteConfig, leaving: tuple[str, ...]) -> None:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        self._config = config
        self._controller = Controller(config, leaving, time.monotonic)
        self._agents: dict[str, Any] = {}  # by the id of the node
        self._asked: dict[Any, str] = {}  # ids of nodes, by calls that are not answered
        self._misnamed: tuple[str, ...] = ()  # what is wrong with names of nodes
        self._standby = ""
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._throttle = LogThrottle(log, time.monotonic)
        self._thread = threading.Thread(target=self._run, name="placing", daemon=True)
        self._thread.start()

    def status(self) -> ClusterStatus:
        """How the site does."""
        with self._lock:
            found = self._controller.status(self._standby)
        return replace(found, errors=(*found.errors, *self._misnamed))

    def close(self) -> None:
        """Place nothing more; the shards go on."""
        self._ended.set()
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        try:
            self._place()
        except BaseException:
            log.exception("the controller failed; Ray begins it anew")
            os._exit(1)

    def _place(self) -> None:
        keeper, store = None, None
        while not self._ended.is_set():
            began_s = time.monotonic()
            try:
                if keeper is None:
                    options = options_of(self._config.text)
                    assert options.store is not None  # see cluster_config
                    store = KeptStore(options.store.url, None)
                    context = ray.get_runtime_context()
                    described = f"the Ray cluster at {context.gcs_address}"
                    holder = Holder(context.get_session_name(), described)
                    keeper = LeaseKeeper(Leases(store), LEASE, holder)
                self._turn(placing=self._holds(keeper))
            except (MonitorError, RayError) as error:
                self._standby = str(error)
                self._throttle.log(logging.WARNING, "turn", str(error))
            self._ended.wait(max(0.0, TURN_S - (time.monotonic() - began_s)))
        if keeper is not None:
            keeper.close()
        if store is not None:
            store.close()

    def _holds(self, keeper: LeaseKeeper) -> bool:
        """Whether this cluster, and no other, is to place the shards."""
        if keeper.fence is None and keeper.acquire():
            keeper.keep(self._lost)
        status = keeper.status
        if status.state is LeaseState.STANDBY:
            self._standby = f"the site's shards are placed by {status.by}; this cluster stands by"
        elif status.state is LeaseState.UNKNOWN:
            self._standby = "the event store does not answer: nothing is placed until it does"
        else:
            self._standby = ""
        return keeper.may_write

    def _lost(self, error: BaseException) -> None:
        """Another controller has the lease: begin anew, and stand by."""
        log.error("%s", error)
        os._exit(1)

    def _turn(self, *, placing: bool) -> None:
        """Hear how all nodes do, and tell them what is to change, if that is for us to say."""
        alive = nodes_alive()
        self._misnamed = tuple(misnamed(one["NodeName"] for one in alive))
        names = {one["NodeName"]: one for one in alive if _NAME.fullmatch(one["NodeName"])}
        ids = {one["NodeID"] for one in names.values()}
        for gone in self._agents.keys() - ids:
            # It may come back, and is then to have another agent.
            ray.kill(self._agents.pop(gone), no_restart=True)
        self._asked = {call: node_id for call, node_id in self._asked.items() if node_id in ids}
        with self._lock:
            self._controller.see(names)
        self._listen(0.0)  # first: who has answered by now is not silent
        with self._lock:
            orders = self._controller.tell() if placing else {}
        for name, actions in orders.items():
            for what, places in (("begins", actions.start), ("ends", actions.stop)):
                for place in places:
                    log.info("shard %d: a process on %s/%s %s", place.shard, name, place.slot, what)
        waited = set(self._asked.values())
        for name, node in names.items():
            if node["NodeID"] not in waited:
                actions = orders.get(name, Actions())
                config = self._config if actions.start else None
                self._asked[self._agent(node).follow.remote(actions, config)] = node["NodeID"]
                with self._lock:
                    self._controller.asked(name)
        self._listen(TURN_S / 2)

    def _listen(self, limit_s: float) -> None:
        """Hear the nodes that answer within some time."""
        if not self._asked:
            return
        ready, _ = ray.wait(list(self._asked), num_returns=len(self._asked), timeout=limit_s)
        for call in ready:
            node_id = self._asked.pop(call)
            try:
                report = ray.get(call)
            except RayError as error:  # it is begun anew, or its node is gone
                self._agents.pop(node_id, None)
                text = f"the agent of node {node_id[:8]}: {_first_line(error)}"
                self._throttle.log(logging.WARNING, node_id, text)
                continue
            with self._lock:
                self._controller.hear(report)

    def _agent(self, node: dict[str, Any]) -> Any:
        node_id = node["NodeID"]
        if node_id not in self._agents:
            self._agents[node_id] = agent_of(node, self._config)
        return self._agents[node_id]


def misnamed(names: Iterable[str]) -> Iterator[str]:
    """What is wrong with the names of nodes: folders are called after them."""
    for name, count in sorted(Counter(names).items()):
        if not _NAME.fullmatch(name):
            yield f"node {name:.100}: it has no shards; letters, digits and _ . : - are allowed"
        elif count > 1:
            yield f"{count} nodes are named {name}: ray start --node-name gives each its own"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
