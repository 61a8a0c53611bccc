"""What a run would read and write, checked before it does."""

import os
from pathlib import Path

from monitor.config import MonitorOptions
from monitor.errors import ConfigError, SinkError, SourceOpenError
from monitor.source.webcam import device_path, no_device

STDOUT = Path("-")


def video_path(path: Path, camera: str, cameras: int) -> Path:
    """Where a camera's video goes: PATH, or PATH with the camera's name where there are several."""
    return path if cameras == 1 else path.with_name(f"{path.stem}-{camera}{path.suffix}")


def check_inputs(options: MonitorOptions) -> None:
    """SourceOpenError for a file or device that is not there; no camera is contacted."""
    for camera in options.cameras:
        address = camera.address
        if address.kind == "file" and not Path(address.target).exists():
            raise SourceOpenError(f"camera {camera.name}: {address}: no such file", "not found")
        if address.kind == "webcam" and not device_path(address.target).exists():
            raise SourceOpenError(f"camera {camera.name}: {no_device(address.target)}", "device")


def check_outputs(options: MonitorOptions) -> None:
    """ConfigError where an output would overwrite what is read; SinkError where there is no folder.

    Nothing is written or made.
    """
    inputs = [Path(c.address.target) for c in options.cameras if c.address.kind == "file"]
    inputs += [path for path in (options.model, options.stream.ca_file) if path is not None]
    outputs = [] if options.log.path == STDOUT else [("log", options.log.path)]
    if options.health is not None:
        outputs.append(("health", options.health))
    if options.save_video is not None:
        names = [camera.name for camera in options.cameras]
        videos = [video_path(options.save_video, name, len(names)) for name in names]
        outputs += [("save_video", video) for video in videos]
    for option, output in outputs:
        for source in inputs:
            if output.exists() and source.exists() and output.samefile(source):
                raise ConfigError(f"{option} {output}: would overwrite {source}, which is read")
        folder = output.parent
        if not folder.is_dir():
            raise SinkError(f"{option} {output}: there is no folder {folder}")
        if not os.access(output if output.exists() else folder, os.W_OK):
            raise SinkError(f"{option} {output}: permission denied")
    ca_file = options.stream.ca_file
    if ca_file is not None and not ca_file.is_file():
        raise ConfigError(f"stream.ca_file {ca_file}: no such file")
