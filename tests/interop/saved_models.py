"""SavedModels and checkpoints of either version, ours in TensorFlow 2.15 and TensorFlow's in ours.

1. Our SavedModel, of reference and of resource variables: tf.compat.v1.saved_model.load gives our scores.
2. TensorFlow's SavedModel: run and frozen by us to TensorFlow's scores.
3. TensorFlow's V1 checkpoint, of one file and in shards: read and frozen by us.
4. The unfrozen models of the collection, frozen by us: run by TensorFlow to the recorded outputs.
"""

import numpy as np
import tensorflow as tf

import _tensorflow
from _models import models
from _tarn import Report, new_folder, run_graph, tarn
from _tensorflow import tf1

# Scores are at most 1, from sums of up to 16 products: sqrt(16) * 2^-24 = 3e-7 of their terms' size.
SCORE_TOLERANCE = 1e-6

report = Report()
folder = new_folder("saved_models")
random = np.random.default_rng(4)
rows = random.standard_normal((20, 8)).astype(np.float32)

# ---- ours, by TensorFlow -------------------------------------------------------------------------------------------------

for kind, flags in (("reference", {}), ("resource", {"resources": "true"}), ("text", {"as_text": "true"})):
    export = folder / f"ours_{kind}"
    tarn("export_model", out_dir=export, **flags)
    [ours] = run_graph(export, {"rows": rows}, ["scores"])  # the signature's names
    with tf.Graph().as_default(), tf1.Session(config=_tensorflow.one_thread()) as session:
        meta = tf1.saved_model.load(session, ["serve"], str(export))
        signature = meta.signature_def["serving_default"]
        theirs = session.run(signature.outputs["scores"].name, {signature.inputs["rows"].name: rows})
        report.close(f"our {kind} SavedModel, loaded by TensorFlow", ours, theirs, SCORE_TOLERANCE)
    frozen = folder / f"ours_{kind}.pb"
    tarn("freeze_graph", input_saved_model_dir=export, output_graph=frozen)
    [theirs] = _tensorflow.run(frozen, {"input_node": rows}, ["output_node"])
    report.close(f"our {kind} SavedModel, frozen by us, run by TensorFlow", ours, theirs, SCORE_TOLERANCE)

# ---- TensorFlow's, by us -------------------------------------------------------------------------------------------------

for kind in ("reference", "resource"):
    home = folder / f"theirs_{kind}"
    with tf.Graph().as_default(), tf1.Session(config=_tensorflow.one_thread()) as session:
        x = tf1.placeholder(tf.float32, [None, 8], name="input_node")
        with tf1.variable_scope("net", use_resource=kind == "resource", partitioner=tf1.fixed_size_partitioner(2)):
            weights = tf1.get_variable("weights", [8, 5], initializer=tf1.random_normal_initializer(seed=3))
        with tf1.variable_scope("net", use_resource=kind == "resource"):
            bias = tf1.get_variable("bias", [5], initializer=tf1.random_normal_initializer(seed=4))
        y = tf.nn.softmax(tf.matmul(x, weights) + bias, name="output_node")
        session.run(tf1.global_variables_initializer())
        scores = session.run(y, {x: rows})
        builder = tf1.saved_model.Builder(str(home / "export"))
        signature = tf1.saved_model.predict_signature_def({"rows": x}, {"scores": y})
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
        whole = tf1.train.Saver(write_version=tf1.train.SaverDef.V1).save(session, str(home / "v1.ckpt"))
        shards = tf1.train.Saver(write_version=tf1.train.SaverDef.V1, sharded=True).save(session, str(home / "sharded.ckpt"))
        several = tf1.train.Saver(sharded=True).save(session, str(home / "v2.ckpt"))
    for executor in ("session", "engine"):
        [ours] = run_graph(home / "export", {"input_node": rows}, ["output_node"], executor)
        report.close(f"TensorFlow's {kind} SavedModel, {executor}", ours, scores, SCORE_TOLERANCE)
    sources = {
        "SavedModel": {"input_graph": home / "export"},
        "V1 checkpoint": {"input_graph": f"{whole}.meta", "input_checkpoint": whole},
        "V1 checkpoint in shards": {"input_graph": f"{whole}.meta", "input_checkpoint": str(shards).split("-?????")[0]},
        "V2 checkpoint, sharded saver": {"input_graph": several},
    }
    for what, flags in sources.items():
        frozen = home / "frozen.pb"
        tarn("freeze_graph", output_graph=frozen, output_node_names="output_node", **flags)
        [ours] = _tensorflow.run(frozen, {"input_node": rows}, ["output_node"])
        report.close(f"TensorFlow's {kind} {what}, frozen by us, run by TensorFlow", ours, scores, SCORE_TOLERANCE)

# ---- the collection's unfrozen models ------------------------------------------------------------------------------------

for model in models():
    if model.kind == "frozen":
        continue
    frozen = model.frozen(folder)
    left = {node.op for node in _tensorflow.read_graph_def(frozen).node} & {"VariableV2", "VarHandleOp", "Assign"}
    report.check(f"{model.name}: no variable is left", not left, ", ".join(sorted(left)))
    for batch in model.sets:
        got = _tensorflow.run(frozen, batch.feeds(frozen), batch.outputs)
        for name, value, want in zip(batch.outputs, got, batch.golden):
            tolerance = model.tolerance["atol"] + model.tolerance["rtol"] * float(np.abs(want).max(initial=0))
            report.close(f"{model.name} {name}: frozen by us, run by TensorFlow", value, want, tolerance)

report.finish()
