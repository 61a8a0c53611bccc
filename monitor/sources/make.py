"""Makes the source for an address; what a kind of source needs is imported when it is used."""

from pathlib import Path

from monitor.sources.address import Address
from monitor.sources.source import Source, SourceSettings


def make_source(address: Address, settings: SourceSettings) -> Source:
    """The source for an address; nothing is opened yet."""
    if address.kind == "webcam":
        from monitor.sources.webcam import WebcamSource

        return WebcamSource(address)
    if address.kind == "stream":
        from monitor.sources.stream import StreamSource

        return StreamSource(address, settings)
    from monitor.sources.file import FileSource

    return FileSource(Path(address.target), settings.decoding)
