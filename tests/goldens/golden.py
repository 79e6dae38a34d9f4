"""Runs single TensorFlow ops and records their inputs, attrs and outputs as JSON.

    from golden import Recorder, family

    @family("math")                     # goes to ops/math.json
    def sqrt(g):
        g.add("Sqrt", g.floats([2, 3], 0, 9), terms=0)

Each op runs alone in a graph, its inputs fed through placeholders (so that nothing is folded), on TensorFlow's plain CPU
kernels (oneDNN off) with one thread.
"""

import contextlib
import json
import math
import os
import zlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_def_library, op_def_registry

v1 = tf.compat.v1

FAMILIES = {}  # name -> functions, in the order of their definition


def family(name):
    def register(function):
        FAMILIES.setdefault(name, []).append(function)
        return function

    return register


class Quantized:
    """An array of codes that TensorFlow sees as quint8, qint8, …: Quantized([0, 255], "quint8")."""

    STORAGE = {"quint8": np.uint8, "qint8": np.int8, "qint32": np.int32, "quint16": np.uint16, "qint16": np.int16}

    def __init__(self, codes, dtype):
        self.codes, self.dtype = np.asarray(codes, self.STORAGE[dtype]), dtype


def number_text(value):
    """The shortest decimal that reads back as the same number, as JSON; nan and infinities as strings.

    A string's bytes are characters U+0000 to U+00FF."""
    if isinstance(value, bytes):
        return json.dumps(value.decode("latin-1"))
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, np.integer):
        return str(int(value))
    if not math.isfinite(value):
        return '"%s"' % ("nan" if math.isnan(value) else "inf" if value > 0 else "-inf")
    if value == 0:
        return "-0.0" if np.signbit(value) else "0"  # "-0" would read back as an integer, without its sign
    text = np.format_float_positional(value, unique=True, trim="-")
    if len(text) > 12:
        text = np.format_float_scientific(value, unique=True, trim="-")
    # A reader that parses to double and then narrows must arrive at the same float.
    assert value.dtype.type(float(text)) == value, text
    return text


def as_array(value):
    """Like np.asarray, but strings are objects: NumPy's own would lose zeros at their end."""
    if isinstance(value, bytes):
        array = np.empty((), object)
        array[()] = value
        return array
    array = np.asarray(value)
    return np.array(value, object) if array.dtype.kind == "S" else array


def dtype_name(array):
    return "string" if array.dtype == object else array.dtype.name


def tensor_json(dtype, array, extra=""):
    values = ",".join(number_text(v) for v in array.ravel())
    return '{"dtype":"%s","shape":%s,%s"values":[%s]}' % (
        dtype,
        json.dumps(list(array.shape), separators=(",", ":")),
        extra,
        values,
    )


def attr_json(value):
    """An AttrValue as one JSON value with its kind: {"i":1}, {"s":"SAME"}, {"type":"float32"}, {"list_i":[1,1]} …"""
    kind = value.WhichOneof("value")

    def plain(kind, item):
        if kind == "type":
            return tf.as_dtype(item).name
        if kind == "s":
            return item.decode("latin-1")
        if kind == "shape":
            return None if item.unknown_rank else [d.size for d in item.dim]
        if kind == "f":
            return float(number_text(np.float32(item))) if math.isfinite(item) else str(item)
        return item

    if kind != "list":
        return {kind: plain(kind, getattr(value, kind))}
    for field in ("i", "s", "type", "f", "b", "shape"):
        items = getattr(value.list, field)
        if items:
            return {"list_" + field: [plain(field, item) for item in items]}
    return {"list": []}


class Recorder:
    """Collects the cases of one family. One per file."""

    def __init__(self):
        self.lines = []
        self.rng = np.random.RandomState(0)

    # -- Inputs: few digits, so that files stay readable. Seeded per function: a new op leaves the others' values alone.

    def floats(self, shape, low=-2.0, high=2.0, dtype=np.float32):
        return np.round(self.rng.uniform(low, high, shape), 2).astype(dtype) + dtype(0)  # no negative zeros

    def ints(self, shape, low=-9, high=9, dtype=np.int32):
        return self.rng.randint(low, high + 1, shape).astype(dtype)

    def bools(self, shape):
        return np.asarray(self.rng.randint(0, 2, shape), bool)

    def numbers(self, shape, dtype):
        """Values that suit any arithmetic of dtype: no overflow in a product of two."""
        if np.issubdtype(dtype, np.floating):
            return self.floats(shape, dtype=dtype)
        if np.issubdtype(dtype, np.unsignedinteger):
            return self.ints(shape, 0, 15, dtype)
        return self.ints(shape, dtype=dtype)

    # -- Running

    def _run(self, op, inputs, attrs, variables, onednn=False, producer=None):
        """Returns (node, flat inputs, outputs, variables after); every tensor as (dtype name, array)."""
        definition = op_def_registry.get(op)
        feeds, flat, refs = {}, [], []
        with contextlib.ExitStack() as stack:
            stack.enter_context(tf.Graph().as_default())
            if producer is not None:
                tf.import_graph_def(v1.GraphDef(versions=v1.GraphDef().versions.__class__(producer=producer)), name="")

            def wire(value, is_variable):
                if isinstance(value, Quantized):
                    tensor = v1.placeholder(value.codes.dtype, value.codes.shape)
                    feeds[tensor] = value.codes
                    flat.append((value.dtype, value.codes, False))
                    return tf.bitcast(tensor, tf.as_dtype(value.dtype))
                value = as_array(value)
                flat.append((dtype_name(value), value, is_variable))
                tensor = v1.placeholder(tf.string if value.dtype == object else value.dtype, value.shape)
                feeds[tensor] = value
                if not is_variable:
                    return tensor
                variable = tf.raw_ops.VariableV2(shape=value.shape, dtype=value.dtype)
                refs.append((variable, v1.assign(variable, tensor)))
                return variable

            inferred = {name for a in definition.input_arg for name in (a.type_attr, a.number_attr, a.type_list_attr)}
            arguments = {
                a.name: None for a in definition.attr if a.HasField("default_value") and a.name not in inferred
            }
            arguments.update(attrs)
            for position, (argument, value) in enumerate(zip(definition.input_arg, inputs)):
                listed = isinstance(value, list)
                arguments[argument.name] = (
                    [wire(v, False) for v in value] if listed else wire(value, position < variables)
                )
            _, _, node, _ = op_def_library._apply_op_helper("_Mkl" + op if onednn else op, "node", **arguments)
            if onednn:
                node._set_attr("_kernel", v1.AttrValue(s=b"QuantizedMklOp"))

            config = v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
            config.graph_options.rewrite_options.disable_meta_optimizer = True
            session = stack.enter_context(v1.Session(config=config))
            if refs:
                session.run([assign for _, assign in refs], feeds)
            storage = {tf.as_dtype(name): tf.as_dtype(kind) for name, kind in Quantized.STORAGE.items()}
            fetches = [tf.bitcast(t, storage[t.dtype]) if t.dtype in storage else t for t in node.outputs]
            results = session.run(fetches, feeds) if fetches else session.run(node, feeds) or []
            after = [np.asarray(v) for v in session.run([variable for variable, _ in refs])] if refs else []
            outputs = [(t.dtype.base_dtype.name, as_array(v)) for t, v in zip(node.outputs, results)]
        return node.node_def, flat, outputs, after

    def compute(self, op, *inputs, **attrs):
        """The outputs of an op that only prepares another case's inputs."""
        return [array for _, array in self._run(op, inputs, attrs, 0)[2]]

    def add(self, op, *inputs, terms=0, note="", variables=0, unspecified=(), onednn=False, producer=None, **attrs):
        """Records one case. Lists are list inputs; the first `variables` inputs are reference variables; TensorFlow
        leaves the outputs numbered in `unspecified` uninitialized. With `onednn` the kernel is the one that TensorFlow
        takes by default on x86-64. `producer`: the GraphDef version of the graph, for ops that newer ones have not.

        terms  0: equal bits;  1: one function value or a few roundings;  n: a sum of n rounded terms.
        """
        try:
            node, flat, outputs, after = self._run(op, inputs, attrs, variables, onednn, producer)
        except Exception as error:
            raise SystemExit(f"{op} {attrs} {[np.shape(i) for i in inputs]}: {error}")
        recorded = {name: attr_json(node.attr[name]) for name in sorted(node.attr) if not name.startswith("_")}
        parts = ['"op":"%s"' % op]
        if note:
            parts.append('"note":%s' % json.dumps(note))
        parts.append('"terms":%d' % terms)
        parts.append('"attrs":%s' % json.dumps(recorded, separators=(",", ":")))
        parts.append('"inputs":[%s]' % ",".join(tensor_json(d, a, '"ref":true,' if ref else "") for d, a, ref in flat))
        written = [tensor_json(d, a) for d, a in outputs]
        for i in unspecified:
            written[i] = '{"dtype":"%s","shape":%s,"values":null}' % (
                outputs[i][0],
                json.dumps(list(outputs[i][1].shape)),
            )
        parts.append('"outputs":[%s]' % ",".join(written))
        if after:
            parts.append('"variables_after":[%s]' % ",".join(tensor_json(a.dtype.name, a) for a in after))
        self.lines.append("{%s}" % ",".join(parts))

    def run(self, functions):
        for function in functions:
            self.rng = np.random.RandomState(zlib.crc32(function.__name__.encode()))
            function(self)
        text = "[\n%s\n]\n" % ",\n".join(self.lines)
        json.loads(text)
        return text
