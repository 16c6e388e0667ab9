"""Which place of PJSIP's a new call is given (places.patch): a warm one, and none that somebody still means."""

from __future__ import annotations

from tests.pjsip.calls import Calls, call_with
from tests.pjsip.peer import Peer
from tests.pjsip.stack import Stack


def test_the_place_of_the_call_that_ended_last_is_given_first() -> None:
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())

        def places_of_new_calls(count: int) -> list[int]:
            for wanted in range(len(account.calls) + 1, len(account.calls) + count + 1):
                peer.send(peer.invite())
                stack.poll_until(lambda wanted=wanted: len(account.calls) == wanted)
            return [call.getId() for call in account.calls[-count:]]

        places = places_of_new_calls(4)
        for ended in (2, 0):
            account.calls[ended].hangup(call_with(486))
            stack.poll_until(lambda ended=ended: "DISCONNECTED" in account.calls[ended].states)
            stack.poll()
        assert places_of_new_calls(3) == [places[0], places[2], len(places)]


def test_the_place_of_a_call_that_ended_rests_until_the_next_poll() -> None:
    """What is told of the call is about this one until then."""
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        invite = peer.invite()
        peer.send(invite)
        stack.poll_until(lambda: account.calls)
        peer.send(peer.cancel(invite))
        peer.send(peer.invite())
        stack.poll_until(lambda: len(account.calls) == 2)
        assert "DISCONNECTED" in account.calls[0].states
        assert account.calls[0].getId() != account.calls[1].getId()
