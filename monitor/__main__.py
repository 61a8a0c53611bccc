"""python -m monitor: the command har-monitor."""

from monitor.cli import app

app(prog_name="har-monitor")
