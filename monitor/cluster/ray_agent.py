"""The actor of each node: its agent, and what Ray does not tell an actor."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

from monitor.cluster.agent import NodeAgent, NodeReport, SiteConfig
from monitor.cluster.plan import Actions
from monitor.cluster.ray_session import AUTH_MODE, TOKEN, auth_mode

_LOOK_S = 1.0

log = logging.getLogger(__name__)


class ShardAgent:
    """An agent, as an actor that is pinned to its node and begun anew without limit."""

    def __init__(self, node: str, cores: float, zones: tuple[str, ...], config: SiteConfig) -> None:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        folder = Path(config.folder) / config.site / node
        self._agent = NodeAgent(node, cores, folder, zones)
        self._ended = threading.Event()
        for work in (self._run, self._leave_with_node):
            threading.Thread(target=work, name=work.__name__, daemon=True).start()

    def follow(self, actions: Actions, config: SiteConfig | None) -> NodeReport:
        """Begin and end processes, and say how all of them do."""
        report = self._agent.follow(actions, config)
        if auth_mode() != TOKEN:
            return replace(report, fault=f"its Ray was started without {AUTH_MODE}={TOKEN}")
        return report

    def stop_all(self) -> bool:
        """Tell all processes to end; whether all have."""
        return self._agent.stop_all()

    def _run(self) -> None:
        try:
            self._agent.run(self._ended)
        except BaseException:
            log.exception("the agent failed; Ray begins it anew")
            os._exit(1)

    def _leave_with_node(self) -> None:
        """End once the node's Ray has: it may have another by now, with another agent.

        Ray lets an actor go on whose node was taken for dead, and came back. The processes of the
        shards go on, too: their leases say which of them may write.
        """
        parent = os.getppid()
        while os.getppid() == parent:
            time.sleep(_LOOK_S)
        os._exit(0)
