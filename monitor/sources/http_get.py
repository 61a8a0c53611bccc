"""A GET to a camera, with the password where that is asked for; redirects are not followed."""

import time
from http.client import HTTPException, HTTPResponse
from string import punctuation
from urllib.parse import SplitResult, quote

from monitor.sources.authentication import Challenge, Login, challenges, chosen
from monitor.sources.connection import UnfitError, Wire, connect, refuse
from monitor.sources.source import SourceSettings


class Asking:
    """Asks one URL; a cheap camera has one viewer alone: twice only for the sake of a password.

    Errors are OSErrors or FFmpeg's, so that all streams' errors have the same words.
    """

    def __init__(self, url: SplitResult, settings: SourceSettings) -> None:
        self.url = url
        self.wire: Wire | None = None
        place = url._replace(scheme="", netloc="", fragment="", path=url.path or "/")
        self._path = quote(place.geturl(), punctuation)
        self._ca_file = settings.ca_file
        self._login = Login.of(url)
        self._challenge: Challenge | None = None

    def get(self, deadline_s: float, *lines: str, status: int = 200) -> HTTPResponse:
        """The answer to a GET with these header lines, until a moment of the monotonic clock."""
        try:
            response = self._get(deadline_s, lines)
            if response.status == 401 and self._login is not None:
                headers = response.headers.get_all("WWW-Authenticate", ())
                if offered := challenges(headers):
                    self._challenge = chosen(offered)
                    response = self._get(deadline_s, lines)
        except HTTPException as error:
            refuse(None if isinstance(error, OSError) else 0)  # it hung up, or babbles
        if 300 <= response.status < 400 and (place := response.headers.get("Location")):
            raise UnfitError.redirect(place.encode("latin-1").decode("utf-8", "replace"))
        if response.status != status:
            refuse(response.status)
        return response

    def request(self, method: str, *lines: str) -> bytes:
        """A request, with the answer to what the server asked last."""
        host = self.url.netloc.rpartition("@")[2]
        head = [f"{method} {self._path} HTTP/1.1", f"Host: {host}", *lines]
        if self._login is not None and self._challenge is not None:
            answer = self._login.answer(self._challenge, method, self._path)
            head.append(f"Authorization: {answer}")
        return "\r\n".join([*head, "", ""]).encode()

    def close(self) -> None:
        """Hang up."""
        if self.wire is not None:
            self.wire.close()
            self.wire = None

    def _get(self, deadline_s: float, lines: tuple[str, ...]) -> HTTPResponse:
        self.close()
        connection = connect(self.url, self._ca_file, max(0.001, deadline_s - time.monotonic()))
        self.wire = Wire(connection, deadline_s)
        connection.sendall(self.request("GET", *lines))
        response = HTTPResponse(self.wire, method="GET")  # type: ignore[arg-type]
        response.begin()
        return response
