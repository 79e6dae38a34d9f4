"""TensorFlow's own small models, in every form a model comes in: what we make of each gives what TensorFlow gives.

TARN_DATA/tf_fixtures has r0 (reference variables) and r1 (resource variables), each with a partitioned variable, a checkpoint
of version 1 and of version 2, its .meta files and its graph as text; and sm, a SavedModel. Every way to name graph and
checkpoint is frozen, run by our session and engine, and by TensorFlow; and run as it is, with its checkpoint.
"""

import os
import pathlib
import shutil
import sys

import numpy as np
import tensorflow as tf

import _tensorflow
from _tarn import Report, new_folder, run_graph, tarn
from _tensorflow import tf1

# Sums of 27 products of numbers below 8: 27 * 2^-24 of them.
TOLERANCE = 1e-5

fixtures = pathlib.Path(os.environ.get("TARN_DATA", "")) / "tf_fixtures"
if "TARN_DATA" not in os.environ or not fixtures.is_dir():
    print("skipped: TARN_DATA/tf_fixtures is not there")
    sys.exit(77)
report = Report()
folder = new_folder("fixtures")
images = np.random.default_rng(5).standard_normal((2, 8, 8, 3)).astype(np.float32)
OUTPUTS = ["out", "emb/Reshape_1"]


def theirs_of(meta, checkpoint):
    with tf.Graph().as_default(), tf1.Session(config=_tensorflow.one_thread()) as session:
        tf1.train.import_meta_graph(str(meta)).restore(session, str(checkpoint))
        return session.run([f"{name}:0" for name in OUTPUTS], {"input:0": images})


def compare(what, got, want):
    for name, x, y in zip(OUTPUTS, got, want):
        report.close(f"{what}: {name}", x, y, TOLERANCE)


for kind, variables in (("r0", "reference"), ("r1", "resource")):
    home = folder / kind
    shutil.copytree(fixtures / kind, home)
    # The state file names a folder of the machine that it was written on.
    (home / "checkpoint").chmod(0o644)
    (home / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-7"\n')
    v1, v2, text = home / "v1.ckpt", home / "model.ckpt-7", home / "graph.pbtxt"
    expected = theirs_of(f"{v2}.meta", v2)
    compare(f"{variables}: TensorFlow's V1 beside its V2", theirs_of(f"{v1}.meta", v1), expected)
    ways = {
        "V2, .meta and prefix": {"input_meta_graph": f"{v2}.meta", "input_checkpoint": v2},
        "V2, .meta alone": {"input_graph": f"{v2}.meta"},
        "V2, prefix alone": {"input_graph": v2},
        "V2, text and .index": {"input_graph": text, "input_checkpoint": f"{v2}.index"},
        "V2, text and .data": {"input_graph": text, "input_checkpoint": f"{v2}.data-00000-of-00001"},
        "V2, text and folder": {"input_graph": text, "input_checkpoint": home},
        "V2, text and state file": {"input_graph": text, "input_checkpoint": home / "checkpoint"},
        "V1, .meta and file": {"input_meta_graph": f"{v1}.meta", "input_checkpoint": v1},
        "V1, .meta alone": {"input_graph": f"{v1}.meta"},
        "V1, text and file": {"input_graph": text, "input_checkpoint": v1},
    }
    for way, flags in ways.items():
        frozen = home / "frozen.pb"
        frozen.unlink(missing_ok=True)
        tarn("freeze_graph", output_node_names=",".join(OUTPUTS), output_graph=frozen, **flags)
        for executor in ("session", "engine"):
            ours = run_graph(frozen, {"input": images}, OUTPUTS, executor)
            compare(f"{variables}, {way}, frozen, {executor}", ours, expected)
        compare(f"{variables}, {way}, frozen, TensorFlow", _tensorflow.run(frozen, {"input": images}, OUTPUTS), expected)
        graph = flags.get("input_meta_graph") or flags["input_graph"]
        checkpoint = flags.get("input_checkpoint", v1 if "v1" in str(graph) else v2)
        for executor in ("session", "engine"):
            ours = run_graph(graph, {"input": images}, OUTPUTS, executor, checkpoint=checkpoint)
            compare(f"{variables}, {way}, as it is, {executor}", ours, expected)

# The SavedModel has no signature: its variable is what there is.
with tf.Graph().as_default(), tf1.Session(config=_tensorflow.one_thread()) as session:
    tf1.saved_model.load(session, ["serve"], str(fixtures / "sm"))
    expected = session.run("a/read:0")
frozen = folder / "sm.pb"
ways = {
    "folder": {"input_saved_model_dir": fixtures / "sm"},
    "folder as graph": {"input_graph": fixtures / "sm"},
    "saved_model.pb": {"input_graph": fixtures / "sm" / "saved_model.pb"},
    "graph of one, checkpoint of it": {"input_graph": fixtures / "sm",
                                       "input_checkpoint": fixtures / "sm" / "variables" / "variables"},
}
for way, flags in ways.items():
    frozen.unlink(missing_ok=True)
    tarn("freeze_graph", output_node_names="a/read", output_graph=frozen, **flags)
    for executor in ("session", "engine"):
        report.same(f"SavedModel, {way}, frozen, {executor}", run_graph(frozen, {}, ["a/read"], executor)[0], expected)
    report.same(f"SavedModel, {way}, frozen, TensorFlow", _tensorflow.run(frozen, {}, ["a/read"])[0], expected)
for executor in ("session", "engine"):
    report.same(f"SavedModel as it is, {executor}", run_graph(fixtures / "sm", {}, ["a/read"], executor)[0], expected)

report.finish()
shutil.rmtree(folder)  # kept after a failure
