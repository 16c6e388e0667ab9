"""A SIP message as a value, and the reading of one from its text (RFC 3261, section 7); does not look inside headers.

Three rules. A message is refused only when its first line is no SIP; a header line that is none is skipped and said in
`SipMessage.defects`. Text may hold octets that are not UTF-8 (`gateway.core.octets`); they are kept. Reading takes time
linear in the size of the message, whatever it holds.
"""

from __future__ import annotations

import re
from dataclasses import field

from gateway.core.frozen import frozen
from gateway.core.headers import Headers
from gateway.core.octets import build_octets, byte_length, parse_octets
from gateway.errors import MessageError

# Request-Line and Status-Line (RFC 3261, sections 7.1 and 7.2); the SIP-Version is case-insensitive there.
_REQUEST_LINE = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]+) ([^\s]+) (?i:SIP/2\.0)")
_STATUS_LINE = re.compile(r"(?i:SIP/2\.0) ([1-6][0-9]{2})(?: (.*))?", re.DOTALL)

_HEADER_LINE = re.compile(r"^([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+:[ \t]*+([^\n]*+)", re.MULTILINE)

_LESS_THAN_STATED = " that Content-Length says"

# Folding (section 7.3.1). The look-behind and the possessive quantifiers keep runs of blanks linear.
_FOLD = re.compile(r"(?<![ \t])[ \t]*+(?:\n[ \t]++)++")


@frozen
class SipMessage:
    """One request or response.

    `defects` says what was skipped or doubtful while reading, one short text each, without values.
    """

    start_line: str
    headers: Headers = Headers()
    body: str = field(default="", repr=False)
    defects: tuple[str, ...] = ()

    @property
    def is_cut(self) -> bool:
        """Whether part of the body is missing, by what Content-Length says (RFC 3261, section 18.3)."""
        return any(defect.endswith(_LESS_THAN_STATED) for defect in self.defects)

    @property
    def is_request(self) -> bool:
        """Whether this is a request; otherwise it is a response."""
        return _STATUS_LINE.fullmatch(self.start_line) is None

    @property
    def method(self) -> str | None:
        """The method of a request, as spelled (methods are case-sensitive)."""
        return self._part(_REQUEST_LINE, 1)

    @property
    def request_uri(self) -> str | None:
        """The Request-URI of a request, as spelled."""
        return self._part(_REQUEST_LINE, 2)

    @property
    def status_code(self) -> int | None:
        """The status code of a response."""
        code = self._part(_STATUS_LINE, 1)
        return None if code is None else int(code)

    @property
    def reason_phrase(self) -> str | None:
        """The reason phrase of a response, possibly empty."""
        return None if self.is_request else self._part(_STATUS_LINE, 2) or ""

    def _part(self, line: re.Pattern[str], group: int) -> str | None:
        found = line.fullmatch(self.start_line)
        return None if found is None else found[group]


def parse_message(data: str | bytes) -> SipMessage:
    """Read one message; blank lines before it are ignored (section 7.5), LF alone ends a line as CRLF does.

    Raises:
        MessageError: the first line is neither a Request-Line nor a Status-Line of SIP/2.0.
    """
    text = parse_octets(data) if isinstance(data, bytes) else data
    text = text.lstrip("\r\n")
    head, body = _split_body(text)
    start_line, _, section = head.replace("\r\n", "\n").partition("\n")
    if _REQUEST_LINE.fullmatch(start_line) is None and _STATUS_LINE.fullmatch(start_line) is None:
        raise MessageError("the first line is neither a SIP/2.0 request nor a SIP/2.0 response")
    defects: list[str] = []
    headers = Headers(_parse_section(section, defects))
    return SipMessage(start_line, headers, _cut_body(headers, body, defects), tuple(defects))


def _split_body(text: str) -> tuple[str, str]:
    """What is before the first empty line, and what is behind it."""
    crlf, lf = text.find("\n\r\n"), text.find("\n\n")
    if crlf < 0 and lf < 0:
        return text, ""
    if lf < 0 or 0 <= crlf < lf:
        return text[:crlf].removesuffix("\r"), text[crlf + len("\n\r\n") :]
    return text[:lf].removesuffix("\r"), text[lf + len("\n\n") :]


def _parse_section(section: str, defects: list[str]) -> list[tuple[str, str]]:
    """Header lines to pairs. Lines end at LF only: `splitlines` also splits at characters that are text in SIP."""
    if "\n " in section or "\n\t" in section:
        section = _FOLD.sub(" ", section)
    section = section.rstrip("\r\n")
    pairs: list[tuple[str, str]] = _HEADER_LINE.findall(section)
    if " \n" in section or "\t\n" in section or section.endswith((" ", "\t")):
        pairs = [(name, value.rstrip(" \t")) for name, value in pairs]
    if section and len(pairs) <= section.count("\n"):
        lines = enumerate(section.split("\n"), 1)
        skipped = (number for number, line in lines if _HEADER_LINE.fullmatch(line) is None)
        defects.extend(f"header {number} was skipped: no header name stands before a colon" for number in skipped)
    return pairs


def _cut_body(headers: Headers, body: str, defects: list[str]) -> str:
    """The body as long as Content-Length says (section 18.3): what follows is cut, too little or nonsense is noted."""
    stated = headers.first("content-length")
    if stated is None:
        return body
    if not (stated.isascii() and stated.isdigit() and len(stated) <= 9):
        defects.append("Content-Length is not a number of octets")
        return body
    length, present = int(stated), byte_length(body)
    if present == length:
        return body
    if present < length:
        defects.append(f"the body has {present} of {length} octets{_LESS_THAN_STATED}")
        return body
    defects.append(f"{present - length} octets after the body were cut")
    return parse_octets(build_octets(body)[:length])
