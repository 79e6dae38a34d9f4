"""What optimize_for_mobile makes of models that others made, told nothing but the file, in TensorFlow 2.15 and in OpenCV.

Every case of TARN_DATA (checkpoints and SavedModels frozen first): TensorFlow runs the file for --for_runtime=tensorflow
and gives what was recorded of the original; it has no more nodes than grappler leaves without its remapper, which makes
ops that only TensorFlow has. OpenCV reads what --for_runtime=opencv lets pass, and gives what our engine gives for it.

    tests/interop/run_test.sh tests/interop/optimized.py             # every case
    tests/interop/run_test.sh tests/interop/optimized.py mtcnn_blaueck
"""

import re
import shutil
import subprocess
import sys

import cv2
import numpy as np
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.grappler import tf_optimizer

import _tensorflow
from _models import close, is_close, models
from _tarn import BIN, Report, new_folder, run_graph, tarn
from _tensorflow import tf1

# Of an output's range, between TensorFlow on the original and on what optimize_for_mobile made of it.
BESIDE_THE_ORIGINAL = 1e-5
# Its initial states are four Tanh of weights, which fold_constants computes by Tarn's kernel: within 2e-7 of TensorFlow's,
# and nearer to the Tanh in double. The steps of its loop make 1.03e-5 of that. With TensorFlow's values in these four
# constants TensorFlow gives the same bits, and with and without its own optimizer it differs by 3e-6.
WIDER = {"ckpt_v2_ntm": 2e-5}
# Their recorded outputs are not the model's: the iterator's model ends in a softmax behind a dropout that is random in the
# original, so a layer before it was recorded.
NOT_RECORDED = {"face_mouth_iterator"}
# What optimize_for_mobile says of them.
ENDS = re.compile(r"^(input|output): '(.*)' \(", re.MULTILINE)

wanted = models(sys.argv[1:], needed=True)
folder = new_folder("optimized")
report = Report()
table = []
cv2.setNumThreads(1)


def grappler_nodes(path, outputs):
    """How many are left by grappler's passes that keep to the ops of the graph."""
    graph = _tensorflow.import_graph(path)
    with graph.as_default():
        for name in outputs:
            graph.add_to_collection("train_op", graph.get_tensor_by_name(name + ":0"))
        meta = tf1.train.export_meta_graph(graph_def=graph.as_graph_def(), graph=graph)
    config = config_pb2.ConfigProto()
    rewrite = config.graph_options.rewrite_options
    rewrite.optimizers[:] = ["pruning", "constfold", "arithmetic", "dependency"]
    rewrite.min_graph_nodes = -1
    return len(tf_optimizer.OptimizeGraph(config, meta).node)


def close_to_original(what, got, want, bound):
    """The largest difference, of the largest magnitude; what are no floats must be equal."""
    if got.shape != want.shape or got.dtype != want.dtype or got.dtype.kind != "f" or got.size == 0:
        report.same(what, got, want)
        return
    x, y = got.astype(np.float64), want.astype(np.float64)
    difference = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0, np.abs(x - y)).max()
    scale = np.abs(y[np.isfinite(y)]).max(initial=0) or 1
    report.check(what, difference <= bound * scale, f"{difference / scale:.3g} of its range (at most {bound:.3g})")


def check_tensorflow(model, frozen):
    path = folder / "tensorflow.pb"
    text = tarn("optimize_for_mobile", input=frozen, output=path, for_runtime="tensorflow")
    outputs = [name for what, name in ENDS.findall(text) if what == "output"]
    nodes, theirs = len(_tensorflow.read_graph_def(path).node), grappler_nodes(frozen, outputs)
    table.append((model.name, len(_tensorflow.read_graph_def(frozen).node), theirs, nodes))
    report.check(f"{model.name}: {nodes} nodes, grappler {theirs}", nodes <= theirs)
    if model.name in NOT_RECORDED:
        return
    recorded = dict(zip(model.outputs, model.golden))
    report.check(f"{model.name}: the outputs found were recorded", all(f"{name}:0" in recorded for name in outputs))
    got = _tensorflow.run(path, model.feeds(path), outputs)
    before = _tensorflow.run(frozen, model.feeds(frozen), outputs)
    for name, value, original in zip(outputs, got, before):
        what = f"{model.name} {name}, TensorFlow on the optimized file"
        if model.is_deterministic:
            close_to_original(f"{what} and on the original", value, original,
                              WIDER.get(model.name, BESIDE_THE_ORIGINAL))
        golden = recorded[f"{name}:0"]
        # Its 8-bit kernels give other codes on other processors: where the original is not what was recorded, that it is the
        # same says what there is to say.
        if is_close(original, golden, model.tolerance):
            close(report, what, value, golden, model.tolerance)
        else:
            print(f"      {model.name} {name}: the original is not what was recorded here either")


def check_opencv(model, frozen):
    """Whether OpenCV has read it, and why it was not for OpenCV."""
    path = folder / "opencv.pb"
    command = [BIN / "optimize_for_mobile", f"--input={frozen}", f"--output={path}", "--for_runtime=opencv"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        if "not for opencv" not in done.stderr:
            raise RuntimeError(done.stderr)
        return done.stderr.split("not for opencv: ")[1].splitlines()[0]
    ends = ENDS.findall(done.stdout)
    inputs = [name for what, name in ends if what == "input"]
    outputs = [name for what, name in ends if what == "output"]
    if not inputs:
        return "nothing is fed to it"
    feeds = model.feeds(path)
    net = cv2.dnn.readNetFromTensorflow(str(path))
    for name in inputs:
        value = feeds[f"{name}:0"]
        net.setInput(np.ascontiguousarray(value.transpose(0, 3, 1, 2)) if value.ndim == 4 else value, name)
    expected = run_graph(path, feeds, outputs, "engine", threads=1)
    # It has no layers of their own for Identity and for a BiasAdd behind its convolution.
    nodes = {node.name: node for node in _tensorflow.read_graph_def(path).node}

    def layer_of(name):
        while net.getLayerId(name) < 0:
            name = nodes[name].input[0].split(":")[0]
        return name

    got_all = net.forward([layer_of(name) for name in outputs])
    for name, want, got in zip(outputs, expected, got_all):
        if want.ndim == 4:
            got = got.transpose(0, 2, 3, 1)
        close(report, f"{model.name} {name}, OpenCV", got.reshape(want.shape), want, {"atol": 1e-5, "rtol": 1e-4})
    return None


read_by_opencv = []
for model in wanted:
    try:
        frozen = model.frozen(folder)
        check_tensorflow(model, frozen)
    except (SystemExit, Exception) as error:  # one model that fails hides no other
        report.check(model.name, False, f"{type(error).__name__}: {error}")
        continue
    try:
        why_not = check_opencv(model, frozen)
        if why_not is None:
            read_by_opencv.append(model.name)
        else:
            print(f"      {model.name} is not for OpenCV: {why_not}")
    except (SystemExit, Exception) as error:
        report.check(f"{model.name}, OpenCV", False, f"{type(error).__name__}: {error}")
print("\n| model | nodes | grappler | optimize_for_mobile |\n| --- | --: | --: | --: |")
for row in table:
    print("| " + " | ".join(map(str, row)) + " |")
report.check("OpenCV reads some of them", bool(read_by_opencv) or len(sys.argv) > 1, ", ".join(read_by_opencv))
shutil.rmtree(folder)
report.finish()
