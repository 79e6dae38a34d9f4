"""The golden cases of tests/passes/*.graph, and what docs/passes.md promises of each pass.

    for case in read_cases():
        if case.fires and contracts()[case.pass_name].kind == "exact": …
"""

import dataclasses
import pathlib
import re

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
CASES = REPOSITORY / "tests/passes"


@dataclasses.dataclass
class Contract:
    kind: str  # exact, rounding, quantizing, told
    largest: float = 0.0  # difference, as a part of an output's range


@dataclasses.dataclass
class PassCase:
    """tests/passes/pass_cases.h has the form."""

    file: str
    line: int
    pass_text: str  # "quantize_weights(minimum_size=4)"
    outputs: list
    inputs: list  # none: every Placeholder
    sentence: str
    before: str
    fires: bool

    @property
    def pass_name(self):
        return self.file

    @property
    def label(self):
        return f"{self.file}.graph:{self.line}"


def contracts():
    """Of every pass, by name."""
    found = {}
    sections = re.split(r"^## ", (REPOSITORY / "docs/passes.md").read_text(), flags=re.M)[1:]
    for section in sections:
        name = section.split("\n", 1)[0].strip()
        [text] = re.findall(r"^Contract: (.*)$", section, flags=re.M)
        kind = re.match(r"exact|rounding|quantizing|does as told", text)[0].split()[-1]
        largest = re.search(r"at most ([0-9.e-]+)", text)
        found[name] = Contract(kind, float(largest[1].rstrip(".")) if largest else 0.0)
    return found


def read_cases():
    return [case for path in sorted(CASES.glob("*.graph")) for case in _read_file(path)]


def _read_file(path):
    lines = path.read_text().split("\n")
    for_all, cases, begin = {}, [], 0
    while lines[begin].startswith("#"):  # those above everything else hold for the whole file
        _take_header(lines[begin], for_all)
        begin += 1
    while begin < len(lines):
        end = lines.index("-----", begin) if "-----" in lines[begin:] else len(lines)
        cases.append(_read_case(path.stem, lines[begin:end], begin + 1, dict(for_all)))
        begin = end + 1
    return cases


def _take_header(line, headers):
    name, _, value = line[1:].partition(":")
    headers[name.strip()] = value.strip()


def _read_case(file, lines, first, headers):
    sentence, at = [], 0
    while lines[at] or not sentence:
        if lines[at].startswith("#"):
            _take_header(lines[at], headers)
        elif lines[at]:
            sentence.append(lines[at])
        at += 1
    arrow = next(i for i in range(at, len(lines)) if lines[i].startswith("=>"))

    def names(header):
        return [name.strip() for name in headers.get(header, "").split(",") if name.strip()]

    return PassCase(file, first + at + 1, headers["pass"].replace("$here", str(CASES)), names("keep"), names("inputs"),
                    " ".join(sentence), "\n".join(lines[at:arrow]) + "\n", lines[arrow] == "=>")
