"""The command har-export, also as python -m export."""

from monitor.cli.interrupt import start_command


def run() -> None:
    """Run the command."""
    start_command()
    from export.cli import app

    app(prog_name="har-export")


if __name__ == "__main__":
    run()
