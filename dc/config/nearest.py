# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The known name that a mistyped one most likely meant; loaded only to word an error."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


_LONGEST = 64  # characters; the work grows with the length
_SHORTEST_CUT = 5  # characters that a name cut short still has


def nearest(name: str, known: Iterable[str]) -> str:
    """The name in `known` closest to `name`, "" when none is close; case and `_` for `-` count for nothing.

    A name cut short is close to the whole one. Failing all that, the only one with the same last part:
    "handler-directory" means "jobs.handler-directory".
    """
    if len(name) > _LONGEST:
        return ""
    plain = _plain(name)
    best, best_cost = "", len(plain) // 3 + 1
    same_last: list[str] = []
    for candidate in known:
        cost = abs(len(plain) - len(candidate))  # at least that many edits
        if cost < best_cost:
            cost = _distance(plain, _plain(candidate))
        if len(plain) >= _SHORTEST_CUT and _plain(candidate).startswith(plain):
            cost = min(cost, 2)
        if cost < best_cost:
            best, best_cost = candidate, cost
        if _last(plain) == _last(_plain(candidate)):
            same_last.append(candidate)
    return same_last[0] if not best and len(same_last) == 1 else best


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence for a hint, or ""."""
    found = nearest(name, known)
    return f"Did you mean {found}?" if found else ""


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _distance(left: str, right: str) -> int:
    """Edits (insert, delete, replace, swap of neighbours) that turn one into the other."""
    before: list[int] = []
    above = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        row = [i]
        for j, b in enumerate(right, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and b == left[i - 2]:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, above = above, row
    return above[-1]
