"""Who may look at the page: users with passwords, and tokens for programs, in a file."""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitor.atomic import write_private
from monitor.errors import MonitorError
from monitor.names import Name
from monitor.paths import describe_os_error

if TYPE_CHECKING:
    from argon2 import PasswordHasher

log = logging.getLogger(__name__)

PASSWORD_MIN, PASSWORD_MAX = 10, 256  # characters
TOKEN_PREFIX = "har_"

RoleName = Literal["viewer", "reviewer", "admin"]


class Role(IntEnum):
    """What a user may do; each may do what those before it may."""

    VIEWER = 1  # look
    REVIEWER = 2  # and review
    ADMIN = 3  # and see the configuration


@dataclass(frozen=True)
class User:
    """Somebody who looks at the page."""

    name: str
    role: Role
    cameras: frozenset[str] | None = None  # None: all of them

    def sees(self, camera: str) -> bool:
        """Whether a camera is theirs to look at."""
        return self.cameras is None or camera in self.cameras


LOCAL = User("local", Role.ADMIN)  # whoever is at this machine, if there are no users


class UserEntry(BaseModel):
    """A user in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: RoleName = "viewer"
    cameras: tuple[Name, ...] | None = None  # null: all
    password: str | None = Field(None, repr=False)  # Argon2id
    token: str | None = Field(None, repr=False)  # SHA-256 of a random one


class UsersFile(BaseModel):
    """The file of users, JSON; for its owner only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    users: dict[Name, UserEntry] = {}

    @classmethod
    def read(cls, path: Path) -> UsersFile:
        """The users of a file; none if there is no such file. MonitorError if it is none."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise MonitorError(describe_os_error(f"users {path}", error)) from None
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"]))
            raise MonitorError(f"users {path}: not a file of har-monitor passwd: {where}") from None

    def write(self, path: Path) -> None:
        """Replace the file; MonitorError if that is refused."""
        write_private(path, self.model_dump_json(indent=1, exclude_none=True) + "\n")

    def with_user(self, name: str, entry: UserEntry) -> UsersFile:
        """The same with one more user, or a changed one."""
        return UsersFile.model_validate({"users": self.users | {name: entry}})

    def without(self, name: str) -> UsersFile:
        """The same without a user."""
        return UsersFile(users={one: entry for one, entry in self.users.items() if one != name})


def hash_password(password: str) -> str:
    """As it is kept; MonitorError for one that is too short or too long."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise MonitorError(f"a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters")
    return _hasher().hash(password)


def new_token() -> tuple[str, str]:
    """A token for a program, and how it is kept."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    return token, hash_token(token)


def hash_token(token: str) -> str:
    """How a random token is kept: it needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


class Users:
    """The users of a file, which is read again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._hashing = threading.Lock()  # a login takes 64 MiB: one at a time
        self._stamp: tuple[int, int] | None = None
        self._file = UsersFile()
        self._unknown = _hasher().hash(secrets.token_urlsafe())
        self._entries()

    def login(self, name: str, password: str) -> User | None:
        """The user, if the password is right; it takes as long if there is no such user."""
        from argon2.exceptions import Argon2Error

        entry = self._entries().get(name)
        known = entry.password if entry is not None and entry.password else self._unknown
        with self._hashing:
            try:
                _hasher().verify(known, password)
            except Argon2Error:
                return None
        return _user(name, entry) if entry is not None and entry.password else None

    def of_token(self, token: str) -> User | None:
        """The user of a program's token."""
        hashed = hash_token(token)
        for name, entry in self._entries().items():
            if entry.token and secrets.compare_digest(entry.token, hashed):
                return _user(name, entry)
        return None

    def get(self, name: str, secret: str) -> User | None:
        """A user who logged in before, if nothing of theirs has changed since."""
        entry = self._entries().get(name)
        return _user(name, entry) if entry and self.secret(name) == secret else None

    def secret(self, name: str) -> str:
        """What changes with a user's password, role or cameras, and so ends their sessions."""
        entry = self._entries().get(name)
        text = "" if entry is None else f"{entry.password} {entry.role} {entry.cameras}"
        return hashlib.sha256(text.encode()).hexdigest()

    def _entries(self) -> dict[str, UserEntry]:
        with self._lock:
            try:
                found = self._path.stat()
                stamp = (found.st_mtime_ns, found.st_ino)
            except OSError:
                stamp = (0, 0)
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._file = UsersFile.read(self._path)
                except MonitorError as error:  # those who were known stay
                    log.error("%s", error)
            return self._file.users


def _user(name: str, entry: UserEntry) -> User:
    cameras = None if entry.cameras is None else frozenset(entry.cameras)
    return User(name, Role[entry.role.upper()], cameras)


def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # only if there are users

    return PasswordHasher()
