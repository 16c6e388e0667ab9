"""Reads one YAML file into plain values, strictly, and remembers where each stood; it knows no setting.

YAML 1.1 guesses: `0123` is 83, `+1555` loses its plus, `yes` and `on` are booleans, `12:30` is 750, the last of two
equal keys wins. Here nothing is guessed: a plain scalar that YAML would convert stays what was written, marked
`Unquoted`, and the setting it is for decides; keys are always text; what has no honest reading is a problem.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

import yaml

from gateway.errors import Problem
from gateway.settings.place import SECRETS, Finding, Place, build_place, is_secret, may_be_empty

LARGEST_FILE_BYTES: Final = 1_048_576
DEEPEST_NESTING: Final = 20

Value: TypeAlias = "str | list[Value] | dict[str, Value] | None"
"""What a place holds. `None`: nothing usable, and the problem is already noted."""

_TAG: Final = "tag:yaml.org,2002:"
_CONVERTED: Final = {
    f"{_TAG}int": "a number",
    f"{_TAG}float": "a number",
    f"{_TAG}bool": "a boolean",
    f"{_TAG}timestamp": "a date",
}
_PLAIN_TEXT: Final = {f"{_TAG}str", f"{_TAG}value", f"{_TAG}merge"}
_COLLECTIONS: Final = {f"{_TAG}map", f"{_TAG}seq"}
_TAGGED: Final = "has a YAML tag (`!...`), and tags are not supported; leave it out"
_NULL: Final = f"{_TAG}null"
_ALIAS: Final = "!alias"
_NUMBER: Final = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|0o[0-7]+", re.ASCII)
"""YAML 1.2.2, section 10.3.2; PyYAML takes `0123456789` and `1e5` for text and the next program may not."""
_QUOTES_NO_WORD: Final = re.compile(r"""(?:[^'"]|'<[a-z ]+>'|'.'|"'")*""")
"""A message of PyYAML that quotes names of tokens and single characters, if anything."""


class Unquoted(str):
    """A plain scalar that YAML would turn into something else; the text is as written, `reads_as` says into what."""

    __slots__ = ("reads_as",)

    reads_as: str

    def __new__(cls, text: str, reads_as: str) -> Unquoted:
        made = super().__new__(cls, text)
        made.reads_as = reads_as
        return made


@dataclass(slots=True)
class Document:
    """A file's content: its tree (None: it has none), line and column of each place, what was wrong already."""

    file: str
    tree: dict[str, Value] | None = None
    positions: dict[Place, tuple[int, int]] = field(default_factory=dict)
    problems: list[Finding] = field(default_factory=list)

    def position(self, place: Place) -> tuple[int, int]:
        """Line (from 1) and column of a place, or of the nearest one around it that the file has."""
        while place and place not in self.positions:
            place = place[:-1]
        return self.positions.get(place, (0, 0))

    def named(self, problems: list[Finding]) -> list[Problem]:
        """Problems as the user sees them, in the order of the file, each once."""
        ordered = sorted(dict.fromkeys(problems), key=lambda problem: self.position(problem[0]))
        return [Problem(self.file, build_place(place), text) for place, text in ordered]


def read_document(file: str) -> Document:
    """Read a file; whatever is wrong with it is in the document's problems, nothing is raised."""
    document = Document(file)
    try:
        with Path(file).open("rb") as stream:
            data = stream.read(LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no such path"
        document.problems.append(((), f"cannot be read: {reason}"))
        return document
    parse_document(data, document)
    return document


def parse_document(data: bytes, document: Document) -> None:
    """Fill a document from its bytes."""
    try:
        node = _compose(data)
    except _NotReadable as error:
        document.problems.append(((), str(error)))
        return
    if isinstance(node, yaml.MappingNode):
        document.tree = _Reader(document).mapping(node, ())
    elif node is None or node.tag == _NULL:
        document.problems.append(((), "the file is empty; config/minimal.yaml is the least that runs"))
    else:
        document.problems.append(((), "must be a mapping of sections such as `sip:` and `trunks:`"))


class _NotReadable(Exception):
    """The bytes are no YAML document that we take."""


class _StrictLoader(yaml.SafeLoader):
    """PyYAML up to its node graph, without aliases (they could multiply without end) and with bounded depth."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            return yaml.ScalarNode(_ALIAS, "", event.start_mark, event.end_mark)
        self._depth += 1
        if self._depth > DEEPEST_NESTING:
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _compose(data: bytes) -> yaml.Node | None:
    if len(data) > LARGEST_FILE_BYTES:
        raise _NotReadable(f"is too large: a configuration has {LARGEST_FILE_BYTES} bytes at most")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _NotReadable(f"line {line}: is not UTF-8 text; save the file as UTF-8") from None
    try:
        return _StrictLoader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _NotReadable(_syntax(error)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _NotReadable(f"line {line}: holds a character that YAML does not allow") from None
    except (ValueError, OverflowError):
        # PyYAML feeds the code of an escape such as "\UFFFFFFFF" to chr() unchecked.
        raise _NotReadable("is not YAML: an escape in a quoted text names no character") from None


def _syntax(error: yaml.MarkedYAMLError) -> str:
    """What PyYAML found. Where it quotes the file it is cut: `password: !my!secret` would be in the message."""
    found = error.problem or "cannot be parsed"
    if not _QUOTES_NO_WORD.fullmatch(found):
        found = re.split("['\"]", found)[0].strip()
    if found == "but found another document":
        found = "there is another document after ---, and a configuration is one"
    line = error.problem_mark.line + 1 if error.problem_mark else 1
    return f"line {line}: is not YAML: {found}"


@dataclass(slots=True)
class _Reader:
    """Turns nodes into values and notes lines and problems as it goes."""

    document: Document

    def value(self, node: yaml.Node, place: Place) -> Value:
        self.document.positions[place] = _position(node)
        problem = _problem_of(node, place)
        if problem:
            self.problem(place, problem)
            return None
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*place, index)) for index, item in enumerate(node.value)]
        reads_as = _reads_as(node)
        return Unquoted(str(node.value), reads_as) if reads_as else str(node.value)

    def mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for key_node, value_node in node.value:
            key = self.key(key_node, place)
            if key is None:
                continue
            if key in values:
                self.duplicate((*place, key), key_node)
                continue
            values[key] = self.value(value_node, (*place, key))
            self.document.positions[(*place, key)] = _position(key_node)
        return values

    def key(self, node: yaml.Node, place: Place) -> str | None:
        line = _position(node)[0]
        if not isinstance(node, yaml.ScalarNode) or node.tag == _ALIAS or not node.value:
            self.problem(place, f"line {line}: a key must be text")
        elif node.value == "<<" and node.style is None:
            self.problem(place, f"line {line}: merge keys (`<<`) are not supported; write the keys out")
        elif _has_control(node.value):
            self.problem(place, f"line {line}: a key holds a line break or control character")
        else:
            return str(node.value)
        return None

    def duplicate(self, place: Place, node: yaml.Node) -> None:
        first, again = self.document.positions[place][0], _position(node)[0]
        where = f"twice on line {first}" if first == again else f"on line {first} and again on line {again}"
        self.problem(place, f"is given {where}; keep one of them")

    def problem(self, place: Place, text: str) -> None:
        self.document.problems.append((place, text))


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column


def _problem_of(node: yaml.Node, place: Place) -> str | None:
    if node.tag == _ALIAS:
        return "is an alias (`*name`), and aliases are not supported; write the value out"
    if node.tag == _NULL or (not node.value and not _means_nothing(node, place)):
        return "is empty; give it a value or leave the key out"
    if not isinstance(node, yaml.ScalarNode):
        return None if node.tag in _COLLECTIONS else _TAGGED
    return _problem_of_text(node, place)


def _problem_of_text(node: yaml.ScalarNode, place: Place) -> str | None:
    text = str(node.value)
    if not text.strip() and not _means_nothing(node, place):
        return "is empty; give it a value or leave the key out"
    if _has_control(text):
        return "holds a line break or control character; write it on one line"
    if "${" in text and not is_secret(place):
        return f"`${{...}}` is allowed in secrets only: {_secrets()}"
    return None if node.tag in _PLAIN_TEXT or _reads_as(node) else _TAGGED


def _secrets() -> str:
    return ", ".join(".".join(map(str, place)).replace("*", "NAME") for place in SECRETS)


def _has_control(text: str) -> bool:
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _means_nothing(node: yaml.Node, place: Place) -> bool:
    """Whether an empty text was written on purpose: in quotes, where it has a meaning."""
    return isinstance(node, yaml.ScalarNode) and node.style is not None and may_be_empty(place)


def _reads_as(node: yaml.Node) -> str | None:
    """What YAML would make of this scalar instead of text; PyYAML speaks 1.1, and some numbers are one in 1.2 only."""
    if not isinstance(node, yaml.ScalarNode) or node.style is not None:
        return None
    if node.tag == f"{_TAG}str" and _NUMBER.fullmatch(node.value):
        return "a number"
    return _CONVERTED.get(node.tag)
