"""Patterns: what is searched and replaced, what is refused, and that time is bounded."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.patterns import parse_pattern, parse_template


def replaced(pattern: str, template: str, text: str) -> str:
    compiled = parse_pattern(pattern)
    return compiled.replace(text, parse_template(template, compiled))


@pytest.mark.parametrize(
    ("pattern", "template", "text", "result"),
    [
        ("^00", "+", "0049", "+49"),
        ("^00", "+", "49", "49"),
        ("[^0-9]", "", "+49 (30) 1", "49301"),
        (r"(\w+)@(\w+)", r"\2 at \1", "a@b c@d", "b at a d at c"),
        (r"(?P<cc>\d)-(x)?", r"\g<cc>\2\\", "1-", "1\\"),
        ("é", "\u20ac", "caf\u00e9", "caf\u20ac"),
        ("x*", "-", "axb", "-a-b-"),
        ("x*", "-", "é", "-é-"),
        (".*", "X", "abc", "X"),
        ("$", "!", "abc", "abc!"),
        ("$", "!", "", "!"),
        ("(?i)sales", r"\g<0>!", "SaLes", "SaLes!"),
        ("a", "b", "a\udcffa", "b\udcffb"),
        (".", "x", "\udcff", "\udcff"),
    ],
)
def test_every_match_is_replaced(pattern: str, template: str, text: str, result: str) -> None:
    assert replaced(pattern, template, text) == result


def test_the_first_match_is_rewritten() -> None:
    pattern = parse_pattern("([0-9]+)")
    assert pattern.rewrite("a12b34", parse_template(r"+\1", pattern)) == "+12"
    assert pattern.rewrite("ab", parse_template(r"+\1", pattern)) is None


def test_equal_text_is_an_equal_pattern() -> None:
    assert parse_pattern("a") == parse_pattern("a") != parse_pattern("b")
    assert repr(parse_pattern("a")) == "Pattern(pattern='a')"


NOT_AVAILABLE = "; look-around and back-references are not available, the end of the text is $ or \\z"


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "missing ): ("),
        ("a**b", "bad repetition operator: **"),
        ("(?=a)", f"invalid perl operator: (?={NOT_AVAILABLE}"),
        (r"(a)\1", f"invalid escape sequence: \\1{NOT_AVAILABLE}"),
        (r"a\Z", f"invalid escape sequence: \\Z{NOT_AVAILABLE}"),
        ("a{1001}", "invalid repetition size: {1001}"),
        ("((a{100}){100}){100}", "invalid repetition size: {100}"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}"):
        parse_pattern(pattern)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (r"\2", "the expression has no group 2"),
        (r"\g<2>", "the expression has no group 2"),
        (r"\g<b>", "the expression has no group b"),
        (r"\g<²>", "the expression has no group ²"),
        (r"\n", r"\n means nothing here"),
        ("\\", "\\ means nothing here"),
        (r"\0", r"\0 means nothing here"),
    ],
)
def test_what_is_no_template_is_refused(template: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}"):
        parse_template(template, parse_pattern("(?P<a>.)"))


def test_nothing_is_written_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="missing"):
        parse_pattern("(")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a|aa)+$", "(.*)*x", "a*a*a*a*a*b"])
@pytest.mark.timeout(20)
def test_hostile_text_takes_linear_time(pattern: str) -> None:
    compiled = parse_pattern(pattern)
    assert compiled.rewrite("a" * 65536 + "!", parse_template("", compiled)) in (None, "")
    assert compiled.replace("a" * 4096 + "!", parse_template("", compiled)) is not None


TEXTS = st.binary(max_size=30).map(lambda data: data.decode("utf-8", "surrogateescape")) | st.text("axé€\n", max_size=9)


@given(st.sampled_from(["[a-z]", "é*", "x*", "(?s).", "$", "^"]), TEXTS)
def test_replacing_by_itself_changes_nothing(pattern: str, text: str) -> None:
    assert replaced(pattern, r"\g<0>", text) == text


@given(TEXTS)
def test_a_literal_template_is_itself(text: str) -> None:
    literal = text.replace("\\", "\\\\")
    assert replaced("^x$", literal, "x") == text
