"""Hardware that is asked for by name is used, or refused before anything is watched."""

from pathlib import Path

import pytest

from monitor.decode.hardware import check_hardware
from monitor.decode.options import Decoding
from monitor.errors import ConfigError, SourceOpenError
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.shipped import SHIPPED
from monitor.sources.file import FileSource


def test_nothing_is_asked_for_by_default() -> None:
    check_hardware(None)
    assert OnnxClassifier(SHIPPED["fight"], "CPU").metadata == OnnxClassifier().metadata


@pytest.mark.parametrize("name", ["vaapi", "cuda", "nonsense"])
def test_a_decoder_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_hardware(name)
    message = str(caught.value)
    assert message.startswith(f"decode.hardware {name}: cannot be used here: ")
    assert "this FFmpeg knows " in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["cuda", "nonsense"])
def test_a_provider_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        OnnxClassifier(SHIPPED["fight"], name)
    assert str(caught.value).startswith(
        f"inference.provider {name}: not in this ONNX Runtime; it has "
    )
    assert "cpu" in str(caught.value)


def test_a_video_is_never_decoded_by_the_cores_instead(fight_clip: Path) -> None:
    source = FileSource(fight_clip, Decoding(hardware="vaapi"))
    with pytest.raises(SourceOpenError):
        source.open()
