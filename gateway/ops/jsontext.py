"""JSON of our own values with text of peers in them: always one line of ASCII that every reader accepts."""

from __future__ import annotations

import functools
import json
import time

_ENCODER = json.JSONEncoder(default=str, allow_nan=False)


def build_json(fields: dict[str, object]) -> str:
    """One object as one line; what JSON cannot say (NaN, a value inside itself) is shown as text."""
    try:
        line = _ENCODER.encode(fields)
    except (TypeError, ValueError, RecursionError):
        line = json.dumps({name: value if isinstance(value, str) else repr(value) for name, value in fields.items()})
    # Half a surrogate pair is what Python makes of an octet that is not UTF-8, and what strict readers refuse.
    if "\\ud" in line:
        line = _without_lone_surrogates(line)
    return line.replace("\x7f", "\\u007f")  # the only control character that JSON lets through


def _without_lone_surrogates(line: str) -> str:
    readable = json.dumps(json.loads(line), ensure_ascii=False).encode("utf-8", "replace")
    return json.dumps(json.loads(readable))


def moment(unix_seconds: float) -> str:
    """A point in time as RFC 3339 in UTC with milliseconds."""
    seconds, milliseconds = divmod(round(unix_seconds * 1e6) // 1000, 1000)
    return f"{_second(seconds)}.{milliseconds:03}Z"


@functools.lru_cache(maxsize=4)
def _second(unix_seconds: int) -> str:
    """Many things happen in the same one."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(unix_seconds))
