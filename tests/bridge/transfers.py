"""What each cell of the call table does about transfers."""

from __future__ import annotations

from gateway.bridge import outcome as outcomes
from gateway.bridge.call import State
from gateway.bridge.commands import (
    AnswerRefer,
    AnswerReplacement,
    Command,
    Hangup,
    NoteMiss,
    NoteTransfer,
    NotifyRefer,
    Place,
    Preview,
    Promote,
    RefuseReplacement,
    Role,
    StartTimer,
    StopTimer,
)
from gateway.bridge.events import (
    Ending,
    EndRequested,
    Faulted,
    InboundEnded,
    LegTaken,
    OutboundEnded,
    ReferAnswered,
    ReferStatus,
    ReplacementArrived,
    TargetAnswered,
    TargetEnded,
    TargetProgress,
    TargetTrying,
    Timer,
    TimerFired,
)
from gateway.bridge.machine import CallMachine
from gateway.bridge.terms import TransferResult
from gateway.core.plan import Plan, TransferMode
from gateway.core.terms import On
from tests.bridge.cases import Case
from tests.bridge.samples import (
    ANSWERED,
    CONFIRMED,
    REFER,
    REPLACING,
    SDP,
    feed,
    field,
    invite,
    machine_for,
    place,
    refer,
    response,
)

PENDING = (State.TRANSFERRING, State.FORWARDING)
IN, OUT, TARGET = (Hangup(role) for role in Role)
HEARD = StopTimer(Timer.RESPONSE)
MISSED = NoteMiss("pbx", "sip:pbx.example", 4)
SETTLED: list[Command] = [HEARD, StopTimer(Timer.RING)]


def target(**changes: object) -> Place:
    """What the ordinary REFER makes of itself."""
    defaults = {"trunk": "pbx", "uri": "sip:2000@pbx.example", "role": Role.TARGET}
    return place(**(defaults | changes))  # type: ignore[arg-type]


def noted(result: TransferResult, mode: TransferMode = TransferMode.LOCAL) -> NoteTransfer:
    return NoteTransfer(mode, result)


def told(code: int, *, last: bool = True) -> NotifyRefer:
    return NotifyRefer(Role.OUTBOUND, code, last)


def refused(code: int, warning: str, by: Role = Role.OUTBOUND) -> AnswerRefer:
    return AnswerRefer(by, code, (("Warning", f'399 gateway "{warning}"'),))


NOT_NOW = refused(491, "the call is not answered, or is being transferred")
RELAY_FAILED = noted(TransferResult.FAILED, TransferMode.RELAY)
RELAY_ABANDONED = noted(TransferResult.ABANDONED, TransferMode.RELAY)
FAILED, ABANDONED = noted(TransferResult.FAILED), noted(TransferResult.ABANDONED)

TRANSFERS = [
    Case(
        "REFER waits for the answer of the call, and for the end of another transfer",
        (State.CALLING, State.RINGING, *PENDING),
        REFER,
        [NOT_NOW, noted(TransferResult.PENDING)],
    ),
    Case(
        "REFER of the caller waits for its ACK",
        (State.ANSWERED,),
        refer(Role.INBOUND),
        [
            refused(491, "the call is not answered, or is being transferred", Role.INBOUND),
            noted(TransferResult.PENDING),
        ],
    ),
    Case(
        "the ACK comes after the REFER of who was called, or is that of a leg in the place of another",
        (State.TALKING, *PENDING, State.RELAYING),
        CONFIRMED,
        [StartTimer(Timer.SILENCE, 300)],
    ),
    Case(
        "REFER: the target is called where a call from that trunk goes",
        (State.ANSWERED, State.TALKING),
        REFER,
        [
            AnswerRefer(Role.OUTBOUND, 202),
            target(),
            StartTimer(Timer.RESPONSE, 4),
            StartTimer(Timer.RING, 60),
        ],
        State.TRANSFERRING,
    ),
    Case(
        "REFER in a call that ends",
        (State.ENDING,),
        REFER,
        [AnswerRefer(Role.OUTBOUND, 481)],
        outcome=outcomes.MAX_DURATION,
    ),
    Case(
        "REFER while the other side does a transfer",
        (State.RELAYING,),
        REFER,
        [NOT_NOW, noted(TransferResult.PENDING, TransferMode.RELAY)],
    ),
    Case(
        "an INVITE for the place of a leg while the other side does a transfer",
        (State.RELAYING,),
        ReplacementArrived(Role.OUTBOUND, REPLACING),
        [RefuseReplacement(491, ()), noted(TransferResult.PENDING, TransferMode.RELAY)],
    ),
    Case(
        "the other side takes a transfer on", (State.RELAYING,), ReferAnswered(202), [AnswerRefer(Role.OUTBOUND, 202)]
    ),
    Case(
        "the other side does not",
        (State.RELAYING,),
        ReferAnswered(603),
        [StopTimer(Timer.RING), AnswerRefer(Role.OUTBOUND, 603), RELAY_FAILED],
        State.TALKING,
    ),
    Case(
        "the other side does not understand what we sent",
        (State.RELAYING,),
        ReferAnswered(405),
        [StopTimer(Timer.RING), AnswerRefer(Role.OUTBOUND, 502), RELAY_FAILED],
        State.TALKING,
    ),
    Case(
        "the other side tells before it takes it on",
        (State.RELAYING,),
        ReferStatus(180, False),
        [AnswerRefer(Role.OUTBOUND, 202), told(180, last=False)],
    ),
    Case(
        "the other side tells nothing that can be read",
        (State.RELAYING,),
        ReferStatus(0, False),
        [AnswerRefer(Role.OUTBOUND, 202), told(100, last=False)],
    ),
    Case(
        "the other side has done it: both are left by us",
        (State.RELAYING,),
        ReferStatus(200, True),
        [
            AnswerRefer(Role.OUTBOUND, 202),
            *SETTLED,
            told(200),
            noted(TransferResult.COMPLETED, TransferMode.RELAY),
            IN,
            OUT,
        ],
        State.ENDING,
        outcomes.COMPLETED,
    ),
    *(
        Case(
            f"the other side gives up with {code}",
            (State.RELAYING,),
            ReferStatus(code, is_final),
            [AnswerRefer(Role.OUTBOUND, 202), *SETTLED, told(said), RELAY_FAILED],
            State.TALKING,
        )
        for code, is_final, said in ((486, True, 486), (486, False, 486), (100, True, 503), (0, True, 503))
    ),
    Case(
        "the other side says nothing",
        (State.RELAYING,),
        TimerFired(Timer.RING),
        [StopTimer(Timer.RING), AnswerRefer(Role.OUTBOUND, 504), RELAY_FAILED],
        State.TALKING,
    ),
    Case(
        "who asked leaves before it is known what came of it",
        (State.RELAYING,),
        OutboundEnded(200, True, response(200)),
        [*SETTLED, RELAY_ABANDONED, IN],
        State.ENDING,
        outcomes.COMPLETED,
    ),
    Case(
        "who was asked leaves",
        (State.RELAYING,),
        InboundEnded(200, True, response(200)),
        [*SETTLED, RELAY_ABANDONED, OUT],
        State.ENDING,
        outcomes.COMPLETED,
    ),
    *(
        Case(
            f"{event}: both legs are ended",
            (State.RELAYING,),
            event,
            [*SETTLED, RELAY_ABANDONED, IN, OUT],
            State.ENDING,
            outcome,
        )
        for event, outcome in (
            (TimerFired(Timer.DURATION), outcomes.MAX_DURATION),
            (EndRequested(Ending.ADMIN), outcomes.ENDED_BY_ADMIN),
            (Faulted(), outcomes.INTERNAL_ERROR),
        )
    ),
    Case(
        "an INVITE for the place of a leg waits as REFER does",
        (State.CALLING, State.RINGING, State.ANSWERED, *PENDING),
        ReplacementArrived(Role.OUTBOUND, REPLACING),
        [RefuseReplacement(491, ()), noted(TransferResult.PENDING)],
    ),
    Case(
        "an INVITE gets the place of a leg",
        (State.TALKING,),
        ReplacementArrived(Role.OUTBOUND, REPLACING),
        [
            AnswerReplacement(),
            noted(TransferResult.COMPLETED),
            Promote(Role.OUTBOUND),
            TARGET,
        ],
    ),
    Case(
        "an INVITE for a place in a call that ends",
        (State.ENDING,),
        ReplacementArrived(Role.OUTBOUND, REPLACING),
        [RefuseReplacement(481, ())],
        outcome=outcomes.MAX_DURATION,
    ),
    Case(
        "the target of a consultation is taken into the other call",
        (State.TALKING,),
        LegTaken(Role.OUTBOUND),
        [IN],
        State.ENDING,
        outcomes.COMPLETED,
    ),
    Case("a 100 of the target", PENDING, TargetTrying(), [HEARD]),
    Case("199 tells of a branch", PENDING, TargetProgress(199, response(199)), [HEARD]),
    Case(
        "the target rings, and who asked is told",
        (State.TRANSFERRING,),
        TargetProgress(180, response(180)),
        [HEARD, told(180, last=False)],
    ),
    Case("the target rings for one who left", (State.FORWARDING,), TargetProgress(180, response(180)), [HEARD]),
    Case(
        "the target takes the place of who asked",
        (State.TRANSFERRING,),
        TargetAnswered(response(200, body=SDP)),
        [*SETTLED, told(200), noted(TransferResult.COMPLETED), Promote(Role.OUTBOUND), TARGET],
        State.TALKING,
    ),
    Case(
        "the target takes the place of who left",
        (State.FORWARDING,),
        TargetAnswered(response(200, body=SDP)),
        [*SETTLED, noted(TransferResult.COMPLETED), Promote(Role.OUTBOUND)],
        State.TALKING,
    ),
    Case(
        "the target refuses: all is as it was",
        (State.TRANSFERRING,),
        TargetEnded(486, True, response(486)),
        [*SETTLED, told(486), FAILED],
        State.TALKING,
    ),
    Case(
        "the target hangs up instead of an answer",
        (State.TRANSFERRING,),
        TargetEnded(200, True, None),
        [*SETTLED, told(480), FAILED],
        State.TALKING,
    ),
    Case(
        "the target refuses, and nobody else is left",
        (State.FORWARDING,),
        TargetEnded(486, True, response(486)),
        [*SETTLED, FAILED, IN],
        State.ENDING,
        outcomes.COMPLETED,
    ),
    Case(
        "the target says nothing at all",
        (State.TRANSFERRING,),
        TimerFired(Timer.RESPONSE),
        [TARGET, *SETTLED, told(504), FAILED, MISSED],
        State.TALKING,
    ),
    Case(
        "the target does not answer",
        (State.TRANSFERRING,),
        TimerFired(Timer.RING),
        [TARGET, *SETTLED, told(480), FAILED],
        State.TALKING,
    ),
    *(
        Case(
            f"nobody is left, and no {timer} of the target",
            (State.FORWARDING,),
            TimerFired(timer),
            [*SETTLED, FAILED, IN, TARGET, *missed],
            State.ENDING,
            outcomes.COMPLETED,
        )
        for timer, missed in ((Timer.RESPONSE, [MISSED]), (Timer.RING, []))
    ),
    Case(
        "who asked leaves: the other one hears what the target plays",
        (State.TRANSFERRING,),
        OutboundEnded(200, True, response(200)),
        [Preview(Role.INBOUND)],
        State.FORWARDING,
    ),
    Case(
        "who stays leaves: there is nobody to call the target for",
        (State.TRANSFERRING,),
        InboundEnded(200, True, response(200)),
        [*SETTLED, told(487), ABANDONED, TARGET, OUT],
        State.ENDING,
        outcomes.COMPLETED,
    ),
    Case(
        "who waits for the target leaves",
        (State.FORWARDING,),
        InboundEnded(200, True, response(200)),
        [*SETTLED, ABANDONED, TARGET, OUT],
        State.ENDING,
        outcomes.COMPLETED,
    ),
    *(
        Case(
            f"{event}: all legs are ended",
            (state,),
            event,
            [*SETTLED, *([told(487)] if state is State.TRANSFERRING else []), ABANDONED, *legs],
            State.ENDING,
            outcome,
        )
        for event, outcome in (
            (TimerFired(Timer.DURATION), outcomes.MAX_DURATION),
            (EndRequested(Ending.ADMIN), outcomes.ENDED_BY_ADMIN),
            (Faulted(), outcomes.INTERNAL_ERROR),
        )
        for state, legs in ((State.TRANSFERRING, [IN, OUT, TARGET]), (State.FORWARDING, [IN, TARGET]))
    ),
    Case(
        "a target that answers while the call ends",
        (State.ENDING,),
        TargetAnswered(response(200, body=SDP)),
        [TARGET],
        outcome=outcomes.MAX_DURATION,
    ),
]


# ---- For the stories ----

TARGET_ANSWERED = TargetAnswered(response(200, body=SDP))
QUEUE = field("queue", "header:X-Queue", "header:X-Queue", on=frozenset({On.INVITE, On.REFER}))
REPLACES = "Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc"


def placed(commands: list[Command]) -> Place:
    (order,) = [command for command in commands if isinstance(command, Place)]
    return order


def refusal(commands: list[Command]) -> tuple[int, TransferResult]:
    answer, note = commands[-2:]
    assert isinstance(answer, AnswerRefer) and isinstance(note, NoteTransfer)
    return answer.code, note.result


def talk(plan: Plan, *headers: str, trunk: str = "pbx") -> CallMachine:
    machine = machine_for(plan)
    feed(machine, invite(plan, *headers, trunk=trunk), ANSWERED, CONFIRMED)
    return machine
