"""Who looks at a camera, from when to when, and what is made for it."""

from monitor.display.hub import Channel, Hub, Update
from monitor.records import Frame
from testkit.fakes import picture


class Looker:
    """Looks at some cameras."""

    def __init__(self, *cameras: str, drops: bool = False, wakes: bool = True) -> None:
        self.cameras = cameras
        self.drops = drops
        self.wakes_it = wakes
        self.took: list[Frame | Update] = []
        self.forgot: list[str] = []

    def wants(self, camera: str) -> bool:
        return camera in self.cameras

    def wakes(self, camera: str) -> bool:
        return self.wakes_it and self.wants(camera)

    def take(self, channel: Channel, item: Frame | Update) -> bool:
        self.took.append(item)
        return self.drops

    def forget(self, channel: Channel) -> None:
        self.forgot.append(channel.camera)


DOOR = Channel("door", True, (), {})


def test_frames_go_to_those_who_look_at_that_camera_while_they_do() -> None:
    hub, door, yard = Hub(), Looker("door"), Looker("yard")
    assert not hub.looked_at("door")
    hub.subscribe(door)
    hub.subscribe(yard)
    assert hub.looked_at("door")
    assert not hub.publish(DOOR, picture(0.0))
    assert (len(door.took), yard.took) == (1, [])
    hub.unsubscribe(door)
    assert not hub.looked_at("door")
    hub.publish(DOOR, picture(0.1))
    assert len(door.took) == 1


def test_who_takes_what_there_is_wakes_no_camera() -> None:
    hub, looker = Hub(), Looker("door", wakes=False)
    hub.subscribe(looker)
    hub.publish(DOOR, picture(0.0))
    assert not hub.looked_at("door")
    assert len(looker.took) == 1


def test_it_is_said_if_anybody_dropped_a_frame() -> None:
    hub = Hub()
    for looker in (Looker("door"), Looker("door", drops=True), Looker("door")):
        hub.subscribe(looker)
    assert hub.publish(DOOR, picture(0.0))


def test_who_looks_is_told_that_a_camera_has_left() -> None:
    hub, looker = Hub(), Looker()
    hub.subscribe(looker)
    hub.close(DOOR)
    assert looker.forgot == ["door"]
