"""Programmable Voice: calls that arrive at a SIP Domain, calls of clients, calls that REST asks for."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from gateway.lab.twilio.alerts import Alert
from gateway.lab.twilio.book import Call
from gateway.lab.twilio.digest import build_challenge, is_answered
from gateway.lab.twilio.exchange import Caller, Exchange, sip_leg
from gateway.lab.twilio.legs import QuietLeg
from gateway.lab.twilio.messages import Message, uri_of
from gateway.lab.twilio.parameters import Params, sip_headers, split_client, split_uri
from gateway.lab.twilio.run import CallRun
from gateway.lab.twilio.settings import Domain
from gateway.lab.twilio.sip_side import SipLeg
from gateway.lab.twilio.target import parse_target
from gateway.lab.twilio.verbs import Callback

MOST_NONCES = 1000


@dataclass(frozen=True, slots=True)
class Request:
    """A call that REST asks for. `then` is the TwiML URL, `twiml` the TwiML itself; `conference` needs neither."""

    to: str
    caller: str
    then: Callback | None = None
    twiml: str = ""
    conference: str = ""
    credentials: tuple[str, str] = ("", "")
    ring_seconds: float = 60.0
    status_url: str = ""
    display: str = ""


class Voice:
    """Takes and places calls for the exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._nonces: dict[str, None] = {}
        exchange.clients.on_connect = self.take_client

    # -- a SIP Domain --------------------------------------------------------------------------------------------

    def take(self, leg: SipLeg) -> None:
        """An INVITE arrived: refuse it, challenge it, or ask the application."""
        assert leg.invite is not None
        found = self._exchange.settings.domain(split_uri(leg.invite.request_uri)[1])
        if found is None:
            leg.hang_up(404)
            return
        name, domain = found
        refusal = self._refusal(domain, leg.invite, leg.source)
        if refusal:
            self._exchange.book.complain(refusal)
            leg.hang_up(403, (("X-Twilio-Error", f"{refusal.code} {refusal.text}"),))
        elif domain.credentials and not leg.invite.header("Proxy-Authorization"):
            leg.hang_up(407, (("Proxy-Authenticate", build_challenge(self._new_nonce())),))
        else:
            leg.ring()
            self._exchange.spawn(self._run(leg, name, domain, leg.invite))

    def _refusal(self, domain: Domain, invite: Message, source: str) -> Alert | None:
        """By Twilio's order: the access control list first, then the credentials."""
        address = ipaddress.IPv4Address(source)
        if domain.allow and not any(address in ipaddress.IPv4Network(network) for network in domain.allow):
            return Alert(32201, f"from {source}")
        answer = invite.header("Proxy-Authorization")
        if domain.credentials and answer and not is_answered(answer, "INVITE", domain.credentials, self._nonces):
            return Alert(32202, f"from {source}")
        return None

    def _new_nonce(self) -> str:
        nonce = secrets.token_hex(16)
        self._nonces[nonce] = None
        while len(self._nonces) > MOST_NONCES:
            del self._nonces[next(iter(self._nonces))]
        return nonce

    async def _run(self, leg: SipLeg, name: str, domain: Domain, invite: Message) -> None:
        to, caller = uri_of(invite.header("To")), uri_of(invite.header("From"))
        call = Call("inbound", to, caller, leg, status="ringing")
        call.invite, call.status_url = invite.headers, domain.status_url or ""
        self._exchange.keep(call)
        sip = {"SipDomain": name, "SipCallId": leg.call_id, "SipSourceIp": leg.source}
        run = CallRun(self._exchange, call, sip | sip_headers(invite.headers))
        await run.start(Callback(domain.voice_url))

    # -- a client ------------------------------------------------------------------------------------------------

    def take_client(self, identity: str, params: Params, make: Callable[[str], QuietLeg]) -> None:
        """A Voice SDK client calls: the TwiML App is asked, with the parameters of `connect`."""
        application = self._exchange.settings.application
        call = Call("inbound", params.get("To", ""), f"client:{identity}", QuietLeg(), status="ringing")
        call.leg, call.custom = make(call.sid), params
        self._exchange.keep(call)
        if application is None:
            self._exchange.book.complain(Alert(11200, "a client called, and there is no application"), call)
            call.leg.hang_up(404)
            return
        self._exchange.spawn(CallRun(self._exchange, call, params).start(Callback(application.voice_url)))

    # -- REST ----------------------------------------------------------------------------------------------------

    def originate(self, request: Request) -> Call:
        """Place a call, and give it to its application when it is answered.

        Raises:
            TargetError: the SIP URI cannot be called.
        """
        call = self._place(request)
        call.status_url = request.status_url
        leg = sip_leg(call)
        if leg:
            leg.on_ring = lambda: setattr(call, "status", "ringing") if call.status == "queued" else None
        self._exchange.spawn(self._see_to(call, request))
        return call

    def _place(self, request: Request) -> Call:
        caller = Caller(request.caller, "outbound-api", display=request.display)
        if request.to.startswith("client:"):
            identity, parameters = split_client(request.to)
            return self._exchange.place_client(identity, parameters, caller)
        if request.to.startswith(("sip:", "sips:")):
            target = parse_target(request.to, over_limit=21227)
            return self._exchange.place_sip(target, caller, request.credentials)
        return self._exchange.place_number(request.to, caller)

    async def _see_to(self, call: Call, request: Request) -> None:
        leg = call.leg
        await asyncio.wait((leg.answered, leg.ended), timeout=request.ring_seconds, return_when=asyncio.FIRST_COMPLETED)
        if not leg.answered.done():
            call.was_ended("no-answer" if not leg.ended.done() else call.status)
            leg.hang_up()
            return
        call.was_answered()
        run = CallRun(self._exchange, call)
        if request.conference:
            await self._exchange.conferences.find(request.conference).attend(call.sid, leg)
        elif request.then:
            await run.start(request.then)
        else:
            await run.start_with(request.twiml)
