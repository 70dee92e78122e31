"""dockerfiles.py: what hadolint says of Dockerfiles and can be seen in their text, for the project's own and those in its documents.

    dockerfiles.py SOURCES    SOURCES is the root of the project

Each rule is tried first, on an example that breaks it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Iterator, NamedTuple

OURS = re.compile(r"(localhost/)?shipyard(-base|-test)?[/:]")
BUILT = {".git", "build"}


class Instruction(NamedTuple):
    line: int
    word: str
    rest: str


def instructions(text: str) -> Iterator[Instruction]:
    """Continued lines as one, without comments."""
    whole, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*(#|$)", line):
            continue
        first = first if whole else number
        whole += line
        if whole.endswith("\\"):
            whole = whole[:-1] + " "
            continue
        word, _, rest = whole.strip().partition(" ")
        yield Instruction(first, word.upper(), rest.strip())
        whole = ""


def unquoted(command: str) -> str:
    """A command line without the text of its strings, but for what is run in them."""
    command = re.sub(r"\\.", "", command)
    command = re.sub(r"'[^']*'", "''", command)
    return re.sub(r'"((?:[^"$]|\$(?!\())*)"', '""', command)


def faults(text: str) -> Iterator[tuple[int, str]]:
    stages: dict[str, tuple[bool, bool]] = {}
    stage, workdir, pipefail = "", False, False
    for line, word, rest in instructions(text):
        if word == "FROM":
            image, *name = re.sub(r"^--\S+\s+", "", rest).split()
            if image not in stages and image != "scratch" and "$" not in image and "@" not in image:
                tag = image.rpartition("/")[2].partition(":")[2]
                if not tag:
                    yield line, f"FROM {image} without a tag"
                elif tag == "latest" and not OURS.match(image):
                    yield line, f"FROM {image}, which is another image tomorrow"
            workdir, pipefail = stages.get(image, (False, False))
            stage = name[-1] if name else ""
        elif word == "WORKDIR":
            if not re.match(r'"?[/$]', rest):
                yield line, f"WORKDIR {rest} is relative"
            workdir = True
        elif word == "SHELL":
            pipefail = "bash" in rest and "pipefail" in rest
        elif word == "COPY":
            target = rest.split()[-1].strip('"]')
            if not workdir and not re.match("[/$]", target):
                yield line, f"COPY to {target} without a WORKDIR"
            source = re.match(r"--from=\S+\s+(?:--\S+\s+)*(\S+)", rest)
            if source and not re.match("[/$]", source[1]):
                yield line, f"COPY --from of {source[1]}, which no stage's WORKDIR is for"
        elif word == "ADD":
            if not re.search(r"https?://|git@|\.tar\b|\.tgz\b", rest):
                yield line, "ADD of a local file in place of COPY"
        elif word == "RUN":
            command = unquoted(rest)
            if re.search(r"(^|[;&|({]\s*|\b(?:then|do|else)\s+)cd\s", command):
                yield line, "cd in place of WORKDIR"
            if re.search(r"[^|]\|(?!\|)", command) and not pipefail:
                yield line, "a pipe without SHELL … pipefail: what fails before its end is not seen"
            installs = re.findall(r"\bapt-get\b[^;&|]*\binstall\b[^;&|]*", command)
            for install in installs:
                if "--no-install-recommends" not in install:
                    yield line, "apt-get install without --no-install-recommends"
                if not re.search(r"\s(-y|-qy|-qqy|--yes|--assume-yes)\s", install):
                    yield line, "apt-get install without -y"
            if installs and not re.search(r"rm -rf [^;&|]*/var/lib/apt/lists/\*", command):
                yield line, "apt-get install leaves /var/lib/apt/lists"
            if re.search(r"\bapt (install|update)\b", command):
                yield line, "apt is for people: apt-get"
            if re.search(r"\bsudo\b", command):
                yield line, "sudo in an image"
        stages[stage] = (workdir, pipefail)


APT = "apt-get update && apt-get install -y --no-install-recommends x && rm -rf /var/lib/apt/lists/*"
EXAMPLES = {
    f"FROM debian:12\nRUN {APT}\nCOPY x /y": "",
    "FROM debian\n": "FROM debian without a tag",
    "FROM a.b:5000/debian\n": "FROM a.b:5000/debian without a tag",
    "FROM debian:latest\n": "FROM debian:latest, which is another image tomorrow",
    "FROM shipyard/tree:latest AS a\nFROM a\nFROM $BASE\nFROM scratch": "",
    "FROM a:1\nCOPY x .": "COPY to . without a WORKDIR",
    "FROM a:1\nWORKDIR /src\nCOPY x .": "",
    "FROM a:1 AS b\nWORKDIR /src\nFROM a:1\nCOPY x ./": "COPY to ./ without a WORKDIR",
    "FROM a:1 AS b\nWORKDIR /src\nFROM b\nCOPY x ./": "",
    "FROM a:1\nCOPY --from=b x /y": "COPY --from of x, which no stage's WORKDIR is for",
    "FROM a:1\nWORKDIR src": "WORKDIR src is relative",
    "FROM a:1\nADD x /y": "ADD of a local file in place of COPY",
    "FROM a:1\nADD https://x.org/y /y\nADD x.tar.gz /": "",
    "FROM a:1\nRUN cd /x && ln y z": "cd in place of WORKDIR",
    "FROM a:1\nRUN true \\\n # a comment\n && cd /x": "cd in place of WORKDIR",
    "FROM a:1\nRUN echo cd && printf 'a && cd b'": "",
    "FROM a:1\nRUN a | b": "a pipe without SHELL … pipefail: what fails before its end is not seen",
    'FROM a:1\nRUN x "$(a | b)"': "a pipe without SHELL … pipefail: what fails before its end is not seen",
    'FROM a:1\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\nRUN a | b': "",
    "FROM a:1\nRUN a || b; sed 's|a|b|' \"c|d\"": "",
    f"FROM a:1\nRUN {APT.replace('--no-install-recommends', '')}": "apt-get install without --no-install-recommends",
    f"FROM a:1\nRUN {APT.replace('-y', '')}": "apt-get install without -y",
    f"FROM a:1\nRUN {APT.replace('/lists/*', '')}": "apt-get install leaves /var/lib/apt/lists",
    "FROM a:1\nRUN apt update": "apt is for people: apt-get",
    "FROM a:1\nRUN sudo true": "sudo in an image",
}


def dockerfiles(root: Path) -> Iterator[tuple[str, int, str]]:
    """Where each is from, the line before its first, its text."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if BUILT & {part.split("-")[0] for part in name.parts[:1]} or name.parts[0].startswith("cmake-build") or not path.is_file():
            continue
        if path.name.endswith("Dockerfile"):
            yield str(name), 0, path.read_text()
        elif path.suffix == ".md":
            text = path.read_text()
            for block in re.finditer(r"^```dockerfile\n(.*?)^```", text, re.M | re.S):
                yield str(name), text.count("\n", 0, block.start(1)), block[1]


def main() -> int:
    bad = 0
    for text, expected in EXAMPLES.items():
        found = "; ".join(what for _, what in faults(text))
        if found != expected:
            print(f"FAIL  of {text!r}\n  wanted: {expected}\n  found:  {found}")
            bad += 1
    seen = list(dockerfiles(Path(sys.argv[1])))
    for name, before, text in seen:
        for line, what in faults(text):
            print(f"FAIL  {name}:{before + line}: {what}")
            bad += 1
    print(f"{len(seen)} Dockerfiles, {len(EXAMPLES)} examples, {bad} faults")
    return 1 if bad or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
