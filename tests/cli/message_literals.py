"""The messages that stand in the sources: in C++ what is handed to input_error(), Error{...}, fail() and their like.

By tokens, without a compiler: a message is an expression of literals, fmt::format(), +, ?: and names. What is no
literal in it is a hole. A name stands for what was assigned to it above, in its function, or as a constant in its
file; what a function returns is not followed, but may be a message by itself (Sinks.returning). Of scripts: shell_messages().
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, NamedTuple

HOLE = "\0"  # in a message: text that is known only at run time

# How a launcher's Outcome begins where its type is not named: {"app_failed", status, message, hint}.
OUTCOMES = (
    "app_failed",
    "collect_failed",
    "timed_out",
    "config_error",
    "node_unfit",
    "node_unreachable",
    "launch_failed",
    "node_lost",
    "preempted",
    "terminated",
)


class Token(NamedTuple):
    kind: str  # string, name, other
    text: str  # of a string: what it says
    line: int


@dataclass(frozen=True)
class Message:
    text: str  # with HOLE
    file: Path
    line: int


_TOKEN = re.compile(
    r"""
      (?P<skip>\s+|//[^\n]*|/\*.*?\*/|^[ \t]*\#(?:[^\n]*\\\n)*[^\n]*)
    | (?P<raw>R"(?P<mark>[^(\s]*)\((?P<body>.*?)\)(?P=mark)")
    | (?P<string>"(?:[^"\\\n]|\\.)*")
    | (?P<char>'(?:[^'\\\n]|\\.)+')
    | (?P<name>[A-Za-z_]\w*)
    | (?P<number>\d[\w.']*)
    | (?P<other>::|->|<<|>>|&&|\|\||[+\-*/=!<>]=|.)
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


def _unescape(literal: str) -> str:
    simple = {"n": "\n", "t": "\t", "0": HOLE, "r": "\r", "e": "\x1b"}
    return re.sub(r"\\(.)", lambda match: simple.get(match[1], match[1]), literal[1:-1])


def tokens_of(source: str) -> list[Token]:
    tokens = []
    line = 1
    for match in _TOKEN.finditer(source):
        if match["raw"]:
            tokens.append(Token("string", match["body"], line))
        elif match["string"]:
            tokens.append(Token("string", _unescape(match["string"]), line))
        elif match["name"]:
            tokens.append(Token("name", match[0], line))
        elif not match["skip"]:
            tokens.append(Token("other", match[0], line))
        line += match[0].count("\n")
    return tokens


_OPEN = {"(": ")", "[": "]", "{": "}"}


def _closing(tokens: list[Token], start: int) -> int:
    """The index of the bracket that closes the one at `start`."""
    depth = 0
    for index in range(start, len(tokens)):
        if tokens[index].kind != "other":
            continue
        if tokens[index].text in _OPEN:
            depth += 1
        elif tokens[index].text in _OPEN.values():
            depth -= 1
            if depth == 0:
                return index
    return len(tokens) - 1


def _split(tokens: list[Token], separator: str) -> list[list[Token]]:
    """At each separator that is outside of brackets."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.kind == "other":
            depth += (token.text in _OPEN) - (token.text in _OPEN.values())
            if depth == 0 and token.text == separator:
                parts.append([])
                continue
        parts[-1].append(token)
    return parts


def _is(token: Token, text: str) -> bool:
    return token.kind != "string" and token.text == text


@dataclass(frozen=True)
class Sinks:
    """Where messages go: for each name, which argument is the message."""

    calls: dict[str, int]
    with_place: dict[str, int]  # something is put before: a file and its line, an entry of a list, an option
    members: frozenset[str]  # `fault.what = …`
    lists: frozenset[str]  # `plan.warnings.push_back(…)`
    own_lists: frozenset[str]  # `reasons.push_back(…)`, but not `plan.reasons.push_back(…)`
    returning: frozenset[str]  # functions whose results are messages, or ends of them


WORDED = -1  # the first argument that holds a literal with a blank in it, or is a variable called message, …
_VARIABLES = ("message", "what", "why", "words", "fault", "reason")


def _has_words(tokens: list[Token]) -> bool:
    return any(token.kind == "string" and " " in token.text.strip() for token in tokens)


class SourceFile:
    """The messages of one file."""

    _MOST = 24  # alternatives of one expression

    def __init__(self, path: Path, sinks: Sinks):
        self.path = path
        self.sinks = sinks
        text = path.read_text(encoding="utf-8")
        self.lines = text.split("\n")
        self.tokens = tokens_of(text)

    def messages(self) -> Iterator[Message]:
        for place, expression, prefix in self._expressions():
            for text in self._texts(expression, place, frozenset()):
                if any(character.isalpha() for character in text):
                    yield Message(prefix + text, self.path, expression[0].line)

    def _expressions(self) -> Iterator[tuple[int, list[Token], str]]:
        tokens, sinks = self.tokens, self.sinks
        for index in range(len(tokens) - 1):
            token, follower = tokens[index], tokens[index + 1]
            opening = follower.kind == "other" and follower.text in ("(", "{")
            if token.kind == "name" and opening:
                if token.text in sinks.calls:
                    yield from self._argument(index + 1, sinks.calls[token.text], "")
                if token.text in sinks.with_place:
                    yield from self._argument(index + 1, sinks.with_place[token.text], HOLE)
                if token.text in sinks.returning and follower.text == "(":
                    yield from self._returned(index)
                if token.text in ("print", "fprintf") and _is(tokens[index + 2], "stderr"):
                    yield from self._printed(index + 1)
                if token.text in ("push_back", "emplace_back") and self._is_list(index - 2):
                    yield from self._argument(index + 1, WORDED, HOLE)
            elif token.kind == "name" and token.text in sinks.members and follower.text in ("=", "+="):
                yield index, self._until_end(index + 2), HOLE
            if _is(token, "{") and self._names_code(index + 1):
                yield from self._argument(index, 1, "")
            if _is(token, "{") and follower.kind == "string" and follower.text in OUTCOMES:
                yield from self._argument(index, 2, "")

    def _printed(self, opening: int) -> Iterator[tuple[int, list[Token], str]]:
        """The second argument, a format of fmt or of printf(3)."""
        for place, expression, prefix in self._argument(opening, 1, ""):
            text = "".join(token.text for token in expression if token.kind == "string")
            text = self._filled(re.sub(r"%[sd]", "{}", text))
            yield place, [Token("string", text, expression[0].line)], prefix

    def _is_list(self, index: int) -> bool:
        name, owner = self.tokens[index].text, self.tokens[index - 1].text
        return name in self.sinks.lists or (name in self.sinks.own_lists and owner not in (".", "->"))

    def _names_code(self, index: int) -> bool:
        words = [token.text for token in self.tokens[index : index + 3]]
        return words == ["Error", "::", "Code"] or words[:2] == ["Code", "::"]

    def _argument(self, opening: int, which: int, prefix: str) -> Iterator[tuple[int, list[Token], str]]:
        arguments = _split(self.tokens[opening + 1 : _closing(self.tokens, opening)], ",")
        if which == WORDED:
            fits = (place for place, argument in enumerate(arguments) if self._is_message(argument))
            which = next(fits, len(arguments))
        if which < len(arguments) and arguments[which]:
            yield opening, arguments[which], prefix

    def _returned(self, index: int) -> Iterator[tuple[int, list[Token], str]]:
        """What the function returns whose definition begins here, if one does."""
        closing = _closing(self.tokens, index + 1)
        after = closing + 1
        while after < len(self.tokens) and self.tokens[after].text in ("const", "override"):
            after += 1
        if after >= len(self.tokens) or not _is(self.tokens[after], "{"):
            return
        for place in range(after, _closing(self.tokens, after)):
            if _is(self.tokens[place], "return"):
                expression = self._until_end(place + 1)
                if expression and not _is(expression[0], ";"):
                    yield place, expression, HOLE

    def _until_end(self, index: int) -> list[Token]:
        depth = 0
        for end in range(index, len(self.tokens)):
            token = self.tokens[end]
            if token.kind != "other":
                continue
            depth += (token.text in _OPEN) - (token.text in _OPEN.values())
            if depth < 0 or (depth == 0 and token.text in (";", ",")):
                return self.tokens[index:end] or self.tokens[index : index + 1]
        return self.tokens[index:]

    def _texts(self, expression: list[Token], place: int, seen: frozenset[str]) -> list[str]:
        """All that the expression can say."""
        if not expression:
            return []
        while len(expression) > 1 and expression[0].text == "(" and _closing(expression, 0) == len(expression) - 1:
            expression = expression[1:-1]
        if expression[0].text == "{" and _closing(expression, 0) == len(expression) - 1:
            parts = _split(expression[1:-1], ",")
            worded = [part for part in parts if self._is_message(part)]
            return self._texts(worded[0], place, seen) if worded else []  # {message, place}, {kind, message}
        question = _split(expression, "?")
        if len(question) > 1:
            rest = expression[len(question[0]) + 1 :]
            yes = _split(rest, ":")[0]
            no = rest[len(yes) + 1 :]
            return self._texts(yes, place, seen) + self._texts(no, place, seen)
        terms = _split(expression, "+")
        if len(terms) > 1:
            choices = [self._texts(term, place, seen) for term in terms if term]
            return ["".join(choice) for choice in itertools.islice(itertools.product(*choices), self._MOST)]
        return self._term(expression, place, seen)

    def _term(self, term: list[Token], place: int, seen: frozenset[str]) -> list[str]:
        if not term:
            return [""]
        if all(token.kind == "string" for token in term):
            return ["".join(token.text for token in term)]
        words = [token.text for token in term]
        if words[:2] == ["std", "::"] and len(words) > 3 and words[2] in ("string", "move", "string_view"):
            return self._texts(term[4:-1], place, seen) if words[3] in "({" else [HOLE]
        if words[:4] == ["fmt", "::", "format", "("]:
            return [self._filled(text) for text in self._texts(_split(term[4:-1], ",")[0], place, seen)]
        if len(term) == 1 and term[0].kind == "name" and term[0].text not in seen:
            return self._assigned(term[0].text, place, seen | {term[0].text}) or [HOLE]
        return [HOLE]

    @staticmethod
    def _filled(pattern: str) -> str:
        holes = re.sub(r"\{(?:[^{}]|\{[^{}]*\})*\}", HOLE, pattern.replace("{{", "\1").replace("}}", "\2"))
        return holes.replace("\1", "{").replace("\2", "}")

    def _assigned(self, name: str, place: int, seen: frozenset[str]) -> list[str]:
        """What has been put into `name` before `place`, back to its declaration, if it is text."""
        if re.match(r"k[A-Z]", name):
            return [text for value in self._constants(name) for text in self._texts(value, place, seen)]
        texts: list[str] = []
        blocks: list[int] = []  # of each block that is over at `place`: how many texts come after it
        for index in range(place - 1, 0, -1):
            token = self.tokens[index]
            if _is(token, "}"):
                if self._ends_function(index):
                    break
                blocks.append(len(texts))
            elif _is(token, "{") and blocks:
                blocks.pop()
            if token.kind != "name" or token.text != name or self.tokens[index + 1].kind != "other":
                continue
            if self.tokens[index + 1].text in ("=", "+="):
                texts += self._texts(self._until_end(index + 2), index, seen)
            declared = self.tokens[index - 1].kind == "name" and self.tokens[index - 1].text != "return"
            if declared:
                if not blocks:
                    break
                del texts[blocks[-1] :]
        return [text for text in texts if text != HOLE]

    def _constants(self, name: str) -> list[list[Token]]:
        """The values of `name` in this file."""
        tokens = self.tokens
        places = (i for i in range(len(tokens) - 1) if tokens[i].text == name and _is(tokens[i + 1], "="))
        return [self._until_end(place + 2) for place in places]

    def _is_message(self, argument: list[Token]) -> bool:
        if len(argument) == 1 and argument[0].kind == "name":
            name = argument[0].text
            if re.match(r"k[A-Z]", name):
                return any(_has_words(value) for value in self._constants(name))
            return name in _VARIABLES
        return _has_words(argument)

    def _ends_function(self, index: int) -> bool:
        return self.lines[self.tokens[index].line - 1].startswith("}")


_SHELL_WORD = r"""('[^']*'|"(?:[^"\\]|\\.)*")"""
_SHELL_MESSAGE = re.compile(rf"\bcomplain\s+{_SHELL_WORD}|\b(?:echo|printf)\s+{_SHELL_WORD}")


def shell_messages(path: Path) -> Iterator[Message]:
    """What a shell script hands to complain, its own function, and errors that it prints with its name in front."""
    source = path.read_bytes().decode(errors="replace")
    if not re.match(r"#!.*/(ba)?sh\b", source):
        return
    for match in _SHELL_MESSAGE.finditer(source):
        word = match[1] or match[2]
        text = word[1:-1]
        if word[0] == '"':
            text = re.sub(r"\$(\w+|\{[^}]*\}|\([^)]*\))", HOLE, text)
            text = re.sub(r"\\(.)", r"\1", text)
        text = text.replace("%s", HOLE).replace("\\n", "\n")
        if match[1] or re.match(r"[\w-]+: (error|warning): ", text):
            yield Message(text, path, source.count("\n", 0, match.start()) + 1)
