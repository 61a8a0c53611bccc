"""A lock that the tests' servers put before their streams: the other side of RFC 7616."""

import hashlib
import re
import secrets
from base64 import b64encode

USER, PASSWORD = "viewer", "hunter2"
REALM = 'front "door", left'
# What each kind asks with, beside realm and nonce.
DIGESTS = {
    "md5 of old": "",  # RFC 2069
    "md5": ', algorithm="MD5", qop="auth,auth-int", opaque="0paque=="',
    "md5-sess": ', qop="auth", algorithm=MD5-sess',
    "sha-256": ', algorithm=SHA-256, qop="auth", stale=FALSE',
    "sha-256 without qop": ', algorithm="sha-256"',
    "sha-256-sess": ', qop="auth", algorithm=SHA-256-sess',
    "sha-512-256": ', qop="auth", algorithm=SHA-512-256',
    "whirlpool": ', qop="auth", algorithm=Whirlpool',
}
_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


class Lock:
    """Asks in the given ways, each in its own header or all `in_one`; keeps what it is told."""

    def __init__(
        self,
        *kinds: str,
        in_one: bool = False,
        user: str = USER,
        password: str = PASSWORD,
        realm: str = REALM,
    ) -> None:
        self.kinds = kinds
        self.told: list[str] = []  # each Authorization header
        self._in_one = in_one
        self._user, self._password, self._realm = user, password, realm
        self._nonce = secrets.token_hex(8) + "=="
        self._uses: set[tuple[str, str]] = set()  # of a nonce: client's nonce and count

    @property
    def challenges(self) -> list[str]:
        """The values of its WWW-Authenticate headers."""
        realm = self._realm.replace('"', r"\"")
        digest = f'Digest realm="{realm}", nonce="{self._nonce}"'
        all_ = ["Basic realm=x" if k == "basic" else digest + DIGESTS[k] for k in self.kinds]
        return [", ".join(all_)] if self._in_one else all_

    def opens(self, method: str, uri: str, authorization: str) -> bool:
        """Whether a request may pass, by what it says in its Authorization header."""
        if not authorization:
            return False
        self.told.append(authorization)
        scheme, _, rest = authorization.partition(" ")
        if scheme == "Basic":
            login = b64encode(f"{self._user}:{self._password}".encode()).decode()
            return "basic" in self.kinds and rest == login
        given = {
            name: re.sub(r"\\(.)", r"\1", quoted or bare)
            for name, quoted, bare in re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))', rest)
        }
        name = given.get("algorithm", "MD5").upper()
        asked = [DIGESTS[kind].upper() for kind in self.kinds if kind in DIGESTS]
        if not any(
            re.search(rf'ALGORITHM="?{name}"?(,|$)', a) or (a == "" and name == "MD5")
            for a in asked
        ):
            return False
        return self._right(given, method, uri, name)

    def _right(self, given: dict[str, str], method: str, uri: str, name: str) -> bool:
        def h(text: str) -> str:
            return hashlib.new(_HASHES[name.removesuffix("-SESS")], text.encode()).hexdigest()

        ha1 = h(f"{self._user}:{self._realm}:{self._password}")
        if name.endswith("-SESS"):
            ha1 = h(f"{ha1}:{given['nonce']}:{given['cnonce']}")
        ha2 = h(f"{method}:{uri}")
        if "qop" in given:
            use = given["cnonce"], given["nc"]
            if use in self._uses:
                return False  # somebody plays it again
            self._uses.add(use)
            right = h(f"{ha1}:{given['nonce']}:{use[1]}:{use[0]}:{given['qop']}:{ha2}")
        else:
            right = h(f"{ha1}:{given['nonce']}:{ha2}")
        facts = given["username"], given["realm"], given["nonce"], given["uri"], given["response"]
        return facts == (self._user, self._realm, self._nonce, uri, right)
