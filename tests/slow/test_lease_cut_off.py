"""A lease whose holder is cut off the database, while another process is not."""

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys

import pytest

from monitor.lease.keeper import LeaseKeeper
from monitor.states import LeaseState
from monitor.store.lease import Holder, Leases
from monitor.store.rebuild import KeptStore
from testkit import ROOT
from testkit.fakes import wait_until
from testkit.patience import LIMIT_S
from testkit.servers.postgres import postgres

_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP


@pytest.mark.slow
def test_who_is_cut_off_writes_nothing_and_ends_when_it_is_back() -> None:
    """Its packets are lost, as of a node whose cable is out: nothing refuses the connection."""
    if os.getuid() != 0:
        pytest.skip("needs a network of its own, with a server that another user runs: root")
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", __name__],
        cwd=ROOT, capture_output=True, text=True, timeout=3 * LIMIT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == {
        "cut off": LeaseState.UNKNOWN,
        "taken over": 2,
        "still cut off": [LeaseState.UNKNOWN, []],
        "back": "lease shard 1 was taken over: it has epoch 2, of near; this process had epoch 1",
    }


def cut_off() -> dict[str, object]:
    """What becomes of a lease while the network between its holder and the server is down."""
    _network(up=True)
    found: dict[str, object] = {}
    lost: list[BaseException] = []
    with postgres(port=5999) as server:
        stores = KeptStore(server.tcp_url, None), KeptStore(server.url, None)
        far, near = (
            LeaseKeeper(Leases(store), "shard 1", Holder(name, name))
            for store, name in zip(stores, ("far", "near"), strict=True)
        )
        assert far.acquire()
        assert not near.acquire()
        far.keep(lost.append)
        _network(up=False)
        wait_until(lambda: not far.may_write)
        found["cut off"] = far.status.state
        wait_until(near.acquire)
        found["taken over"] = near.epoch
        found["still cut off"] = [far.status.state, lost.copy()]
        _network(up=True)
        wait_until(lambda: bool(lost))
        found["back"] = str(lost[0])
        for one in (far, near, *stores):
            one.close()
    return found


def _network(*, up: bool) -> None:
    """Take the way from this machine to itself up or down, in a network of its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, _GET_FLAGS, request), 16)
        flags = flags | _UP if up else flags & ~_UP
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags))


if __name__ == "__main__":
    print(json.dumps(cut_off()))
