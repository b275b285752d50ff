# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""statusDetails: the reason and the tails of stdout and stderr, in the form that AWS accepts. Pure.

Rules (API reference of UpdateJobExecution; C++ client's Jobs README): at most 10 pairs; a key is 1 to 128 of
`[a-zA-Z0-9:_-]`; a value is 1 to 1024 characters of `[^\\p{C}]+`. AWS takes newline and tab all the same (the sample
output in that README ends in one), so they stay in the first attempt and go only when AWS answers InvalidRequest.
"""

from __future__ import annotations

from dc.mask import masked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from dc.jobs.core.tail import Tail

MAX_CHARACTERS = 1024  # counted as UTF-16 units, the narrowest reading of AWS's "characters"
MAX_PAIRS = 10

SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
REJECTED = "REJECTED"
IN_PROGRESS = "IN_PROGRESS"

# Every key that the agent itself puts there: of a report; of a running step; for a restart that finds no journal.
REASON, STDOUT, STDERR = "reason", "stdout", "stderr"
PROGRESS, STEP, OUTPUT = "progress", "step", "output"
RESUME, JOURNAL = "resume", "journal"
OWN_KEYS = (REASON, STDOUT, STDERR, PROGRESS, STEP, OUTPUT, RESUME, JOURNAL)

AS_IS, ONE_LINE, BARE = 0, 1, 2  # how much of the details an update still carries

# Separators are not "printable" to Python, yet outside AWS's \p{C}: kept.
_SEPARATORS = "\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_ESC = "\x1b"


def clean(text: str) -> str:
    """`text` without terminal escapes; CRLF is one newline; any other control or unassigned character a space;
    secrets are masked. Before it is cut: half a secret has no name that tells what it is."""
    if text.isascii() and text.isprintable():
        return masked(text)
    if _ESC in text:
        text = _without_escapes(text)
    text = text.replace("\r\n", "\n")
    return masked("".join(c if c.isprintable() or c in "\n\t" or c in _SEPARATORS else " " for c in text))


def _without_escapes(text: str) -> str:
    kept = []
    at = 0
    while True:
        found = text.find(_ESC, at)
        if found < 0:
            kept.append(text[at:])
            return "".join(kept)
        kept.append(text[at:found])
        at = _escape_end(text, found + 1)


def _escape_end(text: str, at: int) -> int:
    """Where the escape sequence that began one character before `at` is over (ECMA-48: CSI, OSC and the short ones)."""
    size = len(text)
    if at >= size:
        return size
    if text[at] == "[":
        at += 1
        while at < size and " " <= text[at] <= "?":
            at += 1
        return min(at + 1, size) if at < size and "@" <= text[at] <= "~" else at
    if text[at] in "]PX^_":
        for end in range(at + 1, size):
            if text[end] == "\x07":
                return end + 1
            if text[end] == _ESC:
                return min(end + 2, size) if text[end + 1 : end + 2] == "\\" else end
        return size
    while at < size and " " <= text[at] <= "/":
        at += 1
    return min(at + 1, size)


def last_units(text: str, limit: int = MAX_CHARACTERS) -> str:
    """The longest end of `text` that is at most `limit` UTF-16 units."""
    text = text[-limit:]
    over = len(text) + sum(1 for c in text if c > "\uffff") - limit
    start = 0
    while over > 0:
        over -= 2 if text[start] > "\uffff" else 1
        start += 1
    return text[start:]


def first_units(text: str, limit: int = MAX_CHARACTERS) -> str:
    """The longest start of `text` that is at most `limit` UTF-16 units."""
    text = text[:limit]
    while len(text) + sum(1 for c in text if c > "\uffff") > limit:
        text = text[:-1]
    return text


def output(tail: Tail) -> str:
    """A stream's tail as a statusDetails value; "" when there is nothing to show."""
    return last_units(clean(tail.raw().decode("utf-8", "replace")))


def is_key(text: str) -> bool:
    """Whether AWS takes `text` as a key of statusDetails."""
    return 0 < len(text) <= 128 and all(c.isascii() and (c.isalnum() or c in ":_-") for c in text)


def pairs(reason: str, stdout: str = "", stderr: str = "", extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """statusDetails, under the names of the C++ client's Jobs README: `reason`, `stdout`, `stderr`; no empty ones.

    `reason` keeps its first 1024 units, the streams were cut to their last ones by `output`.
    """
    made = {REASON: first_units(clean(reason))}
    made.update((key, first_units(clean(value))) for key, value in (extra or {}).items())
    made[STDOUT] = stdout
    made[STDERR] = stderr
    kept = [(key, value) for key, value in made.items() if value]
    return dict(kept if len(kept) <= MAX_PAIRS else kept[:1] + kept[1 - MAX_PAIRS :])


def reduced(pairs: Mapping[str, str], stage: int) -> dict[str, str]:
    """`pairs` as sent at this stage: AS_IS; ONE_LINE: newlines and tabs are spaces; BARE: no details at all."""
    if stage == BARE:
        return {}
    if stage == ONE_LINE:
        return {key: _flat(value) for key, value in pairs.items()}
    return dict(pairs)


def _flat(value: str) -> str:
    return "".join(c if c.isprintable() else " " for c in value)
