"""What a server that asks for a password is told: Basic, or Digest by MD5 or SHA-2 (RFC 7616)."""

import hashlib
import re
import secrets
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote

from monitor.names import printable
from monitor.sources.connection import UnfitError
from monitor.states import OpenFailure

_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_SESSION = "-SESS"
_PART = re.compile(
    r'(?P<name>[\w-]+)[ \t]*=[ \t]*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"]*))'
    r"|(?P<scheme>[\w-]+)"
)


@dataclass(frozen=True)
class Challenge:
    """One way in which a server asks for a password."""

    scheme: str  # basic, digest or another
    values: Mapping[str, str]  # by their names in small letters

    @property
    def algorithm(self) -> str:
        """That of Digest, as the server writes it."""
        return self.values.get("algorithm") or "MD5"

    @property
    def simple(self) -> bool:
        """Whether FFmpeg can answer it, too."""
        return self.scheme == "basic" or self.algorithm in ("MD5", "MD5-sess")

    @property
    def known(self) -> bool:
        """Whether it can be answered."""
        name = self.algorithm.upper().removesuffix(_SESSION)
        available = _HASHES.get(name) in hashlib.algorithms_available
        return self.scheme == "basic" or (self.scheme == "digest" and available)


def challenges(headers: Iterable[str]) -> list[Challenge]:
    """Every challenge in the WWW-Authenticate headers of an answer, in their order."""
    found: list[tuple[str, dict[str, str]]] = []
    for part in (part for header in headers for part in _PART.finditer(header)):
        if part["scheme"]:
            found.append((part["scheme"].lower(), {}))
        elif found:
            value = (
                part["bare"] if part["quoted"] is None else re.sub(r"\\(.)", r"\1", part["quoted"])
            )
            found[-1][1][part["name"].lower()] = value
    return [Challenge(scheme, values) for scheme, values in found]


def chosen(offered: Sequence[Challenge]) -> Challenge:
    """The first that can be answered; UnfitError if there is none.

    Basic, which shows the password, only where no Digest is offered.
    """
    digests = [one for one in offered if one.scheme == "digest"]
    for one in digests or offered:
        if one.known:
            return one
    kinds = (f"{one.scheme} {one.values.get('algorithm', '')}".strip() for one in offered)
    raise UnfitError(
        f"the camera asks for {printable(' and '.join(kinds))[:100]}, which is not known here: "
        "set its digest algorithm to MD5",
        OpenFailure.AUTHENTICATION,
    )


class Login:
    """A user and password, and the answers that are made of them for one server."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._count = 0  # of the answers: a server may refuse one that is repeated

    @classmethod
    def of(cls, url: SplitResult) -> "Login | None":
        """What a URL holds; None if it has no password."""
        if url.username is None or url.password is None:
            return None
        return cls(unquote(url.username), unquote(url.password))

    def answer(self, challenge: Challenge, method: str, uri: str) -> str:
        """The Authorization header's value for a request."""
        if challenge.scheme == "basic":
            return "Basic " + b64encode(f"{self._user}:{self._password}".encode()).decode()
        self._count += 1
        return "Digest " + self._digest(challenge, method, uri)

    def _digest(self, challenge: Challenge, method: str, uri: str) -> str:
        name = challenge.algorithm.upper()
        values = challenge.values
        realm, nonce = values.get("realm", ""), values.get("nonce", "")
        count, own = f"{self._count:08x}", secrets.token_hex(8)

        def hashed(*words: str) -> str:
            kind = _HASHES[name.removesuffix(_SESSION)]
            return hashlib.new(kind, ":".join(words).encode(), usedforsecurity=False).hexdigest()

        secret = hashed(self._user, realm, self._password)
        if name.endswith(_SESSION):
            secret = hashed(secret, nonce, own)
        plain = "auth" not in re.split(r"[,\s]+", values.get("qop", "").lower())
        proof = (nonce,) if plain else (nonce, count, own, "auth")
        parts = {
            "username": _quoted(self._user),
            "realm": _quoted(realm),
            "nonce": _quoted(nonce),
            "uri": _quoted(uri),
            "response": _quoted(hashed(secret, *proof, hashed(method, uri))),
        }
        if "algorithm" in values:
            parts["algorithm"] = challenge.algorithm
        if "opaque" in values:
            parts["opaque"] = _quoted(values["opaque"])
        if not plain or name.endswith(_SESSION):
            parts |= {"cnonce": _quoted(own)}
        if not plain:
            parts |= {"qop": "auth", "nc": count}
        return ", ".join(f"{name}={value}" for name, value in parts.items())


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
