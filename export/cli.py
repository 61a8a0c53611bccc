"""har-export: turn a trained model into one ONNX file."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from export.backend import quiet, training_tools
from export.options import (
    DEFAULT_OPSET,
    OPSETS,
    Colours,
    Engine,
    NetworkDescription,
    Pixels,
    parse_labels,
)
from monitor.cli.command import Command, exit_codes
from monitor.cli.interrupt import interruptible
from monitor.errors import ConfigError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(cls=Command)
def main(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL.keras",
            help="The model that har-train wrote; or any network of clips, .keras or .h5, with "
            "--labels and --fps.",
        ),
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
            show_default="fused if it knows the network",
        ),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A,B,...", help="Labels in the order of the scores.", show_default=False
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(help="Frames a second in the clips it was fitted on.", show_default=False),
    ] = None,
    background: Annotated[
        list[str] | None,
        typer.Option(help="A label that never alerts. Once per label.", show_default="none"),
    ] = None,
    pixels: Annotated[
        Pixels | None,
        typer.Option(help="The numbers that it takes for 0 to 255.", show_default=Pixels.UNIT),
    ] = None,
    colours: Annotated[
        Colours | None,
        typer.Option(
            help="The order of its colours; bgr if OpenCV read the clips.",
            show_default=Colours.RGB,
        ),
    ] = None,
    logits: Annotated[
        bool, typer.Option("--logits", help="It ends without softmax or sigmoid.")
    ] = False,
) -> None:
    """Turn a trained model into one ONNX file for har-monitor, and prove that both agree.

    The last six options describe a network that har-train did not make.
    """
    console = Console()
    with exit_codes(Console(stderr=True)):
        description = _description(
            labels,
            fps,
            background=tuple(background or ()),
            pixels=pixels,
            colours=colours,
            logits=logits,
        )
        with (
            interruptible(console.show_cursor),
            console.status("Converting and verifying"),
            quiet(),
            training_tools(),
        ):
            from export.export import export_model

            done = export_model(model, target, opset, engine, description)
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


def _description(
    labels: list[str] | None, fps: float | None, **others: Any
) -> NetworkDescription | None:
    """What the options say of a network that har-train did not make; None if none is given."""
    given = {name: value for name, value in others.items() if value}
    if labels and fps is not None:
        return NetworkDescription(parse_labels(labels), fps, **given)
    if labels or fps is not None or given:
        raise ConfigError("a network that har-train did not make needs both --labels and --fps")
    return None
