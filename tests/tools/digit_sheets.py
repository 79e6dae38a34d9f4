#!/usr/bin/env python3
"""Composes sheets of handwritten digits out of MNIST's test digits, and says how many of them were read.

    digit_sheets.py compose MNIST_FOLDER OUT_FOLDER [SEED]    # NAME.pgm, NAME.txt for each kind of sheet
    recognize_digits --image=NAME.pgm … > NAME.read
    digit_sheets.py judge 95 90 NAME…       # "95 % or more of all, 90 % or more of each", exit 1 below that

Digits are enlarged to about 60 pixels and turned by up to 12 degrees; the kinds differ in the paper's light, in noise, in
ink and in how straight the lines are. Nothing but Python's own library, so that any machine composes the same sheets.
"""

import gzip
import math
import pathlib
import random
import struct
import sys

COLUMNS, ROWS, CELL = 10, 5, 76

# Of each kind: what the light does, noise, dark ground, how much lines slope, share of black and white specks.
KINDS = {
    "plain": {},
    "uneven_light": {"light": 0.65},
    "dark_ground": {"dark": True, "light": 0.3},
    "noise": {"noise": 14},
    "specks": {"specks": 0.004},
    "sloping": {"slope": 0.05, "light": 0.3},
    "all_at_once": {"light": 0.5, "noise": 8, "slope": 0.04, "specks": 0.001},
    "pencil": {"ink": 70, "light": 0.3, "noise": 4},
}


def read_idx(path):
    data = gzip.open(path).read()
    shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    return shape, data[4 + 4 * data[3] :]


def drawn(pixels, angle, scale):
    """The digit turned and enlarged: a function of where one looks, from its middle, giving 0 to 1."""
    cosine, sine = math.cos(angle), math.sin(angle)

    def value(x, y):
        u, v = (cosine * x + sine * y) / scale + 13.5, (cosine * y - sine * x) / scale + 13.5
        left, top = math.floor(u), math.floor(v)
        total = 0.0
        for dx, wx in ((0, 1 - (u - left)), (1, u - left)):
            for dy, wy in ((0, 1 - (v - top)), (1, v - top)):
                if 0 <= left + dx < 28 and 0 <= top + dy < 28:
                    total += wx * wy * pixels[(top + dy) * 28 + left + dx]
        return total / 255

    return value


def compose(kind, digits, rng):
    """Gray rows of a sheet."""
    width, height = COLUMNS * CELL + 40, ROWS * (CELL + 20) + 80
    strength = [[0.0] * width for _ in range(height)]
    slope = kind.get("slope", 0)
    for at, pixels in enumerate(digits):
        column, row = at % COLUMNS, at // COLUMNS
        x = 20 + column * CELL + CELL / 2 + rng.uniform(-3, 3)
        y = 40 + row * (CELL + 20) + CELL / 2 + rng.uniform(-4, 4) + slope * (x - width / 2)
        value = drawn(pixels, math.radians(rng.uniform(-12, 12)), rng.uniform(2.1, 2.7))
        for py in range(max(0, int(y) - 40), min(height, int(y) + 41)):
            for px in range(max(0, int(x) - 40), min(width, int(x) + 41)):
                strength[py][px] = max(strength[py][px], value(px - x, py - y))
    light, noise, specks = kind.get("light", 0), kind.get("noise", 0), kind.get("specks", 0)
    rows = []
    for y in range(height):
        row = bytearray()
        for x in range(width):
            # A lamp at the upper left: the far corner has `light` less of it.
            lit = 1 - light * math.hypot(x / width, y / height) / math.sqrt(2)
            gray = 40 + 190 * strength[y][x] if kind.get("dark") else 235 - kind.get("ink", 190) * strength[y][x]
            gray = gray * lit + rng.gauss(0, noise) if noise else gray * lit
            if specks and rng.random() < specks:
                gray = rng.choice((0, 255))
            row.append(max(0, min(255, round(gray))))
        rows.append(bytes(row))
    return width, height, b"".join(rows)


def distance(a, b):
    """How many digits were misread, missed or made up (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def main():
    if sys.argv[1] == "compose":
        folder, out = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
        _, images = read_idx(folder / "t10k-images-idx3-ubyte.gz")
        _, labels = read_idx(folder / "t10k-labels-idx1-ubyte.gz")
        first = int(sys.argv[4]) if len(sys.argv) > 4 else 0
        for number, (name, kind) in enumerate(KINDS.items()):
            rng = random.Random(first + number)
            chosen = rng.sample(range(10000), COLUMNS * ROWS)
            width, height, gray = compose(kind, [images[i * 784 : (i + 1) * 784] for i in chosen], rng)
            (out / f"{name}.pgm").write_bytes(b"P5 %d %d 255\n" % (width, height) + gray)
            text = "".join(str(labels[i]) for i in chosen)
            lines = [text[i : i + COLUMNS] for i in range(0, len(text), COLUMNS)]
            (out / f"{name}.txt").write_text("\n".join(lines) + "\n")
        return 0
    least_of_all, least = float(sys.argv[2]), float(sys.argv[3])
    failed, all_right, count = False, 0, 0
    for name in sys.argv[4:]:
        expected = pathlib.Path(f"{name}.txt").read_text().split("\n")[:-1]
        read = [line.split("  (")[0].replace(" ", "") for line in pathlib.Path(f"{name}.read").read_text().splitlines()]
        right = 0
        if len(read) == len(expected):
            right = sum(max(0, len(e) - distance(e, r)) for e, r in zip(expected, read))
        digits = sum(map(len, expected))
        rate = 100 * right / digits
        all_right, count = all_right + right, count + digits
        print(f"{name}: {rate:g} %", file=sys.stderr)
        if rate < least:
            print(f"{name}: {rate:g} %: expected {expected}, read {read}")
            failed = True
    rate = 100 * all_right / count
    print(f"all: {rate:g} %", file=sys.stderr)
    if rate < least_of_all:
        print(f"all: {rate:g} %")
        failed = True
    if not failed:
        print(f"{least_of_all:g} % or more of all, {least:g} % or more of each")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
