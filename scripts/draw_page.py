#!/usr/bin/env python3
"""Draws a page of numbers in made-up handwriting, as a phone would photograph it: uneven light, lines that slope, noise.

    draw_digits --train=1 --test=2000 --out_dir=drawn       # tests/interop/probe: the digits of examples/support
    draw_page.py drawn page.png 31415926 27182818

No digit of it was written by anybody: MNIST's may not be copied into the repository.
"""

import pathlib
import random
import struct
import sys
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "tools"))
import digit_sheets  # noqa: E402

kLook = {"light": 0.5, "slope": 0.02, "ink": 170}
kGrays = 64  # as many as a small file has room for


def read_npy(path):
    data = path.read_bytes()
    begin = 10 + struct.unpack("<H", data[8:10])[0]
    kind = "f" if b"<f4" in data[:begin] else "q"
    return struct.unpack(f"<{(len(data) - begin) // struct.calcsize(kind)}{kind}", data[begin:])


def write_png(path, width, height, gray):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = b"".join(b"\2" + bytes((gray[y * width + x] - (gray[(y - 1) * width + x] if y else 0)) % 256 for x in range(width))
                    for y in range(height))  # filter 2: the difference from the row above
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
                     + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    folder, out, lines = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
    images, labels = read_npy(folder / "test_images.npy"), read_npy(folder / "test_labels.npy")
    rng = random.Random(7)
    digits = []
    for character in "".join(lines):
        at = rng.choice([i for i, label in enumerate(labels) if label == int(character)])
        digits.append([255 * value for value in images[784 * at : 784 * at + 784]])
    digit_sheets.COLUMNS, digit_sheets.ROWS = len(lines[0]), len(lines)
    width, height, gray = digit_sheets.compose(kLook, digits, rng)
    step = 256 // kGrays
    write_png(out, width, height, [value // step * step for value in gray])


if __name__ == "__main__":
    main()
