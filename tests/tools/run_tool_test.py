#!/usr/bin/env python3
"""Runs the command lines of a .test file and compares what they print with what the file says.

    run_tool_test.py --bin=build/release/bin tests/tools/freeze_graph.test            # exit 0, 1 or 77 (skipped)
    run_tool_test.py --bin=build/release/bin --update tests/tools/freeze_graph.test   # rewrites the expectations

A .test file:

    # What this file shows.
    needs: TARN_DATA

    $ summarize_graph --in_graph={data}/models/small.pb
    Found 1 possible inputs: (name=x, type=float(1), shape=[?,4])
    Read in [[\\d+]] ms
    ...
    stderr:
    summarize_graph: it has no variables
    exit: 0

- `$ ` starts a case: a bash command line, run in an empty scratch folder with the tools first on PATH. `exit: N` ends it.
  Lines between are its standard output, after a line `stderr:` its standard error. All of both is compared, exactly.
- `[[regex]]` inside an expected line matches a Python regular expression; a line `...` matches any number of lines.
- {bin} the tools, {data} TARN_DATA, {tmp} the scratch folder (the same for all cases of a file), {source} the repository: filled
  into commands, and put back in place of these paths in what is printed.
- `needs: TARN_DATA`, `needs: tensorflow`, `needs: small address space` (sanitizers take terabytes) or `needs: no files`
  (ThreadSanitizer writes one as it starts), before the first case: skips the file, saying why, where it is not there.
- Between cases: empty lines and `#` comments.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

SKIPPED = 77
# Limits under which only builds without sanitizers start: need -> (ulimit's arguments, what it means).
LIMITS = {"small address space": ("-v 100000", "in 100 MB of it"), "no files": ("-f 0", "without writing one")}
TIMEOUT_SECONDS = 300
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class BadTestFile(Exception):
    pass


class Case:
    def __init__(self, command, first_line):
        self.command, self.first_line = command, first_line
        self.stdout, self.stderr, self.exit_code = [], [], None


def parse(text):
    """Returns (needs, parts): parts are Case objects and, between them, lines as they stand."""
    needs, parts, case, stream = [], [], None, None
    for number, line in enumerate(text.splitlines(), 1):
        if case is not None:
            if line.startswith("exit:"):
                code = line[len("exit:") :].strip()
                if not code.isdigit():
                    raise BadTestFile(f"line {number}: 'exit:' wants a number, found '{code}'")
                case.exit_code = int(code)
                case = None
            elif line.startswith("$ "):
                raise BadTestFile(f"line {number}: the case of line {case.first_line} has no 'exit:' line")
            elif line == "stderr:":
                stream = case.stderr
            else:
                stream.append(line)
        elif line.startswith("$ "):
            case = Case(line[2:], number)
            stream = case.stdout
            parts.append(case)
        elif not line.strip() or line.startswith("#"):
            parts.append(line)
        elif line.startswith("needs:"):
            if any(isinstance(part, Case) for part in parts):
                raise BadTestFile(f"line {number}: 'needs:' stands before the first case")
            needs.append(line[len("needs:") :].strip())
            parts.append(line)
        else:
            raise BadTestFile(f"line {number}: expected '$ COMMAND', '#', 'needs:' or an empty line, found '{line}'")
    if case is not None:
        raise BadTestFile(f"the case of line {case.first_line} has no 'exit:' line")
    if not any(isinstance(part, Case) for part in parts):
        raise BadTestFile("no case: nothing would be tested")
    return needs, parts


def unmet(need, bin_dir):
    """Why a need is not met, or None."""
    if need == "TARN_DATA":
        data = os.environ.get("TARN_DATA")
        if not data:
            return "TARN_DATA is not set"
        return None if os.path.isdir(data) else f"TARN_DATA is no folder: {data}"
    if need == "tensorflow":
        venv = os.environ.get("TARN_INTEROP_VENV") or os.path.join(SOURCE, "build", "interop", "venv")
        made = os.path.exists(os.path.join(venv, ".tarn-interop"))
        return None if made else "no Python with TensorFlow; tests/interop/setup.sh makes it"
    if need in LIMITS:
        limit, meaning = LIMITS[need]
        command = ["bash", "-c", f'ulimit {limit}; "$0" --version', os.path.join(bin_dir, "flag_probe")]
        runs = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
        return None if runs else f"the tools do not start {meaning}; they were built with sanitizers"
    raise BadTestFile(f"unknown need '{need}'; there are TARN_DATA, tensorflow, {', '.join(LIMITS)}")


def line_matches(expected, actual):
    """Literal but for [[regex]] parts."""
    pieces = re.split(r"\[\[(.*?)\]\](?!\])", expected)
    if len(pieces) == 1:
        return expected == actual
    return (
        re.fullmatch("".join(f"(?:{p})" if i % 2 else re.escape(p) for i, p in enumerate(pieces)), actual) is not None
    )


def lines_match(expected, actual, line_matches=line_matches):
    reachable = {0}  # positions in actual that the expected lines so far can end at
    for line in expected:
        if line == "...":
            reachable = set(range(min(reachable), len(actual) + 1))
        else:
            reachable = {at + 1 for at in reachable if at < len(actual) and line_matches(line, actual[at])}
        if not reachable:
            return False
    return len(actual) in reachable


def updated(expected, actual):
    """The lines to write: actual ones, keeping an expected pattern where it still matches, in order."""
    if lines_match(expected, actual):
        return expected
    patterns = [line for line in expected if "[[" in line]
    lines = []
    for line in actual:
        kept = next((i for i, pattern in enumerate(patterns) if line_matches(pattern, line)), None)
        lines.append(line if kept is None else patterns[kept])
        patterns = patterns if kept is None else patterns[kept + 1 :]
    return lines


def run(command, places):
    """Returns (stdout lines, stderr lines, exit code), the places' paths replaced by their names."""
    for name, path in places.items():
        command = command.replace(name, path)
    environment = dict(os.environ, LC_ALL="C", PATH=places["{bin}"] + os.pathsep + os.environ["PATH"])
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=places["{tmp}"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=TIMEOUT_SECONDS,
    )

    def lines(raw):
        text = raw.decode("utf-8", "backslashreplace")
        for name, path in sorted(places.items(), key=lambda item: -len(item[1])):
            text = text.replace(path, name)
        return text.splitlines()

    return lines(done.stdout), lines(done.stderr), done.returncode


def report(path, case, stream, expected, actual):
    print(f"{path}:{case.first_line}: {stream} differs\n  $ {case.command}")
    for title, lines in (("expected", expected), ("printed", actual)):
        print(f"  {title}:" + ("" if lines else " nothing"))
        for line in lines:
            print(f"    {line}")


def main():
    parser = argparse.ArgumentParser(description="Runs the command lines of a .test file and compares what they print.")
    parser.add_argument("--bin", required=True, help="folder of the tools")
    parser.add_argument("--update", action="store_true", help="rewrite the file's expectations with what is printed")
    parser.add_argument("file")
    options = parser.parse_args()

    with open(options.file, encoding="utf-8") as file:
        needs, parts = parse(file.read())
    for need in needs:
        reason = unmet(need, os.path.abspath(options.bin))
        if reason:
            print(f"skipped: {os.path.basename(options.file)} needs {need}: {reason}")
            return SKIPPED

    failed, written = 0, []
    with tempfile.TemporaryDirectory(prefix="tarn_tool_test_") as scratch:
        places = {"{bin}": os.path.abspath(options.bin), "{tmp}": os.path.realpath(scratch), "{source}": SOURCE}
        if os.environ.get("TARN_DATA"):
            places["{data}"] = os.path.realpath(os.environ["TARN_DATA"])
        for part in parts:
            if not isinstance(part, Case):
                written.append(part)
                continue
            stdout, stderr, code = run(part.command, places)
            if options.update:
                errors = updated(part.stderr, stderr)
                written += [
                    f"$ {part.command}",
                    *updated(part.stdout, stdout),
                    *(["stderr:"] + errors if errors else []),
                ]
                written.append(f"exit: {code}")
                continue
            agrees = True
            for stream, expected, actual in (("stdout", part.stdout, stdout), ("stderr", part.stderr, stderr)):
                if not lines_match(expected, actual):
                    report(options.file, part, stream, expected, actual)
                    agrees = False
            if code != part.exit_code:
                print(
                    f"{options.file}:{part.first_line}: exit code {code}, expected {part.exit_code}\n  $ {part.command}"
                )
                agrees = False
            failed += not agrees
    if options.update:
        with open(options.file, "w", encoding="utf-8") as file:
            file.write("\n".join(written) + "\n")
        return 0
    cases = sum(isinstance(part, Case) for part in parts)
    print(f"{os.path.basename(options.file)}: {cases - failed} of {cases} cases as expected")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BadTestFile as error:
        sys.exit(f"{sys.argv[-1]}: {error}")
