#!/usr/bin/env python3
"""Writes ops/<family>.json: what TensorFlow 2.15 computes for single ops.

    TARN_INTEROP_VENV/bin/python tests/goldens/make_op_goldens.py                   # writes every family
    TARN_INTEROP_VENV/bin/python tests/goldens/make_op_goldens.py math conv         # writes two
    TARN_INTEROP_VENV/bin/python tests/goldens/make_op_goldens.py --check           # compares with the files there

To add an op: write a function that calls g.add() in one of the families_*.py modules beside this file.
"""

import json
import os
import sys

import golden
import families_array
import families_features
import families_legacy
import families_linalg
import families_math
import families_media
import families_nn
import families_quantized
import families_state

HERE = os.path.dirname(os.path.abspath(__file__))


def same(old, new):
    """Equal but for the last digits of floats: TensorFlow's sums depend on how wide the machine's vectors are."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(same(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(same, old, new))
    if isinstance(old, float) or isinstance(new, float):
        return abs(old - new) <= 1e-4 * max(abs(old), abs(new)) + 1e-5
    return old == new


def main():
    check = "--check" in sys.argv[1:]
    wanted = [a for a in sys.argv[1:] if a != "--check"] or list(golden.FAMILIES)
    unknown = [name for name in wanted if name not in golden.FAMILIES]
    if unknown:
        sys.exit(f"unknown family {', '.join(unknown)}; there are {', '.join(golden.FAMILIES)}")
    os.makedirs(os.path.join(HERE, "ops"), exist_ok=True)
    stale, total = [], 0
    for name in wanted:
        text = golden.Recorder().run(golden.FAMILIES[name])
        path = os.path.join(HERE, "ops", name + ".json")
        ops = {line.split('"')[3] for line in text.splitlines() if line.startswith("{")}
        total += len(text)
        print(f"{name}: {text.count(chr(10)) - 2} cases of {len(ops)} ops, {len(text)} bytes")
        if not check:
            with open(path, "w") as file:
                file.write(text)
        elif not os.path.exists(path) or not same(json.load(open(path)), json.loads(text)):
            stale.append(name)
    print(f"{total} bytes in all")
    if stale:
        sys.exit(f"not what TensorFlow gives now: {', '.join(stale)}")


if __name__ == "__main__":
    main()
