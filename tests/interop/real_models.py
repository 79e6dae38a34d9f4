"""Models that others made, after Tarn has worked on them, in TensorFlow 2.15.

Of each model below: frozen by freeze_graph, optimized by optimize_for_mobile, and with weights in 8 bits. TensorFlow runs
each file and gives what our engine gives for it; of the frozen and the optimized one, also what was recorded of the
original. Then the checkpoint and the SavedModel that Tarn writes of the original: restored into the .meta beside the
checkpoint, loaded as TensorFlow 1.x and as 2.x load it, run by signature, to the recorded outputs.

    tests/interop/run_test.sh tests/interop/real_models.py            # these
    tests/interop/run_test.sh tests/interop/real_models.py all        # every case of TARN_DATA, or those named
"""

import json
import os
import pathlib
import shutil
import sys
import tempfile

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

import _tensorflow
from _tarn import Report, file_name, new_folder, read_tensor, tarn
from _tensorflow import tf1

CHOSEN = {
    "mobilenet_v1_025_128": "MobileNet in float",
    "mobilenet_v1_025_128_quantized": "trained for quantization: FakeQuant",
    "mnist_frozen_rajsingh": "digits",
    "kws_cnn_s": "keywords out of a WAV file's bytes",
    "kws_basic_lstm_s": "the same with a while loop",
    "captcha_ctc_ss22219": "text in a picture, by CTC beam search",
    "charrnn_zaneoliver": "text of letters, LSTM",
    "mtcnn_blaueck": "faces: a pyramid of pictures in a while loop, non-maximum suppression",
    "espcn_superres_alexandra": "super-resolution",
    "customvision_krrun16": "Custom Vision",
    "drawtext_numbers_switch": "Keras with a learning phase: Switch and Merge",
    "ckpt_v1_siamese_ardiya": "checkpoint of version 1",
    "ckpt_v2_mnist_bn_derflanehc": "checkpoint of version 2, batch norms",
    "ckpt_v2_ntm": "neural Turing machine, a while loop",
    "saved_model_iris_brianschardt": "SavedModel of TensorFlow 1",
    "saved_model_tf2_mnist_azamat": "SavedModel of TensorFlow 2, functions",
}

if "TARN_DATA" not in os.environ:
    print("skipped: TARN_DATA is not set; it names the folder with the models")
    sys.exit(77)
DATA = pathlib.Path(os.environ["TARN_DATA"])
folder = new_folder("real_models")
report = Report()


def close(what, case, got, want):
    """Within the case's tolerance, element by element; integers within whole steps of it."""
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or got.dtype != want.dtype:
        report.check(what, False, f"{got.dtype}{list(got.shape)} and {want.dtype}{list(want.shape)}")
        return
    if got.size == 0:
        report.check(what, True, "no elements")
        return
    x, y = got.astype(np.float64), want.astype(np.float64)
    if got.dtype.kind == "f":
        bound = case["tolerance"]["atol"] + case["tolerance"]["rtol"] * np.abs(y)
    else:
        bound = np.full(y.shape, np.floor(case["tolerance"]["atol"]))
    difference = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0, np.abs(x - y))
    beyond = int(np.sum(~(difference <= bound)))
    if difference.max() > report.largest:
        report.largest, report.largest_of = float(difference.max()), what
    report.check(what, beyond == 0, f"{difference.max():.3g}" + (f", {beyond} of {got.size} beyond" if beyond else ""))


def feeds_of(graph, feeds):
    """Those that the graph has: the others no output needs."""
    present = {node.name for node in _tensorflow.read_graph_def(graph).node}
    return {name: path for name, path in feeds.items() if name.split(":")[0] in present}


def engine(graph, feeds, fetches):
    """What the engine gives: {tensor: file} -> arrays."""
    with tempfile.TemporaryDirectory(prefix="tarn_interop_") as out:
        flags = {"feed": ",".join(f"{name}={path}" for name, path in feeds.items())} if feeds else {}
        tarn("run_graph", graph=graph, fetch=",".join(fetches), executor="engine", out_dir=out, **flags)
        return [np.load(f"{out}/{file_name(fetch)}.npy") for fetch in fetches]


class Model:
    def __init__(self, case):
        self.case, self.name = case, case["name"]
        self.home = DATA / "models" / self.name
        batch = case["sets"][0]
        self.feeds = {name: self.home / info["file"] for name, info in batch["inputs"].items()}
        self.outputs = list(batch["outputs"])
        self.golden = [np.load(self.home / batch["outputs"][name]["file"]) for name in self.outputs]
        self.files = folder / self.name
        self.files.mkdir()
        kind = case["kind"]
        if kind == "frozen":
            graphs = [self.home / name for name in ("graph.pb", "graph.pb.gz", "graph.pbtxt")]
            self.graph = next(path for path in graphs if path.exists())
        else:
            self.graph = self.home if kind == "saved_model" else pathlib.Path(f"{self.home / case['prefix']}.meta")

    def compare(self, what, got, want):
        for name, x, y in zip(self.outputs, got, want):
            close(f"{self.name} {name}: {what}", self.case, x, y)

    def make_files(self):
        names = ",".join(self.outputs)
        frozen = self.files / "frozen.pb"
        tarn("freeze_graph", input_graph=self.graph, output_node_names=names, output_graph=frozen)
        forms = {"frozen": frozen}
        for form, flags in (("optimized", {}), ("weights8", {"quantize": "weights8"})):
            forms[form] = self.files / f"{form}.pb"
            tarn("optimize_for_mobile", input=frozen, output=forms[form], output_names=names,
                 input_names=",".join(feeds_of(frozen, self.feeds)), for_runtime="tensorflow", **flags)
        return forms

    def check_files(self):
        for form, path in self.make_files().items():
            feeds = feeds_of(path, self.feeds)
            theirs = _tensorflow.run(path, {name: read_tensor(file) for name, file in feeds.items()}, self.outputs)
            self.compare(f"{form}, our engine beside TensorFlow", engine(path, feeds, self.outputs), theirs)
            if form != "weights8":
                self.compare(f"{form}, TensorFlow beside the recorded outputs", theirs, self.golden)

    def check_saved(self):
        """The checkpoint and the SavedModel that we write of the original."""
        flags = {"checkpoint": self.home / self.case["prefix"]} if self.case["kind"].startswith("ckpt") else {}
        home = self.files / "again"
        # Variables of TensorFlow 2's SavedModels are in no collection, which is where a saver looks.
        calls = "StatefulPartitionedCall" in self.case.get("op_histogram", {})
        graph = self.files / "frozen.pb" if calls else self.graph
        tarn("resave_model", graph=graph, inputs=",".join(self.feeds), outputs=",".join(self.outputs), out_dir=home,
             **flags)
        values = [read_tensor(path) for path in self.feeds.values()]
        if flags:
            with tf.Graph().as_default(), tf1.Session(config=_tensorflow.one_thread()) as session:
                tf1.train.import_meta_graph(str(home / "model.ckpt-7.meta")).restore(session, str(home / "model.ckpt-7"))
                got = session.run(self.outputs, dict(zip(self.feeds, values)))
            self.compare("our checkpoint and .meta, restored by TensorFlow", got, self.golden)
        with tf.Graph().as_default(), tf1.Session(config=_tensorflow.one_thread()) as session:
            meta = tf1.saved_model.load(session, ["serve"], str(home / "export"))
            signature = meta.signature_def["serving_default"]
            got = session.run([signature.outputs[f"out{i}"].name for i in range(len(self.outputs))],
                              {signature.inputs[f"in{i}"].name: value for i, value in enumerate(values)})
        self.compare("our SavedModel, tf.compat.v1.saved_model.load", got, self.golden)
        got = load_as_tf2(home / "export", values, len(self.outputs))
        self.compare("our SavedModel, tf.saved_model.load", got, self.golden)


def load_as_tf2(export, values, outputs):
    """By signature, eagerly, as TensorFlow 2 does."""
    with context.eager_mode():
        model = tf.saved_model.load(str(export))
        results = model.signatures["serving_default"](**{f"in{i}": tf.constant(x) for i, x in enumerate(values)})
        return [results[f"out{i}"].numpy() for i in range(outputs)]


wanted = sys.argv[1:] or list(CHOSEN)
cases = [case for case in json.loads((DATA / "manifest.json").read_text())["cases"]
         if case.get("sets") and (case["name"] in wanted or wanted == ["all"])]
missing = set(wanted) - {case["name"] for case in cases} - {"all"}
report.check("the models are there", not missing, ", ".join(sorted(missing)))
for case in cases:
    print(f"---- {case['name']}: {CHOSEN.get(case['name'], case['kind'])}")
    model = Model(case)
    for check in (model.check_files, model.check_saved):
        try:
            check()
        except (SystemExit, Exception) as error:  # one model that fails hides no other
            report.check(f"{model.name}, {check.__name__}", False, f"{type(error).__name__}: {error}")
    shutil.rmtree(model.files)
report.finish()
