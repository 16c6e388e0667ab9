"""Where a call goes; decides, does not dial.

Routes of a trunk are tried in order and the first match wins; a trunk without routes calls the only trunk of the other
side with the same user part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter

from gateway.core.frozen import frozen
from gateway.core.patterns import Pattern, Template, parse_pattern, parse_template
from gateway.core.plan import Trunk
from gateway.core.sanitise import is_clean
from gateway.core.terms import Side
from gateway.core.uri import escape_user
from gateway.errors import CallRefused

MAX_USER_CHARACTERS = 256
"""Longest user part that is routed."""

_EVERYTHING = parse_pattern("(?s).*")


@dataclass(frozen=True, slots=True)
class Route:
    """Calls from trunk `from_trunk` whose user part `match` finds go to trunk `to_trunk`.

    `match` is searched, so it anchors itself; None matches all. `user` is the new user part with groups of the match as
    `\\1`; None keeps the user part.
    """

    from_trunk: str
    match: Pattern | None
    to_trunk: str
    user: str | None = None
    _template: Template = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a `user` that names a group `match` does not have.

        Raises:
            ValueError: with the complete sentence.
        """
        try:
            template = parse_template("\\g<0>" if self.user is None else self.user, self.match or _EVERYTHING)
        except ValueError as error:
            raise ValueError(f"user {self.user!r} does not fit the match: {error}.") from None
        object.__setattr__(self, "_template", template)

    def rewrite(self, user: str) -> str | None:
        """The user part to call, None when this route does not match."""
        rewritten = (self.match or _EVERYTHING).rewrite(user, self._template)
        return user if self.user is None and rewritten is not None else rewritten


@frozen
class Destination:
    """Where a call goes: a trunk and the user part to call there."""

    trunk: Trunk
    user: str


class Router:
    """The trunks and routes of one plan, ready to be asked."""

    def __init__(
        self,
        trunks: Iterable[Trunk],
        routes: Iterable[Route] = (),
        uris: Callable[[Trunk], tuple[str, ...]] = attrgetter("uris"),
    ) -> None:
        """`uris` says in which order to call those of a trunk.

        Raises:
            ValueError: a route names a trunk that is not there or stays on its side.
        """
        self.uris = uris
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._other_side = {
            side: [trunk for trunk in self._trunks.values() if trunk.side is side.other] for side in Side
        }
        self._routes: dict[str, list[Route]] = {name: [] for name in self._trunks}
        for route in routes:
            self._add_route(route)

    def _add_route(self, route: Route) -> None:
        for name in (route.from_trunk, route.to_trunk):
            if name not in self._trunks:
                raise ValueError(f"There is no trunk named {name!r}.")
        if self._trunks[route.from_trunk].side is self._trunks[route.to_trunk].side:
            raise ValueError(f"Trunks {route.from_trunk!r} and {route.to_trunk!r} are on the same side.")
        self._routes[route.from_trunk].append(route)

    def route(self, trunk: Trunk, user: str) -> Destination:
        """Where a call to `user` (unescaped) that came from `trunk` goes.

        Raises:
            CallRefused: 404 `no-route`.
        """
        _check_user(user)
        routes = self._routes[trunk.name]
        destination = self._by_routes(routes, user) if routes else self._by_default(trunk, user)
        if destination.user != user:
            _check_user(destination.user)
        return destination

    def _by_routes(self, routes: list[Route], user: str) -> Destination:
        for route in routes:
            rewritten = route.rewrite(user)
            if rewritten is not None:
                return Destination(self._trunks[route.to_trunk], rewritten)
        raise _no_route("no route matches the called user")

    def _by_default(self, trunk: Trunk, user: str) -> Destination:
        others = self._other_side[trunk.side]
        if len(others) != 1:
            raise _no_route(f"{len(others)} trunks on the {trunk.side.other} side and no route says which")
        return Destination(others[0], user)


def request_uri(trunk_uri: str, user: str) -> str:
    """The URI of a call: `user` (unescaped) put into a trunk's URI, its port and parameters kept."""
    scheme, _, place = trunk_uri.partition(":")
    return f"{scheme}:{escape_user(user)}@{place}"


def trunk_uri(request_uri: str) -> str:
    """The trunk's URI that a call's URI was made of."""
    scheme, _, rest = request_uri.partition(":")
    return f"{scheme}:{rest.partition('@')[2]}"


def _check_user(user: str) -> None:
    if not user:
        raise _no_route("there is no user part to call")
    if len(user) > MAX_USER_CHARACTERS:
        raise _no_route(f"the user part has more than {MAX_USER_CHARACTERS} characters")
    if not is_clean(user):
        raise _no_route("the user part holds characters that cannot be called")


def _no_route(warning: str) -> CallRefused:
    return CallRefused(404, "no-route", warning)
