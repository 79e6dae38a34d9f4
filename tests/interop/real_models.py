"""Models that others made, after Tarn has worked on them, in TensorFlow 2.15.

Of each model below: frozen by freeze_graph, optimized by optimize_for_mobile, and with weights in 8 bits. TensorFlow runs
each file and gives what our engine gives for it; of the frozen and the optimized one, also what was recorded of the
original. Then the checkpoint and the SavedModel that Tarn writes of the original: restored into the .meta beside the
checkpoint, loaded as TensorFlow 1.x and as 2.x load it, run by signature, to the recorded outputs.

    tests/interop/run_test.sh tests/interop/real_models.py            # these
    tests/interop/run_test.sh tests/interop/real_models.py all        # every case of TARN_DATA, or those named
"""

import shutil
import sys
import tempfile

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

import _tensorflow
from _models import close, models
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

wanted = models(() if sys.argv[1:] == ["all"] else sys.argv[1:] or CHOSEN, needed=True)
folder = new_folder("real_models")
report = Report()


def engine(graph, feeds, fetches):
    """What the engine gives: {tensor: file} -> arrays."""
    with tempfile.TemporaryDirectory(prefix="tarn_interop_") as out:
        flags = {"feed": ",".join(f"{name}={path}" for name, path in feeds.items())} if feeds else {}
        tarn("run_graph", graph=graph, fetch=",".join(fetches), executor="engine", out_dir=out, **flags)
        return [np.load(f"{out}/{file_name(fetch)}.npy") for fetch in fetches]


def compare(model, what, got, want):
    for name, x, y in zip(model.outputs, got, want):
        close(report, f"{model.name} {name}: {what}", x, y, model.tolerance)


def make_files(model, files):
    names = ",".join(model.outputs)
    frozen = files / "frozen.pb"
    tarn("freeze_graph", input_graph=model.graph(), output_node_names=names, output_graph=frozen)
    forms = {"frozen": frozen}
    for form, flags in (("optimized", {}), ("weights8", {"quantize": "weights8"})):
        forms[form] = files / f"{form}.pb"
        tarn("optimize_for_mobile", input=frozen, output=forms[form], output_names=names,
             input_names=",".join(model.feed_files(frozen)), for_runtime="tensorflow", **flags)
    return forms


def check_files(model, files):
    for form, path in make_files(model, files).items():
        theirs = _tensorflow.run(path, model.feeds(path), model.outputs)
        ours = engine(path, model.feed_files(path), model.outputs)
        compare(model, f"{form}, our engine beside TensorFlow", ours, theirs)
        if form != "weights8":
            compare(model, f"{form}, TensorFlow beside the recorded outputs", theirs, model.golden)


def check_saved(model, files):
    """The checkpoint and the SavedModel that we write of the original."""
    flags = {"checkpoint": model.home / model.case["prefix"]} if model.kind.startswith("ckpt") else {}
    home = files / "again"
    # Variables of TensorFlow 2's SavedModels are in no collection, which is where a saver looks.
    calls = "StatefulPartitionedCall" in model.case.get("op_histogram", {})
    graph = files / "frozen.pb" if calls else model.graph()
    tarn("resave_model", graph=graph, inputs=",".join(model.input_files), outputs=",".join(model.outputs), out_dir=home,
         **flags)
    values = [read_tensor(path) for path in model.input_files.values()]
    if flags:
        with tf.Graph().as_default(), tf1.Session(config=_tensorflow.one_thread()) as session:
            tf1.train.import_meta_graph(str(home / "model.ckpt-7.meta")).restore(session, str(home / "model.ckpt-7"))
            got = session.run(model.outputs, dict(zip(model.input_files, values)))
        compare(model, "our checkpoint and .meta, restored by TensorFlow", got, model.golden)
    with tf.Graph().as_default(), tf1.Session(config=_tensorflow.one_thread()) as session:
        meta = tf1.saved_model.load(session, ["serve"], str(home / "export"))
        signature = meta.signature_def["serving_default"]
        got = session.run([signature.outputs[f"out{i}"].name for i in range(len(model.outputs))],
                          {signature.inputs[f"in{i}"].name: value for i, value in enumerate(values)})
    compare(model, "our SavedModel, tf.compat.v1.saved_model.load", got, model.golden)
    got = load_as_tf2(home / "export", values, len(model.outputs))
    compare(model, "our SavedModel, tf.saved_model.load", got, model.golden)


def load_as_tf2(export, values, outputs):
    """By signature, eagerly, as TensorFlow 2 does."""
    with context.eager_mode():
        model = tf.saved_model.load(str(export))
        results = model.signatures["serving_default"](**{f"in{i}": tf.constant(x) for i, x in enumerate(values)})
        return [results[f"out{i}"].numpy() for i in range(outputs)]


for model in wanted:
    print(f"---- {model.name}: {CHOSEN.get(model.name, model.kind)}")
    files = folder / model.name
    files.mkdir()
    for check in (check_files, check_saved):
        try:
            check(model, files)
        except (SystemExit, Exception) as error:  # one model that fails hides no other
            report.check(f"{model.name}, {check.__name__}", False, f"{type(error).__name__}: {error}")
    shutil.rmtree(files)
report.finish()
