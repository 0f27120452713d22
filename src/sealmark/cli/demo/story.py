"""The order of the demonstration, and what it says on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealmark.cli.demo.applications import fetch
from sealmark.cli.demo.image import USER, Recipe
from sealmark.cli.demo.mirror import APT, open_mirror
from sealmark.cli.demo.stage import Stage
from sealmark.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sealmark.cli.demo.applications import Application
    from sealmark.cli.demo.mirror import Mirror

_OLD = (("PyPI", "requests", "2.19.1"), ("npm", "lodash", "4.17.20"))
_ALLOWED, _DENIED, _UNKNOWN, _USAGE = 0, 1, 2, 3
_NOT_HAD = "could not be had,"
_ENDS = {
    _ALLOWED: "The story came true: denied, mended, allowed, and both decisions are proven.",
    _DENIED: "The mended image is denied still: the reasons stand above.",
    _UNKNOWN: "The mended image is UNKNOWN, not allowed: what nobody could judge stands above.",
}


class Story:
    """One run of the demonstration in a directory of its own."""

    def __init__(self, directory: Path, advisories: Path | None, apt: Path) -> None:
        self._stage = Stage(directory)
        self._advisories = advisories
        self._apt = apt

    def tell(self) -> int:
        """Run it; return the exit code that says how it ended."""
        self._stage.directory.mkdir(parents=True, exist_ok=True)
        mirror = open_mirror(self._stage.directory / "mirror", self._apt)
        return self._image(mirror) if mirror else self._machine()

    def _image(self, mirror: Mirror) -> int:
        """Make an image, have it denied, do what the denial says, and ask again."""
        recipe = Recipe.choose(self._stage.directory / "shop", mirror)
        old = [fetch(*one, self._stage.directory / "applications") for one in _OLD]
        self._introduce(recipe, old)
        recipe.build_released(old)
        self._feed()
        indexed = self._index()
        _step("3. The question every gate asks: may this run?")
        first = self._stage.show_folded("denied", "check", self._stage.image("1.0"))
        if first != _DENIED:
            raise ServiceError(f"the first image should have been denied, but check said {first}")
        recipe.build_mended(self._mended(old))
        second = self._stage.show_folded("mended", "check", self._stage.image("1.1"))
        if indexed and second == _ALLOWED:
            _say("   Allowed by the index of its distribution: every fix it publishes is in. What")
            _say("   has no fix yet an index does not list; `advisories update --from` adds feeds.")
        return self._end(second, ("diff", self._stage.image("1.0"), self._stage.image("1.1")))

    def _introduce(self, recipe: Recipe, applications: Sequence[Application]) -> None:
        offers = (*recipe.base, *recipe.added)
        _say(f"1. An image, made from this machine's own package mirrors: {len(offers)} packages,")
        _say("   their signatures checked by apt, unpacked without root; as the release had them:")
        for offer in offers:
            if offer.released != offer.newest:
                _say(f"     {offer.name} {offer.released}, though {offer.newest} is out")
        _say(f"   and on top {' and '.join(one.told() for one in applications)}.")

    def _feed(self) -> None:
        """Fill the advisory database from the folder that is named, or from the network."""
        if self._advisories:
            _step(f"2. Advisories, from {self._advisories}:")
            if self._stage.show("advisories", "update", "--from", str(self._advisories)):
                raise ServiceError(f"{self._advisories} could not be read as advisories")
            return
        _step("2. Advisories: without them nothing can be called clean. Publishers are asked;")
        _say("   where there is no way to them, that takes half a minute.")
        failed, said = self._stage.show_quietly("advisories", "update")
        lost = [line for line in said if _NOT_HAD in line]
        click.echo("\n".join(line for line in said if line not in lost))
        if lost:
            click.echo(f"{lost[0][:200]}")
            click.echo(f"… and {len(lost) - 1} more that could not be had")
        if failed:
            _say("   Not every feed answered: what needs one will be UNKNOWN, said out loud.")

    def _index(self) -> bool:
        """Where no fresh feed speaks for the distribution, ask its own signed index."""
        languages = {ecosystem for ecosystem, _, _ in _OLD}
        lacking = self._stage.evidence("1.0").uncovered() - languages
        if not lacking:
            return False
        _say(f"   No fresh feed speaks for {', '.join(sorted(lacking))}; its signed package index")
        _say("   says which security updates there are, and their changelogs what for:")
        others = () if self._apt == APT else ("--apt", str(self._apt))
        asked = ("--for", self._stage.image("1.0"), *others)
        failed = self._stage.show("advisories", "update", *asked)
        if failed:
            _say("   It did not answer either: its packages will be UNKNOWN.")
        return not failed

    def _mended(self, old: Sequence[Application]) -> list[Application]:
        """Return the applications of the mended image: those that can be judged at all."""
        evidence = self._stage.evidence("1.0")
        lacking = evidence.uncovered()
        _step(f"4. What it says to do, done: security updates in, a user set ({USER}).")
        new = []
        for one in old:
            if one.ecosystem in lacking:
                continue
            kind = "npm" if one.ecosystem == "npm" else "pypi"
            version = evidence.upgrade(f"pkg:{kind}/{one.name}@{one.version}") or one.version
            place = self._stage.directory / "applications"
            new.append(fetch(one.ecosystem, one.name, version, place))
            _say(f"   {one.name} {one.version} becomes {version}.")
        if left := [one for one in old if one.ecosystem in lacking]:
            ecosystems = " or ".join(one.ecosystem for one in left)
            _say(
                f"   Left out: {' and '.join(one.name for one in left)}. No fresh {ecosystems} feed"
            )
            _say(
                "   was reached, so with them the image would be UNKNOWN; what is claimed below is"
            )
            _say("   claimed of the rest alone.")
        return new

    def _machine(self) -> int:
        """Judge the machine itself where no mirror answers."""
        _say(
            "1. No Debian package mirror answers (`apt-get update` says why): no image can be made."
        )
        _say("   What is at hand is judged instead: this machine's own files.")
        self._feed()
        _step("3. The question every gate asks: may this run?")
        code = self._stage.show_folded("machine", "check", "dir:/")
        if code >= _USAGE:
            raise ServiceError("no package mirror answered, and the machine cannot be judged")
        if not self._verified():
            raise ServiceError("the ledger of the demonstration does not verify")
        _say("Judged and recorded; with a mirror the story has a denial and its mending too.")
        self._next(("explain", "not-root"))
        return code

    def _end(self, code: int, then: tuple[str, ...]) -> int:
        if not self._verified():
            raise ServiceError("the ledger of the demonstration does not verify")
        _say(_ENDS.get(code, "The mended image could not be judged."))
        self._next(then)
        return code

    def _verified(self) -> bool:
        _step("5. Every decision is in the ledger, and the ledger can be checked:")
        return self._stage.show("ledger", "verify") == 0

    def _next(self, *commands: tuple[str, ...]) -> None:
        click.echo("Try next:")
        for command in (*commands, ("explain", "no-fixable-vulnerabilities"), ("ledger", "show")):
            click.echo(f"  {self._stage.typed(*command)}")


def _say(text: str) -> None:
    click.secho(text, fg="cyan")


def _step(text: str) -> None:
    click.echo()
    _say(text)
