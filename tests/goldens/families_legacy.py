"""Goldens of ops that older graphs and TensorFlow's own tools write: scatters into variables, LinSpace, windows that are
inputs, fused padding, batch normalization of 2015, and sums of sparse tensors."""

import numpy as np

from golden import family

F32, F64, I32, I64, U8, F16 = np.float32, np.float64, np.int32, np.int64, np.uint8, np.float16


def i64(*values):
    return np.array(values, I64)


# ---- Variables -------------------------------------------------------------------------------------------------------


def updates(g, shape, dtype):
    """No zeros: integers are divided by them."""
    x = g.numbers(shape, dtype)
    return np.where(x == 0, dtype(3), x)


@family("scatter")
def scatter_rows(g):
    for dtype in (F32, F64, I32, I64, U8, np.int8, np.int16, np.uint16, F16):
        for name in ("Update", "Add", "Sub", "Mul", "Div", "Min", "Max"):
            op, index = "Scatter" + name, I64 if dtype in (F32, U8) else I32
            # Half: TensorFlow divides by way of a reciprocal or not, as its vectors fit.
            terms = 1 if dtype == F16 or name == "Div" else 0
            if name in ("Min", "Max") and dtype not in (F32, F64, I32, I64, F16):
                continue
            g.add(op, g.numbers([4, 3], dtype), np.array([3, 1], index), updates(g, [2, 3], dtype), variables=1, terms=terms)
            if name == "Update" or dtype == F16:
                continue
            g.add(op, g.numbers([3], dtype), np.array([[2, 0], [2, 1]], index), updates(g, [2, 2], dtype), variables=1, terms=max(terms, 2), note="a row twice")
        g.add("ScatterAdd", g.numbers([3, 2], dtype), np.array([2, 0], I32), dtype(2), variables=1, note="one number for all")
    g.add("ScatterUpdate", g.bools([3]), np.array([1], I32), np.array([True]), variables=1)
    g.add("ScatterUpdate", g.floats([2, 2]), np.zeros([0], I32), np.zeros([0, 2], F32), variables=1)


@family("scatter")
def scatter_slices(g):
    for dtype in (F32, F64, I32, I64, U8, np.int8, np.int16, np.uint16, F16):
        for name in ("Update", "Add", "Sub", "Min", "Max"):
            op, index = "ScatterNd" + name, I64 if dtype in (F32, U8) else I32
            g.add(op, g.numbers([4, 3], dtype), np.array([[1], [3]], index), g.numbers([2, 3], dtype), variables=1)
            g.add(op, g.numbers([4, 3], dtype), np.array([[[0, 2], [3, 1]]], index), g.numbers([1, 2], dtype), variables=1)
            if name == "Update" or dtype == F16:
                continue
            g.add(op, g.numbers([2, 2, 2], dtype), np.array([[0], [1], [0]], index), g.numbers([3, 2, 2], dtype), variables=1, terms=2, note="a slice twice")
    g.add("ScatterNdUpdate", g.bools([3]), np.array([[1]], I32), np.array([True]), variables=1)


# ---- Numbers ---------------------------------------------------------------------------------------------------------


@family("lin_space")
def lin_space(g):
    for dtype in (F32, F64):
        for start, stop, count in ((0, 1, 11), (-2.5, 7.25, 6), (3, -3, 4), (0.1, 0.7, 1), (2, 2, 3), (0.1, 0.7, 2)):
            for index in (I32, I64):
                g.add("LinSpace", dtype(start), dtype(stop), index(count), terms=1)


# ---- Images ----------------------------------------------------------------------------------------------------------


@family("images_legacy")
def max_pool_v2(g):
    for dtype in (F32, F64, I32, I64, U8, np.int8, np.int16, np.uint16, F16):
        for ksize, strides, padding in (([1, 2, 2, 1], [1, 2, 2, 1], "SAME"), ([1, 3, 2, 1], [1, 1, 2, 1], "VALID")):
            g.add("MaxPoolV2", g.numbers([1, 4, 3, 2], dtype), np.array(ksize, I32), np.array(strides, I32), padding=padding)
    for dtype in (F32, F64):
        x = g.floats([1, 5, 4, 2], dtype=dtype)
        sizes = np.array([1, 3, 2, 1], I32), np.array([1, 1, 2, 1], I32)
        (y,) = g.compute("MaxPoolV2", x, *sizes, padding="SAME")
        g.add("MaxPoolGradV2", x, y, g.floats(y.shape, dtype=dtype), *sizes, padding="SAME", terms=6)


@family("images_legacy")
def batch_norm_with_global_normalization(g):
    for dtype in (F32, F64, F16):
        for scale in (False, True):
            x, mean, beta, gamma = (g.floats(shape, dtype=dtype) for shape in ([2, 3, 2, 4], [4], [4], [4]))
            variance = g.floats([4], 0.1, 2, dtype)
            g.add("BatchNormWithGlobalNormalization", x, mean, variance, beta, gamma, variance_epsilon=0.001, scale_after_normalization=scale, terms=8, producer=8)


def paddings(top, bottom, left, right):
    return np.array([[0, 0], [top, bottom], [left, right], [0, 0]], I32)


@family("images_legacy")
def fused_pad_conv(g):
    # One image: with more TensorFlow 2.15 convolves the first again and again, as its cache of rows outlives an image.
    for dtype in (F32, F64, F16):
        for mode in ("REFLECT", "SYMMETRIC"):
            for padding in ("SAME", "VALID"):
                for stride, around in ((1, (1, 1, 1, 1)), (2, (2, 0, 1, 3))):
                    image, filter = g.floats([1, 4, 4, 2], dtype=dtype), g.floats([3, 2, 2, 2], dtype=dtype)
                    strides = [1, stride, stride, 1]
                    g.add("FusedPadConv2D", image, paddings(*around), filter, mode=mode, strides=strides, padding=padding, terms=14)
                    for align in (False, True):
                        g.add("FusedResizeAndPadConv2D", image, np.array([5, 7], I32), paddings(*around), filter, mode=mode, strides=strides, padding=padding, resize_align_corners=align, terms=20)
    image, filter = g.floats([1, 8, 8, 1]), g.floats([1, 1, 1, 2])
    for padding in ("SAME", "VALID"):
        g.add("FusedPadConv2D", image, paddings(0, 0, 0, 0), filter, mode="REFLECT", strides=[1, 4, 4, 1], padding=padding, terms=2, note="strides beyond the filter")
        g.add("FusedResizeAndPadConv2D", image, np.array([3, 3], I32), paddings(2, 2, 2, 2), filter, mode="REFLECT", strides=[1, 3, 3, 1], padding=padding, terms=9, note="smaller")


# ---- Sparse tensors --------------------------------------------------------------------------------------------------

PLACES = np.array([[0, 1, 2], [0, 2, 0], [1, 0, 1], [1, 0, 3], [1, 2, 2]], I64)
DIMS = i64(2, 3, 4)
KINDS = (F32, F64, I32, I64, U8, np.int8, np.int16, np.uint16, F16)


@family("sparse_reduce")
def sparse_reduce(g):
    for dtype in KINDS:
        for op in ("SparseReduceSum", "SparseReduceMax"):
            for axes, keep in (([1], False), ([0, 2], True), ([-1], True)):
                g.add(op, PLACES, g.numbers([5], dtype), DIMS, np.array(axes, I32), keep_dims=keep, terms=3)
    x = g.floats([5])
    for axes in ([0, 1, 2], []):
        for keep in (False, True):
            g.add("SparseReduceSum", PLACES, x, DIMS, np.array(axes, I32), keep_dims=keep, terms=6)
    g.add("SparseReduceSum", PLACES, x, DIMS, I32(2), terms=3, note="an axis that is a scalar")
    g.add("SparseReduceSum", np.zeros([0, 3], I64), np.zeros([0], F32), DIMS, np.array([1], I32), note="nothing")
