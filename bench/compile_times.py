#!/usr/bin/env python3
"""CPU seconds that each op file takes to compile, without a compiler cache. bench/README.md has a table.

  cmake --preset release && cmake --build --preset release --target tarn_ops && bench/compile_times.py [FOLDER]
"""

import json
import os
import pathlib
import resource
import shlex
import statistics
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
BUILD = REPOSITORY / "build" / "release"
LIMIT_SECONDS = 5.0


def compile_seconds(entry: dict) -> float:
    command = shlex.split(entry["command"])
    command[command.index("-o") + 1] = os.devnull
    for flag in ("-MF", "-MT"):
        if flag in command:
            at = command.index(flag)
            del command[at : at + 2]
    command = [word for word in command if word != "-MD"]
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=entry["directory"], check=True, env={**os.environ, "CCACHE_DISABLE": "1"})
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime


def main() -> int:
    folder = REPOSITORY / (sys.argv[1] if len(sys.argv) > 1 else "ops")
    compdb = subprocess.run(["ninja", "-C", str(BUILD), "-t", "compdb"], check=True, capture_output=True, text=True)
    entries = {}  # one object a file, should several targets compile it
    for entry in json.loads(compdb.stdout):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if path.parent == folder and path.suffix == ".cc":
            entries.setdefault(path, entry)
    if not entries:
        print(f"compile_times.py: {BUILD} compiles nothing of {folder}", file=sys.stderr)
        return 1
    times = {path.name: compile_seconds(entry) for path, entry in sorted(entries.items())}
    for name, seconds in sorted(times.items(), key=lambda item: -item[1]):
        print(f"{seconds:6.2f} s  {name}")
    slowest = max(times, key=times.get)
    print(
        f"{len(times)} files, median {statistics.median(times.values()):.2f} s, "
        f"slowest {slowest} {times[slowest]:.2f} s, limit {LIMIT_SECONDS:.0f} s"
    )
    return 0 if times[slowest] < LIMIT_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
