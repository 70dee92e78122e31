"""The man page of every program has the options of its --help, with the same values, words, defaults and variables, and no
other; man(1) shows it in 80 columns and has nothing to complain about.

usage: manuals_test.py DIRECTORY-OF-PAGES PROGRAM…
"""

import functools
import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

COMMANDS = {
    "shipyard-local": ["run", "up", "exec", "status", "down", "serve"],
    "shipyard-submit": ["run", "submit", "render", "status", "logs", "terminate", "diagnose", "cleanup", "pool create",
                        "pool status", "pool resize", "pool delete", "convert", "schema"],
}
SKIPPED = 77


def entries(text, is_head, split, indent):
    """(head, what it says) for each entry of a list; what an entry says is indented by `indent`, or stands beside its head."""
    found = []
    for line in text.splitlines():
        if re.match(is_head, line):
            found.append(list(split(line)))
        elif found and found[-1] and re.match(" {%d}" % indent, line):
            found[-1][1] = (found[-1][1] + " " + line.strip()).strip()
        elif found:
            found.append([])
    return {tuple(entry) for entry in found if entry}


def help_of(program):
    """(head, sentence, default, variable) for each option, of all commands."""
    options = set()
    for command in COMMANDS.get(program.name, [""]):
        run = subprocess.run([program, *command.split(), "--help"], capture_output=True, text=True, check=True)
        # In the epilogue no line begins like a head.
        for head, text in entries(run.stdout, r" {2}(-[a-zA-Z]|    --[a-z])",
                                  lambda line: (re.split(r" {2,}", line.strip(), maxsplit=1) + [""])[:2], 26):
            parts = re.fullmatch(r"(.*?)(?: \(default (.*?)\))?(?: \[(SHIPYARD_\w+)\])?", text)
            sentence = parts[1] if parts[1].endswith(".") else parts[1] + "."
            options.add((head, sentence[0].upper() + sentence[1:], parts[2] or "", parts[3] or ""))
    return options


def page_of(options, heads):
    """(head, what it says) for each option of the page, where a single blank may stand between; `heads`: the known ones."""
    def split(line):
        # An alias has no entry of its own in the help.
        line = line.strip().replace("-n, -np, --np ", "-n ")
        head = max((head for head in heads if (line + " ").startswith(head + " ")), key=len, default=line)
        return head, line[len(head):].strip()

    # A sentence may go on with an option at the beginning of a line; entries stand below a title or an empty line.
    options = re.sub(r"(?m)^( {7}\S.*\n {7})(?=-)", r"\1+", options)
    options = re.sub(r"\n {7}As for .*?(?=\n\n|\Z)", "", options, flags=re.S)
    return entries(options, r" {7}-", split, 14)


@functools.cache
def shown(page):
    """The page as a terminal shows it, and what man(1) complains of."""
    environment = os.environ | {"LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"}
    run = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", page], capture_output=True, text=True,
                         env=environment, check=True)
    return re.sub(".\b", "", run.stdout), run.stderr


class Manuals(unittest.TestCase):
    pages: Path
    programs: list

    def page(self, program):
        found = [self.pages / f"{program.name}.{section}" for section in ("1", "1shipyard")]
        found = [path for path in found if path.exists()]
        self.assertEqual(len(found), 1, f"{program.name} has no page, or two")
        return found[0]

    def test_man_has_nothing_to_complain_about(self):
        for program in self.programs:
            with self.subTest(program.name):
                self.assertEqual(shown(self.page(program))[1], "")

    def test_no_line_is_wider_than_a_terminal(self):
        for program in self.programs:
            with self.subTest(program.name):
                self.assertEqual([line for line in shown(self.page(program))[0].splitlines() if len(line) > 80], [])

    def test_each_begins_with_a_name_for_apropos(self):
        for program in self.programs:
            with self.subTest(program.name):
                self.assertRegex(shown(self.page(program))[0], rf"\nNAME\n +{program.name} - [a-z]")

    def test_every_command_is_in_the_synopsis(self):
        for program in self.programs:
            synopsis = re.search(r"\nSYNOPSIS\n(.*?)\n\n", shown(self.page(program))[0], re.S)[1]
            for command in COMMANDS.get(program.name, [""]):
                with self.subTest(program.name, command=command):
                    self.assertRegex(synopsis, rf"(?m)^ +{f'{program.name} {command}'.strip()}\b")

    def test_each_option_is_that_of_the_help(self):
        for program in self.programs:
            with self.subTest(program.name):
                in_help = help_of(program)
                self.assertGreaterEqual(len(in_help), 8)
                heads = {head for head, *_ in in_help}
                options = re.search(r"\nOPTIONS\n(.*?)\n[A-Z]", shown(self.page(program))[0], re.S)[1]
                in_page = page_of(options, heads)
                self.assertEqual({head for head, _ in in_page}, heads)
                for head, sentence, default, variable in in_help:
                    origins = [f"Default: {default}."] * bool(default) + [f"Variable: {variable}."] * bool(variable)
                    said = [words for name, words in in_page if name == head]
                    self.assertTrue(any(words.startswith(sentence) and words.endswith(" ".join(origins)) for words in said),
                                    f"{head}: {sentence} … {' '.join(origins)}\nthe page has: {said}")

    def test_the_launchers_exit_statuses_are_those_of_its_help(self):
        program = next(program for program in self.programs if program.name == "shipyard-mpirun")
        text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
        in_help = set(re.findall(r"\b12\d\b", text[text.index("\nExit status:"):]))
        section = re.search(r"\nEXIT STATUS\n(.*?)\n[A-Z]", shown(self.page(program))[0], re.S)[1]
        self.assertEqual(set(re.findall(r"(?m)^ {7}(12\d)\b", section)), in_help)
        self.assertEqual(len(in_help), 9)


if __name__ == "__main__":
    if not shutil.which("man"):
        print("skipped: man(1) is not installed")
        sys.exit(SKIPPED)
    Manuals.pages = Path(sys.argv[1])
    Manuals.programs = [Path(word) for word in sys.argv[2:]]
    unittest.main(argv=sys.argv[:1])
