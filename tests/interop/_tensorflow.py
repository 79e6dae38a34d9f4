"""TensorFlow 1.x's way of running graph files, by TensorFlow 2.15."""

import contextlib
import os
import tempfile

import tensorflow as tf

tf1 = tf.compat.v1
tf1.disable_eager_execution()
tf1.logging.set_verbosity(tf1.logging.ERROR)
tf1.disable_resource_variables()  # tf.Variable makes reference variables, as in TensorFlow 1.x


def read_graph_def(path):
    from google.protobuf import text_format

    graph_def = tf1.GraphDef()
    if str(path).endswith(".pbtxt"):
        with open(path, encoding="utf-8") as file:
            text_format.Parse(file.read(), graph_def)
    else:
        with open(path, "rb") as file:
            graph_def.ParseFromString(file.read())
    return graph_def


def import_graph(path_or_def):
    """A tf.Graph of a file (.pb, .pbtxt) or a GraphDef."""
    graph_def = path_or_def if isinstance(path_or_def, tf1.GraphDef) else read_graph_def(path_or_def)
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(graph_def, name="")
    return graph


def one_thread(devices=1):
    return tf1.ConfigProto(device_count={"CPU": devices}, intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)


def as_written():
    """Runs a graph as it is: nothing is folded, fused or reordered, and what has no device runs somewhere."""
    config = one_thread()
    config.allow_soft_placement = True
    config.graph_options.optimizer_options.opt_level = tf1.OptimizerOptions.L0
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config


def run(path_or_def, feeds, fetches, config=None):
    """A frozen graph on {tensor name: array} -> arrays."""
    graph = import_graph(path_or_def)
    with tf1.Session(graph=graph, config=config or one_thread()) as session:
        return session.run([_tensor(name) for name in fetches], {_tensor(name): value for name, value in feeds.items()})


def _tensor(name):
    return name if ":" in name else name + ":0"


def reason(error):
    """The one line of TensorFlow's many that says what it is."""
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    named = [i for i, line in enumerate(lines) if line.startswith("Node: ")]
    at = named[0] + 1 if named and named[0] + 1 < len(lines) else 0
    return f"{type(error).__name__}: {lines[at][:150] if lines else ''}"


@contextlib.contextmanager
def standard_error():
    """A list that at the end holds what was written to file 2 meanwhile, by whomever."""
    written = []
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield written
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            written.append(file.read().decode(errors="replace"))
