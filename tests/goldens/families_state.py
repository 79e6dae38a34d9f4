"""Goldens of variables, optimizers' Apply ops and quantization."""

import numpy as np

from golden import Quantized, family

F32, F64, I32, I64 = np.float32, np.float64, np.int32, np.int64

SHAPES = ([3], [2, 3], [])


# ---- Variables -------------------------------------------------------------------------------------------------------


@family("assign")
def assign(g):
    for dtype in (F32, F64, I32, I64):
        for shape in SHAPES:
            for op in ("Assign", "AssignAdd", "AssignSub"):
                g.add(op, g.numbers(shape, dtype), g.numbers(shape, dtype), variables=1)
    g.add("Assign", g.bools([3]), g.bools([3]), variables=1)
    g.add("Assign", g.floats([3]), g.floats([3]), variables=1, use_locking=False)


@family("assign")
def scatter(g):
    for op in ("ScatterUpdate", "ScatterAdd", "ScatterSub"):
        for dtype in (F32, F64, I32):
            g.add(op, g.numbers([4, 2], dtype), np.array([2, 0], I32), g.numbers([2, 2], dtype), variables=1)
        g.add(op, g.floats([5]), np.array([1, 1, 4], I64), g.floats([3]), variables=1, terms=3, note="an index twice")


# ---- Optimizers: one step; inputs are TensorFlow's order, variables first ---------------------------------------


@family("apply")
def apply_gradient_descent(g):
    for dtype in (F32, F64):
        for shape in SHAPES:
            g.add(
                "ApplyGradientDescent",
                g.floats(shape, dtype=dtype),
                dtype(0.1),
                g.floats(shape, dtype=dtype),
                variables=1,
                terms=2,
            )


@family("apply")
def apply_momentum(g):
    for nesterov in (False, True):
        for dtype in (F32, F64):
            for shape in SHAPES:
                variable, accumulated, gradient = (g.floats(shape, dtype=dtype) for _ in range(3))
                g.add(
                    "ApplyMomentum",
                    variable,
                    accumulated,
                    dtype(0.1),
                    gradient,
                    dtype(0.9),
                    variables=2,
                    terms=4,
                    use_nesterov=nesterov,
                )


@family("apply")
def apply_adam(g):
    for nesterov in (False, True):
        for dtype in (F32, F64):
            for step in (1, 10):
                for shape in SHAPES:
                    variable, gradient, m, v = (
                        g.floats(shape, dtype=dtype),
                        g.floats(shape, dtype=dtype),
                        g.floats(shape, -1, 1, dtype),
                        g.floats(shape, 0, 1, dtype),
                    )
                    powers = dtype(0.9) ** step, dtype(0.999) ** step
                    g.add(
                        "ApplyAdam",
                        variable,
                        m,
                        v,
                        dtype(powers[0]),
                        dtype(powers[1]),
                        dtype(0.001),
                        dtype(0.9),
                        dtype(0.999),
                        dtype(1e-8),
                        gradient,
                        variables=3,
                        terms=6,
                        use_nesterov=nesterov,
                    )
    g.add(
        "ApplyAdam",
        g.floats([3]),
        np.zeros([3], F32),
        np.zeros([3], F32),
        F32(0.9),
        F32(0.999),
        F32(0.001),
        F32(0.9),
        F32(0.999),
        F32(1e-8),
        np.array([0, 1e-3, -5], F32),
        variables=3,
        terms=6,
        note="first step, a zero gradient among them",
    )


@family("apply")
def apply_adagrad_rmsprop(g):
    for dtype in (F32, F64):
        for shape in SHAPES:
            g.add(
                "ApplyAdagrad",
                g.floats(shape, dtype=dtype),
                g.floats(shape, 0.1, 1, dtype),
                dtype(0.1),
                g.floats(shape, dtype=dtype),
                variables=2,
                terms=4,
            )
            g.add(
                "ApplyRMSProp",
                g.floats(shape, dtype=dtype),
                g.floats(shape, 0.1, 1, dtype),
                g.floats(shape, dtype=dtype),
                dtype(0.01),
                dtype(0.9),
                dtype(0.5),
                dtype(1e-10),
                g.floats(shape, dtype=dtype),
                variables=3,
                terms=6,
            )


@family("apply")
def apply_more_adaptive(g):
    for dtype in (F32, F64):
        for shape in SHAPES:
            var, grad, linear = (g.floats(shape, dtype=dtype) for _ in range(3))
            accum, update = (g.floats(shape, 0.1, 1, dtype) for _ in range(2))
            mean = g.floats(shape, -0.3, 0.3, dtype)
            g.add("ApplyAdagrad", var, accum, dtype(0.1), grad, variables=2, terms=4, update_slots=False)
            numbers = [dtype(0.01), dtype(0.9), dtype(0.5), dtype(1e-3)]
            square = g.floats(shape, 0.5, 1, dtype)
            g.add("ApplyCenteredRMSProp", var, mean, square, linear, *numbers, grad, variables=4, terms=8)
            g.add("ApplyAdadelta", var, accum, update, dtype(0.1), dtype(0.9), dtype(1e-3), grad, variables=3, terms=8)
            for power in (-0.5, -0.75):
                for multiply in (False, True):
                    regular = [dtype(0.5), dtype(0.25), dtype(0.1)]
                    attrs = dict(variables=3, terms=8, multiply_linear_by_lr=multiply)
                    g.add("ApplyFtrl", var, accum, linear, grad, *regular, dtype(power), **attrs)
                    g.add("ApplyFtrlV2", var, accum, linear, grad, *regular, dtype(0.2), dtype(power), **attrs)


# ---- Quantization ----------------------------------------------------------------------------------------------------

CODES = {
    "quint8": [0, 1, 2, 100, 127, 128, 129, 254, 255],
    "qint8": [-128, -127, -1, 0, 1, 64, 126, 127],
    "qint32": [-(2**31), -(2**30), -1, 0, 1, 12345, 2**31 - 1],
    "quint16": [0, 1, 32767, 32768, 65535],
    "qint16": [-32768, -1, 0, 1, 32767],
}
LIMITS = [(-1.0, 1.0), (0.0, 6.0), (-3.5, 0.25), (-0.1, 12.75), (2.0, 5.0)]


@family("quantize")
def dequantize(g):
    for dtype, codes in CODES.items():
        for mode in ("MIN_COMBINED", "MIN_FIRST", "SCALED"):
            for low, high in LIMITS if dtype in ("quint8", "qint8") else LIMITS[:2]:
                # TensorFlow takes a qint32 to float and from there to int: 2^31 - 1 becomes 2^31, which no int holds.
                overflows = dtype == "qint32" and mode == "SCALED"
                note = "2^31 - 1 as a float to int: undefined in C++, values of x86-64" if overflows else ""
                g.add("Dequantize", Quantized(codes, dtype), F32(low), F32(high), mode=mode, note=note)
    g.add(
        "Dequantize",
        Quantized(np.arange(256), "quint8"),
        F32(-0.731),
        F32(1.277),
        mode="MIN_FIRST",
        note="every code",
    )
    g.add("Dequantize", Quantized([[0, 10], [200, 255]], "quint8"), F32(-1), F32(3), mode="MIN_FIRST")
    g.add(
        "Dequantize",
        Quantized([-128, -127, 0, 127], "qint8"),
        F32(-1),
        F32(1),
        mode="SCALED",
        narrow_range=True,
    )
    codes = g.ints([2, 2, 1, 3], -127, 127, np.int8)
    g.add(
        "Dequantize",
        Quantized(codes, "qint8"),
        np.array([-1, -0.5, -2], F32),
        np.array([1, 0.5, 2], F32),
        mode="SCALED",
        narrow_range=True,
        axis=3,
        note="a range for each channel",
    )


@family("quantize")
def fake_quantize(g):
    for low, high in LIMITS[:4]:
        x = g.floats([9], -5, 14)
        for narrow in (False, True):
            g.add("FakeQuantWithMinMaxVars", x, F32(low), F32(high), num_bits=8, narrow_range=narrow, terms=2)
        g.add("FakeQuantWithMinMaxVarsGradient", g.floats([9]), x, F32(low), F32(high), terms=9)


@family("quantize")
def fake_quantize_args_and_channels(g):
    for low, high in LIMITS:
        for bits, narrow in ((8, False), (8, True), (4, False), (16, True)):
            attrs = dict(num_bits=bits, narrow_range=narrow)
            x = np.concatenate([g.floats([7], -5, 14), np.array([low, high, 0], F32)])
            g.add("FakeQuantWithMinMaxArgs", x, min=low, max=high, terms=2, **attrs)
            g.add("FakeQuantWithMinMaxArgsGradient", g.floats([10]), x, min=low, max=high, **attrs)
    lows, highs = np.array(LIMITS[:4], F32).T
    for shape in ([4], [5, 4], [2, 3, 4], [2, 2, 1, 4]):
        for bits, narrow in ((8, False), (4, True)):
            attrs = dict(num_bits=bits, narrow_range=narrow)
            x, dy = g.floats(shape, -5, 14), g.floats(shape)
            g.add("FakeQuantWithMinMaxVarsPerChannel", x, lows, highs, terms=2, **attrs)
            g.add("FakeQuantWithMinMaxVarsPerChannelGradient", dy, x, lows, highs, terms=12, **attrs)
    zero, x = F32(0), g.floats([5])
    g.add("FakeQuantWithMinMaxVars", x, zero, zero, note="an empty range at 0")
    g.add("FakeQuantWithMinMaxVarsGradient", g.floats([5]), x, zero, zero, note="an empty range at 0")
