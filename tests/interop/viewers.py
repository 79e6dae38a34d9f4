"""The frozen and optimized files open in viewers: TensorFlow's importer and TensorBoard's graph plugin take each of them
whole, as .pb and as the .pbtxt that convert_graph makes of it.
"""

import tensorflow as tf
from google.protobuf import text_format
from tensorboard.backend import process_graph
from tensorboard.compat.proto import graph_pb2

from _tarn import MODELS, Report, new_folder, tarn

report = Report()
folder = new_folder("viewers")
# What TensorBoard's page asks its server for: attributes up to so many bytes, larger ones by their names alone.
LARGE, KEY = 1024, "_too_large_attrs"


def check(what, graph, expected):
    """`graph` holds the nodes of `expected`; the importer takes it, and the plugin's server makes it ready to be drawn."""
    names = [node.name for node in expected.node]
    report.check(f"{what}: its nodes", [node.name for node in graph.node] == names, f"{len(names)} nodes")
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(tf.compat.v1.GraphDef.FromString(graph.SerializeToString()), name="")
    report.check(f"{what}: TensorFlow's importer", len(imported.get_operations()) == len(names))
    drawn = graph_pb2.GraphDef.FromString(graph.SerializeToString())
    process_graph.prepare_graph_for_ui(drawn, LARGE, KEY)
    cut = [node for node in drawn.node if KEY in node.attr]
    report.check(f"{what}: TensorBoard's page", [node.name for node in drawn.node] == names,
                 f"{len(cut)} nodes with large attributes, {len(drawn.SerializeToString())} bytes")
    report.check(f"{what}: TensorBoard leaves the large constants out", all(node.op == "Const" for node in cut))


for model in ("keras_cnn", "beginners", "experts"):
    for form in ("frozen", "optimized", "weights8"):
        path = MODELS / model / f"{form}.pb"
        text = folder / f"{model}_{form}.pbtxt"
        tarn("convert_graph", input=path, output=text)
        binary = graph_pb2.GraphDef.FromString(path.read_bytes())
        check(f"{model} {form}.pb", binary, binary)
        check(f"{model} {form}.pbtxt", text_format.Parse(text.read_text(), graph_pb2.GraphDef()), binary)
report.finish()
