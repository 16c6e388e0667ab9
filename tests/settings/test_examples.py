"""Examples inside a configuration: run at load, each difference told with its reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.settings.samples import SOUND, Loader

CONTEXT = """
context:
  missing: reject
  overflow: truncate
  fields:
    queue: {pbx: "header:X-Q", twilio: "header:X-Queue", type: enum, values: [sales], duplicates: reject}
    agent: {pbx: "header:X-Agent", twilio: "header:X-Agent", on: [answer, end], direction: to_pbx}
    sid: {pbx: "header:X-Sid", twilio: "header:X-Twilio-CallSid", on: [end]}
    user: {pbx: "sip:request.user", twilio: "header:X-User", direction: to_twilio, required: true}
  examples:
"""


def case(text: str) -> str:
    return f"{SOUND}{CONTEXT}    it: {{{text}}}\n"


@pytest.mark.parametrize(
    "text",
    [
        'direction: to_twilio, headers: {X-Q: sales}, expect: {X-Queue: sales, X-User: "+15550100"}',
        'direction: to_twilio, uri: "sip:7@h", headers: {x-q: [sales, sales]}, expect: {X-User: "7"}',
        "direction: to_pbx, headers: {X-Queue: sales}, expect: {X-Q: sales}",
        "direction: to_pbx, headers: {X-Other: secret}",
        "direction: to_pbx, on: answer, headers: {X-Agent: Alice}, expect: {X-Agent: Alice}",
        "direction: to_pbx, on: end, headers: {X-Agent: Alice, X-Sid: forged}, expect: {X-Agent: Alice}",
        "direction: to_pbx, on: end, from: twilio, headers: {X-Twilio-CallSid: CA1}, expect: {X-Sid: CA1}",
    ],
)
def test_an_example_that_holds_is_no_problem(text: str, load_text: Loader) -> None:
    settings = load_text(case(text))
    assert list(settings.configuration.context.examples) == ["it"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "direction: to_pbx, headers: {X-Queue: other}, expect: {X-Q: other}",
            "expect: X-Q: 'other' was expected, nothing leaves (queue is invalid: not one of sales)",
        ),
        (
            "direction: to_pbx, headers: {X-Queue: sales}, expect: {X-Q: support}",
            "expect: X-Q: 'support' was expected, 'sales' leaves",
        ),
        (
            "direction: to_pbx, headers: {X-Queue: sales}",
            "expect: X-Q: nothing was expected, 'sales' leaves",
        ),
        (
            "direction: to_pbx, expect: {X-Z: a}",
            "expect: X-Z: 'a' was expected, nothing leaves",
        ),
        (
            'direction: to_twilio, uri: "sip:h", expect: {X-Queue: a}',
            "expect: the call would be refused: 400 missing-context: "
            "context field user (sip:request.user) is required and missing: the source is empty",
        ),
        (
            "direction: to_pbx, from: pbx",
            "from: must be twilio for invite of a call to_pbx, or left out",
        ),
        (
            'direction: to_pbx, headers: {"X Q": a}',
            "headers: has 'X Q', which is not a header's name",
        ),
    ],
)
def test_an_example_that_does_not_hold_is_a_problem(
    text: str, complaint: str, complaints: Callable[[str], list[str]]
) -> None:
    assert complaints(case(text)) == [f"context.examples.it.{complaint}"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("on: answer", "it.direction: is missing: of the call: to_twilio or to_pbx"),
        (
            "direction: to_pbx, headers: {X-Queue: 7}",
            'it.headers.X-Queue: is read as a number by YAML; put it in quotes: "7"',
        ),
        (
            "direction: to_pbx, headers: {X-Queue: {a: b}}",
            "it.headers.X-Queue: must be text, not a mapping",
        ),
        (
            "direction: to_pbx, headers: {X-Queue: [sales, 7]}",
            'it.headers.X-Queue: is read as a number by YAML; put it in quotes: "7"',
        ),
        (
            "direction: to_pbx, expects: {X-Queue: sales}",
            "it.expects: is not a known key; did you mean expect?",
        ),
    ],
)
def test_an_example_is_read_strictly(text: str, complaint: str, complaints: Callable[[str], list[str]]) -> None:
    assert complaints(case(text)) == [f"context.examples.{complaint}"]
