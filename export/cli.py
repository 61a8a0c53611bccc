"""har-export: turn a trained model into one ONNX file."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from export.engine import Engine
from export.extra import training_tools
from export.opsets import DEFAULT_OPSET, OPSETS
from export.quiet import quiet
from monitor.command import Command, exit_codes
from monitor.interrupt import interruptible

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(cls=Command)
def main(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL.keras", help="The model that har-train wrote.")
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL.onnx", help="The file to write; an older one is replaced on success."
        ),
    ],
    opset: Annotated[
        int, typer.Option(help=f"ONNX operator set, {OPSETS[0]} to {OPSETS[-1]}.")
    ] = DEFAULT_OPSET,
    engine: Annotated[
        Engine | None,
        typer.Option(
            help="What writes the graph: fused, for speed, or tf2onnx, for any network.",
            show_default="fused where it knows the network",
        ),
    ] = None,
) -> None:
    """Turn a trained model into one ONNX file for har-monitor, and prove that both agree."""
    console = Console()
    with exit_codes(Console(stderr=True)):
        with (
            interruptible(console.show_cursor),
            console.status("Converting and verifying"),
            quiet(),
            training_tools(),
        ):
            from export.export import export_model

            done = export_model(model, target, opset, engine)
        if done.not_fused is not None:
            console.print(Text(f"not fused, by tf2onnx: {done.not_fused}"), soft_wrap=True)
        console.print(
            Text(
                f"{done.path}: {done.size_kib:.0f} KiB, opset {done.opset}, {done.engine}, "
                f"{done.window_ms:.1f} ms a window on one thread, "
                f"differs from Keras by {done.difference:.1g} at most"
            ),
            soft_wrap=True,
        )
