"""How a call ends: what a final response means, and what the other leg is told."""

from __future__ import annotations

import re

import pytest

from gateway.bridge import outcome as outcomes
from gateway.bridge.outcome import (
    ANSWER_BY_CODE,
    OUTCOME_BY_CODE,
    OUTCOMES,
    PHRASES,
    Outcome,
    Result,
    answer_for_code,
    outcome_for_code,
    reason_header,
    tries_next_uri,
    warning_header,
)

FAILURES = range(300, 700)

# code of the outbound leg, what it means for the call, what the inbound leg gets
MEANINGS = [
    (300, outcomes.REDIRECTED, 502),
    (302, outcomes.REDIRECTED, 502),
    (305, outcomes.REDIRECTED, 502),
    (380, outcomes.REDIRECTED, 502),
    (399, outcomes.REDIRECTED, 502),
    (400, outcomes.CALL_REFUSED, 400),
    (401, outcomes.UNAUTHORIZED, 502),
    (402, outcomes.CALL_REFUSED, 402),
    (403, outcomes.FORBIDDEN, 403),
    (404, outcomes.NOT_FOUND, 404),
    (405, outcomes.CALL_REFUSED, 502),
    (406, outcomes.CALL_REFUSED, 406),
    (407, outcomes.UNAUTHORIZED, 502),
    (408, outcomes.NO_RESPONSE, 408),
    (410, outcomes.NOT_FOUND, 410),
    (413, outcomes.CALL_REFUSED, 502),
    (414, outcomes.CALL_REFUSED, 502),
    (415, outcomes.NO_COMMON_CODEC, 488),
    (416, outcomes.CALL_REFUSED, 502),
    (420, outcomes.CALL_REFUSED, 502),
    (421, outcomes.CALL_REFUSED, 502),
    (422, outcomes.CALL_REFUSED, 502),
    (423, outcomes.CALL_REFUSED, 502),
    (480, outcomes.NO_ANSWER, 480),
    (481, outcomes.CALL_REFUSED, 502),
    (482, outcomes.LOOP, 482),
    (483, outcomes.LOOP, 483),
    (484, outcomes.NOT_FOUND, 484),
    (485, outcomes.CALL_REFUSED, 485),
    (486, outcomes.BUSY, 486),
    (487, outcomes.NO_ANSWER, 480),
    (488, outcomes.NO_COMMON_CODEC, 488),
    (489, outcomes.CALL_REFUSED, 502),
    (491, outcomes.CALL_REFUSED, 502),
    (493, outcomes.CALL_REFUSED, 502),
    (494, outcomes.CALL_REFUSED, 502),
    (499, outcomes.CALL_REFUSED, 499),
    (500, outcomes.UNAVAILABLE, 500),
    (503, outcomes.UNAVAILABLE, 503),
    (504, outcomes.NO_RESPONSE, 504),
    (513, outcomes.UNAVAILABLE, 513),
    (599, outcomes.UNAVAILABLE, 599),
    (600, outcomes.BUSY, 600),
    (603, outcomes.DECLINED, 603),
    (604, outcomes.NOT_FOUND, 604),
    (606, outcomes.NO_COMMON_CODEC, 488),
    (607, outcomes.DECLINED, 607),
    (699, outcomes.DECLINED, 699),
]


@pytest.mark.parametrize(("code", "outcome", "answer"), MEANINGS)
def test_what_a_final_response_means_and_becomes(code: int, outcome: Outcome, answer: int) -> None:
    assert (outcome_for_code(code), answer_for_code(code)) == (outcome, answer)


def test_every_code_with_a_meaning_of_its_own_is_in_the_table() -> None:
    assert set(OUTCOME_BY_CODE) | set(ANSWER_BY_CODE) <= {code for code, _, _ in MEANINGS}


@pytest.mark.parametrize("code", [-1, 0, 99, 100, 180, 200, 299, 700, 999])
def test_what_cannot_end_an_unanswered_call_counts_against_us(code: int) -> None:
    assert (outcome_for_code(code), answer_for_code(code)) == (outcomes.INTERNAL_ERROR, 502)


def test_every_failure_becomes_a_failure_that_asks_the_caller_for_nothing() -> None:
    answers = {answer_for_code(code) for code in FAILURES}
    assert all(400 <= code <= 699 for code in answers)
    assert not answers & {401, 407}


def test_every_failure_of_a_response_is_somebody_elses() -> None:
    results = {outcome_for_code(code).result for code in FAILURES}
    assert results == {Result.CLIENT_ERROR, Result.UPSTREAM_ERROR}


def test_the_results_are_those_of_the_metrics() -> None:
    assert set(Result) == {"success", "client-error", "server-error", "upstream-error", "indeterminate"}
    assert {outcome.result for outcome in OUTCOMES} == set(Result)


def test_reasons_are_unique_words_in_kebab_case() -> None:
    reasons = [outcome.reason for outcome in OUTCOMES]
    assert len(set(reasons)) == len(reasons) == 26
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", reason) for reason in reasons)


def test_all_outcomes_that_codes_give_are_known_to_the_metrics() -> None:
    assert {outcome_for_code(code) for code in range(800)} <= set(OUTCOMES)


def test_only_silent_and_failing_servers_make_room_for_the_next() -> None:
    assert {code for code in range(800) if tries_next_uri(code)} == {408, *range(500, 600)}


@pytest.mark.parametrize(
    ("code", "value"),
    [(486, 'SIP;cause=486;text="Busy Here"'), (200, 'SIP;cause=200;text="OK"'), (499, "SIP;cause=499")],
)
def test_the_reason_of_the_other_leg(code: int, value: str) -> None:
    assert reason_header(code) == ("Reason", value)


def test_phrases_can_stand_in_quotes() -> None:
    assert all(re.fullmatch(r"[A-Za-z/ -]+", phrase) for phrase in PHRASES.values())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("limits.calls is reached", '399 gateway "limits.calls is reached"'),
        ('say "const:a\\b"', "399 gateway \"say 'const:ab'\""),
    ],
)
def test_a_warning_is_one_quoted_text(text: str, value: str) -> None:
    assert warning_header(text) == ("Warning", value)
