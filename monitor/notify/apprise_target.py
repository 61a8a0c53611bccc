"""A target that is any service that Apprise knows: mail, chats, telephones."""

from __future__ import annotations

import logging
import re
from zoneinfo import ZoneInfo

from monitor.config.notifications import AppriseOptions
from monitor.errors import ConfigError
from monitor.notify.message import body, title
from monitor.notify.notification import Notification, TargetError
from monitor.notify.stateless import Stateless

# All that is taken of what Apprise logs, which may quote the address: the status of HTTP.
_STATUS = re.compile(r"\berror=(\d{3})\b")


class AppriseTarget(Stateless):
    """Sends each notification with its snapshot; ConfigError if Apprise does not take the address.

    Apprise is loaded here, and nowhere else: it takes 33 MiB. It reads no configuration of its own
    and keeps nothing on the disk; what it logs is not shown, for it may quote the address.
    """

    def __init__(self, options: AppriseOptions, site: str, zone: ZoneInfo | None) -> None:
        try:
            import apprise
        except ModuleNotFoundError:
            raise ConfigError(
                f"notify {options.name}: needs pip install 'har-monitor[apprise]'"
            ) from None
        logger = logging.getLogger("apprise")
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
        asset = apprise.AppriseAsset(
            app_id="har-monitor",
            storage_mode="memory",
            allow_templates=False,
            pgp_autogen=False,
            pem_autogen=False,
            async_mode=False,
            service_timeout=0,  # a limit of its own would need threads; its sockets have one
        )
        self._service = apprise.Apprise(asset=asset)
        self._where = options.where
        self._site = site
        self._zone = zone
        if not self._service.add(options.url.get_secret_value()):
            raise ConfigError(
                f"notify {options.name}: Apprise does not take its address of {options.where}"
            )
        if len(self._service) > 1:  # while one of them fails, the others would be told for ever
            raise ConfigError(f"notify {options.name}: its url has several addresses; allowed: one")

    def send(self, notification: Notification) -> None:
        """Send it; TargetError."""
        from apprise.attachment.file import AttachFile

        seen: list[str] = []
        picture = notification.snapshot
        try:
            sent = self._service.notify(
                title=title(notification),
                body=body(notification, self._site, self._zone),
                body_format="text",
                attach=None if picture is None else AttachFile(str(picture)),  # type: ignore[no-untyped-call]
                log_callback=lambda entry, service: seen.append(str(entry)),
                log_level=logging.WARNING,
            )
        except Exception as error:  # of any of its plugins; it may quote the address
            raise TargetError(f"{self._where}: {type(error).__name__}") from None
        if not sent:
            codes = [found[1] for line in seen for found in _STATUS.finditer(line)]
            why = f"answered {codes[-1]}" if codes else "could not be reached, or refused it"
            raise TargetError(f"{self._where}: {why}")
