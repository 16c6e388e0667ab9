"""What the stand-in keeps: calls as Twilio's API shows them, webhooks that were posted, and the debugger's alerts."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from gateway.lab.twilio.alerts import Alert
from gateway.lab.twilio.legs import Leg
from gateway.lab.twilio.messages import Headers
from gateway.lab.twilio.parameters import API_VERSION, Params, build_date, new_sid

MOST_KEPT = 1000
"""Calls, and alerts; the oldest leave."""


@dataclass(slots=True)
class Webhook:
    """One request to the application and what it answered."""

    url: str
    params: Params
    status: int = 0
    answer: str = ""


@dataclass(slots=True)
class Call:
    """A call resource. `parent` is the call whose `<Dial>` made it, `invite` the headers that arrived or were sent."""

    direction: str
    to: str
    caller: str
    leg: Leg
    parent: str = ""
    sid: str = field(default_factory=lambda: new_sid("CA"))
    status: str = "queued"
    began: float = field(default_factory=time.time)
    answered: float | None = None
    ended: float | None = None
    status_url: str = ""
    """Who is told of the end."""
    sip_code: int | None = None
    invite: Headers = ()
    last_word: Headers = ()
    """The headers of the other side's final message."""
    custom: Params = field(default_factory=dict)
    """Custom parameters as the far end is given them: those of a client or a stream."""
    webhooks: list[Webhook] = field(default_factory=list)

    @property
    def seconds(self) -> int:
        """How long it was answered."""
        return 0 if self.answered is None else round((self.ended or time.time()) - self.answered)

    def was_answered(self) -> None:
        """It is in progress from now on."""
        self.status, self.answered = "in-progress", time.time()

    def was_ended(self, status: str) -> None:
        """It is over; the first word counts."""
        if self.ended is None:
            self.status, self.ended = status, time.time()

    def resource(self, account_sid: str) -> dict[str, object]:
        """As `GET /Calls/{sid}.json` shows it."""
        return {
            "sid": self.sid,
            "account_sid": account_sid,
            "parent_call_sid": self.parent or None,
            "api_version": API_VERSION,
            "direction": self.direction,
            "status": self.status,
            "to": self.to,
            "to_formatted": self.to,
            "from": self.caller,
            "from_formatted": self.caller,
            "date_created": build_date(self.began),
            "date_updated": build_date(self.ended or self.answered or self.began),
            "start_time": build_date(self.answered) if self.answered else None,
            "end_time": build_date(self.ended) if self.ended else None,
            "duration": str(self.seconds) if self.ended else None,
            "price": None,
            "price_unit": "USD",
            "answered_by": None,
            "caller_name": None,
            "forwarded_from": None,
            "group_sid": None,
            "phone_number_sid": "",
            "queue_time": "0",
            "stir_verstat": None,
            "trunk_sid": None,
            "subresource_uris": {},
            "uri": f"/{API_VERSION}/Accounts/{account_sid}/Calls/{self.sid}.json",
        }

    def sheet(self) -> dict[str, object]:
        """As the console shows it."""
        return {
            "sid": self.sid,
            "parent": self.parent,
            "direction": self.direction,
            "status": self.status,
            "from": self.caller,
            "to": self.to,
            "sip_call_id": self.leg.call_id,
            "sip_code": self.sip_code,
            "seconds": self.seconds,
            "invite": [list(pair) for pair in self.invite],
            "last_word": [list(pair) for pair in self.last_word],
            "custom": self.custom,
            "webhooks": [
                {"url": hook.url, "params": hook.params, "status": hook.status, "answer": hook.answer}
                for hook in self.webhooks
            ],
        }


class Book:
    """Every call and every alert, in order."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.alerts: list[Alert] = []

    def add(self, call: Call) -> Call:
        """Keep a call."""
        self.calls[call.sid] = call
        while len(self.calls) > MOST_KEPT:
            del self.calls[next(iter(self.calls))]
        return call

    def complain(self, alert: Alert | None, call: Call | None = None) -> None:
        """Put something into the debugger."""
        if alert is not None:
            self.alerts.append(Alert(alert.code, alert.detail, call.sid if call else alert.call_sid))
            del self.alerts[:-MOST_KEPT]
