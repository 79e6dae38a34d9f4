#!/usr/bin/env python3
"""Writes a GraphDef of one long chain: x -> n1 -> n2 … (Identity), in the order of the data and against it.

    bench/long_chain.py 100000 chain.pb reversed.pb
"""

import sys


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def attr(name, value):
    return field(5, field(1, name) + field(2, value))


FLOAT = b"\x30\x01"
nodes = [field(1, b"x") + field(2, b"Placeholder") + attr(b"dtype", FLOAT) +
         attr(b"shape", field(7, field(2, b"\x08\x04")))]
for i in range(1, int(sys.argv[1]) + 1):
    before = b"n%d" % (i - 1) if i > 1 else b"x"
    nodes.append(field(1, b"n%d" % i) + field(2, b"Identity") + field(3, before) + attr(b"T", FLOAT))
for path, order in zip(sys.argv[2:], (nodes, nodes[::-1])):
    with open(path, "wb") as file:
        file.write(b"".join(field(1, node) for node in order))
