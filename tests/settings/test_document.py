"""YAML is read without guessing, and every problem of the document itself is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings.document import LARGEST_FILE_BYTES, Document, Unquoted, parse_document, read_document
from gateway.settings.place import build_place, shown_key


def parse(text: str | bytes) -> Document:
    document = Document("file.yaml")
    parse_document(text if isinstance(text, bytes) else text.encode(), document)
    return document


@pytest.mark.parametrize(
    ("written", "reads_as"),
    [
        ("0123", "a number"),
        ("+15551234567", "a number"),
        ("12:30", "a number"),
        ("1_000", "a number"),
        ("0x10", "a number"),
        ("0o17", "a number"),
        ("0123456789", "a number"),
        ("1e5", "a number"),
        ("1.50", "a number"),
        (".inf", "a number"),
        ("yes", "a boolean"),
        ("off", "a boolean"),
        ("True", "a boolean"),
        ("2026-01-01", "a date"),
    ],
)
def test_what_yaml_would_convert_stays_as_written(written: str, reads_as: str) -> None:
    document = parse(f"key: {written}")
    assert document.tree == {"key": written}
    value = (document.tree or {})["key"]
    assert isinstance(value, Unquoted)
    assert value.reads_as == reads_as


@pytest.mark.parametrize("written", ['"0123"', "'0123'", "10.0.0.5", "20000-29999", "=", "0123456789 ext"])
def test_text_is_just_text(written: str) -> None:
    value = (parse(f"key: {written}").tree or {})["key"]
    assert isinstance(value, str)
    assert not isinstance(value, Unquoted)


def test_keys_are_text_whatever_yaml_makes_of_them() -> None:
    document = parse("on: a\n1: b\nnull: c\n2026-01-01: d\n")
    assert document.tree == {"on": "a", "1": "b", "null": "c", "2026-01-01": "d"}
    assert document.problems == []


def test_the_first_of_two_equal_keys_stays_and_the_second_is_a_problem() -> None:
    document = parse("a: {b: first,\n  b: second}\n")
    assert document.tree == {"a": {"b": "first"}}
    assert document.problems == [(("a", "b"), "is given on line 1 and again on line 2; keep one of them")]


def test_places_know_where_they_stand() -> None:
    document = parse("sip:\n  listen:\n    - one\n    - two\n")
    assert document.position(("sip",)) == (1, 0)
    assert document.position(("sip", "listen", 1)) == (4, 6)
    assert document.position(("sip", "tls", "certificate")) == (1, 0)
    assert document.position(("nowhere",)) == (0, 0)


def test_a_byte_order_mark_is_not_content() -> None:
    assert parse(b"\xef\xbb\xbfkey: value\n").tree == {"key": "value"}


def test_an_alias_cannot_multiply() -> None:
    document = parse("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n")
    assert document.tree == {"a": ["x", "x"], "b": [None, None], "c": [None, None]}
    assert len(document.problems) == 4


def test_a_file_has_a_largest_size() -> None:
    document = parse(b"#" * (LARGEST_FILE_BYTES + 1))
    assert document.problems == [((), "is too large: a configuration has 1048576 bytes at most")]


@pytest.mark.parametrize("data", ["null", "~", "", "# only a comment"])
def test_nothing_is_no_configuration(data: str) -> None:
    assert parse(data).problems == [((), "the file is empty; config/minimal.yaml is the least that runs")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("password: !my!secret", "line 1: is not YAML: found undefined tag handle"),
        ("a: &hunter2 x\nb: @hunter2", "line 2: is not YAML: found character '@' that cannot start any token"),
        ('a: "\\q"', "line 1: is not YAML: found unknown escape character 'q'"),
        ("a: 'hunter2", "line 1: is not YAML: found unexpected end of stream"),
        ("%YAML 3.0\n---\na: b", "line 1: is not YAML: found incompatible YAML document (version 1.* is required)"),
    ],
)
def test_what_yaml_says_quotes_no_word_of_the_file(text: str, problem: str) -> None:
    assert parse(text).problems == [((), problem)]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("nowhere.yaml", "cannot be read: No such file or directory"),
        (".", "cannot be read: Is a directory"),
        ("\0", "cannot be read: no such path"),
    ],
)
def test_a_file_that_cannot_be_read(path: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    document = read_document(path)
    assert document.tree is None
    assert document.problems == [((), text)]


def test_places_are_written_as_people_write_them() -> None:
    assert build_place(("trunks", "pbx", "uris", 0)) == "trunks.pbx.uris[0]"
    assert build_place(()) == ""


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("max_bytes", "max_bytes"),
        ("password:hunter2", "password…"),
        ("\x1b[31m", "…"),
        ("k" * 65, "k" * 64 + "…"),
        ("schlüssel", "schl…"),
    ],
)
def test_a_key_is_shown_as_far_as_it_is_one(key: str, shown: str) -> None:
    assert shown_key(key) == shown
