"""Why a stream could not be opened: FFmpeg has one name for many causes, so the server is asked."""

from urllib.parse import SplitResult, urlsplit

import av

from monitor.decode.ffmpeg import open_cause, reason
from monitor.sources.address import Address
from monitor.sources.connection import UnfitError, connect
from monitor.sources.source import SourceSettings
from monitor.states import OpenFailure

_ASK_S = 0.5  # for a connection: FFmpeg had its time already


def diagnose_open_error(
    address: Address, settings: SourceSettings, error: Exception, waited_s: float
) -> tuple[OpenFailure, str]:
    """The cause of an error that came after `waited_s`, and words for it."""
    cause, words = open_cause(error), reason(error)
    if isinstance(error, UnfitError):
        return error.cause, error.words
    # FFmpeg gives a wait that was cut short other names too.
    if cause == OpenFailure.TIMEOUT or waited_s > 0.95 * settings.open_timeout_s:
        return OpenFailure.TIMEOUT, f"no answer within {settings.open_timeout_s:g} s"
    if cause not in (OpenFailure.UNREACHABLE, OpenFailure.INVALID):
        return cause, words
    url = urlsplit(address.target)
    if fault := _fault(url, settings):
        return OpenFailure.INVALID, fault
    if isinstance(error, av.InvalidDataError):
        return OpenFailure.INVALID, "answered, but not with video; check port and path"
    if isinstance(error, av.ArgumentError):
        return OpenFailure.INVALID, "not a kind of video stream that is read here"
    return cause, words if cause == OpenFailure.INVALID else f"no video came ({words})"


def _fault(url: SplitResult, settings: SourceSettings) -> str | None:
    """What FFmpeg has no words for; the server that is asked is not told the password."""
    try:
        if url.scheme == "rtmps":
            connect(url, settings.ca_file, _ASK_S).close()
    except UnfitError as error:
        return error.words
    except OSError:
        pass
    return None
