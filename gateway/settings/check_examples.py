"""Runs the examples of a context whose fields work: what leaves must be what they expect, to the letter."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.core.explanation import Explanation, explain, likely_sender
from gateway.core.headers import Headers, is_header_name
from gateway.core.message import SipMessage
from gateway.core.plan import Plan
from gateway.core.scopes import Message, senders
from gateway.core.terms import On
from gateway.settings.model import Example
from gateway.settings.place import Finding, Place
from gateway.settings.scalars import listed, shown

_START_LINES = {
    On.INVITE: "INVITE {uri} SIP/2.0",
    On.PROGRESS: "SIP/2.0 180 Ringing",
    On.ANSWER: "SIP/2.0 200 OK",
    On.END: "BYE {uri} SIP/2.0",
    On.REFER: "REFER {uri} SIP/2.0",
}


def check_examples(examples: dict[str, Example], plan: Plan) -> Iterator[Finding]:
    """Every example that gives something else than it says."""
    for name, example in examples.items():
        place = ("context", "examples", name)
        problem = _sender_problem(example) or _name_problem(example)
        if problem:
            yield (*place, problem[0]), problem[1]
        else:
            yield from _differences(place, example, _run(example, plan))


def _sender_problem(example: Example) -> tuple[str, str] | None:
    possible = senders(example.direction, example.on)
    if example.sender is None or example.sender in possible:
        return None
    return "from", f"must be {listed(possible)} for {example.on} of a call {example.direction}, or left out"


def _name_problem(example: Example) -> tuple[str, str] | None:
    wrong = next((name for name in example.headers if not is_header_name(name)), None)
    return None if wrong is None else ("headers", f"has {shown(wrong)}, which is not a header's name")


def _run(example: Example, plan: Plan) -> Explanation:
    headers = Headers((name, value) for name, values in example.headers.items() for value in values)
    sender = example.sender or likely_sender(example.direction, example.on)
    message = SipMessage(_START_LINES[example.on].format(uri=example.uri), headers)
    return explain(plan, message, Message(example.direction, example.on, sender))


def _differences(place: Place, example: Example, explanation: Explanation) -> Iterator[Finding]:
    mapped = explanation.mapped
    if mapped.refused is not None:
        yield (*place, "expect"), f"the call would be refused: {mapped.refused}"
        return
    left = dict(mapped.headers)
    for name in dict.fromkeys([*example.expect, *left]):
        wanted, got = example.expect.get(name), left.get(name)
        if wanted != got:
            yield (
                (*place, "expect"),
                f"{name}: {_said(wanted)} was expected, {_said(got)} leaves{_why(explanation, name)}",
            )


def _said(value: str | None) -> str:
    return "nothing" if value is None else shown(value)


def _why(explanation: Explanation, name: str) -> str:
    """What the receipt says of the fields that write a header."""
    rules = zip(explanation.rules.rules, explanation.mapped.receipt, strict=True)
    said = [
        f"{entry.field} is {entry.outcome}: {entry.reason}"
        for rule, entry in rules
        if rule.target is not None and rule.target.header.lower() == name.lower() and entry.reason
    ]
    return f" ({'; '.join(said)})" if said else ""
