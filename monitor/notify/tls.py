"""TLS to an MQTT broker: its certificates, and why it fails."""

from __future__ import annotations

import ssl

from monitor.config.mqtt import MqttOptions
from monitor.errors import ConfigError


def tls_context(options: MqttOptions) -> ssl.SSLContext:
    """With the certificates of these options; ConfigError if one cannot be read."""
    what = f"ca_file {options.ca_file}"
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
        if options.certificate is not None:
            what = f"certificate {options.certificate}, key {options.key}"
            # One that needs a passphrase is refused: nobody may be there who could type it.
            context.load_cert_chain(options.certificate, options.key, password="")
    except OSError as error:  # which SSLError is, too
        raise ConfigError(f"notify {options.name}: {what}: {cause_of(error)}") from None
    return context


def cause_of(error: BaseException | None) -> str:
    """Why a connection or a certificate failed, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {(error.reason or str(error)).lower().replace('_', ' ')}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
