"""A call beside what a test is about: it is up, has audio, and is none the worse for whatever is done meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.process.daemon import Gateway
from tests.process.line import audible
from tests.process.rtp import RtpEnd, hear_each_other
from tests.process.talk import Talk
from tests.process.wire import header


@contextmanager
def bystander(gateway: Gateway, direction: str) -> Iterator[None]:
    """Such a call with plain audio. It takes the place where calls of this direction arrive."""
    with audible(gateway, direction) as line, unharmed(gateway, line.talk, *line.pair("caller")):
        yield


@contextmanager
def unharmed(gateway: Gateway, talk: Talk, one: RtpEnd, other: RtpEnd) -> Iterator[None]:
    """The ends of a call hear each other, before and after; then it ends as calls do."""
    call_id = header(talk.invite, "Call-ID")
    hear_each_other(one, other)
    yield
    hear_each_other(one, other)
    assert call_id not in [line["inbound_call_id"] for line in gateway.ended_calls()]
    talk.hang_up()
    [ended] = gateway.told(msg="call ended", inbound_call_id=call_id)
    assert (ended["result"], ended["reason"]) == ("success", "completed")
