#!/usr/bin/python3
"""A real RTSP server for tests: sends a video file as it is, in real time, from its start.

It is run by Debian's own Python, which has the GStreamer bindings, and needs the packages that
`tests/servers/rtsp.py` lists. The port, chosen by the kernel, is the only line on standard output;
the stream is at /cam, and each client gets the file from its first frame.
"""

import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

ROLE = "viewer"
PIPELINES = {
    "h264": "h264parse ! rtph264pay name=pay0 pt=96 config-interval=1",
    "hevc": "h265parse ! rtph265pay name=pay0 pt=96 config-interval=1",
    "mjpeg": "jpegparse ! rtpjpegpay name=pay0 pt=26",
}
SOUND = "audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay1 pt=8 "


def _permissions() -> GstRtspServer.RTSPPermissions:
    permissions = GstRtspServer.RTSPPermissions.new()
    permissions.add_role(ROLE)
    permissions.add_permission_for_role(ROLE, "media.factory.access", True)
    permissions.add_permission_for_role(ROLE, "media.factory.construct", True)
    return permissions


def _auth(arguments: argparse.Namespace) -> GstRtspServer.RTSPAuth:
    auth = GstRtspServer.RTSPAuth.new()
    token = GstRtspServer.RTSPToken.new()
    token.set_string("media.factory.role", ROLE)
    if arguments.tls:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(*arguments.tls))
    if arguments.user is None:
        auth.set_default_token(token)
    elif arguments.digest:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(arguments.user, arguments.password, token)
    else:
        basic = GstRtspServer.RTSPAuth.make_basic(arguments.user, arguments.password)
        auth.add_basic(basic, token)
    return auth


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--codec", choices=PIPELINES, default="h264")
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--digest", action="store_true")
    parser.add_argument("--only", choices=("UDP", "TCP"))
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    arguments = parser.parse_args()

    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_shared(False)
    if arguments.only is not None:
        factory.set_protocols(getattr(GstRtsp.RTSPLowerTrans, arguments.only))
    location = arguments.path.replace("\\", "\\\\").replace('"', '\\"')
    sound = SOUND if arguments.sound else ""
    factory.set_launch(
        f'( filesrc location="{location}" ! qtdemux ! {PIPELINES[arguments.codec]} {sound})'
    )
    if arguments.user is not None or arguments.tls:
        factory.set_permissions(_permissions())
        server.set_auth(_auth(arguments))
    server.get_mount_points().add_factory("/cam", factory)
    if server.attach(None) == 0:
        sys.exit("the server could not be attached")
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
