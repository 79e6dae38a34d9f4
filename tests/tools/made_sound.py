#!/usr/bin/env python3
"""Writes a WAV file to standard output: the arguments of wav() below, as Python.

    made_sound.py '[0, 3277, -3277], rate=8000' > three.wav
"""

import math
import struct
import sys


def wav(samples, rate=8000, channels=1, bits=16):
    data = b"".join(struct.pack("<h", sample) for sample in samples)
    frame = channels * bits // 8
    head = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * frame, frame, bits)
    return b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + head + b"data" + struct.pack("<I", len(data)) + data


sys.stdout.buffer.write(eval(f"wav({sys.argv[1]})", {"wav": wav, "math": math, "range": range, "round": round}))
