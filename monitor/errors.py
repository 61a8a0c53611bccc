"""The error tree: what a caller can catch, each class for one thing.

    MonitorError              the command prints the message and exits 1
    ├── ConfigError           exits 2, like a usage error
    ├── ModelError            a model cannot be loaded, or does not fit its own metadata
    ├── DataError             clips or folds that cannot be trained or tested on
    ├── SinkError             alerts cannot be written where they were asked for
    ├── OvertakenError        exits 3: another process watches these cameras now
    └── SourceError
        ├── SourceOpenError   could not be opened; `cause` says why
        └── SourceLostError   was open and is gone

A message is one line: what, where, what was found, what is allowed. It never holds a credential.
Programming errors stay ValueError and TypeError, with a traceback.
"""

from monitor.states import OpenFailure


class MonitorError(Exception):
    """Something the user can understand and act on."""


class ConfigError(MonitorError):
    """A configuration file, option or argument that is not allowed."""


class ModelError(MonitorError):
    """A model file that cannot be loaded or does not fit its own metadata."""


class DataError(MonitorError):
    """Clips, labels or folds that cannot be trained or tested on."""


class SinkError(MonitorError):
    """A place for alerts or video that cannot be written to."""


class OvertakenError(MonitorError):
    """Another process took this one's lease over: it writes nothing more."""


class SourceError(MonitorError):
    """A camera, stream or file that cannot be read."""


class SourceOpenError(SourceError):
    """A source that could not be opened; `cause` is one of `OpenFailure`."""

    def __init__(self, message: str, cause: OpenFailure) -> None:
        super().__init__(message)
        self.cause: OpenFailure = cause


class SourceLostError(SourceError):
    """A source that was open and stopped giving frames."""
