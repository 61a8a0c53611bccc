"""The hand-off between capture, workers and view."""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Items by key (a camera, or a region of one), taken in turn so that none starves another.

    `put` waits for room and loses nothing: for files and for what must arrive. `put_nowait` neither
    waits nor loses. `put_latest` never waits: it replaces the newest item that was left so and
    not yet taken: for live cameras, of which only the newest counts. `close` wakes every waiting
    thread. Items of keys that are `last` are taken only if no others wait.
    """

    def __init__(self, room: int = 1, last: Callable[[Hashable], bool] = lambda key: False) -> None:
        self._room = room
        self._last = last
        self._items: OrderedDict[Hashable, deque[tuple[Item, bool]]] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, key: Hashable, item: Item) -> bool:
        """Leave an item, waiting while `room` items of this key are still there.

        False if the mailbox was closed; `get` or `close` ends the wait.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting(key) < self._room)
            return self._leave(key, item, replaceable=False)

    def put_nowait(self, key: Hashable, item: Item) -> bool:
        """Leave an item at once, dropping none: for what something else keeps few.

        False if the mailbox was closed.
        """
        with self._changed:
            return self._leave(key, item, replaceable=False)

    def put_latest(self, key: Hashable, item: Item) -> Item | None:
        """Leave an item at once; the older one that was dropped for it, None if none was."""
        with self._changed:
            items = self._items.get(key)
            if items and items[-1][1] and not self._closed:
                dropped, _ = items[-1]
                items[-1] = (item, True)
                return dropped
            self._leave(key, item, replaceable=True)
            return None

    def get(self, timeout_s: float | None = None) -> Item | None:
        """The next item, the keys in turn; None once closed and empty, or after `timeout_s`.

        `put`, `put_nowait`, `put_latest` or `close` ends the wait.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._items), timeout_s)
            if not self._items:
                return None
            key = min(self._items, key=self._last)  # the first of those that are not last
            items = self._items.pop(key)
            item, _ = items.popleft()
            if items:
                self._items[key] = items  # behind the others
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Take no more items; those that are there can still be got. Twice is fine."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def size(self) -> int:
        """How many items wait."""
        with self._changed:
            return sum(map(len, self._items.values()))

    @property
    def closed(self) -> bool:
        """Whether it is closed and empty: nothing will come any more."""
        with self._changed:
            return self._closed and not self._items

    def _waiting(self, key: Hashable) -> int:
        return len(self._items.get(key, ()))

    def _leave(self, key: Hashable, item: Item, replaceable: bool) -> bool:
        if self._closed:
            return False
        self._items.setdefault(key, deque()).append((item, replaceable))
        self._changed.notify_all()
        return True
