"""The model of a scan, loaded once in each process."""

from functools import lru_cache

from monitor.recognition.classifier import OnnxClassifier
from monitor.scan.job import ModelFile


@lru_cache(maxsize=1)
def load_model(model: ModelFile) -> OnnxClassifier:
    """The model; ModelError if it cannot be used, ConfigError if its provider cannot."""
    return OnnxClassifier(model.path, model.provider, model.content)
