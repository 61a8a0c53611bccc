"""Hand-offs between threads."""

import threading

from monitor.mailbox import Mailbox


def test_an_offer_replaces_the_one_that_was_not_taken() -> None:
    box: Mailbox[int] = Mailbox()
    assert box.put_latest("door", 1) is None
    assert box.put_latest("door", 2) == 1
    assert box.get() == 2
    assert box.put_latest("door", 3) is None


def test_an_offer_never_replaces_what_was_put() -> None:
    box: Mailbox[str] = Mailbox()
    box.put("door", "the stream ended")
    box.put_latest("door", "window")
    assert (box.get(), box.get()) == ("the stream ended", "window")


def test_it_says_how_many_wait() -> None:
    box: Mailbox[int] = Mailbox()
    assert box.size == 0
    for number in range(3):
        box.put_nowait("door", number)
        box.put_latest("yard", number)
    assert box.size == 4
    box.get()
    assert box.size == 3


def test_what_is_left_is_neither_waited_for_nor_lost() -> None:
    box: Mailbox[int] = Mailbox()
    for number in range(3):
        assert box.put_nowait("door", number)
    assert [box.get() for _ in range(3)] == [0, 1, 2]


def test_cameras_are_taken_in_turn() -> None:
    box: Mailbox[str] = Mailbox(room=3)
    for item in ("a1", "a2", "a3"):
        box.put("a", item)
    box.put("b", "b1")
    assert [box.get() for _ in range(4)] == ["a1", "b1", "a2", "a3"]


def test_put_waits_for_room_and_loses_nothing() -> None:
    box: Mailbox[int] = Mailbox()
    taken = []

    def produce() -> None:
        for number in range(100):
            box.put("file", number)
        box.close()

    producer = threading.Thread(target=produce)
    producer.start()
    while (item := box.get()) is not None:
        taken.append(item)
    producer.join()
    assert taken == list(range(100))


def test_close_wakes_both_sides() -> None:
    full: Mailbox[int] = Mailbox()
    full.put("door", 1)
    results: list[object] = []
    empty: Mailbox[int] = Mailbox()
    threads = [
        threading.Thread(target=lambda: results.append(full.put("door", 2))),
        threading.Thread(target=lambda: results.append(empty.get())),
    ]
    for thread in threads:
        thread.start()
    full.close()
    empty.close()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results)) == ["False", "None"]
    assert full.get() == 1, "what was there before closing can still be got"
    assert full.closed


def test_nothing_is_taken_after_close() -> None:
    box: Mailbox[int] = Mailbox()
    box.close()
    box.close()
    box.put_latest("door", 1)
    assert not box.put("door", 2)
    assert box.get() is None


def test_get_gives_up_after_its_limit() -> None:
    assert Mailbox[int]().get(timeout_s=0.01) is None


def test_what_is_last_is_taken_if_nothing_else_waits() -> None:
    box: Mailbox[str] = Mailbox(last=lambda key: key == "shadow")
    box.put_latest("shadow", "s1")
    box.put_latest("door", "d1")
    assert box.put_latest("shadow", "s2") == "s1"
    assert box.get() == "d1"
    box.put_latest("yard", "y1")
    assert [box.get(), box.get()] == ["y1", "s2"]
