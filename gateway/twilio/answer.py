"""The TwiML that forwards a call with its context: to a Voice SDK client, a SIP user agent or a WebSocket.

Twilio, "How to share information between your applications": a client reads `<Parameter>` as custom parameters, a SIP
user agent the headers of `<Sip>`, a WebSocket the parameters of its `start` message. The caller hears ringing until who
is called answers (answerOnBridge), so that a call that nobody took is none that was answered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from twilio.twiml.voice_response import VoiceResponse

from gateway.core.application import build_headers, fit, parameter_bytes
from gateway.core.contract import Contract
from gateway.core.plan import Forward
from gateway.core.profile import Profile, Sends
from gateway.core.refusal import Refusal
from gateway.core.sending import build_sip_uri
from gateway.core.terms import Side
from gateway.core.uui import UuiSetup

# What no XML 1.0 document can hold, escaped or not.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Answer(NamedTuple):
    """The TwiML, and the fields that it leaves out."""

    twiml: str
    left_out: list[str]


def build_answer(forward: Forward, values: Mapping[str, str], contract: Contract, profile: Profile) -> Answer:
    """Forward with these values, as many as Twilio takes there."""
    if forward.sip is not None:
        assert profile.sends is not None, "a profile that says nothing about SIP URIs answers no webhook"
        return _to_sip(forward.sip, values, contract, profile.sends)
    sound = {name: value for name, value in values.items() if _NO_XML.search(value) is None}
    limit = profile.bytes_total
    kept, left = fit(contract.fields, sound, lambda some: limit is None or parameter_bytes(some) <= limit)
    response = VoiceResponse()
    if forward.client is not None:
        noun = response.dial(answer_on_bridge=True).client()
        noun.identity(forward.client)
    else:
        noun = response.connect().stream(url=forward.stream)
    for name, value in kept.items():
        noun.parameter(name=name, value=value)
    return Answer(str(response), [*(name for name in values if name not in sound), *left])


def _to_sip(uri: str, values: Mapping[str, str], contract: Contract, sends: Sends) -> Answer:
    setup = contract.uui.get(Side.TWILIO, UuiSetup())

    def written(some: Mapping[str, str]) -> str | Refusal:
        headers, _ = build_headers(contract.fields, some, setup)
        return build_sip_uri(uri, [(one.header, one.value) for one in headers], sends)

    sendable = {name: value for name, value in values.items() if isinstance(written({name: value}), str)}
    kept, left = fit(contract.fields, sendable, lambda some: isinstance(written(some), str))
    response = VoiceResponse()
    response.dial(answer_on_bridge=True).sip(str(written(kept)))
    return Answer(str(response), [*(name for name in values if name not in sendable), *left])
