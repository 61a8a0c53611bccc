"""A certificate authority and a server certificate, made by the openssl command."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from testkit.patience import LIMIT_S


@dataclass(frozen=True)
class Certificates:
    """PEM files for a server at 127.0.0.1, and an authority that did not sign for it."""

    ca: Path
    other_ca: Path
    server: tuple[Path, Path]  # certificate, key


def make_certificates(folder: Path) -> Certificates:
    """Make them in `folder`; elliptic keys, since RSA ones take a second."""
    ca, other = (_authority(folder, name) for name in ("ca", "other"))
    key, request, certificate = (folder / f"server.{kind}" for kind in ("key", "csr", "pem"))
    extensions = folder / "extensions"
    extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    _openssl("req", *_new_key(key), "-subj", "/CN=127.0.0.1", "-out", request)
    _openssl(
        *("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca.with_suffix(".key")),
        *("-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", certificate),
    )
    return Certificates(ca, other, (certificate, key))


def _authority(folder: Path, name: str) -> Path:
    certificate = folder / f"{name}.pem"
    key = _new_key(certificate.with_suffix(".key"))
    _openssl("req", "-x509", *key, "-days", "2", "-subj", f"/CN={name}", "-out", certificate)
    return certificate


def _new_key(path: Path) -> tuple[str | Path, ...]:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    return (*curve, "-nodes", "-keyout", path)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=LIMIT_S)
