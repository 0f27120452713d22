"""`python -m bench debian-facts`: both comparisons of the index-based Debian feed, as tables."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bench.debian_facts import (
    FACTS,
    VERSIONS,
    against_recorded_versions,
    differences,
    installed,
    listed,
    older_names,
    recorded,
)
from bench.debian_recall import FEED_IS_WHOLE_UNTIL, FEEDS, Found, found, open_feeds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.debian_facts import Installed


def debian_facts(home: Path) -> None:
    """Print how what is read here compares with the facts, and with OSV's feed."""
    absent = [str(path) for path in (FACTS, VERSIONS, *FEEDS) if not path.exists()]
    here = installed()
    if absent or not here:
        print(f"\ndebian-facts: not compared, lacking {', '.join(absent) or 'Debian packages'}")
        return
    _print_versions()
    _print_changelogs(here)
    with open_feeds(home) as feeds:
        results = [one for _, own in sorted(here.items()) for one in found(own, feeds)]
    kernel = [one for one in results if one.source == "linux"]
    others = [one for one in results if one.source != "linux"]
    print(f"\n{len(here)} sources as bookworm was released, by this feed's way and by OSV's feed\n")
    print("| sources | fixed | both | index only | OSV only | recall | precision |")
    print("|---|---|---|---|---|---|---|")
    for name, chosen in (("without linux", others), ("linux", kernel)):
        until = [one for one in chosen if one.date < FEED_IS_WHOLE_UNTIL]
        print(_row(name, f"until {FEED_IS_WHOLE_UNTIL}", until))
        print(_row(name, "later", [one for one in chosen if one.date >= FEED_IS_WHOLE_UNTIL]))
    _print_reasons(others)


def _print_versions() -> None:
    print("\n| suite | newest versions of sources against the recorded ones |\n|---|---|")
    for suite in ("bookworm", "bookworm-security"):
        here = listed(suite)
        counts = against_recorded_versions(suite, here) if here else Counter()
        told = ", ".join(f"{count} {what}" for what, count in counts.most_common())
        print(f"| {suite} | {told or 'apt has no index of it here'} |")


def _print_changelogs(here: dict[str, Installed]) -> None:
    facts = recorded()
    both = [(one, here[one["source"]]) for one in facts if one["source"] in here]
    every = [one for fact, own in both for one in differences(fact, own)]
    print(f"\n{len(both)} of {len(facts)} sources with recorded changelogs are installed here\n")
    print("| difference | ids or dates | sources |\n|---|---|---|")
    for why, count in Counter(one.why for one in every).most_common():
        print(f"| {why} | {count} | {len({one.source for one in every if one.why == why})} |")
    renamed = sorted(own.source for _, own in both if older_names(own))
    print(f"\nOlder entries are another source's, and do not count: {', '.join(renamed)}")


def _row(name: str, when: str, results: Sequence[Found]) -> str:
    count = Counter(result.by for result in results)
    both, index, osv = count["both"], count["index"], count["OSV"]
    recall, precision = both / max(both + osv, 1), both / max(both + index, 1)
    return f"| {name} | {when} | {both} | {index} | {osv} | {recall:.1%} | {precision:.1%} |"


def _print_reasons(results: Sequence[Found]) -> None:
    print("\n| without linux, found by one only | why | ids | for example |\n|---|---|---|---|")
    only = [one for one in results if one.why]
    for (by, why), count in Counter((one.by, one.why) for one in only).most_common():
        example = next(one for one in only if (one.by, one.why) == (by, why))
        print(f"| {by} | {why} | {count} | {example.source} {example.cve} |")
