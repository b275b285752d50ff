# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What must not be shown of a text: control characters, the query and user of a URL, and the value of a parameter with a telling name. Pure.

The last two also percent-encoded, once or twice, as a URL inside a URL is. A text without any of it costs a few searches.
"""

from __future__ import annotations

HIDDEN = "***"

# A name that has one of these in it has a secret as its value: X-Amz-Signature, AWS_SESSION_TOKEN, "db.password".
_NAMES = (
    *("x-amz-", "signature", "credential", "token", "passw", "passphrase", "secret"),
    *("api_key", "apikey", "api-key", "access_key", "accesskey", "access-key"),
    *("private_key", "privatekey", "private-key"),
)
_HEADERS = ("authorization", "cookie")  # the rest of the line is secret
_SCHEMES = ("bearer ", "basic ")  # what follows one of them at the start of a value, and the first one anywhere
_URL_STARTS = ("://", ":\\/\\/", "%3a%2f%2f", "%253a%252f%252f")  # the second as JSON may write it
_QUERIES = ("?", "#", "%3f", "%23", "%253f", "%2523")
_EQUALS = ("=", ":", "%3d", "%3a", "%253d", "%253a")
_ENDS = ("%26", "%2526")  # & ends a value too, and is no part of a name
_QUOTES = "\"'`"
_UPPER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def masked(text: str) -> str:
    """`text` with the secret parts of every URL and the values of telling names replaced: `https://***@host/path?***`."""
    low = _lower(text)
    for start in _URL_STARTS:
        if start in low:
            text = _each_url(text, start)
            low = _lower(text)
    for word in (*_NAMES, *_HEADERS, _SCHEMES[0]):
        if word in low:
            text = _each_value(text, word)
            low = _lower(text)
    return text


def plain(text: str) -> str:
    """`text` on one line: every character that is not printable is a space."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _lower(text: str) -> str:
    """Of the same length as `text`: only ASCII changes."""
    return text.lower() if text.isascii() else text.translate(_UPPER)


def _each_url(text: str, start: str) -> str:
    low = _lower(text)
    kept: list[str] = []
    done, at = 0, low.find(start)
    while at >= 0:
        head = at + len(start)
        end = head
        while end < len(text) and text[end] > " " and text[end] not in "\"'<>`":
            end += 1
        kept += (text[done:head], _url(text[head:end]))
        done = end
        at = low.find(start, end)
    return "".join((*kept, text[done:]))


def _first(low: str, words: tuple[str, ...], start: int = 0) -> tuple[int, str]:
    """Where the first of `words` is, and which; the end of `low` if there is none."""
    at, found = len(low), ""
    for word in words:
        place = low.find(word, start, at + len(word) - 1)
        if 0 <= place < at:
            at, found = place, word
    return at, found


def _url(url: str) -> str:
    """`url` without its scheme: query, fragment, user and password go."""
    low = _lower(url)
    cut, mark = _first(low, _QUERIES)
    if mark:
        url = f"{url[: cut + len(mark)]}{HIDDEN}"
    host = low[: _first(low[:cut], ("/", "%2f", "%252f"))[0]]
    for sign in ("@", "%40", "%2540"):
        user = host.rfind(sign)
        if user >= 0:
            return f"{HIDDEN}{url[user:]}"
    return url


def _each_value(text: str, word: str) -> str:
    low = _lower(text)
    kept: list[str] = []
    done, at = 0, low.find(word)
    while at >= 0:
        start, end = _value_of(low, word, at)
        if start >= done and end > start:
            kept += (text[done:start], HIDDEN)
            done = end
        at = low.find(word, max(at + len(word), end))
    return "".join((*kept, text[done:]))


def _value_of(low: str, word: str, at: int) -> tuple[int, int]:
    """From where to where the value goes that belongs to the name with `word` in it, at `at`; nothing, behind the name, if none."""
    if word == _SCHEMES[0]:
        return _extent(low, at + len(word))
    place = at + len(word)
    while place < len(low) and (low[place].isalnum() or low[place] in "_-."):
        place += 1
    begin = _begin(low, at)
    option = low[begin : begin + 1] == "-"
    is_file = low[begin - 1 : begin] == "/" or "." in low[at:place]  # "/bin/new-token: not found" names no value
    while place < len(low) and low[place] in "\\\"' ]":
        place += 1
    sign = next((sign for sign in _EQUALS if low.startswith(sign, place)), "")
    if is_file and low.startswith(": ", place) or (not sign and not (option and low[place - 1] == " ")):
        return place, place
    start, end = _extent(low, place + len(sign))
    if word in _HEADERS:
        line = low.find("\n", start)
        line = len(low) if line < 0 else line
        quote = low.find('"', start, line)
        return start, max(end, quote if quote >= 0 else line)
    return start, end


def _begin(low: str, at: int) -> int:
    """Where the name begins that goes on at `at`. With a dash, a space may stand before its value: `--password x`."""
    while at > 0 and (low[at - 1].isalnum() or low[at - 1] in "_-."):
        at -= 1
    return at


def _extent(low: str, start: int) -> tuple[int, int]:
    """The value that begins at `start`, behind spaces, a quotation mark and the name of a scheme."""
    while start < len(low) and low[start] in " \t\\=>":
        start += 1
    quote = low[start] if start < len(low) and low[start] in _QUOTES else ""
    escapes = bool(quote) and low[start - 1] != "\\"  # else the quotation mark itself is an escaped one
    start += len(quote)
    end = start
    for scheme in _SCHEMES:
        if low.startswith(scheme, start):
            end = start + len(scheme)
    while end < len(low) and not _is_end(low, end, quote):
        end += 2 if escapes and low[end] == "\\" else 1
    return start, min(end, len(low))


def _is_end(low: str, at: int, quote: str) -> bool:
    if quote:
        return low[at] in (quote, "\n")
    return low[at] <= " " or low[at] in "\"'`&<>" or (low[at] == "%" and low.startswith(_ENDS, at))
