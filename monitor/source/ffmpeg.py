"""FFmpeg's errors in the words of this project."""

import av

from monitor.errors import OpenCause


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
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, TimeoutError | av.ExitError):
        return "timeout"
    if isinstance(error, av.InvalidDataError | av.HTTPError):
        return "invalid"
    return "unreachable"
