"""Goldens of ops that make, move and cut tensors: every output is equal bit for bit."""

import numpy as np

from golden import family

F32, F64, I32, I64, U8 = np.float32, np.float64, np.int32, np.int64, np.uint8
MOVED = [F32, F64, I32, I64, U8]


def i32(*values):
    return np.array(values, I32)


@family("array")
def shapes(g):
    for shape in ([], [3], [2, 0, 4], [2, 3, 4]):
        for out_type in (I32, I64):
            g.add("Shape", g.floats(shape), out_type=out_type)
            g.add("Size", g.floats(shape), out_type=out_type)
        g.add("Rank", g.floats(shape))
    g.add("ShapeN", [g.floats([2]), g.floats([3, 1])])
    for left, right in [([2, 3], [3]), ([2, 1, 4], [3, 1]), ([5], [5]), ([], [2])]:
        g.add("BroadcastGradientArgs", np.array(left, I32), np.array(right, I32))


@family("array")
def copies(g):
    for dtype in MOVED:
        for shape in ([], [3], [2, 2]):
            for op in ("Identity", "StopGradient", "ZerosLike", "OnesLike"):
                g.add(op, g.numbers(shape, dtype))
    for op in ("Identity", "ZerosLike", "OnesLike"):
        g.add(op, g.bools([3]))
    for shape in ([], [3], [2, 2]):
        g.add("CheckNumerics", g.floats(shape), message="checked")


@family("array")
def reshape(g):
    for dtype in MOVED:
        for shape, to in [
            ([6], [2, 3]),
            ([2, 3], [-1]),
            ([2, 3, 4], [4, -1]),
            ([1], []),
            ([0, 3], [3, 0]),
            ([0, 3], [-1, 3]),
        ]:
            g.add("Reshape", g.numbers(shape, dtype), np.array(to, I32))
    g.add("Reshape", g.floats([4]), np.array([2, 2], I64))
    for shape, dim in [([3], 0), ([3], -1), ([2, 3], 1), ([2, 3], -3), ([], 0)]:
        g.add("ExpandDims", g.floats(shape), np.array(dim, I32))
    for shape, dims in [([1, 3, 1], []), ([1, 3, 1], [0]), ([1, 3, 1], [-1]), ([1, 3, 1], [0, 2]), ([1], [])]:
        g.add("Squeeze", g.floats(shape), squeeze_dims=dims)


@family("array")
def pack(g):
    for dtype in MOVED:
        for count, shape, axis in [(2, [3], 0), (3, [2], 1), (2, [2, 3], -1), (1, [2], 0), (3, [], 0)]:
            g.add("Pack", [g.numbers(shape, dtype) for _ in range(count)], axis=axis)
    g.add("Pack", [g.bools([2]), g.bools([2])], axis=0)
    for shape, axis, num in [([2, 3], 0, 2), ([2, 3], 1, 3), ([2, 3, 2], -1, 2)]:
        g.add("Unpack", g.floats(shape), axis=axis, num=num)


@family("array")
def concat(g):
    tables = [
        ([[2], [3]], 0),
        ([[2, 1], [2, 3]], 1),
        ([[1, 2, 2], [3, 2, 2], [1, 2, 2]], 0),
        ([[2, 1], [2, 3]], -1),
        ([[0, 2], [2, 2]], 0),
    ]
    for dtype in MOVED:
        for parts, axis in tables:
            g.add("ConcatV2", [g.numbers(p, dtype) for p in parts], np.array(axis, I32))
    for parts, axis in tables:
        g.add("Concat", np.array(axis, I32), [g.floats(p) for p in parts])
        if axis >= 0:
            g.add("ConcatOffset", np.array(axis, I32), [np.array(p, I32) for p in parts])
    g.add("ConcatV2", [g.bools([2]), g.bools([1])], np.array(0, I64))


@family("array")
def split(g):
    for shape, axis, num in [([4], 0, 2), ([2, 6], 1, 3), ([2, 4], -1, 2)]:
        g.add("Split", np.array(axis, I32), g.floats(shape), num_split=num)
    for shape, sizes, axis in [([5], [2, 3], 0), ([2, 6], [1, -1, 2], 1), ([3, 2], [0, 3], 0)]:
        g.add("SplitV", g.floats(shape), np.array(sizes, I64), np.array(axis, I32), num_split=len(sizes))


STRIDED = [
    # shape, begin, end, strides, begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask
    ([5], [1], [4], [1], 0, 0, 0, 0, 0),
    ([5], [-1], [-6], [-1], 0, 0, 0, 0, 0),
    ([5], [0], [5], [2], 0, 0, 0, 0, 0),
    ([5], [3], [1], [1], 0, 0, 0, 0, 0),
    ([5], [2], [100], [1], 0, 0, 0, 0, 0),
    ([5], [1], [0], [1], 0, 1, 0, 0, 0),
    ([5], [9], [0], [-2], 1, 1, 0, 0, 0),
    ([4], [2], [3], [1], 0, 0, 0, 0, 1),
    ([4], [-1], [0], [1], 0, 0, 0, 0, 1),
    ([3, 4], [1], [2], [1], 0, 0, 0, 0, 1),
    ([3, 4], [0, 1], [2, 3], [1, 1], 0, 0, 0, 0, 0),
    ([3, 4], [0, 2], [0, 3], [1, 1], 1, 1, 0, 0, 2),
    ([3, 4], [0, 0], [3, 4], [2, 3], 0, 0, 0, 0, 0),
    ([3, 4], [2, 3], [0, 0], [-1, -2], 0, 2, 0, 0, 0),
    ([2, 3, 2], [0, 1], [0, 2], [1, 1], 0, 0, 1, 0, 2),
    ([2, 3, 2], [1, 0, 1], [2, 0, 2], [1, 1, 1], 0, 0, 2, 0, 5),
    ([2, 3], [0, 0, 0], [0, 2, 0], [1, 1, 1], 4, 4, 0, 1, 0),
    ([3], [0, 0], [0, 2], [1, 1], 0, 0, 0, 1, 0),
    ([2, 2, 2, 2], [0, 0, 1], [0, 0, 2], [1, 1, 1], 0, 0, 2, 0, 1),
]


@family("slice")
def strided_slice(g):
    def masks(row):
        return dict(zip(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), row[4:]))

    for row in STRIDED:
        shape, begin, end, strides = row[:4]
        bounds = [np.array(b, I32) for b in (begin, end, strides)]
        for dtype in (F32, I32):
            g.add("StridedSlice", g.numbers(shape, dtype), *bounds, **masks(row))
        produced = g.compute("StridedSlice", g.floats(shape), *bounds, **masks(row))[0]
        g.add("StridedSliceGrad", np.array(shape, I32), *bounds, g.floats(produced.shape), **masks(row))
    for dtype in (F64, I64, U8):
        for row in STRIDED[:12:4]:
            g.add("StridedSlice", g.numbers(row[0], dtype), *[np.array(b, I64) for b in row[1:4]], **masks(row))


@family("slice")
def slices(g):
    for dtype in MOVED:
        for shape, begin, size in [
            ([5], [1], [3]),
            ([3, 4], [1, 0], [2, 4]),
            ([3, 4], [0, 2], [-1, -1]),
            ([2, 3, 2], [1, 1, 0], [1, 2, 1]),
            ([3], [1], [0]),
        ]:
            g.add("Slice", g.numbers(shape, dtype), np.array(begin, I32), np.array(size, I32))


@family("slice")
def gather(g):
    for dtype in MOVED:
        g.add("Gather", g.numbers([4, 2], dtype), i32(3, 0, 0))
        g.add("GatherV2", g.numbers([4, 2], dtype), i32(1, 2), np.array(0, I32))
    g.add("Gather", g.floats([5]), np.array([[0, 4], [2, 2]], I64))
    g.add("GatherV2", g.floats([2, 3, 2]), i32(2, 0), np.array(1, I32))
    g.add("GatherV2", g.floats([2, 3]), np.array(1, I32), np.array(-1, I32))
    g.add("GatherV2", g.floats([2, 3]), np.array([[2, 0], [1, 1]], I32), np.array(1, I32), batch_dims=1)


@family("array")
def transpose(g):
    for dtype in MOVED:
        for shape, perm in [
            ([2, 3], [1, 0]),
            ([2, 3, 2], [2, 0, 1]),
            ([1, 2, 3, 2], [0, 3, 1, 2]),
            ([1, 2, 2, 3], [0, 2, 3, 1]),
            ([3], [0]),
        ]:
            g.add("Transpose", g.numbers(shape, dtype), np.array(perm, I32))
    for perm in ([0], [2, 0, 1], [1, 0]):
        g.add("InvertPermutation", np.array(perm, I32))
    for shape, axes in [([3], [0]), ([2, 3], [1]), ([2, 3], [0, -1])]:
        g.add("ReverseV2", g.floats(shape), np.array(axes, I32))


@family("array")
def tile(g):
    for dtype in MOVED:
        for shape, multiples in [([2], [3]), ([2, 3], [1, 2]), ([2, 1, 2], [2, 2, 1]), ([2], [0])]:
            g.add("Tile", g.numbers(shape, dtype), np.array(multiples, I32))
    for shape, to in [([3], [2, 3]), ([2, 1], [2, 3]), ([], [2, 2])]:
        g.add("BroadcastTo", g.floats(shape), np.array(to, I32))


@family("array")
def pad(g):
    tables = [
        ([3], [[1, 2]]),
        ([2, 2], [[0, 1], [1, 0]]),
        ([1, 2, 2, 1], [[0, 0], [1, 1], [2, 1], [0, 0]]),
        ([2], [[0, 0]]),
    ]
    for dtype in MOVED:
        for shape, paddings in tables:
            g.add("Pad", g.numbers(shape, dtype), np.array(paddings, I32))
            g.add("PadV2", g.numbers(shape, dtype), np.array(paddings, I32), np.array(7, dtype))
    for mode, least in (("REFLECT", 1), ("SYMMETRIC", 0)):
        for shape, paddings in [
            ([3], [[1, 2]]),
            ([3, 2], [[2, 0], [1, 1]]),
            ([1, 3, 3, 1], [[0, 0], [1, 2], [2, 1], [0, 0]]),
        ]:
            g.add("MirrorPad", g.floats(shape), np.array(paddings, I32), mode=mode)


@family("array")
def fill(g):
    for dtype in MOVED:
        for shape in ([3], [2, 2], [], [0, 2]):
            g.add("Fill", np.array(shape, I32), np.array(5, dtype))
    g.add("Fill", np.array([2], I64), np.array(True))


@family("array")
def ranges(g):
    for dtype in (I32, I64, F32, F64):
        for start, limit, delta in [(0, 5, 1), (2, 9, 3), (5, 0, -2), (3, 3, 1)]:
            g.add("Range", np.array(start, dtype), np.array(limit, dtype), np.array(delta, dtype))
    g.add("Range", np.array(0, F32), np.array(1, F32), np.array(0.25, F32))
    for limit, delta in [(0.3, 0.1), (0.6, 0.2), (3.5, 0.7), (1.2, 0.1)]:  # in double these have one more
        g.add("Range", np.array(0, F32), np.array(limit, F32), np.array(delta, F32), terms=1, note="divided in T")
    g.add(
        "Range",
        np.array(0, F32),
        np.array(1, F32),
        np.array(0.1, F32),
        terms=1,
        note="start + i * delta, not a running sum",
    )


@family("array")
def one_hot(g):
    for indices, axis in [([0, 2, 1], -1), ([0, 2, 1], 0), ([[1, 5], [-1, 0]], -1)]:
        for kind in (I32, I64):
            g.add("OneHot", np.array(indices, kind), np.array(3, I32), np.array(1, F32), np.array(0, F32), axis=axis)
    g.add("OneHot", i32(1, 0), np.array(2, I32), np.array(5, I32), np.array(-1, I32))


@family("array")
def where_and_stitch(g):
    for shape in ([5], [2, 3], [2, 2, 2]):
        g.add("Where", g.bools(shape))
    g.add("DynamicStitch", [i32(0, 3), i32(1, 2)], [g.floats([2, 2]), g.floats([2, 2])])
    g.add("DynamicStitch", [i32(0, 1), i32(1)], [g.floats([2]), g.floats([1])], note="the later one wins")
    g.add("DynamicStitch", [np.array(1, I32), i32(0, 2)], [i32(9)[0], i32(4, 5)])


@family("array")
def one_hot_axes(g):
    indices = np.array([[1, 5, 0], [-1, 2, 2]])
    for dtype in (F64, U8, np.bool_):
        on, off = np.array(1, dtype), np.array(0, dtype)
        for axis in (-1, 0, 1, 2):
            g.add("OneHot", indices.astype(I64), np.array(3, I32), on, off, axis=axis)
    for kind in (U8, np.int8):
        g.add("OneHot", np.array([1, 2, 200], U8).astype(kind), np.array(3, I32), np.array(2, F32), np.array(-1, F32))
    g.add("OneHot", np.array(1, I32), np.array(0, I32), np.array(1, F32), np.array(0, F32), note="depth 0")


@family("array")
def where_not_zero(g):
    for dtype in (F32, F64, I32, I64, U8, np.int8):
        g.add("Where", np.array([[0, 3, 1], [2, 0, 0]], dtype))
    g.add("Where", np.array([0.0, -0.0, float("nan"), float("inf")], F32), note="nan and zeros")
    g.add("Where", np.zeros([2, 0], F32))


@family("slice")
def gather_nd(g):
    for dtype in MOVED:
        for shape, indices in [
            ([4], [[3], [0], [3]]),
            ([3, 2], [[2], [0]]),
            ([3, 2], [[[2, 1], [0, 0]], [[1, 1], [2, 1]]]),
            ([2, 3, 2], [[1, 2], [0, 0]]),
        ]:
            g.add("GatherNd", g.numbers(shape, dtype), np.array(indices, I32))
    g.add("GatherNd", g.floats([2, 3]), np.array([1, 2], I64), note="one element")
    g.add("GatherNd", g.floats([3]), np.zeros([2, 0], I32), note="the whole, twice")


@family("slice")
def scatter_nd(g):
    for dtype in MOVED:
        for indices, updates, shape in [
            ([[3], [0]], [2], [4]),
            ([[2], [0], [2]], [3, 2], [3, 2]),
            ([[[2, 1], [0, 0]], [[1, 1], [2, 1]]], [2, 2], [3, 2]),
            ([[1, 2], [0, 0]], [2, 2], [2, 3, 2]),
        ]:
            for kind in (I32, I64):
                g.add("ScatterNd", np.array(indices, kind), g.numbers(updates, dtype), np.array(shape, kind), terms=2)


@family("array")
def reverse(g):
    for dtype in MOVED:
        for axes in ([0], [1], [-1, 0], [0, 1, 2], []):
            g.add("ReverseV2", g.numbers([2, 3, 2], dtype), np.array(axes, I32))
        g.add("Reverse", g.numbers([2, 3, 2], dtype), np.array([True, False, True]))
    g.add("ReverseV2", g.bools([4]), np.array([0], I64))


@family("space")
def mirror_pad(g):
    for mode in ("REFLECT", "SYMMETRIC"):
        for dtype in MOVED:
            for shape, paddings in [
                ([4], [[2, 3]]),
                ([2, 3], [[1, 0], [2, 1]]),
                ([2, 3, 4, 1], [[0, 0], [1, 2], [3, 1], [0, 0]]),
            ]:
                g.add("MirrorPad", g.numbers(shape, dtype), np.array(paddings, I32), mode=mode)
        for dtype in (F32, F64, I32, I64):
            for shape, paddings in [
                ([4], [[1, 1]]),
                ([5, 6], [[1, 1], [2, 1]]),
                ([1, 6, 5, 2], [[0, 0], [1, 2], [1, 1], [0, 0]]),
            ]:
                g.add("MirrorPadGrad", g.numbers(shape, dtype), np.array(paddings, I64), mode=mode, terms=9)


@family("space")
def space_to_depth(g):
    for dtype in MOVED:
        for shape, block in [([1, 2, 2, 1], 2), ([2, 4, 6, 3], 2), ([1, 3, 6, 2], 3)]:
            wide = g.numbers(shape, dtype)
            g.add("SpaceToDepth", wide, block_size=block)
            g.add("DepthToSpace", g.compute("SpaceToDepth", wide, block_size=block)[0] + dtype(1), block_size=block)


@family("space")
def space_to_batch(g):
    for dtype in MOVED:
        for shape, block, paddings in [
            ([2, 4], [2], [[0, 0]]),
            ([2, 4], [3], [[1, 1]]),
            ([1, 2, 2, 1], [2, 2], [[0, 0], [0, 0]]),
            ([2, 3, 5, 2], [2, 3], [[1, 0], [3, 1]]),
            ([1, 2, 2, 2, 1], [2, 1, 2], [[1, 1], [0, 1], [0, 0]]),
        ]:
            spread, margins = g.numbers(shape, dtype), np.array(paddings, I32)
            g.add("SpaceToBatchND", spread, np.array(block, I32), margins)
            batched = g.compute("SpaceToBatchND", spread, np.array(block, I64), margins)[0]
            g.add("BatchToSpaceND", batched + dtype(1), np.array(block, I64), margins)
        margins = np.array([[1, 0], [0, 1]], I32)
        spread = g.numbers([2, 3, 3, 2], dtype)
        g.add("SpaceToBatch", spread, margins, block_size=2)
        g.add("BatchToSpace", g.compute("SpaceToBatch", spread, margins, block_size=2)[0], margins, block_size=2)


# ---- Resizing: bilinear to a few roundings ---------------------------------------------------------------------------

RESIZE_MODES = [
    {},
    {"align_corners": True},
    {"half_pixel_centers": True},
]
RESIZED = [([1, 2, 3, 1], [4, 5]), ([2, 5, 4, 2], [3, 2]), ([1, 3, 3, 2], [3, 3]), ([1, 4, 4, 1], [1, 1])]


@family("resize")
def resize_bilinear(g):
    for mode in RESIZE_MODES:
        for shape, size in RESIZED:
            for dtype in (F32, F64, U8, I32, I64):
                g.add("ResizeBilinear", g.numbers(shape, dtype), np.array(size, I32), terms=4, **mode)
            for dtype in (F32, F64):
                grads = g.floats([shape[0], *size, shape[3]])
                g.add("ResizeBilinearGrad", grads, g.floats(shape, dtype=dtype), terms=16, **mode)
    g.add("ResizeBilinear", g.floats([1, 7, 11, 1]), np.array([13, 5], I32), terms=4)


@family("resize")
def resize_nearest_neighbor(g):
    for mode in RESIZE_MODES:
        for shape, size in RESIZED + [([1, 7, 11, 1], [13, 5]), ([1, 9, 10, 1], [3, 7])]:
            for dtype in MOVED:
                g.add("ResizeNearestNeighbor", g.numbers(shape, dtype), np.array(size, I32), **mode)
            for dtype in (F32, F64, I32, U8):
                g.add("ResizeNearestNeighborGrad", g.numbers(shape, dtype), np.array(size, I32), terms=16, **mode)
