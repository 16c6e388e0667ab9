"""The SIP shell: implements `SipPort` on pjsua2 and owns every leg.

All of it runs on the thread that made it. Callbacks only append to `_reports`; what follows from them is done outside
of the stack's own call chain, so no operation re-enters a callback.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path

import pjsua2 as pj

from gateway.bridge.admission import DRAINING, NOT_ALLOWED, Rejection
from gateway.bridge.commands import HeaderList, Place, Role
from gateway.bridge.events import OutboundAnswered, ReferAnswered
from gateway.bridge.health import Probe, ProbeEnded, RegistrationEnded
from gateway.bridge.ports import Arrival, LegId, LegReport, Refusal, Report
from gateway.bridge.session import HEADER
from gateway.core.message import parse_message
from gateway.core.plan import Plan, Transport
from gateway.core.referral import DialogId
from gateway.core.terms import On, Side
from gateway.core.uri import parse_uri
from gateway.errors import MessageError
from gateway.sip import refusals, stack
from gateway.sip.account import TRANSPORT_TYPE, TrunkAccount, plain_config, trunk_config
from gateway.sip.convert import address_of, header_words, network_words, uri_transport
from gateway.sip.endpoint import Endpoint
from gateway.sip.leg import SipLeg
from gateway.sip.places import NO_PLACE, Places, places_for
from gateway.sip.tls import tls_names

log = logging.getLogger(__name__)

MILLISECONDS = 1000
PARTING_SECONDS = 1.0
"""How long the end waits for answers to BYE, CANCEL and REGISTER: time to send again what was lost (RFC 3261, T1)."""
PARTING_POLL_SECONDS = 0.01


class SipShell:
    """The stack, its accounts and its legs. `stack_version` is PJSIP's.

    Raises:
        StartError: the plan's listeners cannot be had.
    """

    def __init__(self, plan: Plan) -> None:
        stack.require_our_build()
        self._reports: deque[Report] = deque()
        self._legs: dict[LegId, SipLeg] = {}
        self._ended: list[LegId] = []
        self._refused_at = float("-inf")
        self._turned_away: list[tuple[LegId, int, HeaderList]] = []
        self._pressing: set[LegId] = set()
        self._places = Places(places_for(plan))
        self._ids = itertools.count(1)
        self._nobody = pj.Trunk()  # has what belongs to no trunk: the door lets none of that in, and nobody answers it
        self._accounts: dict[tuple[str, Transport], TrunkAccount] = {}
        self._listeners = {listener.transport: listener for listener in reversed(plan.listeners)}
        self._endpoint = Endpoint(self._refused_by_stack, self._reports.append)
        self._log_writer = stack.StackLog(self._packet_dropped)
        agent = f"pbx-twilio-gateway/{importlib.metadata.version('pbx-twilio-gateway')}"
        stack.start(self._endpoint, plan, self._log_writer, agent)
        self.stack_version: str = self._endpoint.libVersion().full
        self._host = self._own_host(plan)
        self._identity = f"sip:{self._host}"
        self._nobody.create(plain_config(self._identity), True)
        self._tls_files: list[tuple[str, bytes]] = []
        self._registering: dict[str, TrunkAccount] = {}
        self.adopt(plan)

    reject_reasons = refusals.REASONS
    """Words with which INVITEs are turned away here, for the metrics."""

    def _own_host(self, plan: Plan) -> str:
        """Our host as peers see it: what is published for the first listener."""
        published = self._endpoint.transportGetInfo(0).localName
        return plan.public_address or address_of(published)

    def adopt(self, plan: Plan) -> None:
        """Use the trunks of `plan` for legs from now on.

        The accounts of a trunk that is gone stay, for its calls in progress; no source leads to them any more.

        Raises:
            StartError: the files of sip.tls cannot be used; calls go on with the trunks that were.
        """
        self._renew_tls(plan)
        reads = frozenset(on for on in On if plan.contract.reads(on))
        for trunk, (transport, listener) in itertools.product(plan.trunks, self._listeners.items()):
            config = trunk_config(trunk, plan, self._identity, listener)
            key = trunk.name, transport
            if key in self._accounts:
                self._accounts[key].modify(config)
            else:
                self._accounts[key] = TrunkAccount(trunk.name, self._invite, self._reports.append)
                self._accounts[key].create(config)
            if trunk.side is Side.TWILIO:
                pj.sipSpeakPlainly(self._accounts[key].getId())
            self._accounts[key].reads = reads
            self._accounts[key].follows = network_words(trunk.allow) if trunk.symmetric_rtp else []
        self._unregister(plan)
        allowed = network_words(network for trunk in plan.trunks for network in trunk.allow)
        ((_, warning),) = NOT_ALLOWED.headers
        pj.sipSetDoor(allowed, plan.limits.stranger_answers_per_second, warning)
        self._assign_sources(plan)
        self._endpoint.names.prepare({parse_uri(uri).host for trunk in plan.trunks for uri in trunk.uris})

    def _assign_sources(self, plan: Plan) -> None:
        """Give each INVITE to the account of the trunk that allows its source, whatever it claims."""
        self._endpoint.assignNothing()
        for trunk, transport in itertools.product(plan.trunks, self._listeners):
            account = self._accounts[trunk.name, transport].getId()
            self._endpoint.assign(TRANSPORT_TYPE[transport], network_words(trunk.allow), account)

    def _unregister(self, plan: Plan) -> None:
        """Take back what trunks registered that are gone; `modify` does it for those that stay."""
        wanted = {trunk.name: uri_transport(trunk.register.registrar) for trunk in plan.trunks if trunk.register}
        names = {trunk.name for trunk in plan.trunks}
        for name, account in self._registering.items():
            if name not in names:
                account.setRegistration(False)
        self._registering = {name: self._account(name, transport) for name, transport in wanted.items()}

    def _renew_tls(self, plan: Plan) -> None:
        """Certificates are renewed in place, and places change: PJSIP reads `ca_list` anew for each connection."""
        files = [(path, Path(path).read_bytes()) for path in astuple(plan.tls)] if plan.tls else []
        if files != self._tls_files:
            stack.renew_tls(self._endpoint, plan)
            self._tls_files = files
        self._endpoint.setTrustedNames(tls_names(plan))

    def close(self) -> None:
        """End the stack; legs first, as their destructors need it."""
        for leg in list(self._legs.values()):
            self.hangup(leg.leg_id, ())
        for account in self._registering.values():
            with contextlib.suppress(pj.Error):  # it is not registered
                account.setRegistration(False)
        self._part_from_peers()
        self._drop_ended()
        self._accounts.clear()
        del self._nobody
        self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_RX_MSG)  # which would wait another second

    def _part_from_peers(self) -> None:
        """Wait for what peers owe us, and as long for the ACK to a refusal, which the stack does not tell of."""
        until = time.monotonic() + PARTING_SECONDS
        while (now := time.monotonic()) < until:
            if self._endpoint.hasSettled() and now > self._refused_at + PARTING_SECONDS:
                return
            self.poll(PARTING_POLL_SECONDS)
            for report in self.reports():
                if isinstance(report, Arrival):
                    self.refuse(report.leg, DRAINING.code, DRAINING.headers)

    def _own(self, leg: SipLeg) -> SipLeg:
        leg.pressing = self._pressing
        leg.over = self._ended
        self._legs[leg.leg_id] = leg
        return leg

    # -- arrivals ------------------------------------------------------------------------------------------------

    def _account(self, trunk: str, transport: Transport) -> TrunkAccount:
        """A trunk's account for this transport; for one that we do not listen on, any."""
        known = transport if transport in self._listeners else next(iter(self._listeners))
        return self._accounts[trunk, known]

    def _invite(self, account: TrunkAccount, call_id: int, text: str, source: str, at: float) -> None:
        leg = self._own(SipLeg(account, next(self._ids), Role.INBOUND, self._reports.append, call_id))
        if self._places.are_few(len(self._legs)):
            self._turn_away(leg, NO_PLACE, source)
            return
        try:
            message = parse_message(text)
        except MessageError:
            self._turn_away(leg, refusals.MALFORMED, source)
            return
        if message.is_cut:  # RFC 3261, section 18.3
            self._turn_away(leg, refusals.MALFORMED, source)
            return
        self._reports.append(Arrival(leg.leg_id, account.trunk_name, source, message, at))

    def _turn_away(self, leg: SipLeg, why: Rejection, source: str) -> None:
        self._reports.append(Refusal(why.reason, source, why.code))
        self._turned_away.append((leg.leg_id, why.code, why.headers))  # in its callback PJSIP would drop the headers

    def _packet_dropped(self, source: str) -> None:
        self._reports.append(Refusal("malformed", source, 0))

    def _refused_by_stack(self, call_id: int, source: str, code: int) -> None:
        """PJSIP answers by itself to a broken SDP, a codec nobody has, an unknown extension in Require.

        Some it tells us of before it looks closer, such as one whose Session-Expires is too small.
        """
        arrivals = [report for report in self._reports if isinstance(report, Arrival) and self._is(report.leg, call_id)]
        for arrival in arrivals:
            self._reports.remove(arrival)
        if not any(self._is(leg, call_id) for leg, _, _ in self._turned_away):  # that one was counted
            reason = refusals.NO_RTP_PORTS if self._lacked_ports() else refusals.reason_of(code)
            self._reports.append(Refusal(reason, source, code))

    def _lacked_ports(self) -> bool:
        """Whether the stack found no port for the leg that it has just refused."""
        lacks, self._log_writer.lacks_ports = self._log_writer.lacks_ports, False
        return lacks

    def _is(self, leg: LegId, call_id: int) -> bool:
        """Whether PJSIP knows a leg by this id."""
        return call_id != pj.PJSUA_INVALID_ID and leg in self._legs and self._legs[leg].getId() == call_id

    # -- SipPort -------------------------------------------------------------------------------------------------

    def poll(self, seconds: float) -> None:
        """Let the stack work for `seconds`, less if something happens."""
        if self._ended:
            self._drop_ended()
        self._log_writer.lacks_ports = False  # that was about an operation of ours
        if self._endpoint.work(int(seconds * MILLISECONDS)):
            self._reports.extend(refusals.turned_away())
        self._endpoint.names.poll()
        while self._turned_away:
            self.refuse(*self._turned_away.pop())
        if self._pressing:
            for pressing in list(self._pressing):
                self._legs[pressing].release_digit()

    def reports(self) -> Iterator[Report]:
        """What happened since the last call, in order."""
        while self._reports:
            report = self._reports.popleft()
            if self._is_usable(report):
                yield report

    def _is_usable(self, report: Report) -> bool:
        """PJSIP reads the SDP of an answer after it told of it; if that cannot be used, the leg ends as refused."""
        if not isinstance(report, LegReport) or not isinstance(report.event, OutboundAnswered):
            return True
        found = self._legs.get(report.leg)
        if found is None or found.ended or found.hasAudio():
            return True
        found.lost(488)
        try:
            found.finish(0, "")
        except pj.Error as error:  # here nobody guards: one leg must not end the loop of all
            log.warning("a leg is lost", extra={"trunk": found.trunk, "problem": error.reason})
        return False

    def place(self, order: Place, session_id: str) -> LegId:
        """Start an outbound leg; if it cannot even start, its end is reported."""
        account = self._account(order.trunk, uri_transport(order.request_uri))
        leg = self._own(SipLeg(account, next(self._ids), Role.OUTBOUND, self._reports.append))
        caller = order.caller
        ours = ("Max-Forwards", str(order.max_forwards)), (HEADER, session_id)
        headers = (*order.headers, *caller.headers(self._host), *ours)
        try:
            leg.place(order.request_uri, caller.from_value(self._host), header_words(headers))
            leg.identify(session_id)
        except pj.Error as error:
            missing = "no port of media.rtp_ports can be had: " if self._lacked_ports() else ""
            log.warning("cannot place a call", extra={"trunk": order.trunk, "problem": f"{missing}{error.reason}"})
            leg.lost(500)
        return leg.leg_id

    def probe(self, probe: Probe) -> None:
        """Send OPTIONS."""
        try:
            self._account(probe.trunk, uri_transport(probe.uri)).probe(probe.uri, probe.token)
        except pj.Error:
            self._reports.append(ProbeEnded(probe.token, 503))

    def register(self, trunk: str) -> None:
        """Send REGISTER."""
        account = self._registering.get(trunk)
        try:
            if account:
                account.setRegistration(True)
        except pj.Error:
            self._reports.append(RegistrationEnded(trunk, 503, False))

    def call_id(self, leg: LegId) -> str:
        """SIP Call-ID of a leg; empty once it is gone."""
        found = self._legs.get(leg)
        return "" if found is None or found.ended else str(found.sipCallId())

    def heard(self, leg: LegId) -> bool:
        """Whether the peer gave any sign of life since the leg was placed."""
        found = self._legs.get(leg)
        return found is not None and not found.ended and bool(found.isHeard())

    def silence(self, leg: LegId) -> float:
        """Seconds since RTP came from a leg, or was first expected."""
        found = self._legs.get(leg)
        return 0.0 if found is None or found.ended else found.silence()

    def progress(self, leg: LegId, code: int, headers: HeaderList) -> None:
        """Send a provisional response."""
        self._operate(leg, lambda it: it.respond(code, header_words(headers)))

    def answer(self, leg: LegId, headers: HeaderList) -> None:
        """Send 200."""
        self._operate(leg, lambda it: it.respond(200, header_words(headers)))

    def join(self, one: LegId, other: LegId) -> None:
        """Connect the media of two legs, now or as soon as both flow."""
        first, second = self._legs.get(one), self._legs.get(other)
        if first and second and not first.ended and not second.ended:
            first.part()
            second.part()
            first.peer, second.peer = second, first
            first.join_media()

    def find(self, dialog: DialogId) -> LegId | None:
        """The leg of a dialog, and not the one that had its place in PJSIP before it."""
        call_id = pj.sipCallOfDialog(dialog.call_id, dialog.to_tag, dialog.from_tag)
        found = (number for number, leg in self._legs.items() if not leg.ended and self._is(number, call_id))
        return next(found, None)

    def answer_refer(self, leg: LegId, code: int, headers: HeaderList) -> None:
        """Send the final response to a REFER."""
        self._operate(leg, lambda it: it.answerRefer(code, header_words(headers)))

    def refer(self, leg: LegId, refer_to: str) -> None:
        """Send REFER; a leg that cannot is none that is lost."""
        found = self._legs.get(leg)
        if found is None or found.ended:
            return
        try:
            found.refer(refer_to)
        except pj.Error as error:
            log.warning("cannot send REFER", extra={"trunk": found.trunk, "problem": error.reason})
            found.report(ReferAnswered(500))

    def notify_refer(self, leg: LegId, code: int, is_final: bool) -> None:
        """Send NOTIFY."""
        self._operate(leg, lambda it: it.notifyRefer(code, is_final))

    def offer(self, leg: LegId, hold: bool) -> None:
        """Offer audio anew to a leg that is up."""
        self._operate(leg, lambda it: it.offer_audio(hold))

    def identify(self, leg: LegId, session_id: str) -> None:
        """Tell the peer of a leg this Session-ID from now on."""
        self._operate(leg, lambda it: it.identify(session_id))

    def refuse(self, leg: LegId, code: int, headers: HeaderList) -> None:
        """Send a final failure."""
        self._refused_at = time.monotonic()
        self._operate(leg, lambda it: it.finish(code, header_words(headers)))

    def hangup(self, leg: LegId, headers: HeaderList) -> None:
        """CANCEL or BYE."""
        self._operate(leg, lambda it: self._hang_up(it, headers))

    def _hang_up(self, leg: SipLeg, headers: HeaderList) -> None:
        if leg.keeps_its_place():
            self._places.keep()
        leg.finish(0, header_words(headers))

    def _operate(self, leg: LegId, operation: Callable[[SipLeg], None]) -> None:
        found = self._legs.get(leg)
        if found is None or found.ended:
            return
        try:
            operation(found)
        except pj.Error as error:
            log.warning("a leg is lost", extra={"trunk": found.trunk, "problem": error.reason})
            found.lost(500)

    def _drop_ended(self) -> None:
        """Let go of legs that ended, outside of any callback: the last reference destroys the `pj.Call`.

        That hangs up whatever call has its place in PJSIP then, so it comes before the stack works again and gives the
        place away.
        """
        for leg_id in self._ended:
            self._pressing.discard(leg_id)
            self._legs.pop(leg_id, None)
        self._ended.clear()
