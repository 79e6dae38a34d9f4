"""Goldens of ops that prepare features: bands of diagonals, limits, buckets, hashes, sparse tensors, scattering."""

import numpy as np

from golden import family

F32, F64, I32, I64, U8 = np.float32, np.float64, np.int32, np.int64, np.uint8


def i32(*values):
    return np.array(values, I32)


def i64(*values):
    return np.array(values, I64)


def scalar(value, dtype):
    return np.array(value, dtype)


def strings(*values):
    return np.array(values, object)


# ---- Diagonals -------------------------------------------------------------------------------------------------------

BANDS = [(0,), (1,), (-2,), (-1, 1), (0, 2), (-2, 0), (-2, -1), (1, 2), (-2, 3), (2, 2)]
ALIGN = ("LEFT_RIGHT", "RIGHT_LEFT", "LEFT_LEFT", "RIGHT_RIGHT")


@family("diagonals")
def matrix_diagonals(g):
    for number, band in enumerate(BANDS):
        dtype = (F32, I32, F64, U8)[number % 4]
        k = scalar(band[0], I32) if len(band) == 1 else i32(*band)
        pad = scalar(7, dtype)
        for shape in ([2, 3, 4], [5, 4]):
            matrix = g.numbers(shape, dtype)
            part = g.compute("MatrixDiagPartV2", matrix, k, pad)[0]
            diagonal = g.numbers(part.shape, dtype)
            rows, columns = scalar(shape[-2], I32), scalar(shape[-1], I32)
            g.add("MatrixDiagPartV2", matrix, k, pad)
            g.add("MatrixSetDiagV2", matrix, diagonal, k)
            g.add("MatrixDiagV2", diagonal, k, rows, columns, pad)
            align = ALIGN[number % 4 if len(shape) == 3 else 1]
            g.add("MatrixDiagPartV3", matrix, k, pad, align=align)
            g.add("MatrixSetDiagV3", matrix, diagonal, k, align=align)
            g.add("MatrixDiagV3", diagonal, k, rows, columns, pad, align=align)
    any_size = scalar(-1, I32)
    for k in (scalar(0, I32), scalar(2, I32), i32(-1), i32(-2, -1), i32(0, 1)):
        diagonal = g.floats([2, 3])
        for rows, columns in ((-1, -1), (5, -1), (-1, 6)):
            if rows == 5 and k.min() < 0 or columns == 6 and k.max() > 0:
                continue
            g.add("MatrixDiagV3", diagonal, k, scalar(rows, I32), scalar(columns, I32), scalar(0, F32))
    g.add("MatrixDiagV3", np.array([True, False]), scalar(0, I32), any_size, any_size, np.array(False))
    g.add("MatrixDiagPartV3", np.zeros([2, 0, 3], F32), scalar(0, I32), scalar(1, F32))


@family("diagonals")
def limits(g):
    for dtype in (F32, F64, I32, I64, U8, np.int8, np.int16, np.uint16):
        x = g.numbers([2, 3], dtype)
        g.add("ClipByValue", x, scalar(1, dtype), scalar(5, dtype))
        g.add("ClipByValue", x, g.numbers([2, 3], dtype), scalar(6, dtype), note="a lower limit for each")
        g.add("ClipByValue", x, scalar(2, dtype), g.numbers([2, 3], dtype), note="an upper limit for each")
        g.add("ClipByValue", x, g.numbers([2, 3], dtype), g.numbers([2, 3], dtype), note="limits for each")
    nan = scalar(np.nan, F32)
    x = np.array([np.nan, 1, 5, -5, np.inf], F32)
    g.add("ClipByValue", x, scalar(-1, F32), scalar(2, F32))
    g.add("ClipByValue", x, nan, scalar(2, F32), note="no lower limit")
    g.add("ClipByValue", x, scalar(-1, F32), nan, note="no upper limit")


# ---- Buckets and hashes ----------------------------------------------------------------------------------------------


@family("buckets")
def bucketize(g):
    for dtype in (F32, F64, I32, I64):
        x = g.ints([3, 4], dtype=dtype)
        for boundaries in ([], [0.0], [-5.5, -1.0, -1.0, 2.0, 7.25]):
            g.add("Bucketize", x, boundaries=boundaries)
    g.add("Bucketize", np.array([np.nan, np.inf, -np.inf, 0.1], F32), boundaries=[-1.0, 0.1, 1.0])
    g.add("Bucketize", np.array([0.1, np.float32(0.1)], F64), boundaries=[0.1], note="a float beside a double")
    g.add("Bucketize", i32(16777217, 16777216), boundaries=[16777216.0], note="rounded to float")
    g.add("Bucketize", scalar(3, I64), boundaries=[1.0, 3.0])


# Every length up to some blocks of 64 bytes, where the hashes change their way.
TEXTS = strings(*(bytes((i * 37 + n * 11) % 256 for i in range(n)) for n in list(range(67)) + [95, 127, 128, 129, 191, 192, 193, 300]))
WORDS = strings(b"a", b"hello", b"TensorFlow", b"\xc3\xa4\xe6\x97\xa5")


@family("buckets")
def hashes(g):
    for texts, buckets in ((TEXTS, 2**63 - 1), (WORDS, 1000)):
        g.add("StringToHashBucketFast", texts, num_buckets=buckets)
        g.add("StringToHashBucket", texts, num_buckets=buckets)
        g.add("StringToHashBucketStrong", texts, num_buckets=buckets, key=[123456789012345, -987654321])
    g.add("StringToHashBucketFast", WORDS.reshape(2, 2), num_buckets=1)
    g.add("StringToHashBucket", WORDS.reshape(2, 2), num_buckets=7)
    g.add("StringToHashBucketFast", b"word", num_buckets=50)
    g.add("StringToHashBucketStrong", np.zeros([0], object), num_buckets=50, key=[1, 2])


# ---- Scattering into tensors -----------------------------------------------------------------------------------------


@family("tensor_scatter")
def tensor_scatter(g):
    for dtype in (F32, F64, I32, I64, U8, np.float16):
        for op in ("TensorScatterUpdate", "TensorScatterAdd", "TensorScatterSub", "TensorScatterMax", "TensorScatterMin"):
            index = I64 if dtype in (F32, U8) else I32
            g.add(op, g.numbers([4, 3], dtype), np.array([[1], [3]], index), g.numbers([2, 3], dtype))
            g.add(op, g.numbers([4, 3], dtype), np.array([[[0, 2], [3, 1]]], index), g.numbers([1, 2], dtype))
            g.add(op, g.numbers([2, 2, 2], dtype), np.array([[0], [1], [0]], index), g.numbers([3, 2, 2], dtype), terms=0 if "Add" not in op and "Sub" not in op else 3, note="a slice twice")
            g.add(op, g.numbers([3], dtype), np.zeros([0, 1], index), np.zeros([0], dtype))
    g.add("TensorScatterUpdate", strings(b"a", b"b", b"c"), np.array([[2], [0]], I32), strings(b"x", b"y"))
    g.add("TensorScatterUpdate", np.array([True, True]), np.array([[1]], I32), np.array([False]))
