from pathlib import Path

import pytest

from monitor.config.options import MonitorOptions
from monitor.config.yaml_file import load
from monitor.errors import ModelError
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.shipped import DEFAULT, SHIPPED, model_path


@pytest.mark.parametrize("name", SHIPPED)
def test_a_model_in_the_package_is_found_by_its_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(f"defaults: {{model: {name}}}\n")

    assert load(tmp_path / "m.yaml", MonitorOptions).defaults.model == SHIPPED[name]
    assert OnnxClassifier(name).path == SHIPPED[name]


def test_a_file_may_be_called_like_a_model_in_the_package(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(f"defaults: {{model: ./{DEFAULT}}}\n")

    assert load(tmp_path / "m.yaml", MonitorOptions).defaults.model == tmp_path / DEFAULT
    assert model_path(Path(DEFAULT)) == Path(DEFAULT)


def test_a_name_of_no_model_is_refused_with_those_in_the_package() -> None:
    with pytest.raises(ModelError, match=r"^figth: no such file.*; models in the package: .*fight"):
        OnnxClassifier("figth")
    with pytest.raises(ModelError, match=r"^figth\.onnx: no such file or directory$"):
        OnnxClassifier("figth.onnx")
