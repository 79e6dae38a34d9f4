"""Goldens of neural-network ops: convolution, pooling, activations, softmax and batch norm. Images are NHWC."""

import numpy as np

from golden import family

F32, F64, I32, I64 = np.float32, np.float64, np.int32, np.int64
NAN, INF = float("nan"), float("inf")


# ---- Convolution -----------------------------------------------------------------------------------------------------

CONVOLUTIONS = [
    # input NHWC, filter HWCK, strides H W, padding, dilations H W
    ([1, 1, 1, 1], [1, 1, 1, 1], (1, 1), "SAME", (1, 1)),
    ([1, 4, 4, 1], [3, 3, 1, 2], (1, 1), "SAME", (1, 1)),
    ([2, 4, 4, 2], [3, 3, 2, 3], (1, 1), "VALID", (1, 1)),
    ([1, 5, 4, 2], [2, 3, 2, 2], (1, 1), "SAME", (1, 1)),
    ([1, 5, 5, 2], [3, 3, 2, 2], (2, 2), "SAME", (1, 1)),
    ([1, 6, 6, 1], [3, 3, 1, 2], (2, 2), "SAME", (1, 1)),
    ([1, 6, 5, 2], [2, 2, 2, 1], (2, 2), "VALID", (1, 1)),
    ([1, 7, 6, 1], [3, 2, 1, 2], (3, 2), "SAME", (1, 1)),
    ([1, 5, 5, 2], [1, 1, 2, 3], (2, 2), "SAME", (1, 1)),
    ([2, 3, 3, 3], [1, 1, 3, 2], (1, 1), "VALID", (1, 1)),
    ([1, 3, 3, 1], [5, 5, 1, 1], (1, 1), "SAME", (1, 1)),
    ([1, 6, 6, 1], [3, 3, 1, 2], (1, 1), "SAME", (2, 2)),
    ([1, 7, 6, 2], [2, 3, 2, 1], (1, 1), "VALID", (2, 1)),
    ([1, 4, 5, 2], [3, 3, 2, 2], (1, 1), "EXPLICIT", (1, 1)),
    ([1, 5, 4, 1], [3, 2, 1, 2], (2, 1), "EXPLICIT", (1, 1)),
]
EXPLICIT = [0, 0, 2, 1, 0, 1, 0, 0]


def _conv_attrs(strides, padding, dilations):
    attrs = dict(strides=[1, *strides, 1], padding=padding, dilations=[1, *dilations, 1])
    if padding == "EXPLICIT":
        attrs["explicit_paddings"] = EXPLICIT
    return attrs


@family("conv")
def conv2d(g):
    for dtype in (F32, F64):
        for shape, window, strides, padding, dilations in CONVOLUTIONS:
            g.add(
                "Conv2D",
                g.floats(shape, dtype=dtype),
                g.floats(window, dtype=dtype),
                terms=int(np.prod(window[:3])),
                **_conv_attrs(strides, padding, dilations)
            )


@family("conv")
def integer_conv2d(g):
    for strides, padding in (((1, 1), "SAME"), ((2, 1), "VALID")):
        x, w = g.ints([2, 5, 4, 3], -9, 9, I32), g.ints([3, 2, 3, 2], -9, 9, I32)
        g.add("Conv2D", x, w, **_conv_attrs(strides, padding, (1, 1)))


@family("conv")
def conv2d_gradients(g):
    for dtype in (F32, F64):
        for shape, window, strides, padding, dilations in CONVOLUTIONS:
            if dilations != (1, 1):
                continue  # TensorFlow has no CPU kernel for these
            attrs = _conv_attrs(strides, padding, dilations)
            x, w = g.floats(shape, dtype=dtype), g.floats(window, dtype=dtype)
            dy = g.floats(g.compute("Conv2D", x, w, **attrs)[0].shape, dtype=dtype)
            g.add(
                "Conv2DBackpropInput", np.array(shape, I32), w, dy, terms=int(np.prod(window[:2]) * window[3]), **attrs
            )
            g.add("Conv2DBackpropFilter", x, np.array(window, I32), dy, terms=int(np.prod(dy.shape[:3])), **attrs)


@family("conv")
def wide_conv2d(g):
    # Wider than any register block of a packed kernel, channels not a multiple of one.
    attrs = _conv_attrs((1, 1), "SAME", (1, 1))
    x, w = g.floats([1, 5, 9, 19]), g.floats([3, 3, 19, 21])
    g.add("Conv2D", x, w, terms=3 * 3 * 19, **attrs)


@family("conv")
def depthwise_conv2d(g):
    for dtype in (F32, F64):
        for shape, window, strides, padding in [
            ([1, 4, 4, 2], [3, 3, 2, 1], (1, 1), "SAME"),
            ([1, 5, 5, 2], [3, 3, 2, 2], (2, 2), "SAME"),
            ([2, 4, 5, 3], [2, 2, 3, 1], (1, 1), "VALID"),
        ]:
            attrs = _conv_attrs(strides, padding, (1, 1))
            x, w = g.floats(shape, dtype=dtype), g.floats(window, dtype=dtype)
            g.add("DepthwiseConv2dNative", x, w, terms=int(np.prod(window[:2])), **attrs)
            dy = g.floats(g.compute("DepthwiseConv2dNative", x, w, **attrs)[0].shape, dtype=dtype)
            g.add(
                "DepthwiseConv2dNativeBackpropInput",
                np.array(shape, I32),
                w,
                dy,
                terms=int(np.prod(window[:2]) * window[3]),
                **attrs
            )
            g.add(
                "DepthwiseConv2dNativeBackpropFilter",
                x,
                np.array(window, I32),
                dy,
                terms=int(np.prod(dy.shape[:3])),
                **attrs
            )


@family("conv")
def depthwise_conv2d_more(g):
    for shape, window, strides, padding in [
        ([1, 4, 5, 2], [3, 3, 2, 2], (1, 1), "EXPLICIT"),
        ([1, 7, 6, 3], [3, 2, 3, 2], (2, 2), "SAME"),
        ([2, 6, 6, 1], [2, 2, 1, 3], (3, 3), "VALID"),
    ]:
        attrs = _conv_attrs(strides, padding, (1, 1))
        x, w = g.floats(shape), g.floats(window)
        y = g.compute("DepthwiseConv2dNative", x, w, **attrs)[0]
        dy, terms = g.floats(y.shape), int(np.prod(window[:2]))
        g.add("DepthwiseConv2dNative", x, w, terms=terms, **attrs)
        g.add("DepthwiseConv2dNativeBackpropInput", np.array(shape, I32), w, dy, terms=terms * window[3], **attrs)
        filter_terms = int(np.prod(dy.shape[:3]))
        g.add("DepthwiseConv2dNativeBackpropFilter", x, np.array(window, I32), dy, terms=filter_terms, **attrs)


@family("conv")
def bias(g):
    for dtype in (F32, F64):
        for shape in ([2, 3], [3, 1], [2, 2, 3], [1, 2, 2, 3]):
            g.add("BiasAdd", g.floats(shape, dtype=dtype), g.floats(shape[-1:], dtype=dtype))
            g.add("BiasAddGrad", g.floats(shape, dtype=dtype), terms=int(np.prod(shape[:-1])))
        g.add("BiasAdd", g.floats([1, 3, 2, 2], dtype=dtype), g.floats([3], dtype=dtype), data_format="NCHW")
        g.add("BiasAddGrad", g.floats([2, 3, 2, 2], dtype=dtype), data_format="NCHW", terms=8)
    for dtype in (I32, I64):
        g.add("BiasAdd", g.ints([2, 3], dtype=dtype), g.ints([3], dtype=dtype))


# ---- Pooling ---------------------------------------------------------------------------------------------------------

POOLS = [
    # input NHWC, window H W, strides H W, padding
    ([1, 4, 4, 1], (2, 2), (2, 2), "SAME"),
    ([2, 5, 5, 2], (2, 2), (2, 2), "SAME"),
    ([1, 5, 5, 1], (2, 2), (2, 2), "VALID"),
    ([1, 5, 4, 2], (3, 3), (2, 2), "SAME"),
    ([1, 5, 5, 1], (3, 3), (1, 1), "SAME"),
    ([1, 4, 6, 2], (3, 2), (1, 2), "VALID"),
    ([1, 3, 3, 2], (3, 3), (3, 3), "VALID"),
    ([1, 5, 5, 1], (1, 1), (2, 2), "SAME"),
]


def _pool_attrs(window, strides, padding):
    return dict(ksize=[1, *window, 1], strides=[1, *strides, 1], padding=padding)


@family("pool")
def max_pool(g):
    for dtype in (F32, F64):
        for shape, window, strides, padding in POOLS:
            attrs = _pool_attrs(window, strides, padding)
            x = g.floats(shape, dtype=dtype)
            y = g.compute("MaxPool", x, **attrs)[0]
            g.add("MaxPool", x, **attrs)
            g.add("MaxPool", x - dtype(5), note="all negative: padding is never the largest", **attrs)
            # Overlapping windows add up to four gradients.
            g.add("MaxPoolGrad", x, y, g.floats(y.shape, dtype=dtype), terms=4, **attrs)
    for strides in ((2, 2), (1, 1)):
        attrs = _pool_attrs((2, 2), strides, "SAME")
        x = np.ones([1, 4, 4, 1], F32)
        y = g.compute("MaxPool", x, **attrs)[0]
        g.add(
            "MaxPoolGrad",
            x,
            y,
            g.floats(y.shape),
            terms=4,
            note="ties: the first of the window in row-major order gets all",
            **attrs
        )


@family("pool")
def avg_pool(g):
    for dtype in (F32, F64):
        for shape, window, strides, padding in POOLS:
            attrs = _pool_attrs(window, strides, padding)
            x = g.floats(shape, dtype=dtype)
            terms = int(np.prod(window))
            g.add("AvgPool", x, terms=terms, note="SAME: padding is not counted" if padding == "SAME" else "", **attrs)
            dy = g.floats(g.compute("AvgPool", x, **attrs)[0].shape, dtype=dtype)
            g.add("AvgPoolGrad", np.array(shape, I32), dy, terms=terms, **attrs)


# ---- Volumes: NDHWC -------------------------------------------------------------------------------------------------

VOLUMES = [
    # input NDHWC, window D H W, output channels, strides D H W, padding
    ([1, 3, 4, 3, 2], (2, 3, 2), 2, (1, 1, 1), "SAME"),
    ([2, 3, 3, 4, 1], (2, 2, 3), 2, (1, 1, 1), "VALID"),
    ([1, 5, 4, 3, 2], (3, 2, 1), 1, (2, 1, 2), "SAME"),
    ([1, 4, 5, 4, 1], (2, 2, 2), 3, (2, 2, 2), "VALID"),
]


@family("volume")
def conv3d(g):
    for dtype in (F32, F64):
        for shape, window, channels, strides, padding in VOLUMES:
            attrs = dict(strides=[1, *strides, 1], padding=padding)
            filter_shape = [*window, shape[4], channels]
            x, w = g.floats(shape, dtype=dtype), g.floats(filter_shape, dtype=dtype)
            terms = int(np.prod(window))
            g.add("Conv3D", x, w, terms=terms * shape[4], **attrs)
            dy = g.floats(g.compute("Conv3D", x, w, **attrs)[0].shape, dtype=dtype)
            g.add("Conv3DBackpropInputV2", np.array(shape, I32), w, dy, terms=terms * channels, **attrs)
            filter_sizes = np.array(filter_shape, I32)
            g.add("Conv3DBackpropFilterV2", x, filter_sizes, dy, terms=int(np.prod(dy.shape[:4])), **attrs)


@family("volume")
def pool3d(g):
    for shape, window, _, strides, padding in VOLUMES:
        attrs = dict(ksize=[1, *window, 1], strides=[1, *strides, 1], padding=padding)
        terms = int(np.prod(window))
        x = g.floats(shape)
        y = g.compute("MaxPool3D", x, **attrs)[0]
        g.add("MaxPool3D", x, **attrs)
        g.add("MaxPool3D", x - F32(5), note="all negative: padding is never the largest", **attrs)
        g.add("MaxPool3DGrad", x, y, g.floats(y.shape), terms=terms, **attrs)
        x, dy = g.floats(shape), g.floats(y.shape)
        g.add("AvgPool3D", x, terms=terms, **attrs)
        g.add("AvgPool3DGrad", np.array(shape, I32), dy, terms=terms, **attrs)
    attrs = dict(ksize=[1, 2, 2, 2, 1], strides=[1, 1, 1, 1, 1], padding="SAME")
    x = np.ones([1, 2, 3, 2, 1], F32)
    g.add("MaxPool3DGrad", x, x, g.floats(x.shape), terms=8, note="ties: every largest cell gets all", **attrs)


# ---- Activations -----------------------------------------------------------------------------------------------------


@family("activation")
def activations(g):
    for op, terms in [
        ("Relu", 0),
        ("Relu6", 0),
        ("Elu", 1),
        ("Selu", 1),
        ("Softplus", 1),
        ("Softsign", 1),
        ("LeakyRelu", 0),
    ]:
        for dtype in (F32, F64):
            for shape in ([7], [2, 3], []):
                g.add(op, g.floats(shape, -8, 8, dtype), terms=terms)
            g.add(op, np.array([0, -0.0, 6, INF, -100, 100], dtype), terms=terms, note="special values")
    for op in ("Relu", "Relu6"):
        for dtype in (I32, I64):
            g.add(op, g.ints([2, 3], dtype=dtype))
        g.add(op, np.array([NAN, -INF], F32), note="nan")
    g.add("LeakyRelu", g.floats([5], -8, 8), alpha=0.5)


@family("activation")
def activation_gradients(g):
    for op, forward, terms in [
        ("ReluGrad", None, 0),
        ("Relu6Grad", None, 0),
        ("EluGrad", "Elu", 3),
        ("SeluGrad", "Selu", 3),
        ("SoftplusGrad", None, 3),
        ("SoftsignGrad", None, 3),
        ("LeakyReluGrad", None, 1),
    ]:
        for dtype in (F32, F64):
            for shape in ([7], [2, 3], []):
                x = g.floats(shape, -8, 8, dtype)
                g.add(op, g.floats(shape, dtype=dtype), g.compute(forward, x)[0] if forward else x, terms=terms)
    for op in ("ReluGrad", "Relu6Grad"):
        g.add(op, np.array([1, 2, 3, 4], F32), np.array([0, -0.0, 6, 7], F32), note="at the corners the gradient is 0")


@family("activation")
def leaky_relu_slopes(g):
    for alpha in (0.0, 0.5, 1.5, -0.5):
        x = g.floats([7], -8, 8)
        g.add("LeakyReluGrad", g.floats([7]), x, alpha=alpha, terms=1)
    g.add("LeakyReluGrad", np.array([1, 2], F32), np.array([0, -0.0], F32), terms=1, note="at 0 it leaks")


# ---- Local response normalization ------------------------------------------------------------------------------------


@family("lrn")
def lrn(g):
    for shape, attrs in [
        ([1, 2, 2, 7], {}),
        ([2, 1, 3, 12], dict(depth_radius=2, bias=2.0, alpha=1e-4, beta=0.75)),
        ([1, 2, 1, 4], dict(depth_radius=1, bias=1.0, alpha=0.5, beta=1.0)),
        ([1, 1, 2, 3], dict(depth_radius=100, bias=0.5, alpha=0.3, beta=0.5)),
        ([1, 1, 2, 5], dict(depth_radius=0)),
    ]:
        x = g.floats(shape)
        g.add("LRN", x, terms=shape[3], **attrs)
        g.add("LRNGrad", g.floats(shape), x, g.compute("LRN", x, **attrs)[0], terms=shape[3] + 4, **attrs)


@family("softmax")
def softmax(g):
    for op in ("Softmax", "LogSoftmax"):
        for dtype in (F32, F64):
            for shape in ([3], [2, 5], [4, 1], [2, 2, 3]):
                g.add(op, g.floats(shape, -4, 4, dtype), terms=shape[-1] + 3)
            g.add(
                op,
                np.array([[1000, 1001, 1002], [-1000, 0, 1000]], dtype),
                terms=6,
                note="large values do not overflow",
            )


@family("softmax")
def cross_entropy(g):
    for dtype in (F32, F64):
        for rows, classes in [(1, 3), (4, 10), (2, 1), (3, 5)]:
            logits = g.floats([rows, classes], -4, 4, dtype)
            weights = g.floats([rows, classes], 0.1, 1, dtype)
            labels = (weights / weights.sum(axis=1, keepdims=True)).astype(dtype)
            g.add("SoftmaxCrossEntropyWithLogits", logits, labels, terms=2 * classes + 3)
            for kind in (I32, I64):
                g.add(
                    "SparseSoftmaxCrossEntropyWithLogits",
                    logits,
                    g.ints([rows], 0, classes - 1, kind),
                    terms=classes + 3,
                )
        g.add(
            "SoftmaxCrossEntropyWithLogits",
            np.array([[1000, 0], [0, -1000]], dtype),
            np.array([[0, 1], [1, 0]], dtype),
            terms=7,
            note="large logits",
        )
    g.add(
        "SparseSoftmaxCrossEntropyWithLogits",
        np.array([[1000, 0], [0, -1000]], F32),
        np.array([1, 0], I64),
        terms=5,
        note="large logits",
    )
    g.add("SoftmaxCrossEntropyWithLogits", g.floats([3, 4]), g.floats([1, 4], 0, 1), terms=11, note="labels broadcast")


@family("softmax")
def in_top_k(g):
    scores = np.array([[0.1, 0.3, 0.2], [0.5, 0.5, 0.1], [1, 0, 2]], F32)
    for k in (1, 2):
        for targets in ([1, 0, 0], [2, 1, 2], [0, 2, 1]):
            g.add("InTopK", scores, np.array(targets, I32), k=k)
        g.add("InTopKV2", scores, np.array([1, 1, 0], I32), np.array(k, I32))
    g.add("TopKV2", scores, np.array(2, I32), note="ties: the lower index first")


# ---- Batch norm ------------------------------------------------------------------------------------------------------


def _batch_norms(g):
    """(x, scale, offset, mean, variance) of several shapes."""
    for shape in ([2, 2, 2, 3], [1, 3, 3, 1], [4, 1, 1, 2], [2, 3, 1, 5]):
        channels = [shape[3]]
        yield g.floats(shape), g.floats(channels, 0.5, 1.5), g.floats(channels), g.floats(channels), g.floats(
            channels, 0.3, 2
        )


@family("batch_norm")
def fused_batch_norm_training(g):
    nothing = np.zeros([0], F32)
    for op in ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"):
        for x, scale, offset, mean, variance in _batch_norms(g):
            count = x.size // x.shape[3]
            note = "output 2 is the Bessel-corrected variance, n / (n - 1); reserve space 2 is uncorrected"
            g.add(op, x, scale, offset, nothing, nothing, is_training=True, epsilon=1e-3, terms=2 * count, note=note)
            if op == "FusedBatchNormV3":
                g.add(
                    op,
                    x,
                    scale,
                    offset,
                    mean,
                    variance,
                    is_training=True,
                    epsilon=1e-3,
                    exponential_avg_factor=0.25,
                    terms=2 * count,
                    note="outputs 1 and 2 are 0.75 * given + 0.25 * batch",
                )


@family("batch_norm")
def fused_batch_norm_inference(g):
    for op in ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"):
        for x, scale, offset, mean, variance in _batch_norms(g):
            for attrs in (dict(epsilon=1e-3), dict(note="default epsilon 1e-4")):
                g.add(op, x, scale, offset, mean, variance, is_training=False, terms=4, unspecified=(3, 4), **attrs)


@family("batch_norm")
def fused_batch_norm_gradient(g):
    nothing = np.zeros([0], F32)
    for version in ("", "V2", "V3"):
        for training in (True, False):
            for x, scale, offset, mean, variance in _batch_norms(g):
                given = (nothing, nothing) if training else (mean, variance)
                outputs = g.compute(
                    "FusedBatchNorm" + version, x, scale, offset, *given, is_training=training, epsilon=1e-3
                )
                # At inference TensorFlow's gradient function hands over the population's mean and variance.
                reserved = outputs[3:5] if training else [mean, variance]
                extra = outputs[5:6] if version == "V3" else []
                count = x.size // x.shape[3]
                g.add(
                    "FusedBatchNormGrad" + version,
                    g.floats(x.shape),
                    x,
                    scale,
                    *reserved,
                    *extra,
                    is_training=training,
                    epsilon=1e-3,
                    terms=4 * count
                )
