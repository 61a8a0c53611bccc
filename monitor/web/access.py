"""Who may do what. Every route says which role it needs, and sees the store as its user does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, HTTPException
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.requests import HTTPConnection

from monitor.store.comparison import Comparison, compare
from monitor.store.event import Cursor, Event, EventFilter, Verdict
from monitor.store.skips import SkippedMinute, SkipSpan, skip_spans, skipped_minutes
from monitor.store.states import StateSpan, state_spans
from monitor.store.store import UnknownEvent
from monitor.web.sessions import COOKIE
from monitor.web.settings import CameraSettings, ShadowSettings
from monitor.web.state import WebState, state_of
from monitor.web.users import LOCAL, Role, User


@dataclass(frozen=True)
class Visit:
    """A user on a route: what they may see of the store, and nothing else."""

    user: User
    web: WebState  # what does not depend on the user
    _again: Callable[[], User | None] = lambda: None  # who they are now

    @property
    def holds(self) -> bool:
        """Whether the page goes on, and nothing has changed about the user since.

        Who is removed sees no more.
        """
        return not self.web.live.ended and self._again() == self.user

    @property
    def cameras(self) -> tuple[CameraSettings, ...]:
        """The cameras that are watched, and theirs to look at."""
        return tuple(one for one in self.web.settings.cameras if self.user.sees(one.name))

    @property
    def health(self) -> dict[str, Any]:
        """How everything does, as in the health file; of these cameras."""
        health = dict(self.web.live.health)
        known = health.get("cameras", ())
        health["cameras"] = [one for one in known if self.user.sees(one["name"])]
        if self.user.cameras is not None:
            health.pop("shards", None)  # they count all cameras
        return health

    def page(
        self, wanted: EventFilter, after: Cursor | None, limit: int
    ) -> tuple[list[Event], Cursor | None]:
        """Events from the newest on, and where the next page begins."""
        visible = self._visible(wanted)
        return ([], None) if visible is None else self.web.store.page(visible, after, limit)

    def count(self, wanted: EventFilter, most: int | None = None) -> int:
        """How many such events there are; with `most`, no more than that are counted."""
        visible = self._visible(wanted)
        return 0 if visible is None else self.web.store.count(visible, most)

    def event(self, id: str) -> Event:
        """One event; UnknownEvent if there is none, or it is not theirs to see."""
        event = self.web.store.event(id)
        if not self.user.sees(event.camera):
            raise UnknownEvent(id)
        return event

    def neighbours(self, event: Event, wanted: EventFilter) -> tuple[Event | None, Event | None]:
        """The next newer and the next older of such events."""
        visible = self._visible(wanted)
        return (None, None) if visible is None else self.web.store.neighbours(event, visible)

    def review(self, id: str, verdict: Verdict) -> Event:
        """Keep what they say of an event."""
        return self.web.review(self.event(id), verdict, self.user.name)

    @property
    def may_add(self) -> bool:
        """Whether they may add cameras, of which they see all."""
        whole = self.user.role >= Role.ADMIN and self.user.cameras is None
        return whole and self.web.settings.adding

    @property
    def shadows(self) -> dict[str, ShadowSettings]:
        """The models of their cameras of which one is tried out, by camera."""
        return {one.name: one.tried for one in self.cameras if one.tried is not None}

    def compare(self, camera: str, tried: ShadowSettings, days: int) -> Comparison:
        """What the two models of one of their cameras found in the last days."""
        now = datetime.now(UTC)
        both = tried.model.sha256, tried.shadow.sha256
        return compare(self.web.store, camera, *both, now - timedelta(days=days), now)

    def some(self, ids: Sequence[str]) -> list[Event]:
        """Those of these events that there are and that are theirs to see, the newest first."""
        return [one for one in self.web.store.some(ids) if self.user.sees(one.camera)]

    def watches(self, camera: str) -> bool:
        """Whether a camera of this name is watched, and theirs to look at."""
        return self.web.camera(camera) is not None and self.user.sees(camera)

    def teach(self, camera: str, start: datetime, end: datetime, label: str | None) -> Event:
        """Keep a span of what is recorded as an event; without a label, nothing happens in it."""
        return self.web.teach(camera, start, end, label, self.user.name)

    def take_back(self, event: Event) -> None:
        """Delete an event that was taught."""
        self.web.take_back(event, self.user.name)

    def names(self) -> tuple[list[str], list[str]]:
        """The cameras that they may see, of events and watched now; the labels of events."""
        watched = [one.name for one in self.web.settings.cameras]
        known = dict.fromkeys((*watched, *self.web.store.values("camera")))
        return self._seen(known), self.web.store.values("label")

    def states(self, since: datetime, until: datetime) -> list[StateSpan]:
        """How their cameras did between two times, in their order."""
        found = state_spans(self.web.store, since, until)
        return [span for span in found if self.user.sees(span.camera)]

    def skipped_minutes(
        self, cameras: Iterable[str], since: datetime, until: datetime
    ) -> list[SkippedMinute]:
        """What of these cameras was not classified, minute by minute."""
        return skipped_minutes(self.web.store, self._seen(cameras), since, until)

    def skip_spans(
        self, cameras: Iterable[str], since: datetime, until: datetime
    ) -> list[SkipSpan]:
        """The same, of each reason by itself, with minutes that follow one another as one."""
        return skip_spans(self.web.store, self._seen(cameras), since, until)

    def _seen(self, cameras: Iterable[str]) -> list[str]:
        return [name for name in cameras if self.user.sees(name)]

    def _visible(self, wanted: EventFilter) -> EventFilter | None:
        """The filter, of the user's cameras alone; None if nothing is left."""
        if self.user.cameras is None:
            return wanted
        asked = wanted.camera or tuple(sorted(self.user.cameras))
        cameras = tuple(one for one in asked if self.user.sees(one))
        return wanted.model_copy(update={"camera": cameras}) if cameras else None


def needs(role: Role) -> Callable[[HTTPConnection], Visit]:
    """A dependency of a route: the visit of a user who has at least this role."""

    def visit(connection: HTTPConnection) -> Visit:
        user = _user(connection)
        if user is None:
            raise HTTPException(401, "log in first", {"WWW-Authenticate": "Bearer"})
        if user.role < role:
            raise HTTPException(403, f"this needs the role {role.name.lower()}")
        return Visit(user, state_of(connection), lambda: _user(connection))

    visit.role = role  # type: ignore[attr-defined]
    return visit


def _user(connection: HTTPConnection) -> User | None:
    """Who asks; None if nobody knows them."""
    web = state_of(connection)
    if web.users is None or web.sessions is None:
        return LOCAL
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return web.users.of_token(token.strip())
    return web.sessions.user(connection.cookies.get(COOKIE, ""))


Viewer = Annotated[Visit, Depends(needs(Role.VIEWER))]
Reviewer = Annotated[Visit, Depends(needs(Role.REVIEWER))]
Admin = Annotated[Visit, Depends(needs(Role.ADMIN))]


def cursor_of(after: str | None) -> Cursor | None:
    """The place that `after` of an address names; 422 if it is none of ours."""
    try:
        return None if after is None else Cursor.parse(after)
    except ValueError as error:
        raise HTTPException(422, f"after: {error}") from None


PUBLIC = frozenset(("/healthz", "/readyz", "/static", "/login", "/logout", "/api/v1/openapi.json"))


def check_routes(routes: Iterable[Any]) -> None:
    """RuntimeError for a route that does not say whom it lets in: then nothing is served."""
    for route in routes:
        if (router := getattr(route, "original_router", None)) is not None:
            check_routes(router.routes)
        elif route.path not in PUBLIC and not _declares(route):
            raise RuntimeError(f"route {route.path} does not say who may use it")


def _declares(route: Any) -> bool:
    if not isinstance(route, APIRoute | APIWebSocketRoute):
        return False
    return any(hasattr(one.call, "role") for one in route.dependant.dependencies)
