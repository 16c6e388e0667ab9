"""Variables over AMI: the channel is found by its Call-ID, and whatever AMI does instead is one error."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from gateway.core.plan import WriteBack
from gateway.core.variables import Variable, WriteResult, Written
from gateway.errors import PbxError
from gateway.pbx import ami_session
from gateway.pbx.ami import MOST_OCTETS, AmiChannels
from tests.pbx.asterisk_stand_in import Manager, serving

AGENT = Variable("agent", "AGENT", 'bob, "the" agent; ${EXTEN} Zoë')
GATEWAY = "PJSIP/gateway-00000002"
CHANNELS = {"PJSIP/alice-00000001": "a@pbx", GATEWAY: "b@gw", "Local/1@x-0000;1": "", "PJSIP/bob-00000003": "c@pbx"}
WRITTEN = Written(WriteResult.WRITTEN)
GONE = Written(WriteResult.GONE)


@pytest.fixture
def manager() -> Iterator[Manager]:
    with serving(Manager(dict(CHANNELS))) as manager:
        yield manager


@pytest.fixture
def channels(manager: Manager) -> Iterator[AmiChannels]:
    opened = AmiChannels(access(manager))
    yield opened
    opened.close()


def access(manager: Manager, **changes: str) -> WriteBack:
    return WriteBack(manager.url, **({"username": "gw", "password": "hunter2"} | changes), timeout_seconds=0.2)


def test_a_variable_is_set_on_the_channel_of_the_call(manager: Manager, channels: AmiChannels) -> None:
    assert channels.set("b@gw", [AGENT, Variable("queue", "QUEUE", "sales")]) == [WRITTEN, WRITTEN]
    assert manager.variables == {(GATEWAY, "AGENT"): AGENT.value, (GATEWAY, "QUEUE"): "sales"}


def test_a_channel_is_asked_for_its_call_id_once_and_the_login_stays(manager: Manager, channels: AmiChannels) -> None:
    """The newest first, and none that is no SIP channel."""
    channels.set("b@gw", [AGENT])
    asked = manager.asked.copy()
    assert asked == [
        "Login",
        "CoreShowChannels",
        "Getvar PJSIP/bob-00000003",
        f"Getvar {GATEWAY}",
        f"Setvar {GATEWAY}",
    ]
    channels.set("b@gw", [AGENT])
    assert manager.asked[len(asked) :] == ["CoreShowChannels", f"Setvar {GATEWAY}"]


def test_a_channel_that_is_gone(manager: Manager, channels: AmiChannels) -> None:
    assert channels.set("nobody@gw", [AGENT, AGENT]) == [GONE, GONE]
    assert channels.set("b@gw", [AGENT]) == [WRITTEN]
    del manager.channels[GATEWAY]
    assert channels.set("b@gw", [AGENT]) == [GONE]


def test_a_channel_that_goes_between_two_questions(manager: Manager, channels: AmiChannels) -> None:
    manager.instead["Setvar"] = b"Response: Error\r\nActionID: NUMBER\r\nMessage: No such channel\r\n\r\n"
    assert channels.set("b@gw", [AGENT]) == [GONE]


def test_what_ami_cannot_carry_is_refused_and_the_rest_is_set(manager: Manager, channels: AmiChannels) -> None:
    values = ["x" * MOST_OCTETS, "x" * (MOST_OCTETS + 1), "ü" * MOST_OCTETS, "a\r\nAction: Command", "\0"]
    results = channels.set("b@gw", [Variable("f", f"V{number}", value) for number, value in enumerate(values)])
    assert [one.result for one in results] == [WriteResult.WRITTEN, *[WriteResult.REFUSED] * 4]
    assert [one.reason for one in results[1:]] == [
        "1001 bytes, AMI takes 1000",
        "2000 bytes, AMI takes 1000",
        "a control character",
        "a control character",
    ]
    assert set(manager.variables) == {(GATEWAY, "V0")}


def test_a_user_without_the_right_to_set(manager: Manager, channels: AmiChannels) -> None:
    manager.refuses.add("Setvar")
    [written] = channels.set("b@gw", [AGENT])
    assert written == Written(WriteResult.REFUSED, "AMI does not set it: the user needs the right `call`")


@pytest.mark.parametrize(
    ("misbehave", "error"),
    [
        (lambda manager: manager.refuses.add("Login"), "AMI refuses the login"),
        (
            lambda manager: manager.refuses.add("CoreShowChannels"),
            "AMI does not list channels: the user needs the right `reporting`",
        ),
        (lambda manager: manager.silent.add("Login"), "AMI does not answer: TimeoutError"),
        (lambda manager: manager.silent.add("Getvar"), "AMI does not answer: TimeoutError"),
        (lambda manager: manager.instead.update(Setvar=b""), "AMI hung up"),
        (lambda manager: manager.instead.update(Login=b"x" * 70_000), "AMI sends a packet without an end"),
        (
            lambda manager: manager.instead.update(CoreShowChannels=b"Event: Noise\r\nActionID: NUMBER\r\n\r\n" * 11),
            "AMI's list of channels has no end",
        ),
    ],
    ids=["login", "list", "silent at once", "silent later", "hangs up", "no end", "noise"],
)
def test_what_ami_may_do_instead(
    manager: Manager, misbehave: object, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is one error, and the next try starts afresh."""
    monkeypatch.setattr(ami_session, "MOST_PACKETS", 10)
    assert callable(misbehave)
    misbehave(manager)
    channels = AmiChannels(access(manager))
    for _ in range(2):
        with pytest.raises(PbxError) as caught:
            channels.set("b@gw", [AGENT])
        assert str(caught.value) == error
    manager.refuses.clear()
    manager.silent.clear()
    manager.instead.clear()
    assert channels.set("b@gw", [AGENT]) == [WRITTEN]
    channels.close()


def test_a_wrong_password(manager: Manager) -> None:
    with pytest.raises(PbxError, match="AMI refuses the login"):
        AmiChannels(access(manager, password="wrong")).set("b@gw", [AGENT])


def test_nobody_is_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        channels = AmiChannels(WriteBack(f"ami://127.0.0.1:{taken.getsockname()[1]}", "gw", "hunter2"))
        with pytest.raises(PbxError, match="AMI does not answer: ConnectionRefusedError"):
            channels.set("b@gw", [AGENT])


def test_an_asterisk_that_restarted_is_logged_in_to_again() -> None:
    manager = Manager(dict(CHANNELS))
    with serving(manager):
        channels = AmiChannels(access(manager))
        channels.set("b@gw", [AGENT])
        manager.instead["CoreShowChannels"] = b""
        with pytest.raises(PbxError, match="AMI hung up"):
            channels.set("b@gw", [AGENT])
        manager.instead.clear()
        assert channels.set("b@gw", [AGENT]) == [WRITTEN]
        assert manager.logins == 2
        channels.close()
