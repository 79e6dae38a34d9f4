#!/usr/bin/env python3
"""Writes random.json: the exact bits TensorFlow 2.15 draws for given seeds, and proves the description in README.md.

    TARN_INTEROP_VENV/bin/python tests/goldens/make_random_goldens.py            # writes random.json
    TARN_INTEROP_VENV/bin/python tests/goldens/make_random_goldens.py --check    # compares with the one there

Each drawn tensor is also computed by the NumPy model below, which follows README.md. Uniform and integer draws must
agree bit for bit; normals go through log, sin and cos, so their largest distance in units in the last place is printed,
once with this machine's libm called as C would and once with double-precision functions rounded to float.
"""

import ctypes
import json
import math
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import numpy as np
import tensorflow as tf

HERE = os.path.dirname(os.path.abspath(__file__))
OUTPUT = os.path.join(HERE, "random.json")

RESERVED_SAMPLES_PER_OUTPUT = 256  # TensorFlow: ReserveRandomOutputs(count, 256)
FULL_UP_TO = 64  # longer draws are recorded as their two ends and a hash


# ---- The model: Philox4x32-10 and the distributions on top of it -----------------------------------------------------


def philox(seed, seed2, block_indices):
    """uint32[n, 4]: the blocks of stream (seed, seed2) at these 64-bit positions."""
    key = [np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32 & 0xFFFFFFFF)]
    index = np.asarray(block_indices, np.uint64)
    low32 = np.uint64(0xFFFFFFFF)
    counter = [
        index & low32,
        index >> np.uint64(32),
        np.full_like(index, seed2 & 0xFFFFFFFF),
        np.full_like(index, seed2 >> 32 & 0xFFFFFFFF),
    ]
    for _ in range(10):
        product0 = counter[0] * np.uint64(0xD2511F53)
        product1 = counter[2] * np.uint64(0xCD9E8D57)
        counter = [
            (product1 >> np.uint64(32)) ^ counter[1] ^ key[0],
            product1 & low32,
            (product0 >> np.uint64(32)) ^ counter[3] ^ key[1],
            product0 & low32,
        ]
        key = [(key[0] + np.uint64(0x9E3779B9)) & low32, (key[1] + np.uint64(0xBB67AE85)) & low32]
    return np.stack(counter, axis=-1).astype(np.uint32)


def to_float(bits):
    return ((bits & np.uint32(0x7FFFFF)) | np.uint32(127 << 23)).view(np.float32) - np.float32(1)


def to_narrow(bits, dtype):
    """The low bits of a word are the mantissa of a number in [1, 2), of as many bits as half or bfloat16 have."""
    ones, mantissa = (0x3C00, 0x3FF) if dtype == np.float16 else (0x3F80, 0x7F)
    return (bits.astype(np.uint16) & np.uint16(mantissa) | np.uint16(ones)).view(dtype) - dtype(1)


def to_double(high, low):
    mantissa = (high.astype(np.uint64) & np.uint64(0xFFFFF)) << np.uint64(32) | low.astype(np.uint64)
    return (mantissa | np.uint64(1023 << 52)).view(np.float64) - 1.0


class RoundedMath:
    """log and sincos of float32 computed in double and rounded once."""

    @staticmethod
    def log(x):
        return np.log(x.astype(np.float64)).astype(x.dtype)

    @staticmethod
    def sincos(x):
        wide = x.astype(np.float64)
        return np.sin(wide).astype(x.dtype), np.cos(wide).astype(x.dtype)


class LibmMath:
    """The C library's functions, as a C++ program on this machine calls them."""

    libm = ctypes.CDLL("libm.so.6")

    @classmethod
    def function(cls, name, dtype):
        kind = ctypes.c_float if dtype == np.float32 else ctypes.c_double
        call = cls.libm[name + ("f" if dtype == np.float32 else "")]
        call.restype, call.argtypes = kind, [kind]
        return lambda x: np.array([call(v) for v in x.ravel().tolist()], dtype).reshape(x.shape)

    @classmethod
    def log(cls, x):
        return cls.function("log", x.dtype)(x)

    @classmethod
    def sincos(cls, x):
        return cls.function("sin", x.dtype)(x), cls.function("cos", x.dtype)(x)


def box_muller(u1, u2, math):
    kind = u1.dtype.type
    u1 = np.maximum(u1, kind(1.0e-7))
    angle = (2.0 * np.pi * u2.astype(np.float64)).astype(u1.dtype)  # TensorFlow multiplies in double, then rounds
    radius = np.sqrt(kind(-2.0) * math.log(u1))
    sine, cosine = math.sincos(angle)
    return sine * radius, cosine * radius


def normals_of(blocks, dtype, math):
    """[n, 4] float32 or [n, 2] float64 normals of n Philox blocks."""
    if np.dtype(dtype).itemsize == 2:  # TensorFlow's are floats, rounded
        return normals_of(blocks, np.float32, math).astype(dtype)
    if dtype == np.float32:
        uniform = to_float(blocks)
        s0, c0 = box_muller(uniform[:, 0], uniform[:, 1], math)
        s1, c1 = box_muller(uniform[:, 2], uniform[:, 3], math)
        return np.stack([s0, c0, s1, c1], -1)
    u1, u2 = to_double(blocks[:, 0], blocks[:, 1]), to_double(blocks[:, 2], blocks[:, 3])
    return np.stack(box_muller(u1, u2, math), -1)


def per_block(dtype):
    return 4 if np.dtype(dtype).itemsize <= 4 else 2


def draw(op, seed, seed2, dtype, count, start_block, math, minimum=0, maximum=0):
    """What one execution of a random op writes when its generator stands at start_block."""
    group = per_block(dtype)
    groups = -(-count // group)
    if op == "TruncatedNormal":
        # Every output group owns 64 * group blocks of the stream: its draws do not depend on others' rejections.
        rows = []
        for g in range(groups):
            first = start_block + g * (RESERVED_SAMPLES_PER_OUTPUT * group // 4)
            wide = np.float64 if dtype == np.float64 else np.float32
            candidates = normals_of(philox(seed, seed2, first + np.arange(64)), wide, math).ravel()
            rows.append(candidates[np.abs(candidates) < 2.0][:group].astype(dtype))
        return np.concatenate(rows)[:count]
    blocks = philox(seed, seed2, start_block + np.arange(groups))
    if op == "RandomStandardNormal":
        return normals_of(blocks, dtype, math).ravel()[:count]
    if op == "RandomUniformInt":
        if dtype == np.int32:
            bits, span, wrap = blocks.ravel().astype(np.uint64), (maximum - minimum) % 2**32, 2**32
        else:
            pairs = blocks.astype(np.uint64)
            bits = np.stack(
                [pairs[:, 0] | pairs[:, 1] << np.uint64(32), pairs[:, 2] | pairs[:, 3] << np.uint64(32)], -1
            ).ravel()
            span, wrap = (maximum - minimum) % 2**64, 2**64
        drawn = [(minimum + int(b) % span) % wrap for b in bits[:count]]
        return np.array([v - wrap if v >= wrap // 2 else v for v in drawn], dtype)
    if dtype == np.float32:
        return to_float(blocks).ravel()[:count]
    if np.dtype(dtype).itemsize == 2:
        return to_narrow(blocks, dtype).ravel()[:count]
    pairs = [to_double(blocks[:, 0], blocks[:, 1]), to_double(blocks[:, 2], blocks[:, 3])]
    return np.stack(pairs, -1).ravel()[:count]


def words(seed, seed2, start_block, count):
    return philox(seed, seed2, start_block + np.arange(-(-count // 4))).ravel()[:count]


def shuffled(rows, seed, seed2, start_block):
    """The order RandomShuffle gives `rows` rows, and how many blocks it takes."""
    order = list(range(rows))
    for i, word in enumerate(words(seed, seed2, start_block, rows - 1)):
        j = i + int(word) % (rows - i)
        order[i], order[j] = order[j], order[i]
    return order, (rows - 1 + 3) // 4


def drawn_classes(logits, samples, seed, seed2, start_block):
    """What Multinomial draws on one thread, and how many blocks it reserves."""
    batch = len(logits)
    pairs = words(seed, seed2, start_block, 2 * batch * samples).reshape(-1, 2)
    uniform = to_double(pairs[:, 0], pairs[:, 1]).reshape(batch, samples)
    classes = []
    for row, numbers in zip(logits.astype(np.float64), uniform):
        finite = np.isfinite(row)
        sums = np.cumsum(np.where(finite, np.exp(row - row[finite].max()), 0))
        classes.append(np.searchsorted(sums, numbers * sums[-1], side="right"))
    return np.array(classes), batch * ((samples + 3) // 4 * 4 * 2) * RESERVED_SAMPLES_PER_OUTPUT


# ---- TensorFlow ------------------------------------------------------------------------------------------------------


def tensorflow_runs(op, seed, seed2, dtype, shape, runs, limits):
    with tf.Graph().as_default():
        shape = tf.constant(shape, tf.int32, [len(shape)])
        if op == "RandomUniformInt":
            low, high = (tf.constant(v, dtype) for v in limits)
            output = tf.raw_ops.RandomUniformInt(shape=shape, minval=low, maxval=high, seed=seed, seed2=seed2)
        else:
            output = getattr(tf.raw_ops, op)(shape=shape, dtype=dtype, seed=seed, seed2=seed2)
        with tf.compat.v1.Session() as session:
            return [session.run(output) for _ in range(runs)]


def seed_rules():
    """(seed, seed2) that Python puts on two random ops made one after the other, for graph-level and op-level seeds."""
    rules = []
    for graph_seed, op_seed in [
        (None, None),
        (None, 7),
        (None, 0),
        (12, None),
        (12, 7),
        (0, 0),
        (0, None),
        (2**31 - 1, 2**31),
        (-1, 3),
    ]:
        with tf.Graph().as_default():
            if graph_seed is not None:
                tf.compat.v1.set_random_seed(graph_seed)
            nodes = [
                tf.raw_ops.RandomUniform(shape=[2], dtype=tf.float32, **dict(zip(("seed", "seed2"), drawn))).op.node_def
                for drawn in [[s or 0 for s in tf.compat.v1.get_seed(op_seed)] for _ in range(2)]
            ]
            pairs = [[node.attr["seed"].i, node.attr["seed2"].i] for node in nodes]
        rules.append({"graph_seed": graph_seed, "op_seed": op_seed, "first": pairs[0], "second": pairs[1]})
    return rules


# ---- Recording -------------------------------------------------------------------------------------------------------


def bits_of(values):
    width = values.dtype.itemsize
    unsigned = {2: np.uint16, 4: np.uint32, 8: np.uint64}[width]
    return [format(v, "0%dx" % (2 * width)) for v in values.ravel().view(unsigned).tolist()]


def fnv1a64(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return format(value, "016x")


def recorded(values, whole):
    bits = bits_of(values)
    if whole or len(bits) <= FULL_UP_TO:
        return {"bits": bits}
    return {
        "first": bits[:8],
        "last": bits[-8:],
        "fnv1a64": fnv1a64(values.tobytes()),  # of a little-endian machine
    }


def ulps(a, b):
    kind = {2: np.int16, 4: np.int32, 8: np.int64}[a.dtype.itemsize]
    ordered = [
        np.where(x.view(kind) < 0, np.iinfo(kind).min - x.view(kind), x.view(kind)).astype(object)
        for x in (a.ravel(), b.ravel())
    ]
    return max(abs(int(x) - int(y)) for x, y in zip(*ordered))


def same(old, new):
    """Equal; normals to 4 units in the last place, as libm's functions depend on the machine."""
    if any(old[key] != new[key] for key in ("seed_rules", "choices")) or len(old["cases"]) != len(new["cases"]):
        return False
    for was, now in zip(old["cases"], new["cases"]):
        runs = [(b["bits"], a["bits"]) for b, a in zip(was["runs"], now["runs"])] if "Normal" in was["op"] else []
        close = all(abs(int(b, 16) - int(a, 16)) <= 4 for before, after in runs for b, a in zip(before, after))
        if not close or dict(was, runs=[]) != dict(now, runs=[]) or (not runs and was["runs"] != now["runs"]):
            return False
    return True


CASES = [
    # op, dtype, (seed, seed2), shape, runs, (minval, maxval)
    *[
        ("RandomUniform", np.float32, seeds, shape, 3, None)
        for seeds in [(87654321, 1), (0, 2147483647), (12, 3), (87654321, 42)]
        for shape in [[3], [2, 5]]
    ],
    ("RandomUniform", np.float32, (87654321, 1), [1000], 2, None),
    ("RandomUniform", np.float32, (1, 0), [100, 1000], 2, None),  # long enough to be split among threads
    ("RandomUniform", np.float32, (2**62 + 5, -7), [6], 2, None),  # all 64 bits of both seeds count
    ("RandomUniform", np.float32, (5, 6), [], 2, None),
    ("RandomUniform", np.float64, (87654321, 1), [3], 3, None),
    ("RandomUniform", np.float64, (12, 3), [2, 5], 2, None),
    ("RandomUniform", np.float64, (12, 3), [1000], 2, None),
    ("RandomStandardNormal", np.float32, (87654321, 1), [3], 3, None),
    ("RandomStandardNormal", np.float32, (12, 3), [2, 5], 2, None),
    ("RandomStandardNormal", np.float32, (12, 3), [1000], 1, None),
    ("RandomStandardNormal", np.float64, (87654321, 1), [3], 3, None),
    ("RandomStandardNormal", np.float64, (12, 3), [2, 5], 2, None),
    ("TruncatedNormal", np.float32, (87654321, 1), [3], 3, None),
    ("TruncatedNormal", np.float32, (12, 3), [2, 5], 2, None),
    ("TruncatedNormal", np.float32, (12, 3), [1000], 1, None),
    ("TruncatedNormal", np.float64, (87654321, 1), [3], 3, None),
    ("TruncatedNormal", np.float64, (12, 3), [2, 5], 2, None),
    *[
        (op, dtype, (12, 3), shape, 2, None)
        for op in ("RandomUniform", "RandomStandardNormal", "TruncatedNormal")
        for dtype in (np.float16, tf.bfloat16.as_numpy_dtype)
        for shape in ([2, 5], [30])
    ],
    ("RandomUniformInt", np.int32, (87654321, 1), [3], 3, (0, 10)),
    ("RandomUniformInt", np.int32, (12, 3), [2, 5], 2, (-5, 5)),
    ("RandomUniformInt", np.int32, (12, 3), [1000], 1, (-(2**31), 2**31 - 1)),
    ("RandomUniformInt", np.int64, (12, 3), [2, 5], 2, (-5, 5)),
    ("RandomUniformInt", np.int64, (87654321, 1), [9], 1, (-(2**63), 2**63 - 1)),
]


SHUFFLES = [  # rows, elements a row, (seed, seed2)
    (5, 1, (87654321, 1)),
    (100, 1, (12, 3)),
    (7, 3, (2**62 + 5, -7)),
    (2, 2, (1, 0)),
]
LOGITS = [  # logits, samples, (seed, seed2)
    ([[0.0, 0.0, 0.0]], 9, (87654321, 1)),
    ([[1.0, -2.0, 0.5, 3.0], [-1e3, 0.0, 1e3, 0.0], [5.0, 5.0, 5.0, -5.0]], 5, (12, 3)),
    ([[0.0, math.inf, 1.0, math.nan, -math.inf, 2.0]], 12, (2**62 + 5, -7)),
    ([[2.0]], 3, (1, 0)),
]


def one_threaded_runs(make, runs):
    with tf.Graph().as_default():
        output = make()
        config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
        with tf.compat.v1.Session(config=config) as session:
            return [session.run(output) for _ in range(runs)]


def choices():
    """RandomShuffle's orders and Multinomial's classes: three runs each, compared with the model."""
    cases = []

    def add(case, runs, model):
        block = 0
        for run, values in enumerate(runs):
            expected, blocks = model(block)
            block += blocks
            if not np.array_equal(values, expected):
                sys.exit(f"{case} run {run}: TensorFlow gives {values.tolist()}, the model {expected}")
        cases.append(dict(case, runs=[v.ravel().tolist() for v in runs]))

    for rows, columns, (seed, seed2) in SHUFFLES:
        values = np.arange(rows * columns, dtype=np.int32).reshape([rows, columns] if columns > 1 else [rows])
        runs = one_threaded_runs(lambda: tf.raw_ops.RandomShuffle(value=values, seed=seed, seed2=seed2), 3)

        def order(block):
            order, blocks = shuffled(rows, seed, seed2, block)
            return values[order], blocks

        add({"op": "RandomShuffle", "seed": seed, "seed2": seed2, "shape": list(values.shape)}, runs, order)
    for logits, samples, (seed, seed2) in LOGITS:
        for dtype in (np.float32, np.float64):
            values = np.array(logits, dtype)
            runs = one_threaded_runs(
                lambda: tf.raw_ops.Multinomial(logits=values, num_samples=samples, seed=seed, seed2=seed2), 3
            )
            case = {"op": "Multinomial", "dtype": np.dtype(dtype).name, "seed": seed, "seed2": seed2}
            texts = [v if math.isfinite(v) else str(v) for v in values.ravel().tolist()]
            case.update(shape=list(values.shape), logits=texts, samples=samples)
            add(case, runs, lambda block: drawn_classes(values, samples, seed, seed2, block))
    return cases


def main():
    cases, exact, worst = [], 0, {}
    for op, dtype, (seed, seed2), shape, runs, limits in CASES:
        count = int(np.prod(shape, dtype=np.int64))
        drawn = tensorflow_runs(op, seed, seed2, dtype, shape, runs, limits)
        low, high = limits or (0, 0)
        for run, values in enumerate(drawn):
            start = run * count * RESERVED_SAMPLES_PER_OUTPUT
            flat = values.ravel()
            if "Normal" in op:
                for math in (RoundedMath, LibmMath):
                    model = draw(op, seed, seed2, dtype, count, start, math)
                    where = (op, np.dtype(dtype).name, math.__name__)
                    worst[where] = max(worst.get(where, 0), ulps(model, flat))
            else:
                model = draw(op, seed, seed2, dtype, count, start, None, low, high)
                if model.tobytes() != flat.tobytes():
                    sys.exit(
                        f"{op} {dtype} seeds ({seed}, {seed2}) {shape} run {run}: the model differs from TensorFlow"
                    )
                exact += 1
        case = {"op": op, "dtype": np.dtype(dtype).name, "seed": seed, "seed2": seed2, "shape": shape}
        if limits:
            case.update(minval=low, maxval=high)
        case["runs"] = [recorded(v, whole="Normal" in op) for v in drawn]
        cases.append(case)

    text = '{\n"tensorflow": "%s",\n"seed_rules": [\n%s\n],\n"cases": [\n%s\n],\n"choices": [\n%s\n]\n}\n' % (
        tf.__version__,
        ",\n".join(json.dumps(r) for r in seed_rules()),
        ",\n".join(json.dumps(c) for c in cases),
        ",\n".join(json.dumps(c) for c in choices()),
    )
    json.loads(text)
    print(f"{exact} uniform and integer draws: the model agrees with TensorFlow bit for bit")
    for (op, dtype, math), distance in sorted(worst.items()):
        print(f"{op} {dtype}: at most {distance} units in the last place from TensorFlow with {math}")
    if "--check" in sys.argv[1:]:
        if not same(json.load(open(OUTPUT)), json.loads(text)):
            sys.exit(f"{OUTPUT} is not what TensorFlow gives now")
        print("random.json is what TensorFlow gives")
    else:
        with open(OUTPUT, "w") as file:
            file.write(text)
        print(f"wrote {len(cases)} cases to random.json ({len(text)} bytes)")


if __name__ == "__main__":
    main()
