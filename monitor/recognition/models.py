"""The models of all cameras: one session for each file."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.errors import ConfigError
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.metadata import ModelMetadata
from monitor.recognition.shipped import DEFAULT, model_path
from monitor.records import Outputs


class Classifier(Protocol):
    """Names the activity in clips: a model file with its metadata. Any thread may call it."""

    @property
    def metadata(self) -> ModelMetadata:
        """What the model says about itself."""

    @property
    def path(self) -> Path | None:
        """Where its file lies; None if it is none."""

    @property
    def sha256(self) -> str:
        """Tells its file from all others."""

    def classify(self, clips: NDArray[np.uint8], /) -> Outputs:
        """Scores, and novelty where there is one, of clips (N, T, H, W, 3) uint8 RGB."""


class Models:
    """Gives each camera its model; cameras with the same file share one session."""

    def __init__(self, default: Classifier | None = None, provider: str = "cpu") -> None:
        self._provider = provider
        self._default = default  # of cameras that name no file; None: `fight` of the package
        self._loaded: dict[Path, Classifier] = {}

    def get(self, path: Path | None) -> Classifier:
        """The model in a file, loaded when it is first asked for; ModelError if it is none."""
        if path is None and self._default is not None:
            return self._default
        path = model_path(DEFAULT) if path is None else path
        if path not in self._loaded:
            self._loaded[path] = OnnxClassifier(path, self._provider)
        return self._loaded[path]

    def shadow(self, path: Path | None, shadow: Path | None) -> Classifier | None:
        """The model that is tried out beside that of `path`; None if there is none.

        ModelError as above; ConfigError if both are the same.
        """
        if shadow is None:
            return None
        tried = self.get(shadow)
        if tried.sha256 == self.get(path).sha256:
            raise ConfigError(f"shadow {shadow}: is the camera's own model; another is needed")
        return tried
