# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The commands of a short shell script, as far as needed to see what its last one is. Pure; it runs nothing."""

from __future__ import annotations

_BLANK = " \t\r"
_ENDS = ";&|()\n"
_PREFIXES = ("{", "}", "!", "then", "do", "else")


class Command:
    """`joint`: what stands before it (`&&`, `||`, `;` ...); `target`: where its output goes, "" if nowhere else."""

    __slots__ = ("joint", "target", "words")

    def __init__(self, joint: str) -> None:
        self.joint = joint
        self.words: list[str] = []
        self.target = ""


def commands(script: str) -> list[Command]:
    """In order. Quotes are removed, redirections and assignments before a command left out, nothing is expanded."""
    made = [Command("")]
    at = 0
    while at < len(script):
        letter = script[at]
        if letter in _BLANK or script.startswith("\\\n", at):
            at += 1 if letter in _BLANK else 2
        elif letter == "#":
            at = (script + "\n").index("\n", at)
        elif letter in "<>" or script.startswith("&>", at):
            at = _redirect(script, at, made[-1])
        elif letter in _ENDS:
            joint = script[at : at + 2] if script[at : at + 2] in ("&&", "||") else letter
            at += len(joint)
            if made[-1].words:
                made.append(Command(joint))
            elif joint not in "()\n":
                made[-1].joint = joint
        else:
            at = _take(script, at, made[-1])
    return made if made[-1].words else made[:-1]


def _take(script: str, at: int, command: Command) -> int:
    """The next word, if it belongs to the command."""
    word, at = _word(script, at)
    if word.isdigit() and script[at : at + 1] in ("<", ">"):
        return at  # the descriptor of a redirection
    name, equals, _ = word.partition("=")
    if command.words or not (word in _PREFIXES or (equals and name.isidentifier())):
        command.words.append(word)
    return at


def _redirect(script: str, at: int, command: Command) -> int:
    output = script[at] != "<"
    while at < len(script) and script[at] in "<>&|" + _BLANK:
        at += 1
    if at == len(script) or script[at] in _ENDS:
        return at
    target, at = _word(script, at)
    if output:
        command.target = target
    return at


def _word(script: str, at: int) -> tuple[str, int]:
    made: list[str] = []
    quote = ""
    while at < len(script):
        letter = script[at]
        if letter == "\\" and quote != "'" and at + 1 < len(script):
            at += 1
            if script[at] != "\n":
                made.append(script[at])
        elif quote:
            if letter == quote:
                quote = ""
            else:
                made.append(letter)
        elif letter in "'\"":
            quote = letter
        elif letter in _BLANK + _ENDS + "<>":
            break
        else:
            made.append(letter)
        at += 1
    return "".join(made), at
