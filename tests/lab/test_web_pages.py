"""The lab's pages in Chromium: what they say is there, nothing runs, they fit, they can be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.lab.report import CallReport, Report, Station, report_call, report_failure
from gateway.lab.report_page import build_report_page
from gateway.lab.scenes import TO_PBX, TO_TWILIO, Played, Posted
from gateway.lab.twilio.pages import build_calls_page, build_debugger_page
from gateway.lab.verdict import Check, judge
from gateway.lab.webpage import build_page, element, pair
from tests.lab.browser import Browser, run_browser
from tests.lab.test_verdict import as_expected

pytestmark = pytest.mark.timeout(150)  # a browser starts slowly where much else does

WIDTHS = (1280, 400)
HOSTILE = "<script>document.title = 'owned'</script>\"><img src=x onerror=alert(1)>'&amp;<!--"
STATIONS = (Station("PBX", "127.0.0.2"), Station("gateway", "127.0.0.1"), Station("Twilio", "127.0.0.3"))
TWIML = "<Response><Dial><Sip>sip:agent@127.0.0.5</Sip></Dial></Response>"
POSTED = Posted(
    "http://127.0.0.6:8000/voice",
    (("CallSid", "CA" + "0" * 32), ("From", "sip:+15551230100@127.0.0.2"), ("SipHeader_X-CustomerID", "C-4711")),
    TWIML,
)
CONTRAST = """
(() => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = element => {
    for (; element; element = element.parentElement) {
      const colour = parts(getComputedStyle(element).backgroundColor);
      if (colour.length == 3 || colour[3] == 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
    const [dim, bright] = [light(parts(getComputedStyle(element).color)), light(ground(element))].sort((a, b) => a - b);
    found.push([(bright + 0.05) / (dim + 0.05), walker.currentNode.data]);
  }
  return found;
})()
"""
LEAST_CONTRAST = 4.5
"""WCAG 2, level AA, for text of any size."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with run_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def reported(*played: Played, failures: tuple[CallReport, ...] = ()) -> Report:
    calls = [report_call(one, f"Call {number}", STATIONS) for number, one in enumerate(played, 1)]
    checks = [check for one in played for check in judge(one)]
    checks += [Check(f"{call.title} goes through", False, call.failure) for call in failures]
    return Report((*calls, *failures), tuple(checks), 6.1)


def as_shown() -> Report:
    played = as_expected(TO_TWILIO)
    posted = replace(POSTED, parameters=(*POSTED.parameters[:2], *played.parameters))
    return reported(replace(played, posted=posted), as_expected(TO_PBX))


def not_as_expected() -> Report:
    lost = replace(as_expected(TO_TWILIO), headers=(), posted=POSTED)
    return reported(lost, failures=(report_failure(TO_PBX, "Call 2", STATIONS, "twilio: no 'invite' within 3.0 s"),))


def of_hostile_values() -> Report:
    played = as_expected(TO_TWILIO)
    headers = tuple((name, HOSTILE if name.startswith("X-") else value) for name, value in played.headers)
    receipt = [{**entry, "reason": HOSTILE, "field": entry["field"]} for entry in played.receipt]
    posted = Posted(HOSTILE, (("SipHeader_X-CustomerID", HOSTILE), (HOSTILE, HOSTILE)), HOSTILE)
    return reported(replace(played, headers=headers, record={**played.record, "receipt": receipt}, posted=posted))


def console_call(value: str) -> dict[str, object]:
    hook = {"url": value, "params": {"SipHeader_X-Note": value}, "status": 200, "answer": value}
    return {
        "sid": "CA" + "0" * 32,
        "status": "completed",
        "direction": "inbound",
        "from": value,
        "to": value,
        "custom": {value: value},
        "invite": [["X-Note", value], ["Via", "x"]],
        "webhooks": [hook],
    }


def alerts(value: str) -> list[dict[str, object]]:
    return [
        {"code": code, "text": "Access control list", "detail": value, "call": "CA" + "0" * 32} for code in (32201, 0)
    ]


PAGES = {
    "passed": build_report_page(as_shown()),
    "failed": build_report_page(not_as_expected()),
    "hostile": build_report_page(of_hostile_values()),
    "calls": build_calls_page([console_call(HOSTILE), {**console_call("C-4711"), "status": "busy"}], [HOSTILE]),
    "no calls": build_calls_page([], []),
    "debugger": build_debugger_page(alerts(HOSTILE)),
}


def show(browser: Browser, page: str, folder: Path, width: int, dark: bool = False) -> None:
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    browser.open(path.as_uri(), width, dark)
    browser.ask("document.querySelectorAll('details').forEach(it => it.open = true)")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_fits_and_complains_of_nothing(browser: Browser, tmp_path: Path, name: str, width: int) -> None:
    show(browser, PAGES[name], tmp_path, width)
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.complaints == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_word_of_a_page_can_be_read(browser: Browser, tmp_path: Path, name: str, dark: bool) -> None:
    show(browser, PAGES[name], tmp_path, 1280, dark)
    found = browser.ask(CONTRAST)
    assert len(found) > 3
    assert [word for word in found if word[0] < LEAST_CONTRAST] == []


def test_the_two_schemes_differ(browser: Browser, tmp_path: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    show(browser, PAGES["passed"], tmp_path, 1280)
    light = browser.ask(ground)
    show(browser, PAGES["passed"], tmp_path, 1280, dark=True)
    assert browser.ask(ground) != light


@pytest.mark.parametrize("name", ["hostile", "calls", "debugger"])
def test_hostile_values_are_text(browser: Browser, tmp_path: Path, name: str) -> None:
    show(browser, PAGES[name], tmp_path, 1280)
    assert browser.ask("document.querySelectorAll('script, img, iframe, object, embed').length") == 0
    assert browser.ask("document.title") != "owned"
    assert HOSTILE in browser.ask("document.body.textContent")


def test_every_expected_value_is_in_the_page(browser: Browser, tmp_path: Path) -> None:
    show(browser, PAGES["passed"], tmp_path, 1280)
    words = browser.ask("[...document.querySelectorAll('td, h2, strong, pre')].map(it => it.textContent)")
    for scene in (TO_TWILIO, TO_PBX):
        for piece in scene.pieces:
            assert piece.shown in words
            assert not piece.sent or ": ".join(piece.sent) in words
            assert not piece.arrives or ": ".join(piece.arrives) in words
            assert not piece.becomes or piece.becomes in words
    assert {"Passed", "Call 1", "Call 2", TWIML, "SipHeader_X-CustomerID", "C-4711"} <= set(words)


def test_what_went_wrong_is_said_first(browser: Browser, tmp_path: Path) -> None:
    show(browser, PAGES["failed"], tmp_path, 1280)
    said = browser.ask("document.querySelector('[role=status]').innerText")
    assert "checks did not come true" in said
    assert "customer_id reaches Twilio as X-CustomerID: C-4711" in said
    assert "Call 2 goes through: twilio: no 'invite' within 3.0 s" in said
    body = browser.ask("document.body.innerText")
    assert "no such call" in body


@pytest.mark.parametrize("width", WIDTHS)
def test_tables_are_tables_for_a_screen_reader(browser: Browser, tmp_path: Path, width: int) -> None:
    """At any width: where rows look like cards too."""
    show(browser, PAGES["passed"], tmp_path, width)
    tables = browser.ask(
        "[...document.querySelectorAll('table')].map(it => [it.getAttribute('role'),"
        " it.querySelectorAll('th[scope=col][role=columnheader]').length,"
        " it.querySelectorAll('tbody tr[role=row]').length,"
        " it.querySelectorAll('tbody td[role=cell]').length])"
    )
    assert tables
    assert all(role == "table" and columns and cells == rows * columns for role, columns, rows, cells in tables)
    levels = browser.ask("[...document.querySelectorAll('h1, h2, h3')].map(it => Number(it.tagName[1]))")
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    assert browser.ask("document.documentElement.lang") == "en"


def test_the_complaints_of_a_page_are_heard(browser: Browser, tmp_path: Path) -> None:
    """That the others have none means something: here the policy of the page stops a script."""
    page = build_page("t", [element("p", "x")]).replace("<p>", "<script>document.title = 'owned'</script><p>")
    show(browser, page, tmp_path, 1280)
    assert "Content Security Policy" in str(browser.complaints)
    assert browser.ask("document.title") == "t"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("X-Queue: gold", '<span class="key">X-Queue: </span><span class="value">gold</span>'),
        ("?X-Note=a;b", '<span class="key">?X-Note=</span><span class="value">a;<wbr>b</span>'),
        ("(not set)", "(not set)"),
        ("X-Empty: ", "X-Empty: "),
        ("\udcff: <b>", "\\udcff: &lt;b&gt;"),
    ],
)
def test_a_name_with_its_value(written: str, shown: str) -> None:
    assert pair(written).text == f'<code class="pair">{shown}</code>'
