"""Loops, branches, TensorArrays, stacks, lists and functions that TensorFlow writes give what TensorFlow gives.

Graphs are built here by TensorFlow's own Python, in the control flow of its first version (Enter, Switch …) with its
gradients, and in that of its second (While, If, a function library, tensor lists) without.
"""

import numpy as np
import tensorflow as tf

import _tensorflow
from _tarn import Report, new_folder, run_graph
from _tensorflow import tf1

# float32 sums of a few dozen terms near 1, in another order.
TOLERANCE = 1e-5
RANDOM = np.random.default_rng(7)


def floats(*shape):
    return RANDOM.uniform(-1, 1, shape).astype(np.float32)


def counted(n):
    """Sums what it counts: two values go on."""
    zero = tf.constant(0)
    return tf.while_loop(lambda i, _: i < n, lambda i, s: (i + 1, s + i), [zero, zero])[1]


def nested(n):
    def outer(i, total):
        _, inner = tf.while_loop(lambda j, _: j < i, lambda j, s: (j + 1, s + i * j), [tf.constant(0), total])
        return i + 1, inner

    return tf.while_loop(lambda i, _: i < n, outer, [tf.constant(0), tf.constant(0)])[1]


def branching(x):
    """A branch in a loop, and a loop in a branch."""

    def body(i, y):
        y = tf.cond(tf.equal(i % 2, 0), lambda: y * 2.0, lambda: y + 1.0)
        return i + 1, y

    def loop():
        return tf.while_loop(lambda i, _: i < 5, body, [tf.constant(0), x])[1]

    return tf.cond(tf.reduce_sum(x) > 0, loop, lambda: -x)


def growing(x):
    """A shape that changes from one iteration to the next."""
    return tf.while_loop(
        lambda i, _: i < 4,
        lambda i, y: (i + 1, tf.concat([y, y[:1] * 2.0], 0)),
        [tf.constant(0), x],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, 3])],
    )[1]


def mapped(x):
    return tf.map_fn(lambda row: tf.reduce_sum(row * row) + row, x)


def recurrent(x):
    """An LSTM's loop by hand: inputs from one TensorArray, outputs into another."""
    w = tf.constant(floats(3 + 4, 16))
    b = tf.constant(floats(16))
    steps = tf.shape(x)[0]
    inputs = tf.TensorArray(tf.float32, steps).unstack(x)

    def body(t, c, h, outputs):
        gates = tf.nn.bias_add(tf.matmul(tf.concat([inputs.read(t), h], 1), w), b)
        i, j, f, o = tf.split(gates, 4, axis=1)
        c = tf.sigmoid(f + 1.0) * c + tf.sigmoid(i) * tf.tanh(j)
        h = tf.sigmoid(o) * tf.tanh(c)
        return t + 1, c, h, outputs.write(t, h)

    zeros = tf.zeros([2, 4])
    loop = tf.while_loop(
        lambda t, *_: t < steps, body, [tf.constant(0), zeros, zeros, tf.TensorArray(tf.float32, steps)]
    )
    return loop[3].stack()


# The loops of version 1 whose gradient is run as well: with stacks of what their iterations leave for it.
DIFFERENTIATED = ["mapped", "recurrent"]

# name: (function of placeholders, what is fed)
CASES = {
    "counted": (counted, [np.int32(10)]),
    "nested": (nested, [np.int32(6)]),
    "branching": (branching, [np.array([1, 2, 3], np.float32)]),
    "branching_else": (branching, [np.array([-1, -2, -3], np.float32)]),
    "growing": (growing, [floats(2, 3)]),
    "mapped": (mapped, [floats(5, 3)]),
    "recurrent": (recurrent, [floats(6, 2, 3)]),
}


report = Report()
folder = new_folder("loops")
for version in [1, 2]:
    (tf1.disable_control_flow_v2 if version == 1 else tf1.enable_control_flow_v2)()
    for name, (function, feeds) in CASES.items():
        with tf.Graph().as_default() as graph:
            inputs = [tf1.placeholder(feed.dtype, np.shape(feed), name=f"x{i}") for i, feed in enumerate(feeds)]
            y = tf.identity(function(*inputs), name="y")
            fetches = ["y"]
            if version == 1 and name in DIFFERENTIATED:
                tf.identity(tf.gradients(tf.reduce_sum(y * y), inputs[0])[0], name="dx")
                fetches.append("dx")
        path = folder / f"{name}_v{version}.pb"
        path.write_bytes(graph.as_graph_def().SerializeToString())
        fed = {f"x{i}": np.asarray(feed) for i, feed in enumerate(feeds)}
        expected = _tensorflow.run(path, fed, fetches)
        for executor in ["session", "engine"]:
            for fetch, got, want in zip(fetches, run_graph(path, fed, fetches, executor), expected):
                report.close(f"{name} {fetch}, control flow {version}, {executor}", got, want, TOLERANCE)
report.finish()
