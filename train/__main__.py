"""The commands har-train, also as python -m train, and har-evaluate."""

from monitor.cli.interrupt import start_command


def run() -> None:
    """Run har-train."""
    start_command()
    from train.cli.train import app

    app(prog_name="har-train")


def run_evaluate() -> None:
    """Run har-evaluate."""
    start_command()
    from train.cli.evaluate import app

    app(prog_name="har-evaluate")


if __name__ == "__main__":
    run()
