"""optimize_for_inference and strip_unused beside TensorFlow's own: TensorFlow runs what each of them writes.

The graph as it was is what both are measured by: where TensorFlow's tool writes a graph that computes something else or
none at all, ours still gives the original's outputs. Where TensorFlow's is right, ours has no more nodes.

    tests/interop/run_test.sh tests/interop/inference_tools.py
"""

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.python.tools import optimize_for_inference_lib, strip_unused_lib

import _tensorflow
from _models import models
from _tarn import Report, new_folder, read_tensor, tarn
from _tensorflow import tf1

# Of an output's range: what the passes that fold batch norms and resizing promise, each.
ROUNDING = 2e-5

folder = new_folder("inference_tools")
report = Report()


def nodes_of(path_or_def):
    graph_def = path_or_def if isinstance(path_or_def, tf1.GraphDef) else _tensorflow.read_graph_def(path_or_def)
    return {node.name: node for node in graph_def.node}


def type_of(graph_def, name):
    """The number of the dtype of a node's first output."""
    return _tensorflow.import_graph(graph_def).get_tensor_by_name(f"{name}:0").dtype.as_datatype_enum


def range_of(value):
    return float(np.max(np.abs(value))) if value.dtype.kind == "f" and value.size else 0.0


def compare(what, path, feeds, outputs, tool, theirs_is_right=True, types=None, **flags):
    """Our tool on the file `path`, and TensorFlow's; `feeds` {node: array} and `outputs` are names of nodes.

    TensorFlow's is told the inputs' `types`; by default those that they have."""
    graph_def = _tensorflow.read_graph_def(path)
    original = _tensorflow.run(graph_def, feeds, outputs)
    types = types or [type_of(graph_def, name) for name in feeds]
    ours = folder / f"{what.replace(' ', '_')}.{tool}.pb"
    names = {"input_names": ",".join(feeds), "output_names": ",".join(outputs)}
    files = {"input": path, "output": ours}
    if tool == "strip_unused":
        names = {"input_node_names": names["input_names"], "output_node_names": names["output_names"]}
        files = {"input_graph": path, "output_graph": ours}
    tarn(tool, **files, **names, **flags)
    got = _tensorflow.run(ours, feeds, outputs)
    for name, x, y in zip(outputs, got, original):
        if tool == "strip_unused":
            report.same(f"{tool}, {what}, {name}: as before", x, y)
        else:
            report.close(f"{tool}, {what}, {name}: as before", x, y, ROUNDING * range_of(y))

    if tool == "strip_unused":
        theirs = strip_unused_lib.strip_unused(graph_def, list(feeds), outputs, types)
    else:
        theirs = optimize_for_inference_lib.optimize_for_inference(graph_def, list(feeds), outputs, types,
                                                                   flags.get("toco_compatible") == "true")
    try:
        expected = _tensorflow.run(theirs, feeds, outputs)
        right = all(np.allclose(x, y, rtol=0, atol=ROUNDING * range_of(y)) for x, y in zip(expected, original))
    except (ValueError, TypeError, tf.errors.OpError) as error:
        print(f"      TensorFlow's {tool} wrote no graph of {what}: {error}")
        right = False
    report.check(f"{tool}, {what}: TensorFlow's is {'right' if theirs_is_right else 'wrong'}", right == theirs_is_right)
    if right:
        report.check(f"{tool}, {what}: nodes", len(nodes_of(ours)) <= len(theirs.node),
                     f"{len(nodes_of(ours))}, TensorFlow's {len(theirs.node)}, before {len(graph_def.node)}")
        for name, x, y in zip(outputs, got, expected):
            report.close(f"{tool}, {what}, {name}: as TensorFlow's", x, y, 2 * ROUNDING * range_of(y))
    return ours


def made(name, build):
    """A graph made here: build() gives its inputs' names and values, and its outputs' names."""
    with tf.Graph().as_default() as graph:
        feeds, outputs = build(np.random.default_rng(5))
        path = folder / f"{name}.pb"
        path.write_bytes(graph.as_graph_def().SerializeToString())
    return path, feeds, outputs


def batch_norm(x, random, name):
    channels = x.shape[-1]
    scale, offset, mean = (tf.constant(random.normal(size=channels), tf.float32) for _ in range(3))
    variance = tf.constant(random.uniform(0.5, 2, channels), tf.float32)
    return tf1.nn.fused_batch_norm(x, scale, offset, mean, variance, is_training=False, name=name)[0]


def convolution(x, random, name, channels=3):
    filters = tf.constant(random.normal(size=(3, 3, x.shape[-1], channels)), tf.float32)
    return tf1.nn.conv2d(x, tf.identity(filters), strides=1, padding="VALID", name=name)


def image(random, *shape):
    return random.uniform(size=shape).astype(np.float32)


def resized(random):
    x = tf1.placeholder(tf.float32, [1, 6, 6, 2], name="x")
    large = tf1.image.resize_bilinear(x, [12, 12], align_corners=True)
    edged = tf.pad(large, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")
    batch_norm(convolution(edged, random, "conv"), random, "bn")
    tf.nn.relu(convolution(tf1.image.resize_bilinear(x, [9, 9]), random, "other"), name="y")
    return {"x": image(random, 1, 6, 6, 2)}, ["bn", "y"]


def shared_convolution(random):
    x = tf1.placeholder(tf.float32, [2, 5, 5, 2], name="x")
    conv = convolution(x, random, "conv")
    tf.add(tf.nn.relu(batch_norm(conv, random, "bn")), tf.tanh(conv), name="y")
    return {"x": image(random, 2, 5, 5, 2)}, ["y"]


def checked(random):
    x = tf1.placeholder(tf.float32, [2, 5], name="x")
    tf.nn.relu(tf1.check_numerics(tf.identity(x) - 0.5, "x"), name="y")
    return {"x": image(random, 2, 5)}, ["y"]


for name, build, theirs_is_right in (("resized", resized, True), ("shared convolution", shared_convolution, False),
                                     ("checked", checked, False)):
    graph, given, wanted = made(name.replace(" ", "_"), build)
    compare(name, graph, given, wanted, "optimize_for_inference", theirs_is_right)
    if name == "resized":
        compare(f"{name}, toco", graph, given, wanted, "optimize_for_inference", toco_compatible="true")
        ops = {node.op for node in nodes_of(folder / "resized.optimize_for_inference.pb").values()}
        report.check("resizing and mirroring are part of the convolutions",
                     "FusedResizeAndPadConv2D" in ops and not ops & {"Conv2D", "MirrorPad", "ResizeBilinear"}, str(ops))

MODELS = {
    "detect_stub_uint8": "pictures of bytes",
    "kws_ds_cnn_s": "keywords out of a WAV file's bytes, batch norms",
    "captcha_ctc_ss22219": "text in a picture, by CTC beam search",
    "deepsense_stemlab": "sensors, batch norms",
    "customvision_krrun16": "Custom Vision",
    "mtcnn_blaueck": "faces: resizing before a convolution in a while loop, whose paddings TensorFlow puts outside",
}
for model in models(MODELS):
    print(f"---- {model.name}: {MODELS[model.name]}")
    graph = model.graph()
    given = {name.removesuffix(":0"): read_tensor(path) for name, path in model.input_files.items()}
    wanted = [name for name in (output.removesuffix(":0") for output in model.outputs) if ":" not in name]
    for tool in ("optimize_for_inference", "strip_unused"):
        theirs_is_right = tool == "strip_unused" or model.name != "mtcnn_blaueck"
        compare(model.name, graph, given, wanted, tool, theirs_is_right)
    if model.name == "detect_stub_uint8":
        # The default of TensorFlow's, written over the dtype of an input.
        compare("bytes taken for floats", graph, given, wanted, "strip_unused", theirs_is_right=False,
                types=types_pb2.DT_FLOAT)
    if model.name == "kws_ds_cnn_s":
        # From the middle of a graph on; dtypes by number, the input's own or another.
        features = {"Mfcc": np.load(model.home / "output_Mfcc.npy")}
        for tool in ("optimize_for_inference", "strip_unused"):
            ours = compare("behind Mfcc", graph, features, ["labels_softmax"], tool,
                           placeholder_type_enum=types_pb2.DT_FLOAT)
            node = nodes_of(ours)["Mfcc"]
            report.check(f"{tool}: Mfcc is a float Placeholder",
                         node.op == "Placeholder" and node.attr["dtype"].type == types_pb2.DT_FLOAT)
report.finish()
