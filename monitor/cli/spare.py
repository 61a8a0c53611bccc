"""A har-monitor that has loaded its modules, and waits for its folder and its arguments.

python -m monitor.cli.spare, with a pipe as standard input: of whoever keeps it ready. It ends if
the pipe is closed before it has its orders.
"""

import json
import os
import sys
from importlib import import_module

# What watches under a lease; most of the time that a process takes to begin is for these.
_MODULES = (
    "monitor.cli.app",
    "monitor.cli.preflight",
    "monitor.cli.promotion",
    "monitor.cli.shard",
    "monitor.cli.watch",
    "monitor.cli.watching",
    "monitor.health.heartbeat",
    "monitor.pipeline.monitor",
    "monitor.sources.stream",
    "onnxruntime",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
)


def main() -> None:
    """Wait, and then be that har-monitor."""
    for module in _MODULES:
        import_module(module)
    orders = sys.stdin.buffer.read()
    if not orders:
        return
    folder, *arguments = json.loads(orders)
    os.chdir(folder)
    with open(os.devnull, "rb") as nothing, open("output", "ab") as output:
        for file, target in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(file.fileno(), target)
    from setproctitle import setproctitle

    from monitor.__main__ import run

    setproctitle(" ".join(("har-monitor", *arguments)))
    sys.argv[1:] = arguments
    run()


if __name__ == "__main__":
    main()
