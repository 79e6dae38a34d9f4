"""Goldens of elementwise arithmetic, comparison, casts, reductions and matrix products."""

import numpy as np

from golden import family

F16, F32, F64, I32, I64, U8 = np.float16, np.float32, np.float64, np.int32, np.int64, np.uint8
NAN, INF = float("nan"), float("inf")

BROADCASTS = [([3], [3]), ([2, 3], [3]), ([2, 1, 4], [3, 1]), ([], [2, 2]), ([4], []), ([2, 0], [1, 1])]


# ---- Two inputs with broadcasting ------------------------------------------------------------------------------------


def _binary(g, op, dtypes, terms=0):
    for dtype in dtypes:
        for left, right in BROADCASTS:
            g.add(op, g.numbers(left, dtype), g.numbers(right, dtype), terms=terms)


def _division(g, op, dtypes, terms=0):
    for dtype in dtypes:
        for left, right in BROADCASTS:
            divisor = g.numbers(right, dtype)
            g.add(op, g.numbers(left, dtype), np.where(divisor == 0, dtype(3), divisor), terms=terms)


@family("math")
def add(g):
    _binary(g, "Add", [F32, F64, I32, I64, U8])
    _binary(g, "AddV2", [F32, F64, I32, I64, U8])
    g.add("Add", np.array([200, 255], U8), np.array([100, 1], U8), note="uint8 wraps")
    g.add("AddV2", np.array([2**31 - 1], I32), np.array([1], I32), note="int32 wraps")


@family("math")
def sub(g):
    _binary(g, "Sub", [F32, F64, I32, I64, U8])


@family("math")
def mul(g):
    _binary(g, "Mul", [F32, F64, I32, I64, U8])
    g.add("Mul", np.array([0, -1, INF], F32), np.array([INF, 0, NAN], F32), note="nan and negative zero")


@family("math")
def maximum_minimum(g):
    for op in ("Maximum", "Minimum"):
        _binary(g, op, [F32, F64, I32, I64, U8])


@family("math")
def squared_difference(g):
    _binary(g, "SquaredDifference", [F32, F64, I32, I64])


@family("math")
def div(g):
    _division(g, "Div", [F32, F64, I32, I64, U8])
    _division(g, "RealDiv", [F32, F64])
    g.add("Div", np.array([7, -7, 7, -7], I32), np.array([2, 2, -2, -2], I32), note="integers round towards zero")
    g.add("RealDiv", np.array([1, -1, 0, INF], F32), np.array([0, 0, 0, INF], F32), note="by zero")


@family("math")
def floor_div_mod(g):
    signs = [7, -7, 7, -7, 6, -6], [2, 2, -2, -2, 3, -3]
    for op in ("FloorDiv", "FloorMod", "Mod", "TruncateDiv"):
        floating = [] if op == "TruncateDiv" else [F32, F64]
        for dtype in floating + [I32, I64]:
            _division(g, op, [dtype], terms=1 if dtype in (F32, F64) else 0)
            g.add(op, np.array(signs[0], dtype), np.array(signs[1], dtype), note="every pair of signs")
    for op in ("FloorDiv", "TruncateDiv"):
        g.add(op, np.array([2047, -2047, 7], F16), np.array([682.5, 682.5, 2], F16), note="the quotient is rounded first")


@family("math")
def power(g):
    for dtype in (F32, F64):
        for left, right in BROADCASTS:
            g.add("Pow", g.floats(left, 0.1, 3, dtype), g.floats(right, -2, 2, dtype), terms=1)
        g.add(
            "Pow",
            np.array([0, 0, -2, -2, 2], dtype),
            np.array([0, 2, 3, 2, -1], dtype),
            terms=1,
            note="whole exponents",
        )
    for dtype in (I32, I64):
        g.add("Pow", g.ints([2, 3], -4, 4, dtype), g.ints([3], 0, 5, dtype))


@family("math")
def compare(g):
    for op in ("Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"):
        for dtype in (F32, F64, I32, I64, U8):
            for left, right in BROADCASTS:
                g.add(op, np.asarray(g.ints(left, 0, 3), dtype), np.asarray(g.ints(right, 0, 3), dtype))
        g.add(
            op,
            np.array([NAN, NAN, 1, INF, -0.0], F32),
            np.array([NAN, 1, NAN, INF, 0.0], F32),
            note="nan, infinity, zeros",
        )
    for op in ("Equal", "NotEqual"):
        g.add(op, g.bools([6]), g.bools([6]))


@family("math")
def logical(g):
    for op in ("LogicalAnd", "LogicalOr"):
        for left, right in BROADCASTS:
            g.add(op, g.bools(left), g.bools(right))
    for shape in ([4], [2, 3], []):
        g.add("LogicalNot", g.bools(shape))


@family("math")
def select(g):
    for dtype in (F32, F64, I32, I64):
        for shape in ([5], [2, 3], []):
            g.add("Select", g.bools(shape), g.numbers(shape, dtype), g.numbers(shape, dtype))
        g.add(
            "Select",
            np.array([True, False]),
            g.numbers([2, 3], dtype),
            g.numbers([2, 3], dtype),
            note="a vector chooses rows",
        )
        g.add("Select", np.array(True), g.numbers([2, 3], dtype), g.numbers([2, 3], dtype), note="a scalar chooses all")
        g.add("SelectV2", g.bools([2, 1]), g.numbers([3], dtype), g.numbers([], dtype), note="broadcasts")
    g.add("Select", g.bools([4]), g.bools([4]), g.bools([4]))


# ---- One input -------------------------------------------------------------------------------------------------------


def _unary(g, op, dtypes, low=-2.0, high=2.0, terms=1, special=None):
    for dtype in dtypes:
        for shape in ([7], [2, 3], []):
            g.add(
                op,
                g.floats(shape, low, high, dtype) if dtype in (F32, F64) else g.ints(shape, dtype=dtype),
                terms=terms,
            )
        if special is not None and dtype in (F32, F64):
            g.add(op, np.array(special, dtype), terms=terms, note="special values")


@family("unary")
def exact_unary(g):
    _unary(g, "Neg", [F32, F64, I32, I64], terms=0, special=[0, INF, NAN])
    _unary(g, "Abs", [F32, F64, I32, I64], terms=0, special=[-INF, NAN, -0.0])
    _unary(g, "Square", [F32, F64, I32, I64], terms=0)
    _unary(g, "Sign", [F32, F64, I32, I64], terms=0, special=[0, -0.5, INF])
    _unary(g, "Sqrt", [F32, F64], 0, 9, terms=0, special=[0, -1, INF])
    halves = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999997, 8388609]
    _unary(g, "Floor", [F32, F64], terms=0, special=halves)
    _unary(g, "Ceil", [F32, F64], terms=0, special=halves)
    _unary(g, "Round", [F32, F64, I32, I64], terms=0, special=halves)  # halves go to the even neighbour
    _unary(g, "Rint", [F32, F64], terms=0, special=halves)


@family("unary")
def rounded_unary(g):
    _unary(g, "Rsqrt", [F32, F64], 0.1, 9, special=[0.25, INF])
    _unary(g, "Reciprocal", [F32, F64], 0.5, 3, special=[4, -INF])
    _unary(g, "Inv", [F32, F64], 0.5, 3)
    _unary(g, "Exp", [F32, F64], -5, 5, special=[0, 1, -200, 89.5 * 9, -INF])
    _unary(g, "Expm1", [F32, F64], -1, 1)
    _unary(g, "Log", [F32, F64], 0.1, 9, special=[1, 0, -1, INF])
    _unary(g, "Log1p", [F32, F64], -0.5, 2)
    _unary(g, "Sin", [F32, F64], -4, 4)
    _unary(g, "Cos", [F32, F64], -4, 4)
    _unary(g, "Erf", [F32, F64])
    _unary(g, "Sigmoid", [F32, F64], -6, 6, special=[0, 100, -100, INF, -INF])
    _unary(g, "Tanh", [F32, F64], -4, 4, special=[0, 100, -100, INF])


@family("unary")
def tangent_erfc(g):
    _unary(g, "Tan", [F32, F64], -1.2, 1.2, special=[0, -0.0, INF])
    _unary(g, "Erfc", [F32, F64], special=[0, 5, INF, -INF])
    _unary(g, "Expm1", [F32, F64], special=[0, 1e-7, -200, INF, -INF])
    _unary(g, "Erf", [F32, F64], special=[0, 1e-4, INF, -INF])
    _unary(g, "Sin", [F32, F64], special=[0, 1e-4, INF])
    _unary(g, "Cos", [F32, F64], special=[0, 1e-4, INF])


@family("unary")
def is_finite(g):
    for op in ("IsNan", "IsInf", "IsFinite"):
        for dtype in (F32, F64):
            g.add(op, np.array([NAN, INF, -INF, 0, 1.5], dtype))


@family("unary")
def unary_gradients(g):
    for op, forward, low, high in [
        ("SigmoidGrad", "Sigmoid", -3, 3),
        ("TanhGrad", "Tanh", -3, 3),
        ("SqrtGrad", "Sqrt", 0.1, 9),
        ("RsqrtGrad", "Rsqrt", 0.1, 9),
        ("ReciprocalGrad", "Reciprocal", 0.5, 3),
        ("InvGrad", "Inv", 0.5, 3),
    ]:
        for dtype in (F32, F64):
            for shape in ([7], [2, 3], []):
                y = g.compute(forward, g.floats(shape, low, high, dtype))[0]
                g.add(op, y, g.floats(shape, dtype=dtype), terms=3)


# ---- Cast ------------------------------------------------------------------------------------------------------------

CAST_INPUTS = {
    F32: [0, -0.0, 0.5, -0.5, 1.5, -1.5, 2.999, -2.999, 100.7, 255.0, 127.9],
    F64: [0, -0.0, 0.1, -1.5, 2.999999999, 1e10, -1e10, 16777217.0],
    I32: [0, 1, -1, 127, -128, 200, 256, 300, 16777217, 2**31 - 1, -(2**31)],
    I64: [0, 1, -1, 200, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63)],
    U8: [0, 1, 127, 128, 255],
    np.bool_: [True, False],
    np.int8: [0, -1, 127, -128],
}


@family("cast")
def cast(g):
    for source, values in CAST_INPUTS.items():
        for target in CAST_INPUTS:
            usable = np.array(values, source)
            if source in (F32, F64) and target not in (
                F32,
                F64,
                np.bool_,
            ):  # what fits; the rest is platform-defined, see below
                info = np.iinfo(target)
                usable = usable[(usable > info.min - 1) & (usable < info.max + 1)]
            g.add("Cast", usable, DstT=target)
            g.add("Cast", usable[: usable.size // 2 * 2].reshape(2, -1), DstT=target)
    g.add("Cast", np.array(3.7, F32), DstT=I32, note="scalar")
    for shape in ([0], [2, 0]):
        g.add("Cast", np.zeros(shape, F32), DstT=I64, note="empty")


@family("cast")
def cast_out_of_range(g):
    # C++ leaves these undefined; the values are what TensorFlow's x86-64 build gives, for a reader's information.
    for target in (I32, I64, U8, np.int8):
        for source in (F32, F64):
            g.add(
                "Cast",
                np.array([NAN, INF, -INF, 3e9, -3e9, 1e19, -1e19, 256, -1, 300.5, -128.5], source),
                DstT=target,
                note="out of range: undefined in C++, values of x86-64",
            )
    g.add("Cast", np.array([1e300, -1e300, NAN, 1e-320], F64), DstT=F32, note="to infinity and to zero")
    g.add("Cast", np.array([NAN, INF, 0.1], F32), DstT=np.bool_, note="all but zero is true")


# ---- Reductions ------------------------------------------------------------------------------------------------------

REDUCED_AXES = [
    ([4], [0]),
    ([2, 3], [0]),
    ([2, 3], [1]),
    ([2, 3], [0, 1]),
    ([2, 3], [-1]),
    ([2, 3, 4], [1]),
    ([2, 3, 4], [0, 2]),
    ([2, 2, 3, 2], [1, 2]),
    ([2, 3], []),
    ([], []),
]


def _reduce(g, op, dtypes, rounded):
    for dtype in dtypes:
        for shape, axes in REDUCED_AXES:
            values = g.bools(shape) if dtype is np.bool_ else g.numbers(shape, dtype)
            terms = int(np.prod([shape[a] for a in axes])) if rounded and dtype in (F32, F64) else 0
            for keep in (False, True):
                g.add(op, values, np.array(axes, I32), keep_dims=keep, terms=terms)
        g.add(
            op,
            g.bools([2, 3]) if dtype is np.bool_ else g.numbers([2, 3], dtype),
            np.array(1, I64),
            note="a scalar axis, int64",
            terms=3 if rounded and dtype in (F32, F64) else 0,
        )


@family("reduce")
def sums(g):
    _reduce(g, "Sum", [F32, F64, I32, I64], True)
    _reduce(g, "Mean", [F32, F64, I32, I64], True)
    g.add("Mean", np.array([2**63, 0, 6], np.uint64), np.array([0], I32), note="a sum above 2^63")
    for op in ("Sum", "Mean"):
        g.add(op, np.zeros([2, 0], F32), np.array([1], I32), note="over nothing")
        g.add(op, g.floats([4000], 0, 1), np.array([0], I32), terms=4000)


@family("reduce")
def products(g):
    _reduce(g, "Prod", [F32, F64, I32, I64], True)
    g.add("Prod", np.zeros([2, 0], F32), np.array([1], I32), note="over nothing")


@family("reduce")
def extremes(g):
    for op in ("Max", "Min"):
        _reduce(g, op, [F32, F64, I32, I64, U8], False)
        g.add(op, np.zeros([2, 0], F32), np.array([1], I32), note="over nothing")
        g.add(op, np.zeros([2, 0], I32), np.array([1], I32), note="over nothing")
        g.add(op, np.array([[1, INF, -INF], [-INF, -INF, -INF]], F32), np.array([1], I32))


@family("reduce")
def logical_reductions(g):
    for op in ("All", "Any"):
        _reduce(g, op, [np.bool_], False)
        g.add(op, np.zeros([2, 0], bool), np.array([1], I32), note="over nothing")


@family("reduce")
def arg_extremes(g):
    for op in ("ArgMax", "ArgMin"):
        for dtype in (F32, F64, I32, I64, U8):
            for shape, axis in [([5], 0), ([2, 3], 0), ([2, 3], 1), ([2, 3], -1), ([2, 3, 2], 1)]:
                g.add(op, g.numbers(shape, dtype), np.array(axis, I32))
        g.add(op, np.array([[3, 1, 3, 1], [0, 0, 0, 0]], F32), np.array(1, I32), note="ties: the first")
        g.add(op, g.floats([3, 4]), np.array(1, I64), output_type=I32, note="int64 axis, int32 result")
        g.add(op, np.array([1, NAN, 3], F32), np.array(0, I32), note="nan in the middle")
        g.add(op, np.array([NAN, 1, 3], F32), np.array(0, I32), note="nan first")


@family("reduce")
def sums_of_tensors(g):
    for dtype in (F32, F64, I32):
        for count, shape in [(1, [3]), (2, [2, 3]), (5, [2, 2])]:
            g.add("AddN", [g.numbers(shape, dtype) for _ in range(count)], terms=count if dtype != I32 else 0)
    for dtype in (F32, F64):
        for shape in ([6], [2, 3], [2, 2, 2]):
            g.add("L2Loss", g.floats(shape, dtype=dtype), terms=int(np.prod(shape)))


# ---- Matrix products -------------------------------------------------------------------------------------------------


@family("matmul")
def matmul(g):
    for dtype in (F32, F64, I32):
        for m, k, n in [(1, 1, 1), (2, 3, 4), (5, 7, 3), (1, 16, 2), (4, 2, 1)]:
            for ta in (False, True):
                for tb in (False, True):
                    a = g.numbers([k, m] if ta else [m, k], dtype)
                    b = g.numbers([n, k] if tb else [k, n], dtype)
                    g.add("MatMul", a, b, transpose_a=ta, transpose_b=tb, terms=0 if dtype is I32 else k)
    g.add("MatMul", np.zeros([2, 0], F32), np.zeros([0, 3], F32), note="inner dimension 0 gives zeros")
    g.add("MatMul", np.zeros([0, 2], F32), g.floats([2, 3]), note="no rows")
    g.add("MatMul", g.floats([33, 65]), g.floats([65, 18]), terms=65)


@family("matmul")
def batch_matmul(g):
    for dtype in (F32, F64):
        for left, right, x, y in [
            ([2, 3, 4], [2, 4, 2], False, False),
            ([2, 4, 3], [2, 4, 2], True, False),
            ([2, 2, 3, 4], [2, 2, 5, 4], False, True),
        ]:
            g.add("BatchMatMul", g.numbers(left, dtype), g.numbers(right, dtype), adj_x=x, adj_y=y, terms=4)
        g.add("BatchMatMulV2", g.numbers([2, 1, 2, 3], dtype), g.numbers([4, 3, 2], dtype), terms=3, note="broadcasts")


@family("matmul")
def batch_matmul_more(g):
    for dtype in (F32, F64, I32, I64):
        terms = 4 if dtype in (F32, F64) else 0
        for x in (False, True):
            for y in (False, True):
                left, right = ([4, 3] if x else [3, 4]), ([5, 4] if y else [4, 5])
                operands = g.numbers([2] + left, dtype), g.numbers([2] + right, dtype)
                g.add("BatchMatMul", *operands, adj_x=x, adj_y=y, terms=terms)
                for batches in ([2], []), ([], [3]), ([2, 1], [1, 3]):
                    operands = g.numbers(batches[0] + left, dtype), g.numbers(batches[1] + right, dtype)
                    g.add("BatchMatMulV2", *operands, adj_x=x, adj_y=y, terms=terms)
    g.add("BatchMatMulV2", np.zeros([2, 2, 0], F32), np.zeros([0, 3], F32), note="inner dimension 0 gives zeros")


@family("einsum")
def einsum(g):
    one = [
        ("ab->ba", [2, 3]),
        ("abc->ca", [2, 3, 4]),
        ("ab->", [2, 3]),
        ("aa->a", [3, 3]),
        ("aba->b", [2, 3, 2]),
        ("a->aa", [3]),
        ("ab->bab", [2, 3]),
        ("...ab->b...", [2, 3, 2, 2]),
        ("->", []),
    ]
    two = [
        ("ab,bc->ac", [2, 3], [3, 4]),
        ("ab,cb->ca", [2, 3], [4, 3]),
        ("abc,cde->abde", [2, 3, 4], [4, 2, 3]),  # a layer of multi-head attention
        ("aecd,abcd->acbe", [2, 3, 2, 4], [2, 3, 2, 4]),
        ("acbe,aecd->abcd", [2, 2, 3, 3], [2, 3, 2, 4]),
        ("abcd,cde->abe", [2, 3, 2, 2], [2, 2, 3]),
        ("...ij,...jk->...ik", [3, 1, 2, 4], [2, 4, 2]),
        ("i...,...j->j...i", [2, 3], [3, 4]),
        ("ab,cd->db", [2, 3], [4, 2]),
        ("aab,b->ab", [2, 2, 3], [3]),
        ("ab,ac->aba", [2, 3], [2, 2]),
        ("a,b->ab", [2], [3]),
        (",ab->ba", [], [2, 3]),
        ("ab,ba->", [2, 3], [3, 2]),
        ("ab,bc->ac", [2, 0], [0, 3]),
    ]
    for dtype in (F32, F64, np.float16, I32, I64):
        terms = 0 if dtype in (I32, I64) else 12
        for equation, *shapes in one + two:
            operands = [g.numbers(shape, dtype) for shape in shapes]
            g.add("Einsum", operands, equation=equation, terms=terms)


# ---- Running sums and products, the largest elements -----------------------------------------------------------------


@family("reduce")
def cumulative(g):
    for op in ("Cumsum", "Cumprod"):
        for dtype in (F32, F64, I32, I64, U8):
            for shape, axis in [([5], 0), ([3, 4], 0), ([2, 3, 4], 1), ([3, 4], -1)]:
                for exclusive in (False, True):
                    for reverse in (False, True):
                        x = g.numbers(shape, dtype)
                        g.add(op, x, np.array(axis, I32), exclusive=exclusive, reverse=reverse, terms=shape[axis])
        g.add(op, g.floats([0, 2]), np.array(0, I64))


@family("reduce")
def top_k(g):
    for dtype in (F32, F64, I32, I64, U8):
        for shape, k in [([7], 3), ([3, 5], 1), ([3, 5], 5), ([2, 2, 6], 4), ([2, 3], 0)]:
            g.add("TopKV2", g.numbers(shape, dtype), np.array(k, I32))
    g.add("TopKV2", g.floats([2, 9]), np.array(4, I64), index_type=I64)
    g.add("TopKV2", np.array([2, 5, 5, 1, 5], F32), np.array(4, I32), note="ties: the lower index first")
