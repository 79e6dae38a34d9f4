"""Goldens of the ops on codes: QuantizeV2, QuantizeAndDequantize*, Quantized*, Requantize* …

All of them are equal bit for bit, but for the mean and variance of QuantizedInstanceNorm.
"""

import numpy as np

from golden import Quantized, family

F32, F64, I32 = np.float32, np.float64, np.int32

# Of zero-crossing, one-sided, far and hardly-wide values.
RANGES = [(-1.0, 1.0), (0.0, 6.0), (-3.5, 0.25), (-0.1, 12.75), (2.0, 5.0), (-7.0, -3.0), (0.5, 0.5), (0.0, 0.0)]
WIDE = RANGES[:6]


def codes(g, shape, dtype="quint8"):
    limits = np.iinfo(Quantized.STORAGE[dtype])
    array = g.rng.randint(limits.min, limits.max + 1, shape, np.int64).astype(limits.dtype)
    if array.size > 1:
        array.ravel()[0], array.ravel()[-1] = limits.min, limits.max  # what saturates
    return Quantized(array, dtype)


def limits(low, high):
    return F32(low), F32(high)


# ---- Floats to codes -------------------------------------------------------------------------------------------------


@family("quantized")
def quantize_v2(g):
    for dtype in ("quint8", "qint8", "quint16", "qint16", "qint32"):
        for mode in ("MIN_FIRST", "MIN_COMBINED", "SCALED"):
            for low, high in RANGES if dtype in ("quint8", "qint8") else RANGES[:3]:
                x = np.concatenate([g.floats([7], -4, 7), F32([low, high, 0, -100, 100])])
                if dtype == "qint32":  # beyond the range, TensorFlow converts floats that no int32 holds
                    x = x[(x > low) & (x < high)]
                # The plain kernel rounds MIN_FIRST otherwise: value and min apart, half away from zero.
                onednn = dtype == "quint8" and mode == "MIN_FIRST"
                g.add("QuantizeV2", x, *limits(low, high), T=dtype, mode=mode, onednn=onednn)
    halves = F32([-300, -128.5, -127.5, -1, -0.5, 0, 0.5, 1, 1.5, 2.5, 126.5, 127.5, 300])
    for rounding in ("HALF_AWAY_FROM_ZERO", "HALF_TO_EVEN"):
        for dtype in ("qint8", "quint8", "qint16"):
            for narrow in (False, True):
                attrs = dict(mode="SCALED", round_mode=rounding, narrow_range=narrow)
                g.add("QuantizeV2", halves, F32(-127), F32(127), T=dtype, **attrs)
    g.add("QuantizeV2", halves, F32(0), F32(255), T="quint8", mode="MIN_FIRST", onednn=True, note="ties")
    g.add("QuantizeV2", halves, F32(-128), F32(127), T="qint8", mode="MIN_FIRST", note="ties of qint8")
    vector = g.rng.standard_normal(40).astype(F32)
    own = (vector.min(), vector.max())
    g.add("QuantizeV2", vector, *own, T="quint8", mode="MIN_FIRST", onednn=True, note="a normal vector and its range")
    for minimum in (0.0, 0.5):
        attrs = dict(T="quint8", mode="MIN_COMBINED", ensure_minimum_range=minimum)
        g.add("QuantizeV2", g.floats([5], 0, 1), F32(0), F32(0.1), **attrs)
    g.add("QuantizeV2", g.floats([2, 0]), F32(0), F32(1), T="quint8")
    lows, highs = F32([-1, 0, -3]), F32([1, 6, 0.5])
    for mode in ("MIN_COMBINED", "SCALED"):
        for dtype in ("quint8", "qint8"):
            attrs = dict(T=dtype, mode=mode, narrow_range=True)
            g.add("QuantizeV2", g.floats([2, 3, 2], -4, 7), lows, highs, axis=1, **attrs)
            g.add("QuantizeV2", g.floats([4, 3], -4, 7), lows, highs, axis=1, **attrs)
            g.add("QuantizeV2", g.floats([3, 4], -4, 7), lows, highs, axis=0, **attrs)
            g.add("QuantizeV2", g.floats([4, 1], -4, 7), F32([-2]), F32([3]), axis=1, note="one slice", **attrs)


@family("quantized")
def quantize_and_dequantize(g):
    for dtype in (F32, F64):
        for signed in (True, False):
            for bits in (8, 1) if not signed else (8, 2):
                x = g.floats([9], -3, 5, dtype)
                plain = dict(signed_input=signed, num_bits=bits)  # the first version needs a graph of TensorFlow 0.x
                for op in ("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV4"):
                    for rounding in ("HALF_TO_EVEN", "HALF_UP"):
                        attrs = dict(round_mode=rounding, narrow_range=rounding == "HALF_UP", **plain)
                        g.add(op, x, dtype(-1.5), dtype(2), range_given=True, **attrs)
                        g.add(op, x, dtype(0), dtype(0), **attrs)
                for given in (True, False):
                    for low, high in ((-2, 1), (0, 2), (-1, 0)):
                        inputs = (x, dtype(low), dtype(high), I32(bits))
                        g.add("QuantizeAndDequantizeV3", *inputs, signed_input=signed, range_given=given)
        lows, highs = dtype([-1, 0, -3]), dtype([1, 6, 0.5])
        for shape, axis in (([2, 3, 4], 1), ([3, 5], 0), ([4, 3], 1)):
            x = g.floats(shape, -4, 7, dtype)
            for given in (True, False):
                for op in ("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV4"):
                    g.add(op, x, lows, highs, axis=axis, range_given=given, num_bits=5)
                g.add("QuantizeAndDequantizeV3", x, lows, highs, I32(5), axis=axis, range_given=given)
            g.add("QuantizeAndDequantizeV4Grad", g.floats(shape, dtype=dtype), x, lows, highs, axis=axis)
        x = dtype([-2, -1, -0.5, 0, 1, 1.5])
        g.add("QuantizeAndDequantizeV4Grad", g.floats([6], dtype=dtype), x, dtype(-1), dtype(1))
        halves = dtype([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 127, -127])
        for rounding in ("HALF_TO_EVEN", "HALF_UP"):
            attrs = dict(range_given=True, round_mode=rounding)
            g.add("QuantizeAndDequantizeV2", halves, dtype(-127), dtype(127), narrow_range=True, **attrs)
        zeros = np.zeros([3], dtype)
        g.add("QuantizeAndDequantizeV2", zeros, dtype(0), dtype(0), note="all zeros")


# ---- Codes to other codes --------------------------------------------------------------------------------------------


@family("quantized")
def requantize(g):
    for low, high in [(-1.0, 1.0), (-2000.0, 2000.0), (-50.0, 70.0), (-3e5, 3e5)]:
        far = codes(g, [17], "qint32")
        near = Quantized(g.rng.randint(-(2**22), 2**22, [3, 5]).astype(I32), "qint32")
        middle = Quantized(g.rng.randint(2**24, 2**30, [9]) * [1, -1, 1, 1, -1, 1, -1, 1, 1], "qint32")
        for x in (far, near, middle):
            g.add("RequantizationRange", x, *limits(low, high))
            g.add("QuantizeDownAndShrinkRange", x, *limits(low, high), out_type="quint8")
            for dtype in ("quint8", "qint8"):
                for out_low, out_high in ((-1.0, 1.0), (0.0, 0.0), (0.0, 2.5), (-0.3, 0.0), (-1234.5, 987.0)):
                    g.add("Requantize", x, *limits(low, high), *limits(out_low, out_high), out_type=dtype)
    for x in ([5, 5, 5], [-7], [0, 0], [2**31 - 1], [-(2**31)]):
        x = Quantized(x, "qint32")
        g.add("RequantizationRange", x, F32(-8), F32(8))
        g.add("QuantizeDownAndShrinkRange", x, F32(-8), F32(8), out_type="quint8")
        g.add("RequantizationRange", x, F32(3), F32(3), note="a range without width")
    empty = Quantized(np.zeros([0, 2]), "qint32")
    g.add("RequantizationRange", empty, F32(-8), F32(8))
    g.add("Requantize", empty, F32(-8), F32(8), F32(-1), F32(1), out_type="quint8")


@family("quantized")
def quantized_reshape(g):
    for dtype in ("quint8", "qint32"):
        x = codes(g, [2, 3, 4], dtype)
        g.add("QuantizedReshape", x, I32([4, -1]), F32(-1), F32(2))
        g.add("QuantizedReshape", x, np.int64([24]), F32(-1), F32(2))
        g.add("QuantizedReshape", codes(g, [1], dtype), np.zeros([0], I32), F32(0), F32(0))


@family("quantized")
def quantized_concat(g):
    for dtype in ("quint8", "qint32"):
        for axis, shapes in ((0, ([2, 3], [1, 3])), (1, ([2, 3], [2, 1], [2, 4])), (2, ([2, 1, 3], [2, 1, 2]))):
            values = [codes(g, shape, dtype) for shape in shapes]
            for ranges in (WIDE[:3], WIDE[2:5], [WIDE[0]] * 3, [(1.0, 2.0), (0.0, 3.0), (0.0, 0.0)]):
                lows, highs = [[F32(r[i]) for r in ranges[: len(shapes)]] for i in (0, 1)]
                g.add("QuantizedConcat", I32(axis), values, lows, highs)


# ---- Activations, pools, resizing ------------------------------------------------------------------------------------


@family("quantized")
def quantized_relu(g):
    for op in ("QuantizedRelu", "QuantizedRelu6"):
        for dtype in ("quint8", "qint32"):
            for low, high in RANGES + [(-20.0, 20.0)]:
                g.add(op, codes(g, [3, 7], dtype), *limits(low, high), out_type=dtype)


@family("quantized")
def quantized_pool(g):
    for dtype in ("quint8", "qint8"):
        for shape, size, stride in (
            ([1, 4, 5, 3], [2, 2], [1, 1]),
            ([2, 5, 5, 2], [3, 3], [2, 2]),
            ([1, 7, 6, 1], [2, 3], [3, 2]),
            ([1, 4, 4, 9], [4, 4], [1, 1]),
            ([1, 3, 3, 2], [1, 1], [2, 2]),
        ):
            x = codes(g, shape, dtype)
            for padding in ("SAME", "VALID"):
                attrs = dict(ksize=[1, *size, 1], strides=[1, *stride, 1], padding=padding)
                g.add("QuantizedMaxPool", x, F32(-1), F32(3), **attrs)
                # The plain kernel rounds towards 0.
                g.add("QuantizedAvgPool", x, F32(-1), F32(3), onednn=True, **attrs)
    pairs = Quantized(np.arange(24).reshape([1, 2, 4, 3]) % 7, "quint8")
    g.add(
        "QuantizedAvgPool",
        pairs,
        F32(0),
        F32(1),
        ksize=[1, 1, 2, 1],
        strides=[1, 1, 2, 1],
        padding="VALID",
        onednn=True,
        note="ties",
    )


@family("quantized")
def quantized_resize_bilinear(g):
    for dtype in ("quint8", "qint32"):
        for shape, size in (
            ([1, 2, 4, 3], [3, 5]),
            ([2, 3, 3, 1], [6, 6]),
            ([1, 5, 9, 2], [2, 3]),
            ([1, 1, 1, 4], [2, 2]),
            ([1, 3, 4, 1], [3, 4]),
            ([1, 3, 4, 1], [3, 17]),
        ):
            x = codes(g, shape, dtype)
            for attrs in ({}, dict(align_corners=True), dict(half_pixel_centers=True)):
                g.add("QuantizedResizeBilinear", x, I32(size), F32(-1), F32(1), **attrs)
    for attrs in ({}, dict(align_corners=True), dict(half_pixel_centers=True)):
        g.add("QuantizedResizeBilinear", g.floats([1, 3, 2, 2]), I32([5, 3]), F32(-1), F32(1), **attrs)


# ---- Arithmetic ------------------------------------------------------------------------------------------------------


@family("quantized")
def quantized_conv2d(g):
    for shape, kernel, channels, stride in (
        ([1, 4, 5, 3], [3, 3], 2, 1),
        ([2, 5, 5, 1], [2, 2], 3, 2),
        ([1, 6, 7, 2], [3, 2], 5, 2),
        ([1, 3, 3, 4], [1, 1], 6, 1),
        ([1, 8, 7, 1], [1, 1], 2, 4),
        ([1, 7, 8, 2], [2, 3], 2, 3),
        ([1, 2, 2, 1], [5, 5], 1, 1),
    ):
        for padding in ("SAME", "VALID"):
            if padding == "VALID" and kernel[0] > shape[1]:
                continue
            x, filters = codes(g, shape), codes(g, [*kernel, shape[3], channels])
            attrs = dict(strides=[1, stride, stride, 1], padding=padding)
            g.add("QuantizedConv2D", x, filters, *limits(-1, 3), *limits(-2, 2), **attrs)
    x, filters = codes(g, [1, 3, 4, 2]), codes(g, [3, 3, 2, 2])
    for one in RANGES + [(1000.0, 1001.0), (-1001.0, -1000.0), (9.0, 9.001)]:
        g.add("QuantizedConv2D", x, filters, *limits(*one), *limits(-0.3, 1.1), strides=[1, 1, 1, 1], padding="SAME")
        g.add("QuantizedConv2D", x, filters, *limits(-0.7, 2), *limits(*one), strides=[1, 1, 1, 1], padding="SAME")


@family("quantized")
def quantized_matmul(g):
    for m, k, n in ((2, 3, 4), (1, 17, 5), (7, 2, 33), (5, 64, 3), (1, 1, 1)):
        for transpose_a in (False, True):
            for transpose_b in (False, True):
                a = codes(g, [k, m] if transpose_a else [m, k])
                b = codes(g, [n, k] if transpose_b else [k, n])
                attrs = dict(transpose_a=transpose_a, transpose_b=transpose_b)
                g.add("QuantizedMatMul", a, b, *limits(-1, 3), *limits(-2.5, 2), **attrs)
    a, b = codes(g, [3, 5]), codes(g, [5, 2])
    for one in WIDE + [(1000.0, 1001.0), (-1001.0, -1000.0), (9.0, 9.001)]:
        g.add("QuantizedMatMul", a, b, *limits(*one), *limits(-0.3, 1.1))
        g.add("QuantizedMatMul", a, b, *limits(-0.7, 2), *limits(*one))


@family("quantized")
def quantized_bias_add(g):
    for dtype in ("quint8", "qint8"):
        for one in RANGES:
            for other in (WIDE[0], WIDE[3], WIDE[5]):
                x, bias = codes(g, [2, 3, 4], dtype), codes(g, [4], dtype)
                g.add("QuantizedBiasAdd", x, bias, *limits(*one), *limits(*other), out_type="qint32")


@family("quantized")
def quantized_add_and_multiply(g):
    # What TensorFlow broadcasts: scalars, vectors along the last dims.
    for x, y in (([2, 3], [2, 3]), ([5], []), ([1], [2, 4]), ([], []), ([2, 3, 4], [4]), ([3, 4], [2, 3, 4]), ([1, 3], [4, 3])):
        for one, other in ((WIDE[0], WIDE[1]), (WIDE[2], WIDE[3]), (WIDE[4], WIDE[5])):
            for op in ("QuantizedAdd", "QuantizedMul"):
                g.add(op, codes(g, x), codes(g, y), *limits(*one), *limits(*other))


# ---- Normalization ---------------------------------------------------------------------------------------------------


@family("quantized")
def quantized_instance_norm(g):
    for shape in ([1, 4, 5, 3], [2, 3, 3, 2], [1, 8, 8, 16], [1, 1, 1, 2]):
        for low, high in WIDE[:4]:
            x = codes(g, shape)
            # The range out is of a mean, a variance and an inverse root, which TensorFlow approximates.
            g.add("QuantizedInstanceNorm", x, *limits(low, high), terms=shape[1] * shape[2])
        given = dict(output_range_given=True, given_y_min=-1.5, given_y_max=2.25, variance_epsilon=0.01)
        g.add("QuantizedInstanceNorm", codes(g, shape), F32(-1), F32(1), terms=1, **given)


@family("quantized")
def quantized_batch_norm(g):
    for shape in ([1, 2, 3, 4], [2, 2, 2, 3]):
        for after in (True, False):
            for low, high in ((-1.0, 1.0), (0.0, 255.0), (-30.0, 10.0)):
                vectors = [codes(g, [shape[3]]) for _ in range(4)]
                ranges = [limits(-1, 2), limits(0, 4), limits(-3, 3), limits(0, 2)]
                parameters = [item for vector, one in zip(vectors, ranges) for item in (vector, *one)]
                attrs = dict(out_type="qint32", variance_epsilon=0.01, scale_after_normalization=after)
                op = "QuantizedBatchNormWithGlobalNormalization"
                g.add(op, codes(g, shape), *limits(low, high), *parameters, **attrs)
