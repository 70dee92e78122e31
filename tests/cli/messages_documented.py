"""messages_documented.py: docs/troubleshooting.md has every message of the programs, and none that they do not have.

    messages_documented.py SOURCES            the check: SOURCES is the root of the project
    messages_documented.py SOURCES --missing  only what the page lacks, as lines for it

The page's messages are the code spans in the first column of its tables; "…" in one stands for what differs.
A span belongs to the message of the sources that it can be and that has most letters, which must be half of its own.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

from message_literals import HOLE, WORDED, Message, Sinks, SourceFile, shell_messages

SINKS = Sinks(
    calls={
        "input_error": 0,
        "system_error": 0,
        "fault_at": 0,
        "fault_in": 0,
        "config_error": 0,
        "refuse": 0,
        "warning": 0,
        "runtime_error": 0,
        "syntax_error": 0,
        "failed": 1,
        "Error": 1,
        "with_help": 1,
        "Outcome": 2,
    },
    with_place={
        "HostFault": 0,
        "SkipWithError": 0,
        "error_at": 3,
        "broken": WORDED,
        "done": WORDED,
        "error": WORDED,
        "fail": WORDED,
        "fail_attempt": WORDED,
        "fault": WORDED,
        "say": WORDED,
        "unreadable": WORDED,
        "unusable": WORDED,
        "wrong": WORDED,
    },
    members=frozenset({"fault", "last_word", "left_out", "message", "problem", "what", "words"}),
    lists=frozenset({"failed", "findings", "full", "lines", "missing", "warnings"}),
    own_lists=frozenset({"faults", "reasons"}),
    returning=frozenset(
        {
            "bad_character",
            "binding_warning",
            "cause_of",
            "complaints",
            "describe_stranger",
            "fault_of_id",
            "fault_of_option",
            "hang_report",
            "memory_problem",
            "missing_port_warning",
            "slow_text",
            "ssh_failure",
            "unwatched_warning",
            "what_went_wrong",
        }
    ),
)

FOLDERS = ("launcher", "base", "hostfile", "batch/client", "batch/local", "bench")
SHELL_FOLDERS = ("launcher", "images", "recipes")  # scripts that run on nodes; those of scripts/ explain themselves

# What no user sees by itself: sources whose messages are the end of another one, or of nobody.
BEHIND_OTHERS = {
    "launcher/check/node_facts.cpp": "ends 'answers, but not as shipyard-mpirun … does: …'",
    "launcher/preempt/http_response.cpp": "ends '--on-preempt: no preemption will be seen on node …: …'",
    "launcher/preempt/metadata_service.cpp": "the same",
    "launcher/preempt/preemption_watch.cpp": "the same",
    "launcher/preempt/scheduled_events.cpp": "the same",
    "launcher/preflight/link_report.cpp": "ends \"allpairs' report: …\"",
    "launcher/rank/rank_layout.cpp": "ends '… cannot use its part of the layout: …'",
    "launcher/stage/protocol.cpp": "ends '--stage: … cannot be brought to …: …'",
    "batch/local/node_docker/broker.cpp": "between a node's docker and the service; ends 'docker: …'",
    "batch/local/node_docker/channel.cpp": "the same",
    "batch/local/node_docker/message.cpp": "the same",
    "batch/local/service": "answers of the service in Azure's own words (docs/local-service.md)",
    "bench/core": "benchmarks of the sources, which are not installed",
}
NO_MESSAGE = re.compile(r"usage: ")
FEWEST_LETTERS = 5


def letters(text: str) -> int:
    return sum(character.isalpha() for character in text)


def is_message(text: str) -> bool:
    """Words, not the frame around others or a name of something."""
    words = core(text)
    return letters(text) >= FEWEST_LETTERS and re.search(r"[ -]", words) is not None and not NO_MESSAGE.match(text)


def normal(text: str) -> str:
    """One line, with … for what differs."""
    text = re.sub(r"\s+", " ", text.replace(HOLE, "…").split("\nhint: ")[0])
    text = re.sub(r"\x1b\[K|^(\w+-\w+: )?(error|warning): ", "", text)
    return re.sub(r"…([\s/]*…)*", "…", text).strip()


def core(text: str) -> str:
    """Without what may stand in front or behind: the same words with and without a place are one message."""
    return text.strip("…:; ")


def is_behind_others(name: str) -> bool:
    return any(name == path or name.startswith(path + "/") for path in BEHIND_OTHERS)


def messages_of(root: Path) -> dict[str, list[Message]]:
    found = defaultdict(list)
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.[ch]pp")):
            if is_behind_others(path.relative_to(root).as_posix()):
                continue
            for message in SourceFile(path, SINKS).messages():
                text = normal(message.text)
                if is_message(text):
                    found[text].append(message)
    for folder in SHELL_FOLDERS:
        for path in sorted(path for path in (root / folder).rglob("*") if path.is_file() and not path.suffix):
            for message in shell_messages(path):
                text = normal(message.text)
                if is_message(text):
                    found[text].append(message)
    return found


def spans_of(page: Path) -> list[tuple[str, int]]:
    """The messages of the page, each with its line."""
    spans = []
    in_table = False
    for number, line in enumerate(page.read_text(encoding="utf-8").split("\n"), 1):
        in_table = line.startswith("| message |") or (in_table and line.startswith("|"))
        if in_table and not line.startswith("| message |"):
            first = line.replace(r"\|", "\1").split("|")[1].replace("\1", "|")
            spans += [(double or single, number) for double, single in re.findall(r"``(.+?)``|`([^`]+)`", first)]
    return spans


def pattern_of(text: str) -> re.Pattern[str]:
    return re.compile(".*?".join(re.escape(part) for part in text.split("…")), re.DOTALL)


def main() -> int:
    root = Path(sys.argv[1])
    page = root / "docs" / "troubleshooting.md"
    messages = messages_of(root)
    most_telling_first = sorted(messages, key=lambda text: (-letters(text), -len(core(text))))
    patterns = [(text, pattern_of(text)) for text in most_telling_first]

    documented = set()
    complaints = []
    for span, line in spans_of(page):
        best = next((text for text, pattern in patterns if pattern.fullmatch(span)), None)
        if best is None or 2 * letters(best) < letters(span):
            complaints.append(f"{page.relative_to(root)}:{line}: no program says this any more: {span}")
        else:
            documented.add(core(best))

    missing = {core(text): (places[0], text) for text, places in messages.items() if core(text) not in documented}
    if sys.argv[2:] == ["--missing"]:
        for place, text in missing.values():
            print(f"| `{text}` | | | {place.file.relative_to(root)}:{place.line}")
        return 0
    for place, text in missing.values():
        complaints.append(f"{place.file.relative_to(root)}:{place.line}: not in docs/troubleshooting.md: {text}")
    for complaint in complaints:
        print(complaint)
    print(f"{len(messages)} messages, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
