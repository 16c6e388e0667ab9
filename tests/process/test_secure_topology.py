"""What the wire of each side shows of the other when that of Twilio is encrypted, and its audio: nothing."""

from __future__ import annotations

import pytest

from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.process.secure import Secure, secure
from tests.process.topology import ENDINGS, Ending, assert_nothing_crosses


def configure(tree: Tree, site: Site) -> None:
    secure(tree, site, site.twilio.host)
    tree["trunks"]["twilio"]["srtp"] = "required"


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_no_side_sees_anything_of_the_other(gateway: Gateway, direction: str, ending: Ending) -> None:
    it, pbx, ours = Secure(gateway), gateway.pbx, gateway.site.gateway.host
    if direction == "to_twilio":
        certificate = it.authority.certify(gateway.twilio.place.host)
        with gateway.wire_caller(pbx) as caller, it.edge(certificate) as edge:
            assert_nothing_crosses(ours, caller, edge, ending)
    else:
        with it.peer() as peer, gateway.wire(pbx) as callee:
            assert_nothing_crosses(ours, peer, callee, ending)
    gateway.told(msg="call ended")
