"""What a run would read and write, checked before it does."""

import os
import stat
from pathlib import Path

from monitor.config.notifications import WebhookOptions
from monitor.config.object_url import ObjectUrl
from monitor.config.options import MonitorOptions
from monitor.errors import ConfigError, MonitorError, SinkError, SourceOpenError
from monitor.evidence.object_storage import check_packages
from monitor.paths import STDOUT, describe_os_error, stat_or_none, video_file, video_path
from monitor.sources.webcam import device_fault
from monitor.states import OpenFailure


def check_inputs(options: MonitorOptions) -> None:
    """SourceOpenError for a file or device that cannot be opened; no camera is contacted."""
    for camera in options.cameras:
        address = camera.address
        if address.kind == "file":
            video_file(Path(address.target), f"camera {camera.name}: {address}")
        if address.kind == "webcam" and (fault := device_fault(address.device)):
            raise SourceOpenError(f"camera {camera.name}: {fault}", OpenFailure.DEVICE)


def check_outputs(options: MonitorOptions) -> None:
    """ConfigError if an output would overwrite what is read, or evidence cannot be copied.

    SinkError if there is no folder. Nothing is written or made.
    """
    inputs = [Path(c.address.target) for c in options.cameras if c.address.kind == "file"]
    inputs += [path for path in (*_models(options), *_ca_files(options)) if path is not None]
    outputs = [("log", log.path) for log in options.logs if log.path != STDOUT]
    if options.health is not None:
        outputs.append(("health", options.health))
    if options.store is not None and "://" not in options.store.url:
        outputs.append(("store", Path(options.store.url)))
    if options.save_video is not None:
        names = [camera.name for camera in options.cameras]
        videos = [video_path(options.save_video, name, len(names)) for name in names]
        outputs += [("save_video", video) for video in videos]
    for option, output in outputs:
        for source in inputs:
            if _same(output, source):
                raise ConfigError(f"{option} {output}: would overwrite {source}, which is read")
        _check_output(f"{option} {output}", output)
    if options.evidence is not None and options.evidence.copy_to is not None:
        _check_copies(options.evidence.folder, options.evidence.copy_to)
    for ca_file in _ca_files(options):
        _check_ca_file(f"stream.ca_file {ca_file}", ca_file)
    targets = () if options.notify is None else options.notify.targets
    for target in targets:
        if isinstance(target, WebhookOptions) and target.ca_file is not None:
            _check_ca_file(f"notify {target.name}: ca_file {target.ca_file}", target.ca_file)


def check_decoding(options: MonitorOptions) -> None:
    """ConfigError if something that is to decode is not to be had here."""
    from monitor.decode.hardware import check_hardware  # which imports PyAV

    for name in dict.fromkeys(one.decode.hardware for one in (options.defaults, *options.cameras)):
        check_hardware(name)


def _models(options: MonitorOptions) -> list[Path]:
    watched = (options.defaults, *options.cameras)
    found = (path for one in watched for path in (one.model, one.shadow))
    return list(dict.fromkeys(model for model in found if model is not None))


def _ca_files(options: MonitorOptions) -> list[Path]:
    found = (one.stream.ca_file for one in (options.defaults, *options.cameras))
    return list(dict.fromkeys(file for file in found if file is not None))


def _check_copies(folder: Path, copy_to: str) -> None:
    check_packages(copy_to)
    url = ObjectUrl.parse(copy_to)
    if url.scheme == "file" and os.path.realpath(url.root) == os.path.realpath(folder):
        raise ConfigError(f"evidence: copy_to {copy_to}: is the folder of the evidence itself")


def _check_ca_file(named: str, ca_file: Path) -> None:
    there = stat_or_none(ca_file, lambda error: ConfigError(describe_os_error(named, error)))
    if there is None or not stat.S_ISREG(there.st_mode):
        raise ConfigError(f"{named}: no such file")


def _check_output(named: str, output: Path) -> None:
    def fault(error: OSError) -> MonitorError:
        return SinkError(describe_os_error(named, error))

    folder = stat_or_none(output.parent, fault)
    if folder is None or not stat.S_ISDIR(folder.st_mode):
        raise SinkError(f"{named}: there is no folder {output.parent}")
    if not os.access(output.parent if stat_or_none(output, fault) is None else output, os.W_OK):
        raise SinkError(f"{named}: permission denied")


def _same(output: Path, source: Path) -> bool:
    """Whether both are one file; a source that cannot be looked at is for its camera to report."""
    try:
        return output.samefile(source)
    except (OSError, ValueError):
        return False
