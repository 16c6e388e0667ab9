"""Whether an INVITE of a known trunk becomes a call: limits, drain and loops. Pure; time is given."""

from __future__ import annotations

from collections.abc import Container, Iterable
from ipaddress import ip_address

from gateway.bridge.commands import HeaderList
from gateway.bridge.outcome import warning_header
from gateway.bridge.rates import Bucket, Buckets
from gateway.bridge.reading import forwards_left
from gateway.core.frozen import frozen
from gateway.core.message import SipMessage
from gateway.core.plan import Plan, Trunk
from gateway.core.uri import split_list

DRAIN_RETRY_SECONDS = 30
"""A restart takes about this long; RFC 3261, section 20.33."""
ACCOUNT_HEADER = "X-Twilio-AccountSid"
"""Twilio's own word on whose call it is: its customers cannot set a header of that kind."""
FULL_RETRY_SECONDS = 5
RATE_RETRY_SECONDS = 1


@frozen
class Rejection:
    """Why an INVITE is turned away, and how."""

    reason: str
    code: int
    headers: HeaderList


def _busy(reason: str, retry_seconds: int, text: str) -> Rejection:
    return Rejection(reason, 503, (("Retry-After", str(retry_seconds)), warning_header(text)))


DRAINING = _busy("draining", DRAIN_RETRY_SECONDS, "this gateway takes no new calls: it is draining")
FULL = _busy("limit-calls", FULL_RETRY_SECONDS, "limits.calls is reached")
TOO_FAST = _busy("limit-rate", RATE_RETRY_SECONDS, "limits.calls_per_second is reached")
TRUNK_TOO_FAST = _busy("limit-rate", RATE_RETRY_SECONDS, "calls_per_second of the trunk is reached")
SOURCE_TOO_FAST = _busy("limit-rate", RATE_RETRY_SECONDS, "source_calls_per_second of the trunk is reached")
WRONG_ACCOUNT = Rejection("wrong-account", 403, (warning_header("this trunk takes calls of other accounts"),))
LOOP = Rejection("loop", 482, (warning_header("this call already passed through this gateway"),))
NOT_ALLOWED = Rejection("unknown-source", 403, (warning_header("no trunk allows this source address"),))
NO_DIALOG = Rejection("no-dialog", 481, (warning_header("Replaces names no call of this gateway"),))
NOT_EARLY = Rejection("no-dialog", 486, (warning_header("the call that Replaces names is answered already"),))
TOO_MANY_HOPS = Rejection("too-many-hops", 483, (warning_header("Max-Forwards is used up"),))

REJECT_REASONS = ("draining", "limit-calls", "limit-rate", "loop", "no-dialog", "too-many-hops", "wrong-account")


class Admission:
    """Decides on arrivals, whatever trunk they come from."""

    def __init__(self, plan: Plan) -> None:
        self._limits = plan.limits
        self._own_hops = own_hops(plan)
        self._rate = Bucket(plan.limits.calls_per_second)

    def check(self, message: SipMessage, now: float, active: int, own_call_ids: Container[str]) -> Rejection | None:
        """Why this INVITE is turned away, or None. `own_call_ids` are the Call-IDs of the legs we placed."""
        if forwards_left(message) <= 0:
            return TOO_MANY_HOPS
        if self._passed_us(message, own_call_ids):
            return LOOP
        if active >= self._limits.calls and not takes_a_place(message):
            return FULL
        return None if self._rate.take(now) else TOO_FAST

    def takes_another(self, now: float) -> bool:
        """Whether a call that is up may have us place one more, as an INVITE would (`limits.calls_per_second`)."""
        return self._rate.take(now)

    def _passed_us(self, message: SipMessage, own_call_ids: Container[str]) -> bool:
        """A proxy keeps Call-ID and Via, so either shows that this INVITE is one of ours (RFC 3261, section 16.3)."""
        if message.headers.first("Call-ID") in own_call_ids:
            return True
        hops = [hop for value in message.headers.all("Via") for hop in split_list(value)]
        return any(sent_by(hop) in self._own_hops for hop in hops[1:])


class TrunkAdmission:
    """Decides on the arrivals of one trunk: whose calls they are, and how many come in a second."""

    def __init__(self, trunk: Trunk) -> None:
        self._account_sids = trunk.account_sids
        self._rate = Bucket(trunk.calls_per_second) if trunk.calls_per_second else None
        self._sources = Buckets(trunk.source_calls_per_second) if trunk.source_calls_per_second else None

    def check(self, message: SipMessage, source: str, now: float) -> Rejection | None:
        """Why this INVITE from an allowed source is turned away, or None."""
        if self._account_sids and message.headers.first(ACCOUNT_HEADER) not in self._account_sids:
            return WRONG_ACCOUNT
        if self._sources and not self._sources.take(source, now):
            return SOURCE_TOO_FAST
        return TRUNK_TOO_FAST if self._rate and not self._rate.take(now) else None


def trunk_of(source: str, trunks: Iterable[Trunk]) -> str | None:
    """Name of the trunk whose `allow` holds a source address, as the stack finds it: in the smallest network."""
    address = ip_address(source)
    holding = ((network.prefixlen, trunk.name) for trunk in trunks for network in trunk.allow if address in network)
    return max(holding, default=(0, None))[1]


def takes_a_place(invite: SipMessage) -> bool:
    """Whether an INVITE is part of a call that is up, and no call more (RFC 3891)."""
    return "Replaces" in invite.headers


def own_hops(plan: Plan) -> frozenset[str]:
    """How our own Via reads, as `host:port`, for every address that the configuration names."""
    hops = set()
    for listener in plan.listeners:
        for host in (listener.host, plan.public_address):
            if host and host not in ("0.0.0.0", "::"):
                hops.add(f"{host}:{listener.port}".lower())
    return frozenset(hops)


def sent_by(via: str) -> str:
    """`host:port` of one Via value (RFC 3261, section 20.42); the port defaults to 5060, or 5061 for TLS."""
    sender = via.partition(";")[0].rpartition("/")[2]  # of "SIP / 2.0 / UDP host : port", blanks anywhere
    transport, *rest = sender.split() or [""]
    host = "".join(rest).lower()
    if not host:
        return ""
    default = "5061" if transport.upper() == "TLS" else "5060"
    return host if ":" in host.rsplit("]", 1)[-1] else f"{host}:{default}"
