"""The order of the demonstration, and what it says on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealmark.cli.demo.applications import fetch
from sealmark.cli.demo.image import PACKAGES, USER, build_mended, build_released
from sealmark.cli.demo.mirror import open_mirror
from sealmark.cli.demo.stage import Stage
from sealmark.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sealmark.cli.demo.applications import Application
    from sealmark.cli.demo.mirror import Mirror, Offer

_OLD = (("PyPI", "requests", "2.19.1"), ("npm", "lodash", "4.17.20"))
_ALLOWED, _DENIED, _UNKNOWN, _USAGE = 0, 1, 2, 3
_ENDS = {
    _ALLOWED: "The story came true: denied, mended, allowed, and both decisions are proven.",
    _DENIED: "The mended image is denied still: the reasons stand above.",
    _UNKNOWN: "The mended image is UNKNOWN, not allowed: what nobody could judge stands above.",
}


class Story:
    """One run of the demonstration in a directory of its own."""

    def __init__(self, directory: Path, advisories: Path | None) -> None:
        self._stage = Stage(directory)
        self._advisories = advisories

    def tell(self) -> int:
        """Run it; return the exit code that says how it ended."""
        self._stage.directory.mkdir(parents=True, exist_ok=True)
        mirror = open_mirror(self._stage.directory / "mirror")
        offers = mirror.offers(mirror.closure(PACKAGES)) if mirror else []
        return self._image(mirror, offers) if mirror and offers else self._machine()

    def _image(self, mirror: Mirror, offers: Sequence[Offer]) -> int:
        layout = self._stage.directory / "shop"
        old = [fetch(*one, self._stage.directory / "applications") for one in _OLD]
        _say(f"1. An image, made from this machine's own package mirrors: {len(offers)} packages,")
        _say("   their signatures checked by apt, unpacked without root; as the release had them:")
        for offer in offers:
            if offer.released != offer.newest:
                _say(f"     {offer.name} {offer.released}, though {offer.newest} is out")
        _say(f"   and on top {' and '.join(one.told() for one in old)}.")
        build_released(layout, mirror, offers, old)
        self._feed()
        self._index()
        _say("3. The question every gate asks: may this run?")
        first = self._stage.show("check", self._stage.image("1.0"))
        if first != _DENIED:
            raise ServiceError(f"the first image should have been denied, but check said {first}")
        new = self._mended(old)
        build_mended(layout, mirror, offers, new)
        second = self._stage.show("check", self._stage.image("1.1"))
        return self._end(second, ("diff", self._stage.image("1.0"), self._stage.image("1.1")))

    def _feed(self) -> None:
        """Fill the advisory database from the folder that is named, or from the network."""
        if self._advisories:
            _say(f"2. Advisories, from {self._advisories}:")
            if self._stage.show("advisories", "update", "--from", str(self._advisories)):
                raise ServiceError(f"{self._advisories} could not be read as advisories")
            return
        _say("2. Advisories: without them nothing can be called clean.")
        if self._stage.show("advisories", "update"):
            _say("   No feed answers: what needs one will be UNKNOWN, said out loud.")

    def _index(self) -> None:
        """Where no fresh feed speaks for the distribution, ask its own signed index."""
        languages = {ecosystem for ecosystem, _, _ in _OLD}
        lacking = self._stage.evidence("1.0").uncovered() - languages
        if not lacking:
            return
        _say(f"   No fresh feed speaks for {', '.join(sorted(lacking))}; its signed package index")
        _say("   says which security updates there are, and their changelogs what for:")
        if self._stage.show("advisories", "update", "--for", self._stage.image("1.0")):
            _say("   It did not answer either: its packages will be UNKNOWN.")

    def _mended(self, old: Sequence[Application]) -> list[Application]:
        """Return the applications of the mended image: those that can be judged at all."""
        evidence = self._stage.evidence("1.0")
        lacking = evidence.uncovered()
        _say(f"4. What it says to do, done: security updates in, a user set ({USER}).")
        new = []
        for one in old:
            kind = "npm" if one.ecosystem == "npm" else "pypi"
            if one.ecosystem in lacking:
                _say(f"   {one.name} is left out: no fresh {one.ecosystem} feed could be reached,")
                _say("   so an image with it would be UNKNOWN; what is claimed below is the rest.")
                continue
            version = evidence.upgrade(f"pkg:{kind}/{one.name}@{one.version}") or one.version
            place = self._stage.directory / "applications"
            new.append(fetch(one.ecosystem, one.name, version, place))
            _say(f"   {one.name} {one.version} becomes {version}.")
        return new

    def _machine(self) -> int:
        """Judge the machine itself where no mirror answers."""
        _say("1. No Debian package mirror answers, so no image can be made here.")
        _say("   What is at hand is judged instead: this machine's own files.")
        self._feed()
        _say("3. The question every gate asks: may this run?")
        code = self._stage.show("check", "dir:/")
        if code >= _USAGE:
            raise ServiceError("no package mirror answered, and the machine cannot be judged")
        if self._verified():
            _say("Judged and recorded; with a mirror the story has a denial and its mending too.")
        self._next(("explain", "not-root"))
        return _ALLOWED

    def _end(self, code: int, then: tuple[str, ...]) -> int:
        if not self._verified():
            raise ServiceError("the ledger of the demonstration does not verify")
        _say(_ENDS.get(code, "The mended image could not be judged."))
        self._next(then)
        return code

    def _verified(self) -> bool:
        _say("5. Every decision is in the ledger, and the ledger can be checked:")
        return self._stage.show("ledger", "verify") == 0

    def _next(self, *commands: tuple[str, ...]) -> None:
        click.echo("Try next:")
        for command in (*commands, ("explain", "no-fixable-vulnerabilities"), ("ledger", "show")):
            click.echo(f"  {self._stage.typed(*command)}")


def _say(text: str) -> None:
    click.secho(text, fg="cyan")
