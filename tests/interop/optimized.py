"""What optimize_for_mobile makes of models that others made, told nothing but the file, in TensorFlow 2.15 and in OpenCV.

Every case of TARN_DATA (checkpoints and SavedModels frozen first): TensorFlow runs the file for --for_runtime=tensorflow
and gives what was recorded of the original; it has no more nodes than grappler leaves without its remapper, which makes
ops that only TensorFlow has. OpenCV reads what --for_runtime=opencv lets pass, and gives what our engine gives for it.

    tests/interop/run_test.sh tests/interop/optimized.py             # every case
    tests/interop/run_test.sh tests/interop/optimized.py mtcnn_blaueck
"""

import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import cv2
import numpy as np
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.grappler import tf_optimizer

import _tensorflow
from _tarn import BIN, Report, new_folder, run_graph, tarn
from _tensorflow import tf1

if "TARN_DATA" not in os.environ:
    print("skipped: TARN_DATA is not set; it names the folder with the models")
    sys.exit(77)
DATA = pathlib.Path(os.environ["TARN_DATA"])
folder = new_folder("optimized")
report = Report()
table = []
cv2.setNumThreads(1)

# Their recorded outputs are not the model's: the iterator's model ends in a softmax behind a dropout that is random in the
# original, so a layer before it was recorded.
NOT_RECORDED = {"face_mouth_iterator"}
# What optimize_for_mobile says of them.
ENDS = re.compile(r"^(input|output): '(.*)' \(", re.MULTILINE)


def frozen_graph(case, home):
    if case["kind"] == "frozen":
        if (home / "graph.pb.gz").exists():
            (folder / "frozen.pb").write_bytes(gzip.decompress((home / "graph.pb.gz").read_bytes()))
            return folder / "frozen.pb"
        return home / "graph.pb"
    graph = home if case["kind"] == "saved_model" else pathlib.Path(f"{home / case['prefix']}.meta")
    tarn("freeze_graph", input_graph=graph, output_node_names=",".join(case["sets"][0]["outputs"]),
         output_graph=folder / "frozen.pb")
    return folder / "frozen.pb"


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


def is_close(got, want, tolerance):
    if got.shape != want.shape or got.dtype.kind not in "fiu":
        return got.shape == want.shape
    bound = tolerance["atol"] + tolerance["rtol"] * np.abs(want.astype(np.float64))
    return bool(np.all(np.abs(got.astype(np.float64) - want.astype(np.float64)) <= bound))


def close(what, got, want, tolerance):
    """Within atol + rtol * |want|; integers within whole steps."""
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or got.dtype != want.dtype:
        report.check(what, False, f"{got.dtype}{list(got.shape)} and {want.dtype}{list(want.shape)}")
        return
    if got.dtype.kind not in "fiu":
        report.same(what, got, want)
        return
    x, y = got.astype(np.float64), want.astype(np.float64)
    bound = tolerance["atol"] + tolerance["rtol"] * np.abs(y) if got.dtype.kind == "f" else np.floor(tolerance["atol"])
    difference = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0, np.abs(x - y))
    largest = float(difference.max()) if difference.size else 0.0
    if largest > report.largest:
        report.largest, report.largest_of = largest, what
    report.check(what, bool(np.all(difference <= bound)), f"{largest:.3g}")


def read_feeds(case, home, path):
    """Recorded inputs that the optimized file still has: modes are folded."""
    present = {node.name for node in _tensorflow.read_graph_def(path).node}
    files = {name: home / info["file"] for name, info in case["sets"][0]["inputs"].items()}
    return {name: np.load(file) if file.suffix == ".npy" else np.array(file.read_bytes(), dtype=object)
            for name, file in files.items() if name.split(":")[0] in present}


def check_tensorflow(case, home, frozen):
    path = folder / "tensorflow.pb"
    text = tarn("optimize_for_mobile", input=frozen, output=path, for_runtime="tensorflow")
    outputs = [name for what, name in ENDS.findall(text) if what == "output"]
    nodes, theirs = len(_tensorflow.read_graph_def(path).node), grappler_nodes(frozen, outputs)
    table.append((case["name"], len(_tensorflow.read_graph_def(frozen).node), theirs, nodes))
    report.check(f"{case['name']}: {nodes} nodes, grappler {theirs}", nodes <= theirs)
    if case["name"] in NOT_RECORDED:
        return
    recorded = case["sets"][0]["outputs"]
    report.check(f"{case['name']}: the outputs found were recorded", all(f"{name}:0" in recorded for name in outputs))
    got = _tensorflow.run(path, read_feeds(case, home, path), outputs)
    before = _tensorflow.run(frozen, read_feeds(case, home, frozen), outputs)
    for name, value, original in zip(outputs, got, before):
        what = f"{case['name']} {name}, TensorFlow on the optimized file"
        # Constants are computed by Tarn's kernels where TensorFlow's would have: the difference is that between the two.
        if case["sets"][0]["deterministic"]:
            close(f"{what} and on the original", value, original, case["tolerance"])
        golden = np.load(home / recorded[f"{name}:0"]["file"])
        # Its 8-bit kernels give other codes on other processors: where the original is not what was recorded, that it is the
        # same says what there is to say.
        if is_close(original, golden, case["tolerance"]):
            close(what, value, golden, case["tolerance"])
        else:
            print(f"      {case['name']} {name}: the original is not what was recorded here either")


def check_opencv(case, home, frozen):
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
    feeds = read_feeds(case, home, path)
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
        close(f"{case['name']} {name}, OpenCV", got.reshape(want.shape), want, {"atol": 1e-5, "rtol": 1e-4})
    return None


wanted = sys.argv[1:]
read_by_opencv = []
for case in json.loads((DATA / "manifest.json").read_text())["cases"]:
    if not case.get("sets") or (wanted and case["name"] not in wanted):
        continue
    home = DATA / "models" / case["name"]
    try:
        frozen = frozen_graph(case, home)
        check_tensorflow(case, home, frozen)
    except (SystemExit, Exception) as error:  # one model that fails hides no other
        report.check(f"{case['name']}", False, f"{type(error).__name__}: {error}")
        continue
    try:
        why_not = check_opencv(case, home, frozen)
        if why_not is None:
            read_by_opencv.append(case["name"])
        else:
            print(f"      {case['name']} is not for OpenCV: {why_not}")
    except (SystemExit, Exception) as error:
        report.check(f"{case['name']}, OpenCV", False, f"{type(error).__name__}: {error}")
print("\n| model | nodes | grappler | optimize_for_mobile |\n| --- | --: | --: | --: |")
for row in table:
    print("| " + " | ".join(map(str, row)) + " |")
report.check("OpenCV reads some of them", bool(read_by_opencv) or bool(wanted), ", ".join(read_by_opencv))
shutil.rmtree(folder)
report.finish()
