"""python -m testkit.alone COMMAND...: run it in a network of its own, and see every packet there.

Every address in the world leads to this machine there, and no socket of a name service of the
system is to be found. An argument CAMERA becomes the address of an HTTP camera; the command is
interrupted when it connects to it a second time, after the pictures have ended.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from testkit import DATA, ROOT
from testkit.servers.mjpeg import http_camera, jpegs

CLIP = DATA / "fight.mp4"
CAMERA = "CAMERA"
TIMES = 3  # of the clip's 4.8 s: ONNX Runtime first reports to its maker after 9 s
NOT_PERMITTED = 77
PACKET_OUTGOING = 4


@dataclass(frozen=True)
class Overheard:
    """What a command did, and what it said to the network."""

    code: int
    output: str
    heard: list[str]  # the name of each look-up, and the address of each connection
    camera: str | None  # its address


def overhear(command: Sequence[str], home: Path, **variables: str) -> Overheard:
    """Run a command alone, with nothing else in its environment; the test is skipped if it cannot.

    `home` is its home and the folder that it works in.
    """
    namespaces = ["unshare", "--net", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"])]
    done = subprocess.run(
        [*namespaces, sys.executable, "-m", "testkit.alone", *command],
        cwd=home,
        env={"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
    )
    if done.returncode == NOT_PERMITTED or done.stderr.startswith("unshare: "):
        reason = f"needs a network of its own: {done.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    assert done.returncode == 0, done.stderr
    return Overheard(**json.loads(done.stdout))


def main(command: Sequence[str]) -> None:
    """Run a command, and print what was overheard as JSON."""
    try:
        _lead_everything_here()
    except (OSError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        sys.exit(NOT_PERMITTED)
    with _ear() as heard:
        found = _watched(command) if CAMERA in command else _run(command)
    print(json.dumps({**found, "heard": sorted(set(heard))}))


def _run(command: Sequence[str]) -> Mapping[str, Any]:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return {"code": done.returncode, "output": done.stdout, "camera": None}


def _watched(command: Sequence[str]) -> Mapping[str, Any]:
    with (
        http_camera(jpegs(CLIP) * TIMES, 30) as camera,
        subprocess.Popen(
            [camera.url() if word == CAMERA else word for word in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        while process.poll() is None and len(camera.asked) < 2:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate()
    address = f"tcp 127.0.0.1:{camera.port}"
    return {"code": process.returncode, "output": output, "camera": address}


def _lead_everything_here() -> None:
    """Routes of everything to this machine, and an empty /run, where name services listen."""
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True, stderr=sys.stderr)
    lo = socket.if_nametoindex("lo")
    up = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, lo, 1, 1)  # IFF_UP
    requests = [(16, up)]  # RTM_NEWLINK
    for family in (socket.AF_INET, socket.AF_INET6):
        # Of the table `local`, by the kernel's hand, within this host, to this host.
        route = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 255, 2, 254, 2, 0)
        requests.append((24, route + struct.pack("=HHi", 8, 4, lo)))  # RTM_NEWROUTE, RTA_OIF
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        for kind, body in requests:
            # NLM_F_REQUEST, _ACK, _CREATE
            netlink.send(struct.pack("=IHHII", 16 + len(body), kind, 0x405, 0, 0) + body)
            (error,) = struct.unpack_from("=i", netlink.recv(4096), 16)
            if error:
                raise OSError(-error, os.strerror(-error))


@contextmanager
def _ear() -> Iterator[list[str]]:
    """What is sent while the block runs."""
    heard: list[str] = []
    over = threading.Event()
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)) as ear:  # ETH_P_ALL
        ear.settimeout(0.1)

        def listen() -> None:
            while True:
                try:
                    packet, sender = ear.recvfrom(65536)
                except TimeoutError:
                    if over.is_set():
                        return
                    continue
                if sender[2] == PACKET_OUTGOING and (found := _said(packet)) is not None:
                    heard.append(found)

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield heard
        finally:
            over.set()
            thread.join()


def _said(packet: bytes) -> str | None:
    """A look-up or the beginning of a connection; None for what continues or answers one."""
    if packet[0] >> 4 == 4:
        protocol, host, rest = packet[9], packet[16:20], packet[4 * (packet[0] & 15) :]
    else:
        protocol, host, rest = packet[6], packet[24:40], packet[40:]
    port = int.from_bytes(rest[2:4])
    to = f"{ip_address(host)}:{port}"
    if protocol == socket.IPPROTO_UDP:
        return f"look-up of {_name(rest[8 + 12 :])}" if port == 53 else f"udp {to}"
    if protocol == socket.IPPROTO_TCP and rest[13] & 0x12 == 0x02:  # SYN without ACK
        return f"tcp {to}"
    return None


def _name(question: bytes) -> str:
    """The name in a question to a name server."""
    words = []
    while length := question[0]:
        words.append(question[1 : 1 + length].decode())
        question = question[1 + length :]
    return ".".join(words)


if __name__ == "__main__":
    main(sys.argv[1:])
