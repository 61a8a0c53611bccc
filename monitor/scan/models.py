"""The model of a scan, loaded once in each process."""

from functools import lru_cache

from monitor.errors import ModelError
from monitor.recognition.classifier import OnnxClassifier
from monitor.scan.job import ModelFile


def load_model(model: ModelFile) -> OnnxClassifier:
    """The model; ModelError if its file cannot be used, or is not the same any more."""
    classifier = _load(model)
    if classifier.sha256 != model.sha256:
        raise ModelError(f"{model.path}: changed during the scan")
    return classifier


@lru_cache(maxsize=1)
def _load(model: ModelFile) -> OnnxClassifier:
    return OnnxClassifier(model.path, model.provider)
