"""The models in the package, by name."""

from pathlib import Path

SHIPPED = {
    path.stem: path for path in sorted((Path(__file__).parents[1] / "models").glob("*.onnx"))
}
DEFAULT = "fight"


def model_path(named: str | Path) -> Path:
    """The file of a model: of one in the package by its name, else the path itself.

    `./fight` or `Path("fight")` is a file of yours that is called like one in the package.
    """
    return SHIPPED.get(named, Path(named)) if isinstance(named, str) else named
