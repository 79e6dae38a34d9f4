#!/usr/bin/env python3
"""Runs the commands of a tutorial, block by block, and compares what they print with what it shows.

    run_tutorial.py --prefix=build/release/install_test/moved docs/tutorial.md          # exit 0 or 1
    run_tutorial.py --prefix=… --show docs/tutorial.md                                  # what every block prints now
    run_tutorial.py --prefix=… --section='Use your own model' --link='yours.pb=$TARN_DATA/…' README.md

- ```sh is run by bash, in the order of the text, all in one folder in which examples/ and docs/ are the repository's;
  exports and the folder last until the end. The first command that fails ends it. {prefix}, an installed tree, is $HOME/tarn.
- ```text right behind it is what it prints, standard output and error as they come on a terminal. A line "…" is any
  number of lines, "…" within a line any text, "≈92.1" a number within a tenth of that, "~3.1" any number.
- ```sh needs: COMMAND is run if COMMAND succeeds, ```sh not-run: REASON never. Both are listed.
- ```cpp FILE (c, python, js, java, cmake) is an excerpt: its lines stand in that file of the repository in this order, "…" for
  what is left out. No other block may be there: a command in it would not be run.
- Links must lead somewhere, pictures be 60 KB or less.
- --section runs the blocks below that heading alone, with {prefix} found by PATH and pkg-config; --link puts files there that it
  speaks of. Where one of them names a variable that is not set, exit 77: skipped.

Where there is no MNIST the examples draw digits and say so on every line; here that note is taken off again.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

kSource = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(kSource / "tests" / "tools"))
from run_tool_test import SKIPPED, lines_match  # noqa: E402

kTimeoutSeconds = 300
kMostPictureBytes = 60 * 1024
kOnlyRead = ("cpp", "c", "python", "js", "java", "cmake")
kNote = " [synthetic digits, NOT MNIST]"
kNumber = r"[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?"


class BadTutorial(Exception):
    pass


class Block:
    def __init__(self, line, needs=None, reason=None):
        self.line, self.needs, self.reason = line, needs, reason
        self.commands, self.output, self.excerpt_of = [], None, None


def check_excerpt(block, lines):
    file = kSource / block.excerpt_of
    if not block.excerpt_of or not file.is_file():
        raise BadTutorial(f"line {block.line}: an excerpt of '{block.excerpt_of}', which is no file of the repository")
    rest = iter(file.read_text(encoding="utf-8").splitlines())
    for number, line in enumerate(lines, block.line + 1):
        if line != "…" and line not in rest:  # `in` goes on from where the last line was
            raise BadTutorial(f"line {number}: {block.excerpt_of} has no line '{line}', or not behind the one before")


def parse(text):
    """The ```sh blocks, each with the output shown behind it."""
    blocks, last, fence, lines = [], None, None, []  # last: the sh block that a ```text may follow
    for number, line in enumerate(text.splitlines(), 1):
        if fence is not None:
            if line != "```":
                lines.append(line)
                continue
            language, block = fence
            if language == "sh":
                block.commands, last = lines, block
                blocks.append(block)
            elif language == "text":
                last.output, last = lines, None
            else:
                check_excerpt(block, lines)
            fence = None
        elif line.startswith("```"):
            language, _, rest = line[3:].partition(" ")
            block, lines = Block(number), []
            if language == "sh":
                kind, _, value = rest.partition(": ")
                if rest and (kind not in ("needs", "not-run") or not value):
                    raise BadTutorial(f"line {number}: expected ```sh, ```sh needs: COMMAND or ```sh not-run: REASON")
                block.needs, block.reason = (value if kind == "needs" else None), (value if kind == "not-run" else None)
            elif language == "text" and last is None:
                raise BadTutorial(f"line {number}: output of no command: ```text follows ```sh")
            elif language in kOnlyRead:
                block.excerpt_of = rest
            elif language != "text":
                raise BadTutorial(f"line {number}: commands are ```sh, their output ```text, not ```{language}")
            fence = (language, block)
        elif line.startswith("    "):
            raise BadTutorial(f"line {number}: an indented block; commands are ```sh")
        elif line.strip():
            last = None
    if fence is not None:
        raise BadTutorial("the last block has no end")
    if not any(block.reason is None for block in blocks):
        raise BadTutorial("no command: nothing would be tested")
    return blocks


def check_links(path, text):
    """What is wrong with links to files and with pictures."""
    wrong = []
    links = re.findall(r"(!?)\[[^]]*\]\(([^)#\s]+)[^)]*\)", text) + re.findall(r'<(img) src="([^"]+)"', text)
    for picture, target in links:
        if "://" in target:
            continue
        file = path.parent / target
        if not file.exists():
            wrong.append(f"there is no {target}")
        elif picture and file.stat().st_size > kMostPictureBytes:
            wrong.append(f"{target}: {file.stat().st_size} bytes, pictures have {kMostPictureBytes} or less")
    return wrong


def line_matches(expected, actual):
    """Literal but for …, ≈N and ~N."""
    pattern, near = "", []
    for piece in re.split(f"(…|[≈~]{kNumber})", expected):
        if piece == "…":
            pattern += ".*"
        elif piece[:1] == "≈":
            near.append(float(piece[1:].replace(",", "")))
            pattern += f"({kNumber})"
        elif piece[:1] == "~" and len(piece) > 1 and piece[1:2] in "+-0123456789":
            pattern += f"(?:{kNumber})"
        else:
            pattern += re.escape(piece)
    found = re.fullmatch(pattern, actual)
    if found is None:
        return False
    return all(abs(float(number.replace(",", "")) - value) <= abs(value) / 10 for number, value in zip(found.groups(), near))


def has_numpy(python):
    return subprocess.run([python, "-c", "import numpy"], stderr=subprocess.DEVNULL, check=False).returncode == 0


class Shell:
    """A bash for each block, which begins where the last one ended: folder and exports."""

    def __init__(self, folder, prefix, links, installed):
        self.home, self.work, self.state = folder / "home", folder / "work", folder / "state"
        self.home.mkdir()
        self.work.mkdir()
        (self.home / "tarn").symlink_to(prefix)
        for name in ("examples", "docs"):
            (self.work / name).symlink_to(kSource / name)
        self.path = os.environ["PATH"]
        if not has_numpy("python3") and has_numpy("/usr/bin/python3"):  # another Python hides Debian's
            (self.home / "bin").mkdir()
            (self.home / "bin" / "python3").symlink_to("/usr/bin/python3")
            self.path = f"{self.home / 'bin'}:{self.path}"
        for name, file in links.items():
            (self.work / name).symlink_to(pathlib.Path(file).resolve(strict=True))
        state = f"cd '{self.work}'\n"
        if installed:
            state += f"export PATH='{prefix}/bin:'$PATH PKG_CONFIG_PATH='{prefix}/lib/pkgconfig'\n"
        self.state.write_text(state)

    def run(self, commands):
        """Returns (lines printed, exit code)."""
        script = (
            f"source '{self.state}'\n"
            f"trap '{{ export -p; echo \"cd \\\"$PWD\\\"\"; }} > \"{self.state}\"' EXIT\n"
            "set -euo pipefail\n" + "\n".join(commands) + "\n"
        )
        done = subprocess.run(
            ["bash", "-c", script],
            env=dict(os.environ, HOME=str(self.home), PATH=self.path, LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=kTimeoutSeconds,
        )
        lines = done.stdout.decode("utf-8", "backslashreplace").splitlines()
        return [line.replace(kNote, "") for line in lines], done.returncode


def indented(title, lines):
    print(f"  {title}:" + ("" if lines else " nothing"))
    for line in lines:
        print(f"    {line}")


def main():
    parser = argparse.ArgumentParser(description="Runs the commands of a tutorial and compares what they print.")
    parser.add_argument("--prefix", required=True, help="an installed tree")
    parser.add_argument("--show", action="store_true", help="print what every block prints")
    parser.add_argument("--section", help="a heading: only what stands below it")
    parser.add_argument("--link", action="append", default=[], metavar="NAME=FILE", help="a file to be there")
    parser.add_argument("file", type=pathlib.Path)
    options = parser.parse_args()

    links = dict(os.path.expandvars(link).split("=", 1) for link in options.link)
    for file in links.values():
        if "$" in file:
            print(f"skipped: {file}: the variable is not set")
            return SKIPPED
    text = options.file.read_text(encoding="utf-8")
    first_line = 0
    if options.section is not None:
        before, heading, text = text.partition(f"\n## {options.section}\n")
        if not heading:
            raise BadTutorial(f"there is no section '{options.section}'")
        first_line, text = before.count("\n") + 2, text.partition("\n## ")[0]
    blocks = parse(text)
    for block in blocks:
        block.line += first_line
    failed = 0
    for wrong in check_links(options.file, text):
        print(f"{options.file}: {wrong}")
        failed += 1
    counts = {"run": 0, "not run": 0}
    with tempfile.TemporaryDirectory(prefix="tarn_tutorial_") as scratch:
        shell = Shell(pathlib.Path(scratch).resolve(), pathlib.Path(options.prefix).resolve(strict=True), links, options.section)
        for block in blocks:
            where, reason = f"{options.file}:{block.line}", block.reason
            if reason is None and block.needs is not None and shell.run([block.needs])[1] != 0:
                reason = f"needs: {block.needs}"
            if reason is not None:
                print(f"{where}: not run: {reason}")
                counts["not run"] += 1
                continue
            counts["run"] += 1
            printed, code = shell.run(block.commands)
            if options.show:
                indented(f"{where}: exit code {code}", printed)
            if code != 0:
                print(f"{where}: exit code {code}")
            elif block.output is None or lines_match(["..." if line == "…" else line for line in block.output], printed, line_matches):
                continue
            else:
                print(f"{where}: it prints something else")
            failed += 1
            indented("commands", block.commands)
            if block.output is not None:
                indented("expected", block.output)
            indented("printed", printed)
            if code != 0:
                break  # what follows builds on it
    if counts["run"] + counts["not run"] != len(blocks):
        print(f"{options.file}: {len(blocks) - counts['run'] - counts['not run']} blocks behind it were not run")
    print(f"{options.file.name}: {counts['run']} blocks run, {counts['not run']} not run, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BadTutorial as error:
        sys.exit(f"{sys.argv[-1]}: {error}")
