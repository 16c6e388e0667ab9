"""Callees that answer what no honest callee answers: the call ends as it should, or goes on, and nothing is left."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.process.daemon import Gateway, Site, Tree
from tests.process.wire import WirePeer, header, sdp

Answers = Callable[[WirePeer, str], list[str]]
"""The callee and the INVITE it got, to what it sends."""


def replies(*answers: tuple[str, ...]) -> Answers:
    """Responses in order, each a status with its headers."""
    return lambda callee, invite: [callee.reply(invite, *answer) for answer in answers]


def then_ok(make: Answers) -> Answers:
    """What `make` gives, then an honest answer."""
    return lambda callee, invite: [*make(callee, invite), ok(callee, invite)]


def ok(callee: WirePeer, invite: str) -> str:
    return callee.reply(invite, "200 OK", body=sdp(callee.place.host))


def changed(pattern: str, text: str) -> Answers:
    """An honest answer with one header line replaced."""
    return lambda callee, invite: [re.sub(pattern, lambda _: text, ok(callee, invite), flags=re.MULTILINE)]


def forked(callee: WirePeer, invite: str) -> list[str]:
    """Two phones ring; the second is answered."""
    first = callee.reply(invite, "180 Ringing")
    return [first, first.replace(";tag=wire", ";tag=other"), ok(callee, invite).replace(";tag=wire", ";tag=other")]


def configure(tree: Tree, site: Site) -> None:
    """Silence, which is what some answers amount to, is noticed soon."""
    tree["limits"]["response_seconds"] = 0.5


ANSWERED: dict[str, Answers] = {
    "the same answer twice": lambda callee, invite: [ok(callee, invite)] * 2,
    "two phones ring": forked,
    "180 with a header of 60 KB": then_ok(replies(("180 Ringing", "X-Big: " + "x" * 60_000))),
    "180 with a reason of 30,000 characters": then_ok(replies(("180 " + "R" * 30_000,))),
    "a code beyond all codes": then_ok(replies(("999 What",))),
    "a code below all codes": then_ok(replies(("099 What",))),
    "a code of two digits": then_ok(replies(("18 What",))),
    "text that is no SIP": then_ok(lambda callee, invite: ["hello\r\n\r\n"]),
    "no Contact": changed(r"^Contact:.*\n", ""),
    "a Contact that is none": changed(r"^Contact:.*$", "Contact: <<>\r"),
    "a number that is none": changed("^Contact:", "Retry-After: soon\r\nContact:"),
    "a session timer that is none": changed("^Contact:", "Session-Expires: x\r\nContact:"),
    "a line without a colon": changed("^Contact:", "hello\r\nContact:"),
    "180 with a number that is none": then_ok(replies(("180 Ringing", "Expires: soon"))),
    "300 headers": then_ok(replies(("183 Session Progress", *(f"X-Header-{number}: 1" for number in range(300))))),
}

REFUSED: dict[str, tuple[Answers, int, str]] = {
    "a reason of 30,000 characters": (replies(("486 " + "B" * 30_000,)), 486, "client-error/busy"),
    "486 with a number that is none": (replies(("486 Busy", "Retry-After: soon")), 486, "client-error/busy"),
    "401 that wants a password in clear": (
        replies(("401 Unauthorized", 'WWW-Authenticate: Basic realm="x"')),
        502,
        "upstream-error/unauthorized",
    ),
    "401 without a challenge": (replies(("401 Unauthorized",)), 502, "upstream-error/unauthorized"),
    "401 with nonsense": (
        replies(("401 Unauthorized", "WWW-Authenticate: Digest nonsense")),
        502,
        "upstream-error/unauthorized",
    ),
    "302 to 1,500 places": (
        replies(("302 Moved", *(f"Contact: <sip:{number}@192.0.2.1>" for number in range(1500)))),
        502,
        "upstream-error/redirected",
    ),
    "a Via that is none": (changed("^Via:", "Via: nonsense\r\nVia:"), 504, "upstream-error/no-response"),
    "no To": (changed(r"^To:.*\n", ""), 504, "upstream-error/no-response"),
}


@pytest.mark.parametrize("make", ANSWERED.values(), ids=ANSWERED)
def test_a_call_all_the_same(gateway: Gateway, make: Answers) -> None:
    with gateway.wire(gateway.twilio) as callee:
        caller = gateway.pbx.call("uac-call", "-d", "100")
        for message in make(callee, callee.wait_for("INVITE")):
            callee.send(message)
        callee.wait_for("ACK")
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        caller.finish()
        gateway.assert_outcomes("to_twilio", "success/completed")


@pytest.mark.parametrize(("make", "code", "outcome"), REFUSED.values(), ids=REFUSED)
def test_a_call_that_is_refused(gateway: Gateway, make: Answers, code: int, outcome: str) -> None:
    with gateway.wire(gateway.twilio) as callee:
        caller = gateway.pbx.call("uac-refused", code=str(code), header="Reason: SIP;cause=")
        for message in make(callee, callee.wait_for("INVITE")):
            callee.send(message)
        caller.finish()
        gateway.assert_outcomes("to_twilio", outcome)


def test_of_two_answers_one_is_hung_up(gateway: Gateway) -> None:
    """A proxy forked our INVITE and both phones answered (RFC 3261, section 13.2.2.4)."""
    with gateway.wire(gateway.twilio) as callee:
        caller = gateway.pbx.call("uac-call", "-d", "500")
        invite = callee.wait_for("INVITE")
        callee.answer(invite)
        callee.send(ok(callee, invite).replace(";tag=wire", ";tag=other"))
        other = callee.wait_for("BYE")
        assert header(other, "To").endswith(";tag=other")
        callee.send(callee.reply(other, "200 OK"))
        gateway.wait_for_talking()
        caller.finish()
        gateway.assert_outcomes("to_twilio", "success/completed")


def test_a_callee_that_hangs_up_with_a_refusal(gateway: Gateway) -> None:
    """BYE answered 481: the dialog is gone on that side, and now on ours."""
    with gateway.wire(gateway.twilio) as callee:
        caller = gateway.pbx.call("uac-call")
        callee.answer(callee.wait_for("INVITE"))
        bye = callee.wait_for("BYE")
        callee.send(callee.reply(bye, "481 Call/Transaction Does Not Exist"))
        caller.finish()
        gateway.assert_outcomes("to_twilio", "success/completed")
