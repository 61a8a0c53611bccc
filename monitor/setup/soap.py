"""SOAP calls to one host: bounded in time and size, never sent on to another host.

The password goes as a WS-Security digest (OASIS UsernameToken profile 1.0), dated by the camera's
own clock, or as HTTP Digest where the camera asks for that. It is never sent in the clear.
"""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPException, HTTPResponse
from urllib.parse import SplitResult
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from monitor.errors import SourceOpenError
from monitor.names import printable
from monitor.setup.xml import MOST_BYTES, XmlError, parse, text
from monitor.sources.authentication import Login, challenges, chosen
from monitor.sources.connection import UnfitError, Wire, connect
from monitor.sources.resolve import resolve
from monitor.states import OpenFailure

CALL_S = 5.0
_ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
_SPACES = {"s": _ENVELOPE}


@dataclass(frozen=True)
class Credentials:
    """A user, and what proves it."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.user})"


def call(
    url: SplitResult, body: str, credentials: Credentials | None, ahead: timedelta = timedelta()
) -> Element:
    """The body of the answer; `ahead` is the camera's clock less ours.

    SourceOpenError says why there is none.
    """
    message = _message(body, credentials, ahead).encode()
    deadline_s = time.monotonic() + CALL_S
    try:
        if not resolve(url.hostname or "", CALL_S):
            raise _error(url, OpenFailure.UNKNOWN_HOST, "the name does not resolve")
        status, headers, answer = _post(url, message, deadline_s, ())
        if status == 401 and credentials is not None:
            offered = [one for one in challenges(headers) if one.scheme == "digest"]
            if offered:
                login = Login(credentials.user, credentials.password)
                proof = login.answer(chosen(offered), "POST", _target(url))
                lines = (f"Authorization: {proof}",)
                status, headers, answer = _post(url, message, deadline_s, lines)
    except TimeoutError:
        raise _error(url, OpenFailure.TIMEOUT, f"no answer within {CALL_S:g} s") from None
    except UnfitError as error:
        raise _error(url, error.cause, error.words) from None
    except ConnectionRefusedError:
        raise _error(url, OpenFailure.REFUSED, "connection refused") from None
    except HTTPException:
        raise _error(url, OpenFailure.INVALID, "answered, but not in HTTP") from None
    except OSError as error:
        words = (error.strerror or "no connection").lower()
        raise _error(url, OpenFailure.UNREACHABLE, words) from None
    return _body(url, status, answer)


def _body(url: SplitResult, status: int, answer: bytes) -> Element:
    if status == 401:
        raise _error(url, OpenFailure.AUTHENTICATION, "user or password is refused")
    if status not in (200, 400, 500):
        raise _error(url, OpenFailure.INVALID, f"no ONVIF there: status {status}")
    try:
        root = parse(answer)
    except XmlError as error:
        fault = printable(str(error)[:200])
        words = f"no ONVIF there: status {status}" if status != 200 else fault
        raise _error(url, OpenFailure.INVALID, words) from None
    body = root.find("s:Body", _SPACES)
    if root.tag != f"{{{_ENVELOPE}}}Envelope" or body is None:
        raise _error(url, OpenFailure.INVALID, "the answer is no SOAP 1.2")
    if (refusal := body.find("s:Fault", _SPACES)) is not None:
        codes = " ".join(one.text or "" for one in refusal.iter(f"{{{_ENVELOPE}}}Value"))
        said = text(refusal, "s:Reason/s:Text", _SPACES) or codes
        refused = "NotAuthorized" in codes or "FailedAuthentication" in codes
        cause = OpenFailure.AUTHENTICATION if refused else OpenFailure.INVALID
        words = "user or password is refused" if refused else f"it says: {printable(said[:200])}"
        raise _error(url, cause, words)
    return body


def _post(
    url: SplitResult, message: bytes, deadline_s: float, lines: tuple[str, ...]
) -> tuple[int, list[str], bytes]:
    """Status, WWW-Authenticate headers and body of an answer; UnfitError for a redirect."""
    head = [
        f"POST {_target(url)} HTTP/1.1",
        f"Host: {url.netloc}",
        "Content-Type: application/soap+xml; charset=utf-8",
        f"Content-Length: {len(message)}",
        "Connection: close",
        *lines,
    ]
    left_s = max(0.001, deadline_s - time.monotonic())
    with Wire(connect(url, None, left_s), deadline_s) as wire:
        wire.connection.sendall("\r\n".join([*head, "", ""]).encode() + message)
        response = HTTPResponse(wire, method="POST")  # type: ignore[arg-type]
        response.begin()
        if 300 <= response.status < 400:
            place = response.headers.get("Location") or "another place"
            raise UnfitError.redirect(place.encode("latin-1").decode("utf-8", "replace"))
        body = response.read(MOST_BYTES + 1)
        return response.status, response.headers.get_all("WWW-Authenticate", []), body


def _target(url: SplitResult) -> str:
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def _message(body: str, credentials: Credentials | None, ahead: timedelta) -> str:
    header = "" if credentials is None else _security(credentials, datetime.now(UTC) + ahead)
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<s:Envelope xmlns:s="{_ENVELOPE}">{header}<s:Body>{body}</s:Body></s:Envelope>'
    )


def _security(credentials: Credentials, now: datetime) -> str:
    nonce, created = secrets.token_bytes(16), now.strftime("%Y-%m-%dT%H:%M:%SZ")
    proof = hashlib.sha1(
        nonce + created.encode() + credentials.password.encode(), usedforsecurity=False
    ).digest()
    return (
        f'<s:Header><Security s:mustUnderstand="1" xmlns="{_SECURITY}-wssecurity-secext-1.0.xsd">'
        f"<UsernameToken><Username>{escape(credentials.user)}</Username>"
        f'<Password Type="{_SECURITY}-username-token-profile-1.0#PasswordDigest">'
        f"{base64.b64encode(proof).decode()}</Password>"
        f"<Nonce>{base64.b64encode(nonce).decode()}</Nonce>"
        f'<Created xmlns="{_SECURITY}-wssecurity-utility-1.0.xsd">{created}</Created>'
        "</UsernameToken></Security></s:Header>"
    )


def _error(url: SplitResult, cause: OpenFailure, words: str) -> SourceOpenError:
    return SourceOpenError(f"{url.scheme}://{url.netloc}: {cause}: {words}", cause)
