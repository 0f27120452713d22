"""Until when a distribution release gets security updates, free of charge.

Debian counts to the end of long-term support, which publishes in the same security suite.
Ubuntu counts standard support: Pro needs a subscription and is another archive. Sources: the
Debian LTS schedule, Ubuntu's release cycle, Alpine's release branches.
"""

from __future__ import annotations

_DEBIAN = {
    "9": "2022-06-30",
    "10": "2024-06-30",
    "11": "2026-08-31",
    "12": "2028-06-30",
    "13": "2030-06-30",
}

_UBUNTU = {
    "16.04": "2021-04-30",
    "16.10": "2017-07-20",
    "17.04": "2018-01-13",
    "17.10": "2018-07-19",
    "18.04": "2023-05-31",
    "18.10": "2019-07-18",
    "19.04": "2020-01-23",
    "19.10": "2020-07-17",
    "20.04": "2025-05-31",
    "20.10": "2021-07-22",
    "21.04": "2022-01-20",
    "21.10": "2022-07-14",
    "22.04": "2027-04-30",
    "22.10": "2023-07-20",
    "23.04": "2024-01-25",
    "23.10": "2024-07-11",
    "24.04": "2029-05-31",
    "24.10": "2025-07-10",
    "25.04": "2026-01-15",
    "25.10": "2026-07-09",
    "26.04": "2031-05-29",
}

_ALPINE = {
    "3.10": "2021-05-01",
    "3.11": "2021-11-01",
    "3.12": "2022-05-01",
    "3.13": "2022-11-01",
    "3.14": "2023-05-01",
    "3.15": "2023-11-01",
    "3.16": "2024-05-23",
    "3.17": "2024-11-22",
    "3.18": "2025-05-09",
    "3.19": "2025-11-01",
    "3.20": "2026-04-01",
    "3.21": "2026-11-01",
    "3.22": "2027-05-01",
    "3.23": "2027-11-01",
}

SUPPORT_ENDS = {"debian": _DEBIAN, "ubuntu": _UBUNTU, "alpine": _ALPINE}
"""os-release ID, then release, to the last day of support (ISO 8601)."""


def support_ends(id_: str, release: str) -> str | None:
    """Return the last day of support, or None where this table does not say."""
    return SUPPORT_ENDS.get(id_, {}).get(release)
