#!/usr/bin/env python3
"""Writes a page with bars ("1") and squares ("0") as PGM to standard output: the arguments of page() below, as Python.

    made_page.py '[("1", 30, 20, 40), ("0", 60, 22, 40)], 320, 160, light=0.5' > page.pgm    # kind, left, top, size
"""

import sys


def page(shapes, width, height, ground=230, ink=30, light=0, frame=False):
    rows = [[ground] * width for _ in range(height)]
    for kind, left, top, size in shapes:
        for y in range(top, top + size):
            for x in range(left, left + (size if kind == "0" else max(2, size // 5))):
                rows[y][x] = ink
    for x, y in ((x, y) for y in range(height) for x in range(width)) if frame else ():
        if x in (0, width - 1) or y in (0, height - 1):
            rows[y][x] = ink
    # A lamp at the upper left: the far corner has `light` less of it.
    lit = (round(value * (1 - light * (x / width + y / height) / 2)) for y, row in enumerate(rows) for x, value in enumerate(row))
    return b"P5 %d %d 255\n" % (width, height) + bytes(lit)


sys.stdout.buffer.write(eval(f"page({sys.argv[1]})"))
