"""Whether the `twilio` section can be acted on: the webhook forwards a call to one place."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.settings.parts import Parts
from gateway.settings.place import Finding
from gateway.settings.scalars import listed


def check_account(parts: Parts) -> Iterator[Finding]:
    """What keeps a webhook from being answered."""
    webhook = parts.account.webhook if parts.account else None
    if webhook is None:
        return
    given = [name for name, value in webhook.forward if value is not None]
    if len(given) > 1:
        text = f"has {listed(given, 'and')}; a call goes on to one of client, sip and stream"
        yield ("twilio", "webhook", "forward"), text
