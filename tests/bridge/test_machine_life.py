"""Calls at random, among a stack that can do what PJSIP can: whatever happens in whatever order, a call ends once."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.bridge.call import State
from gateway.bridge.commands import (
    Answer,
    AnswerRefer,
    AnswerReplacement,
    Command,
    Finish,
    Hangup,
    NoteContext,
    NoteTransfer,
    NotifyRefer,
    Place,
    Preview,
    Progress,
    Promote,
    Refuse,
    RefuseReplacement,
    Role,
    SendRefer,
    StartTimer,
    StopTimer,
)
from gateway.bridge.events import (
    Ending,
    EndRequested,
    Event,
    Faulted,
    InboundConfirmed,
    LegTaken,
    OutboundAnswered,
    OutboundEnded,
    OutboundProgress,
    OutboundTrying,
    ReferAnswered,
    ReferStatus,
    ReplacementArrived,
    Timer,
    TimerFired,
    seen_as,
)
from gateway.bridge.outcome import OUTCOMES, Result
from gateway.core.plan import TransferMode
from tests.bridge.samples import (
    CUSTOMER,
    FIRST,
    REPLACING,
    SDP,
    SECOND,
    THIRD,
    invite,
    machine_for,
    plan,
    refer,
    response,
)

REQUEST_TERMINATED = 487


@dataclass(eq=False)
class Leg:
    """A leg as the stack has it: it ends once, and says nothing afterwards."""

    role: Role
    up: bool = True
    answered: bool = False
    confirmed: bool = False
    reports: list[Event] = field(default_factory=list)


class CallLife(RuleBasedStateMachine):
    """Rules are what peers, timers, operators and our own mistakes do; `work` is the engine's turn.

    Reports wait in a queue, so they cross the commands that the machine gave before it saw them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.queue: deque[tuple[Leg, Event]] = deque()
        self.timers: set[Timer] = set()
        self.finished: list[Finish] = []
        self.legs: list[Leg] = []
        self.refused: list[int] = []
        self.told_to_answer = False
        self.waiting: list[Leg] = []
        """Those whose REFER has no answer yet."""
        self.subscribed: list[Leg] = []
        self.newcomer: Leg | None = None
        self.referred: Leg | None = None
        self.noted: list[NoteTransfer] = []

    @initialize(
        uris=st.integers(1, 3),
        sdp=st.booleans(),
        context=st.booleans(),
        reject=st.booleans(),
        transfer=st.sampled_from(TransferMode),
        far=st.booleans(),
    )
    def begin(self, uris: int, sdp: bool, context: bool, reject: bool, transfer: TransferMode, far: bool) -> None:
        """An INVITE; of half the calls more than the first moment is seen: they are answered, and to be transferred."""
        contract = plan(CUSTOMER, uris=(FIRST, SECOND, THIRD)[:uris], reject=reject, transfer=transfer)
        self.machine = machine_for(contract)
        self.inbound = Leg(Role.INBOUND)
        self.outbound: Leg | None = None
        self.target: Leg | None = None
        self.legs.append(self.inbound)
        headers = ["X-PBX-CUSTOMER-ID: C-1"] if context else []
        self.tell(invite(contract, *headers, body=SDP if sdp else ""))
        if far and self.outbound:
            self.callee_answers()
            self.caller_acknowledges()
            self.ask_for_a_transfer(self.outbound, "2000", True)
            while self.queue:
                self.work()

    # -- what the machine wants ----------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        for command in self.machine.handle(event):
            self.execute(command)

    def execute(self, command: Command) -> None:
        assert not self.finished, "nothing is left to do for a call that is over"
        match command:
            case Place(role=Role.TARGET):
                assert self.target is None or not self.target.up
                self.target = Leg(Role.TARGET)
                self.legs.append(self.target)
            case Place():
                assert self.outbound is None or not self.outbound.up
                assert not self.told_to_answer and not self.refused
                self.outbound = Leg(Role.OUTBOUND)
                self.legs.append(self.outbound)
            case Progress(code, _, early):
                assert (code == 183) == early
                assert not self.told_to_answer and not self.refused
            case Answer():
                assert not self.told_to_answer and not self.refused
                self.told_to_answer = True
                self.inbound.answered = self.inbound.up
            case Refuse(code):
                assert not self.told_to_answer and not self.refused
                assert 400 <= code <= 699
                self.refused.append(code)
                self.hang_up(self.inbound, code)
            case Hangup(Role.INBOUND):
                self.hang_up(self.inbound, 200)
            case Hangup(role):
                leg = self.leg(role)
                self.hang_up(leg, 200 if leg.answered else REQUEST_TERMINATED)
            case AnswerRefer(by, code):
                assert 202 <= code <= 699
                self.waiting.remove(self.leg(by))
                if code == 202:
                    self.subscribed.append(self.leg(by))
            case SendRefer(role, refer_to):
                leg = self.leg(role)
                assert leg.up or any(one is leg for one, _ in self.queue), "or its end is on the way"
                assert refer_to.startswith(("<sip:2000@", "<sip:h"))  # of whom it calls, the other side is the judge
                self.referred = self.leg(role)
            case NotifyRefer(by, code, is_final):
                assert is_final == (code >= 200)
                assert self.leg(by) in self.subscribed, "who is told has asked, and the end was not told before"
                if is_final:
                    self.subscribed.remove(self.leg(by))
            case AnswerReplacement():
                assert self.target is None or not self.target.up
                self.target, self.newcomer = self.newcomer, None
            case RefuseReplacement(code):
                assert 400 <= code <= 699 and self.newcomer
                self.newcomer.up, self.newcomer = False, None
            case Preview(role):
                target = self.leg(Role.TARGET)
                is_known = target.answered and all(leg is not target for leg, _ in self.queue)
                assert self.leg(role).answered and not is_known
            case Promote(role):
                self.promote(role)
            case NoteTransfer():
                self.noted.append(command)
            case StartTimer(timer, seconds):
                assert seconds > 0
                self.timers.add(timer)
            case StopTimer(timer):
                self.timers.discard(timer)
            case NoteContext(_, mapped):
                assert mapped.receipt
            case Finish():
                self.finished.append(command)

    def leg(self, role: Role) -> Leg:
        found = {Role.INBOUND: self.inbound, Role.OUTBOUND: self.outbound, Role.TARGET: self.target}[role]
        assert found is not None
        return found

    def promote(self, role: Role) -> None:
        assert self.target is not None and self.target.answered
        away = self.leg(role)
        if role is Role.INBOUND:
            self.inbound, self.target = self.target, away
        else:
            self.outbound, self.target = self.target, away
        self.leg(role).role, away.role = role, Role.TARGET

    def hang_up(self, leg: Leg, code: int) -> None:
        if leg.up:
            self.end(leg, code, by_peer=False)

    def end(self, leg: Leg, code: int, by_peer: bool) -> None:
        self.report(leg, OutboundEnded(code, by_peer, response(code) if by_peer else None))
        leg.up = False

    def report(self, leg: Leg, event: Event) -> None:
        self.queue.append((leg, event))

    # -- what happens --------------------------------------------------------------------------------------------

    @precondition(lambda self: self.queue)
    @rule()
    def work(self) -> None:
        leg, event = self.queue.popleft()
        roles = {id(self.inbound): Role.INBOUND, id(self.outbound): Role.OUTBOUND, id(self.target): Role.TARGET}
        if not self.finished and id(leg) in roles:  # else: of an attempt that was given up
            self.tell(seen_as(event, roles[id(leg)]))

    @precondition(lambda self: self.outbound and self.outbound.up and not self.outbound.answered)
    @rule(code=st.sampled_from([100, 180, 181, 183, 199]), sdp=st.booleans())
    def callee_responds(self, code: int, sdp: bool) -> None:
        assert self.outbound
        message = response(code, body=SDP if sdp else "")
        self.report(self.outbound, OutboundTrying() if code == 100 else OutboundProgress(code, message))

    @precondition(lambda self: self.outbound and self.outbound.up and not self.outbound.answered)
    @rule()
    def callee_answers(self) -> None:
        assert self.outbound
        self.outbound.answered = True
        self.report(self.outbound, OutboundAnswered(response(200, body=SDP)))

    @precondition(lambda self: self.outbound and self.outbound.up and not self.outbound.answered)
    @rule(code=st.integers(300, 699))
    def callee_refuses(self, code: int) -> None:
        assert self.outbound
        self.end(self.outbound, code, by_peer=True)

    @precondition(lambda self: self.outbound and self.outbound.up and self.outbound.answered)
    @rule()
    def callee_hangs_up(self) -> None:
        assert self.outbound
        self.end(self.outbound, 200, by_peer=True)

    @precondition(lambda self: self.outbound and self.outbound.up)
    @rule(code=st.sampled_from([408, 500, 503]))
    def callee_vanishes(self, code: int) -> None:
        assert self.outbound
        self.end(self.outbound, code, by_peer=False)

    @precondition(lambda self: self.inbound.up and not self.inbound.answered)
    @rule(by_peer=st.booleans())
    def caller_cancels(self, by_peer: bool) -> None:
        self.end(self.inbound, REQUEST_TERMINATED, by_peer)

    @precondition(lambda self: self.inbound.up and self.inbound.answered and not self.inbound.confirmed)
    @rule()
    def caller_acknowledges(self) -> None:
        self.inbound.confirmed = True
        self.report(self.inbound, InboundConfirmed())

    @precondition(lambda self: self.inbound.up and self.inbound.answered)
    @rule()
    def caller_hangs_up(self) -> None:
        self.end(self.inbound, 200, by_peer=True)

    @precondition(lambda self: self.inbound.up)
    @rule(code=st.sampled_from([408, 500, 503]))
    def caller_vanishes(self, code: int) -> None:
        self.end(self.inbound, code, by_peer=False)

    @precondition(lambda self: any(leg.up and leg.answered for leg in self.legs))
    @rule(data=st.data(), user=st.sampled_from(["2000", ""]), admitted=st.booleans())
    def one_asks_for_a_transfer(self, data: st.DataObject, user: str, admitted: bool) -> None:
        self.ask_for_a_transfer(
            data.draw(st.sampled_from([leg for leg in self.legs if leg.up and leg.answered])), user, admitted
        )

    def ask_for_a_transfer(self, leg: Leg, user: str, admitted: bool) -> None:
        self.waiting.append(leg)
        self.report(leg, refer(leg.role, f"sip:{user}@elsewhere.example" if user else "sip:h", admitted=admitted))

    @precondition(lambda self: self.referred and self.referred.up)
    @rule(code=st.sampled_from([202, 401, 603]))
    def other_side_answers_refer(self, code: int) -> None:
        assert self.referred
        self.report(self.referred, ReferAnswered(code))

    @precondition(lambda self: self.referred and self.referred.up)
    @rule(code=st.sampled_from([0, 100, 180, 200, 486]), is_final=st.booleans())
    def other_side_tells(self, code: int, is_final: bool) -> None:
        assert self.referred
        self.report(self.referred, ReferStatus(code, is_final))

    @precondition(lambda self: self.inbound.answered)
    @rule(role=st.sampled_from([Role.INBOUND, Role.OUTBOUND]))
    def somebody_wants_the_place_of_a_leg(self, role: Role) -> None:
        if self.leg(role).up and not self.finished:
            self.newcomer = Leg(Role.TARGET, answered=True)
            self.legs.append(self.newcomer)
            self.tell(ReplacementArrived(role, REPLACING))
            assert self.newcomer is None

    @precondition(lambda self: self.machine.state is State.TALKING and Role.TARGET not in self.machine.live)
    @rule(role=st.sampled_from([Role.INBOUND, Role.OUTBOUND]))
    def another_call_takes_a_leg(self, role: Role) -> None:
        leg = self.leg(role)
        self.legs.remove(leg)
        self.queue = deque((one, event) for one, event in self.queue if one is not leg)
        leg.up = False
        self.tell(LegTaken(role))

    @precondition(lambda self: self.target and self.target.up and not self.target.answered)
    @rule(code=st.sampled_from([180, 183, 199]))
    def target_responds(self, code: int) -> None:
        assert self.target
        self.report(self.target, OutboundProgress(code, response(code)))

    @precondition(lambda self: self.target and self.target.up and not self.target.answered)
    @rule()
    def target_answers(self) -> None:
        assert self.target
        self.target.answered = True
        self.report(self.target, OutboundAnswered(response(200, body=SDP)))

    @precondition(lambda self: self.target and self.target.up)
    @rule(code=st.sampled_from([200, 302, 408, 486, 503]), by_peer=st.booleans())
    def target_ends(self, code: int, by_peer: bool) -> None:
        assert self.target
        self.end(self.target, code, by_peer)

    @precondition(lambda self: any(leg.up for leg in self.legs))
    @rule(data=st.data())
    def callback_fails(self, data: st.DataObject) -> None:
        self.report(data.draw(st.sampled_from([leg for leg in self.legs if leg.up])), Faulted())

    @precondition(lambda self: self.timers and not self.finished)
    @rule(data=st.data())
    def time_passes(self, data: st.DataObject) -> None:
        timer = data.draw(st.sampled_from(sorted(self.timers)))
        self.timers.discard(timer)
        self.tell(TimerFired(timer))

    @rule(why=st.sampled_from(Ending))
    def operator_ends(self, why: Ending) -> None:
        self.tell(EndRequested(why))

    # -- what holds ----------------------------------------------------------------------------------------------

    @invariant()
    def it_is_over_exactly_once(self) -> None:
        assert len(self.finished) == (self.machine.state is State.ENDED)

    def teardown(self) -> None:
        """From here on the peers are silent: clocks alone must end the call."""
        while self.queue or not self.finished:
            if self.queue:
                self.work()
            else:
                assert self.timers, f"nothing will ever end a call in state {self.machine.state}"
                timer = min(self.timers)
                self.timers.discard(timer)
                self.tell(TimerFired(timer))
        (finish,) = self.finished
        assert finish.outcome == self.machine.outcome
        assert finish.outcome in OUTCOMES
        assert not any(leg.up for leg in self.legs), "nobody is left ringing"
        assert all(transfer.result for transfer in self.machine.transfers), "each transfer comes to an end"
        self.check_answer()

    def check_answer(self) -> None:
        """A call that was answered has no final code, one that was not is no success."""
        assert self.machine.outcome is not None
        if self.inbound.answered:
            assert self.machine.code is None
        if self.machine.code is None:
            assert self.told_to_answer
        if self.machine.outcome.result is Result.SUCCESS:
            assert self.told_to_answer and self.machine.code is None


CallLife.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestCallLife = CallLife.TestCase
