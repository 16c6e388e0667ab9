"""The forms of what the admin interface answers; JSON that nobody keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import Response

from gateway.ops.jsontext import build_json, moment
from gateway.ops.records import summary_as_dict

if TYPE_CHECKING:
    from gateway.bridge.ports import Status
    from gateway.bridge.record import CallRecord

NOT_KEPT = {"Cache-Control": "no-store"}


def json_response(fields: dict[str, object], code: int = HTTPStatus.OK) -> Response:
    """One JSON object; an answer is about now, so nobody may keep it."""
    return Response(build_json(fields) + "\n", code, NOT_KEPT, "application/json")


def error_response(code: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error that says what is wrong."""
    response = json_response({"error": text}, code)
    response.headers.update(headers or {})
    return response


def calls_response(active: int, records: Iterable[CallRecord]) -> Response:
    """A list of calls. Encoded one by one: a long list in one go would keep the SIP thread from running."""
    calls = ",\n".join(build_json(summary_as_dict(record)) for record in records)
    text = f'{{"active": {active}, "calls": [\n{calls}\n]}}\n'
    return Response(text, HTTPStatus.OK, NOT_KEPT, "application/json")


def status_as_dict(status: Status) -> dict[str, object]:
    """JSON form of a status."""
    return {
        "phase": status.phase.value,
        "ready": status.ready,
        "started": moment(status.started),
        "calls": status.calls,
        "plan_hash": status.plan_hash,
        "trunks": [asdict(trunk) for trunk in status.trunks],
    }
