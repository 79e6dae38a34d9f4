"""Goldens of linear algebra, special functions, bits, segments and recurrent cells."""

import numpy as np

from golden import family

F32, F64, I32, I64 = np.float32, np.float64, np.int32, np.int64


# ---- Matrices --------------------------------------------------------------------------------------------------------


def _regular(g, shape, dtype):
    """Far from singular: roundings stay small."""
    return g.floats(shape, -1, 1, dtype) + 3 * np.eye(shape[-1], dtype=dtype)


def _positive(g, shape, dtype):
    x = _regular(g, shape, dtype)
    return np.matmul(x, np.swapaxes(x, -1, -2)).astype(dtype)


@family("linalg")
def decompositions(g):
    for dtype in (F32, F64):
        for shape in ([3, 3], [2, 4, 4]):
            g.add("Cholesky", _positive(g, shape, dtype), terms=64)
            g.add("Lu", g.floats(shape, dtype=dtype), terms=64)
        for shape in ([3, 3], [2, 4, 3], [3, 5]):
            for full in (False, True):
                g.add("Svd", g.floats(shape, dtype=dtype), full_matrices=full, terms=64, note="signs are Eigen's choice")
                g.add("Qr", g.floats(shape, dtype=dtype), full_matrices=full, terms=64)
        g.add("SelfAdjointEigV2", _positive(g, [2, 3, 3], dtype), terms=64)


@family("linalg")
def solutions(g):
    for dtype in (F32, F64):
        for shape in ([3, 3], [2, 4, 4]):
            rhs = shape[:-1] + [2]
            for adjoint in (False, True):
                g.add("MatrixSolve", _regular(g, shape, dtype), g.floats(rhs, dtype=dtype), adjoint=adjoint, terms=64)
                g.add("MatrixInverse", _regular(g, shape, dtype), adjoint=adjoint, terms=64)
                for lower in (False, True):
                    g.add(
                        "MatrixTriangularSolve",
                        _regular(g, shape, dtype),
                        g.floats(rhs, dtype=dtype),
                        adjoint=adjoint,
                        lower=lower,
                        terms=64,
                    )
            g.add("MatrixDeterminant", _regular(g, shape, dtype), terms=64)
            g.add("LogMatrixDeterminant", _regular(g, shape, dtype), terms=64)


@family("linalg")
def diagonals(g):
    for dtype in (F32, I32):
        g.add("MatrixDiag", g.numbers([2, 3], dtype))
        g.add("MatrixDiagPart", g.numbers([2, 3, 4], dtype))
        g.add("MatrixSetDiag", g.numbers([2, 3, 2], dtype), g.numbers([2, 2], dtype))
        for lower, upper in ((0, 0), (1, 0), (-1, 0), (0, -1), (1, 2)):
            g.add("MatrixBandPart", g.numbers([3, 4], dtype), np.array(lower, I64), np.array(upper, I64))
        g.add("Diag", g.numbers([2, 2], dtype))
        g.add("DiagPart", g.numbers([2, 3, 2, 3], dtype))
        g.add("Cross", g.numbers([2, 3], dtype), g.numbers([2, 3], dtype), terms=2)
        g.add("Roll", g.numbers([3, 4], dtype), np.array([1, -2], I32), np.array([0, 1], I32))


# ---- Functions of one or two numbers ---------------------------------------------------------------------------------


@family("special")
def functions(g):
    for dtype in (F32, F64):
        for op in ("Asin", "Acos", "Atanh"):
            g.add(op, g.floats([6], -0.95, 0.95, dtype), terms=1)
        for op in ("Atan", "Sinh", "Cosh", "Asinh"):
            g.add(op, g.floats([6], -3, 3, dtype), terms=1)
        g.add("Acosh", g.floats([6], 1.1, 4, dtype), terms=1)
        g.add("Rint", np.array([-2.5, -0.5, 0.4, 0.5, 1.5, 2.51], dtype))
        g.add("Lgamma", g.floats([6], 0.1, 8, dtype), terms=8)
        g.add("Digamma", g.floats([6], 0.1, 8, dtype), terms=8)
        g.add("Atan2", g.floats([2, 3], dtype=dtype), g.floats([3], dtype=dtype), terms=1)
        g.add("Igamma", g.floats([2, 3], 0.2, 4, dtype), g.floats([3], 0.1, 5, dtype), terms=8)
        g.add("Igammac", g.floats([2, 3], 0.2, 4, dtype), g.floats([3], 0.1, 5, dtype), terms=8)
        g.add("Zeta", g.floats([2, 3], 1.2, 5, dtype), g.floats([3], 0.2, 5, dtype), terms=8)
        g.add("Polygamma", np.array([[0], [1], [3]], dtype), g.floats([2], 0.5, 5, dtype), terms=8)
        g.add("Betainc", *[g.floats([5], 0.3, 4, dtype) for _ in range(2)], g.floats([5], 0.05, 0.95, dtype), terms=8)
        zeros = np.array([0, 0, 1, 2], dtype), np.array([0, 3, 0, 4], dtype)
        for op in ("DivNoNan", "MulNoNan", "Xdivy", "Xlogy", "Xlog1py"):
            g.add(op, *zeros, terms=1)
            g.add(op, g.floats([2, 3], 0.2, 3, dtype), g.floats([3], 0.2, 3, dtype), terms=1)
        g.add("TruncateDiv", np.array([7, -7, 6.5], dtype), np.array([2, 2, -3], dtype))
        g.add("TruncateMod", np.array([7, -7, 6.5], dtype), np.array([2, 2, -3], dtype))
        g.add("Mod", np.array([7, -7, 6.5], dtype), np.array([2, 2, -3], dtype))
        for op in ("IsFinite", "IsInf", "IsNan"):
            g.add(op, np.array([0, np.inf, -np.inf, np.nan, 3], dtype))
    for op in ("TruncateDiv", "TruncateMod", "Mod"):
        g.add(op, np.array([7, -7, 7, -7], I32), np.array([2, 2, -2, -2], I32))


@family("special")
def bits(g):
    for dtype in (np.int8, np.uint8, I32, I64):
        for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
            g.add(op, g.numbers([2, 3], dtype), g.numbers([3], dtype))
        for op in ("LeftShift", "RightShift"):
            g.add(op, g.numbers([2, 3], dtype), np.array([0, 2, 99], dtype))
        g.add("Invert", g.numbers([4], dtype))
        g.add("PopulationCount", g.numbers([4], dtype))
    bytes_of_one = np.array([[0, 0, 128, 63]], np.uint8)
    g.add("Bitcast", bytes_of_one, type=F32)
    g.add("Bitcast", np.array([1, -2], F32), type=np.uint8)
    g.add("Bitcast", np.array([1, -2], F32), type=I32)


# ---- Rows and counts -------------------------------------------------------------------------------------------------


@family("special")
def segments(g):
    ids = np.array([0, 0, 2, 2, 2], I32)
    for dtype in (F32, I32):
        for op in ("SegmentSum", "SegmentMean", "SegmentProd", "SegmentMin", "SegmentMax"):
            g.add(op, g.numbers([5, 2], dtype), ids, terms=3 if dtype is F32 else 0)
        for op in ("UnsortedSegmentSum", "UnsortedSegmentProd", "UnsortedSegmentMin", "UnsortedSegmentMax"):
            g.add(op, g.numbers([4, 2], dtype), np.array([1, -1, 0, 1], I32), np.array(3, I32), terms=3)
    rows, ids = np.array([1, 0, 0, 2], I32), np.array([0, 0, 2, 2], I32)
    for op in ("SparseSegmentSum", "SparseSegmentMean", "SparseSegmentSqrtN"):
        g.add(op, g.floats([3, 2]), rows, ids, terms=3)
        g.add(op + "WithNumSegments", g.floats([3, 2]), rows, ids, np.array(5, I32), terms=3)
    g.add("Bincount", np.array([1, 0, 7, 1], I32), np.array(3, I32), np.array([], F32))
    g.add("Bincount", np.array([1, 0, 7, 1], I32), np.array(3, I32), np.array([1, 2, 3, 4], F32))
    g.add("HistogramFixedWidth", g.floats([20], -3, 3), np.array([-2, 2], F32), np.array(4, I32))
    g.add("NthElement", g.floats([2, 5]), np.array(1, I32))
    g.add("NthElement", g.floats([2, 5]), np.array(1, I32), reverse=True)
    g.add("BroadcastArgs", np.array([2, 1, 3], I32), np.array([4, 1], I32))
    g.add("InTopKV2", g.floats([3, 4]), np.array([0, 1, 3], I32), np.array(2, I32))
    for axis_in_index in (False, True):
        g.add(
            "MaxPoolWithArgmax",
            g.floats([2, 4, 4, 2]),
            ksize=[1, 2, 2, 1],
            strides=[1, 2, 2, 1],
            padding="SAME",
            include_batch_in_index=axis_in_index,
        )
    starts, limits, deltas = np.array([0, 5, 8], I32), np.array([3, 5, 12], I32), np.array([1, 2, 3], I32)
    g.add("RaggedRange", starts, limits, deltas)
    zeros, limits, deltas = np.zeros(4, F32), np.array([0.3, 0.6, 0.6, 3.5], F32), np.array([0.1, 0.1, 0.2, 0.7], F32)
    g.add("RaggedRange", zeros, limits, deltas, terms=1, note="divided in T")


# ---- Recurrent cells -------------------------------------------------------------------------------------------------


@family("special")
def block_cells(g):
    batch, inputs, cells = 2, 3, 4
    for peephole in (False, True):
        states = [g.floats([batch, cells]), g.floats([batch, cells])]
        weights = [g.floats([inputs + cells, 4 * cells])] + [g.floats([cells]) for _ in range(3)] + [g.floats([4 * cells])]
        for clip in (0.5, 3.0):
            options = dict(use_peephole=peephole, cell_clip=clip, terms=16)
            g.add("LSTMBlockCell", g.floats([batch, inputs]), *states, *weights, forget_bias=0.5, **options)
            sequence = [np.array(3, I64), g.floats([3, batch, inputs])]
            g.add("BlockLSTM", *sequence, *states, *weights, forget_bias=0.5, **options)
            g.add("BlockLSTMV2", *sequence, *states, *weights, **options)
    g.add(
        "GRUBlockCell",
        g.floats([batch, inputs]),
        g.floats([batch, cells]),
        g.floats([inputs + cells, 2 * cells]),
        g.floats([inputs + cells, cells]),
        g.floats([2 * cells]),
        g.floats([cells]),
        terms=16,
    )
