"""Whatever a file holds, loading it ends in settings or in a ConfigError that can be printed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any, get_args

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.settings.document import Document, parse_document
from gateway.settings.load import settle
from gateway.settings.model import (
    Admin,
    Configuration,
    ContextField,
    Limits,
    Media,
    Route,
    Section,
    Sip,
    Trunk,
    UuiSides,
)


def problems_of(data: bytes) -> list[str]:
    """Every line that `gateway check` would print; none for a sound file."""
    document = Document("any.yaml")
    parse_document(data, document)
    try:
        settle(document)
    except ConfigError as error:
        assert error.problems
        return [str(problem) for problem in error.problems]
    return []


def is_printable(line: str) -> bool:
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in line)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    assert all(map(is_printable, problems_of(data)))


@settings(deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@`#?,\\ \n\t$<~0123456789.", max_size=80))
def test_any_yaml_punctuation(text: str) -> None:
    assert all(map(is_printable, problems_of(text.encode())))


def keys_of(annotation: Any) -> Iterator[str]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        for name, field in annotation.model_fields.items():
            yield field.alias or name
            yield from keys_of(field.annotation)
    for inner in get_args(annotation):
        yield from keys_of(inner)


KEYS = sorted(set(keys_of(Configuration))) + ["pbx", "twilio", "priority", "x"]
SCALARS = st.one_of(
    st.sampled_from(
        ["udp://0.0.0.0:5060", "tls://127.0.0.1:5061", "sip:a.b;transport=tls", "10.0.0.0/8", "pbx", "uui"]
    ),
    st.sampled_from(["header:X-A", "var:A", "sip:from.user", "twilio", "relay", "invite", "20000-29999", "to_pbx"]),
    st.sampled_from(["^9(.*)$", "\\1", "none", "00", "${HOME}", "127.0.0.1:9464", ".", "/", "text", "first", ""]),
    st.text(max_size=8),
    st.integers(-1, 70000),
    st.booleans(),
    st.none(),
    st.floats(),
    st.dates(),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)),
    max_leaves=40,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(list(Configuration.model_fields)), TREES, max_size=7))
def test_any_tree_of_our_keys(tree: dict[str, Any]) -> None:
    assert all(map(is_printable, problems_of(yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "replace"))))


def shaped(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of the shape that a section wants, and now and then of another."""
    section = next((it for it in (annotation, *get_args(annotation)) if _is_section(it)), None)
    if section is not None:
        keys = {field.alias or name: shaped(field.annotation) for name, field in section.model_fields.items()}
        return st.one_of(st.fixed_dictionaries({}, optional=keys), SCALARS)
    return st.one_of(SCALARS, st.lists(SCALARS, max_size=3))


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def named(section: type[Section], *names: str) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(names), shaped(section), max_size=3)


FILES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"sip": shaped(Sip)},
    optional={
        "media": shaped(Media),
        "admin": shaped(Admin),
        "limits": shaped(Limits),
        "trunks": named(Trunk, "pbx", "twilio", "other"),
        "routes": st.lists(shaped(Route), max_size=3),
        "context": st.fixed_dictionaries({"fields": named(ContextField, "a", "b")}, optional={"uui": shaped(UuiSides)}),
    },
)


@settings(deadline=None)
@given(FILES)
def test_any_file_of_the_right_shape(tree: dict[str, Any]) -> None:
    assert all(map(is_printable, problems_of(yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "replace"))))
