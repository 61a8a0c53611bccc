"""Who is logged in, and how often somebody may try."""

from __future__ import annotations

import secrets
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from monitor.web.users import User, Users, hash_token

COOKIE = "har_session"
IDLE_S, LONGEST_S = 12 * 3600.0, 7 * 86_400.0  # after which a session has ended
TRIES, TRIES_S = 5, 60.0  # failed logins of a name from an address, within that time
TRIES_OF_ADDRESS = 30  # of all names; behind a proxy all have one address
_MOST = 10_000  # sessions; of more, the oldest end


@dataclass
class _Session:
    user: str
    secret: str  # of the user when they logged in
    began_s: float
    used_s: float


class Sessions:
    """Sessions in memory: they end with the process."""

    def __init__(self, users: Users, clock: Callable[[], float] = time.monotonic) -> None:
        self._users = users
        self._clock = clock
        self._sessions: dict[str, _Session] = {}  # by the hash of their token
        self._failed: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def wait_s(self, name: str, address: str) -> float:
        """How long a login has to wait, because too many have failed; 0 if it need not."""
        now_s = self._clock()
        with self._lock:
            return max(
                self._wait_s((name[:64], address), TRIES, now_s),
                self._wait_s(("", address), TRIES_OF_ADDRESS, now_s),
            )

    def _wait_s(self, key: tuple[str, str], tries: int, now_s: float) -> float:
        failed = self._failed.get(key)
        if failed is None:
            return 0.0
        while failed and now_s - failed[0] >= TRIES_S:
            failed.popleft()
        if not failed:
            del self._failed[key]
        return TRIES_S - (now_s - failed[0]) if len(failed) >= tries else 0.0

    def login(self, name: str, password: str, address: str) -> str | None:
        """A new session's token; None if name or password is wrong, which is counted."""
        user = self._users.login(name, password)
        now_s = self._clock()
        with self._lock:
            if user is None:
                for key in ((name[:64], address), ("", address)):
                    self._failed[key].append(now_s)
                return None
            self._failed.pop((name[:64], address), None)
            token = secrets.token_urlsafe(32)
            self._sessions[hash_token(token)] = _Session(
                name, self._users.secret(name), now_s, now_s
            )
            while len(self._sessions) > _MOST:
                self._sessions.pop(next(iter(self._sessions)))
            return token

    def user(self, token: str) -> User | None:
        """Who is logged in with a token; None if nobody is, or no longer."""
        key, now_s = hash_token(token), self._clock()
        with self._lock:
            session = self._sessions.get(key)
            if session is None:
                return None
            old = now_s - session.used_s > IDLE_S or now_s - session.began_s > LONGEST_S
            user = None if old else self._users.get(session.user, session.secret)
            if user is None:
                del self._sessions[key]
            else:
                session.used_s = now_s
            return user

    def logout(self, token: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(hash_token(token), None)
