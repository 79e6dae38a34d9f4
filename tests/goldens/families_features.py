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


# ---- Sparse tensors --------------------------------------------------------------------------------------------------

PLACES = np.array([[0, 1], [0, 3], [1, 0], [2, 2]], I64)


@family("sparse")
def fill_empty_rows(g):
    for dtype in (F32, I32, F64):
        values = g.numbers([4], dtype)
        for places, shape in ((PLACES, (5, 4)), (PLACES[::-1], (3, 4)), (PLACES[[1, 3, 0, 2]], (6, 4)), (PLACES[[0, 1, 1, 0]], (1, 4))):
            g.add("SparseFillEmptyRows", places, values, i64(*shape), scalar(7, dtype))
        g.add("SparseFillEmptyRowsGrad", i64(4, 0, 2), g.numbers([6], dtype), terms=6)
        g.add("SparseFillEmptyRowsGrad", i64(), g.numbers([2], dtype), terms=2)
    nothing = np.zeros([0, 2], I64)
    g.add("SparseFillEmptyRows", nothing, np.zeros([0], F32), i64(3, 2), scalar(1, F32), note="only empty rows")
    g.add("SparseFillEmptyRows", nothing, np.zeros([0], F32), i64(0, 2), scalar(1, F32), note="no rows")
    g.add("SparseFillEmptyRows", np.array([[1]], I64), strings(b"word"), i64(3), b"none")
    g.add("SparseFillEmptyRows", np.array([[2, 0, 5]], I64), i64(8), i64(3, 1, 9), scalar(-1, I64))


@family("sparse")
def sparse_reshape(g):
    for shape, wanted in [((3, 4), (12,)), ((3, 4), (2, -1)), ((3, 4), (2, 3, 2)), ((3, 4), (3, 4)), ((3, 4), (-1, 4)), ((3, 4), (1, 12, 1))]:
        g.add("SparseReshape", PLACES, i64(*shape), i64(*wanted))
    g.add("SparseReshape", np.zeros([0, 2], I64), i64(0, 2), i64(5, -1), note="empty")
    g.add("SparseReshape", np.zeros([1, 0], I64), i64(), i64(1, 1), note="a scalar")
    g.add("SparseReshape", PLACES * 5, i64(3, 4), i64(12), note="indices out of bounds")
    g.add("SparseReshape", np.zeros([1, 2], I64), i64(1, 1), i64())


@family("sparse")
def sparse_products(g):
    for dtype in (F32, F64, I32):
        for index in (I32, I64):
            for adjoint_a in (False, True):
                for adjoint_b in (False, True):
                    b = [3 if adjoint_a else 4, 5]
                    g.add("SparseTensorDenseMatMul", PLACES.astype(index), g.numbers([4], dtype), i64(3, 4),
                          g.numbers(b[::-1] if adjoint_b else b, dtype), adjoint_a=adjoint_a, adjoint_b=adjoint_b, terms=4)
    g.add("SparseTensorDenseMatMul", PLACES[[3, 0, 0]], g.floats([3]), i64(3, 4), g.floats([4, 40]), terms=4, note="a place twice, wide")
    g.add("SparseTensorDenseMatMul", np.zeros([0, 2], I64), np.zeros([0], F32), i64(2, 3), g.floats([3, 2]), note="nothing")


@family("sparse")
def sparse_order(g):
    for dtype in (F32, I64):
        values = g.numbers([4], dtype)
        g.add("SparseReorder", PLACES[::-1], values, i64(3, 4))
        g.add("SparseReorder", PLACES[[2, 0, 2, 0]], values, i64(3, 4), note="places twice")
        other = np.array([[0, 1], [2, 0]], I64)
        for axis, shape in ((1, (3, 2)), (0, (5, 4)), (-1, (3, 9)), (-2, (0, 4))):
            g.add("SparseConcat", [PLACES, other], [values, g.numbers([2], dtype)], [i64(3, 4), i64(*shape)], concat_dim=axis)
        g.add("SparseConcat", [PLACES[::-1], other, other], [values] + [g.numbers([2], dtype) for _ in range(2)], [i64(3, 4)] * 3, concat_dim=0)
        for start, size in (((0, 1), (2, 2)), ((1, 0), (5, 9)), ((5, 0), (5, 9)), ((0, 0), (3, 4)), ((1, 1), (0, 1))):
            g.add("SparseSlice", PLACES, values, i64(3, 4), i64(*start), i64(*size))
        g.add("SparseSlice", PLACES[::-1], values, i64(3, 4), i64(0, 0), i64(2, 4))
        kept = g.compute("SparseSlice", PLACES, values, i64(3, 4), i64(0, 1), i64(2, 3))[0]
        g.add("SparseSliceGrad", g.numbers([len(kept)], dtype), PLACES, i64(0, 1), kept)
        g.add("SparseSliceGrad", np.zeros([0], dtype), PLACES, i64(3, 3), np.zeros([0, 2], I64))
        g.add("SparseSliceGrad", values, PLACES, i64(0, 0), PLACES)
    g.add("SparseReorder", np.array([[1], [0]], I64), strings(b"b", b"a"), i64(2))


@family("sparse")
def dense_bincount(g):
    for index in (I32, I64):
        for dtype in (F32, F64, I32, I64):
            values = g.ints([6], 0, 5, index)
            for binary in (False, True):
                for shape in ([6], [2, 3], [3, 2]):
                    x = values.reshape(shape)
                    g.add("DenseBincount", x, scalar(5, index), np.zeros([0], dtype), binary_output=binary)
                    g.add("DenseBincount", x, scalar(4, index), g.numbers(shape, dtype), binary_output=binary, terms=6)
    g.add("DenseBincount", np.zeros([2, 0], I32), scalar(3, I32), np.zeros([0], F32))


# ---- Text ------------------------------------------------------------------------------------------------------------


@family("format")
def string_format(g):
    rows = np.arange(40, dtype=F32).reshape(8, 5)
    for summarize in (-1, 0, 1, 2, 3, 9):
        for x in (rows, rows.reshape(2, 2, 2, 5)[..., :3], i32(1, 2, 3), scalar(-7, I64), np.zeros([2, 0], F32), np.zeros([0], F32)):
            g.add("StringFormat", [x], template="{}", placeholder="{}", summarize=summarize)
    g.add("StringFormat", [scalar(0.1, F32), scalar(7, I64)], template="a%s b%s %% c")
    g.add("StringFormat", [np.array([0.1, 1 / 3, 1e20, np.nan, -np.inf, 16777216, 123456789, 1e-7], F32)], summarize=9)
    g.add("StringFormat", [strings(b'a"\x01\xff', "ä".encode(), b""), np.array([True, False])], template="%s,%s")
    g.add("StringFormat", [np.array([1, -2], np.int8), np.array([1, 200], U8)], template="%s%s")
