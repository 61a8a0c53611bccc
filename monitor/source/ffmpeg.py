"""FFmpeg's errors in the words of this project."""

import av
from av.container import InputContainer

from monitor.errors import OpenCause

# A playlist is a list of other addresses, and a source may lead only to itself.
_PLAYLISTS = {"hls", "dash", "concat", "imf", "sdp"}


def reason(error: Exception) -> str:
    """FFmpeg's own words for an error, without the address that they repeat."""
    words = str(getattr(error, "strerror", None) or "").strip().rstrip(".")
    return words.lower() or type(error).__name__


def open_cause(error: Exception) -> OpenCause:
    """Why a stream could not be opened."""
    if isinstance(error, av.HTTPUnauthorizedError | av.HTTPForbiddenError):
        return "authentication"
    if isinstance(error, av.HTTPNotFoundError):
        return "not found"
    # A server error passes: a camera that starts up, or has as many viewers as it can.
    if isinstance(error, ConnectionRefusedError | av.HTTPServerError):
        return "refused"
    if isinstance(error, TimeoutError | av.ExitError):
        return "timeout"
    if isinstance(error, av.InvalidDataError | av.HTTPError):
        return "invalid"
    return "unreachable"


def video_fault(container: InputContainer) -> str | None:
    """What keeps the pictures of an open container from being read, None where nothing does."""
    if container.format.name in _PLAYLISTS:
        return "is a playlist, not a video"
    if not container.streams.video:
        return "holds no video stream"
    if container.streams.video[0].codec_context is None:
        return "holds video in a format that is not known here"
    return None
