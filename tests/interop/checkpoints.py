"""Checkpoints, MetaGraphs and graph files, both ways: TensorFlow reads and runs ours, Tarn reads and runs TensorFlow's.

Values must agree bit for bit; scores within 1e-5.
"""

import os
import pathlib
import shutil

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saver_pb2
from tensorflow.python.tools import freeze_graph as tf_freeze_graph

import _tensorflow
from _tarn import MODELS, SCORE_TOLERANCE, STEPS, Report, file_name, new_folder, run_graph, tarn, test_digits

tf1 = tf.compat.v1
report = Report()
folder = new_folder("checkpoints")
images, note = test_digits()
images = images[:200]
print(f"{len(images)} test digits: {note}")


def stored(prefix):
    """{name: array}: a checkpoint's variables as TensorFlow reads them, without our training state."""
    reader = tf.train.load_checkpoint(str(prefix))
    names = reader.get_variable_to_shape_map()
    return {name: reader.get_tensor(name) for name in names if not name.startswith("_tarn/")}


def same_values(what, got, want):
    """The same names, and for each the same dtype, shape and bits."""
    odd = [name for name in sorted(set(got) | set(want)) if name not in got or name not in want or not (
        got[name].dtype == want[name].dtype and got[name].shape == want[name].shape
        and got[name].tobytes() == want[name].tobytes())]
    report.check(what, want and not odd, f"differ or are not there: {', '.join(odd)}" if odd else f"{len(want)} values")


def tarn_variables(meta, prefix, names):
    """What Tarn's session holds after restoring."""
    tensors = run_graph(meta, {}, list(names), checkpoint=prefix)
    return dict(zip(names, tensors))


def frozen_by_tensorflow(graph, prefix, output):
    """What TensorFlow's freeze_graph makes of these; returns `output`."""
    with tf.Graph().as_default():
        tf_freeze_graph.freeze_graph(
            input_graph=str(graph), input_saver="", input_binary=False, input_checkpoint=str(prefix),
            output_node_names="output_node", restore_op_name="save/restore_all", filename_tensor_name="save/Const:0",
            output_graph=str(output), clear_devices=True, initializer_nodes="")
    return output


# ---- Ours, read by TensorFlow ----------------------------------------------------------------------------------------

for model, steps in STEPS.items():
    home = MODELS / model
    prefix = home / f"model.ckpt-{steps}"
    report.check(f"{model}: latest_checkpoint finds it", tf.train.latest_checkpoint(str(home)) == str(prefix))

    state = tf.train.load_checkpoint(str(prefix)).get_tensor("_tarn/state/reader").decode()
    report.check(f"{model}: TensorFlow reads the reader's position", state.startswith(f"position {steps} of "), state)
    values = stored(prefix)
    same_values(f"{model}: TensorFlow reads", tarn_variables(f"{prefix}.meta", prefix, sorted(values)), values)

    # TensorFlow takes graph.pbtxt, a .pb that still has its variables, and .meta.
    tarn("freeze_graph", input_graph=home / "graph.pbtxt", input_checkpoint=prefix, output_node_names="output_node",
         variable_names_denylist=",".join(values), output_graph=folder / f"{model}_variables.pb")
    scores = run_graph(f"{prefix}.meta", {"input_node": images}, ["output_node"], checkpoint=prefix)[0]
    for path in (home / "graph.pbtxt", folder / f"{model}_variables.pb"):
        graph = _tensorflow.import_graph(path)
        with tf1.Session(graph=graph, config=_tensorflow.one_thread()) as session:
            with graph.as_default():
                for node in graph.as_graph_def().node:
                    if node.op == "VariableV2":
                        ref = graph.get_tensor_by_name(node.name + ":0")
                        session.run(tf1.assign(ref, values[node.name]))
            report.close(f"{model}: {path.name} with the checkpoint's values",
                         session.run("output_node:0", {"input_node:0": images}), scores, SCORE_TOLERANCE)
    graph = tf.Graph()
    with graph.as_default(), tf1.Session(config=_tensorflow.one_thread()) as session:
        saver = tf1.train.import_meta_graph(f"{prefix}.meta")
        saver.restore(session, str(prefix))
        report.close(f"{model}: .meta imported and restored",
                     session.run("output_node:0", {"input_node:0": images}), scores, SCORE_TOLERANCE)
        report.check(f"{model}: .meta brings the variables",
                     {v.op.name for v in tf1.global_variables()} == set(values), f"{len(values)}")
        trainable = {v.op.name for v in tf1.trainable_variables()}
        report.check(f"{model}: .meta tells which are trainable",
                     trainable == {name for name in values if not any(
                         part in name for part in ("Adam", "moving_", "_power", "global_step"))}, f"{len(trainable)}")
        again = saver.save(session, str(folder / f"{model}_again"), global_step=steps)
    same_values(f"{model}: restored and saved again by TensorFlow", stored(again), values)
    same_values(f"{model}: that read by Tarn", tarn_variables(f"{again}.meta", again, sorted(values)), values)

    theirs = frozen_by_tensorflow(home / "graph.pbtxt", prefix, folder / f"{model}_frozen_by_tensorflow.pb")
    ours_scores, theirs_scores = (
        _tensorflow.run(path, {"input_node": images}, ["output_node"])[0] for path in (home / "frozen.pb", theirs))
    report.same(f"{model}: frozen by TensorFlow and by us, run by TensorFlow", theirs_scores, ours_scores)
    ours_scores, theirs_scores = (
        run_graph(path, {"input_node": images}, ["output_node"], "engine")[0] for path in (home / "frozen.pb", theirs))
    report.same(f"{model}: frozen by TensorFlow and by us, run by Tarn", theirs_scores, ours_scores)

# ---- TensorFlow's, read by Tarn --------------------------------------------------------------------------------------

random = np.random.default_rng(7)


def typed_values():
    """A value for each dtype that Tarn's variables and NumPy files have."""
    integers = {f"typed/{np.dtype(t).name}": random.integers(np.iinfo(t).min, np.iinfo(t).max, (3, 5), t, endpoint=True)
                for t in (np.uint8, np.int8, np.int16, np.uint16, np.int32, np.int64)}
    floats = {f"typed/{np.dtype(t).name}": random.standard_normal((2, 3, 4)).astype(t)
              for t in (np.float16, np.float32, np.float64)}
    return {**integers, **floats, "typed/bool": random.random(7) < 0.5, "typed/scalar": np.float32(2.5),
            "typed/empty": np.zeros((0, 4), np.float32)}


def numpy_initializer(values):
    return lambda shape, dtype=None, partition_info=None, **_: tf.constant(values)


def tensorflow_model(folder, sharded, partitioned):
    """A small network with batch norm, written as a TF 1.x program writes it. Returns (prefix, values, scores)."""
    folder.mkdir()
    with tf.Graph().as_default(), tf1.Session(config=_tensorflow.one_thread(devices=2)) as session:
        tf1.set_random_seed(5)
        x = tf1.placeholder(tf.float32, [None, 784], name="input_node")
        h = tf.reshape(x, [-1, 28, 28, 1], name="image")
        filters = tf1.get_variable("conv/kernel", [5, 5, 1, 8], tf.float32, tf1.truncated_normal_initializer(stddev=0.1))
        h = tf1.nn.conv2d(h, filters, [1, 2, 2, 1], "SAME", name="conv")
        gamma, beta, mean, variance = (
            tf1.get_variable(f"bn/{name}", initializer=random.uniform(0.5, 1.5, 8).astype(np.float32))
            for name in ("gamma", "beta", "moving_mean", "moving_variance"))
        h, _, _ = tf1.nn.fused_batch_norm(h, gamma, beta, mean, variance, epsilon=1e-3, is_training=False, name="bn")
        h = tf.nn.relu(h)
        h = tf.reshape(h, [-1, 14 * 14 * 8])
        partitioner = tf1.fixed_size_partitioner(3, axis=0) if partitioned else None
        with tf1.variable_scope("", partitioner=partitioner):
            weights = tf1.get_variable("fc/weights", [14 * 14 * 8, 10], tf.float32, tf1.glorot_uniform_initializer())
        bias = tf1.get_variable("fc/bias", [10], tf.float32, tf1.zeros_initializer())
        tf.nn.softmax(tf.matmul(h, tf.convert_to_tensor(weights)) + bias, name="output_node")
        for name, value in typed_values().items():
            # The sharded saver makes a file a device: half of the variables live on the second one.
            with tf.device("/cpu:1" if sharded else None):
                tf1.get_variable(name, initializer=tf.constant(value), trainable=False)
        step = tf1.train.get_or_create_global_step()
        session.run(tf1.global_variables_initializer())
        session.run(tf1.assign(step, 12))
        saver = tf1.train.Saver(sharded=sharded, write_version=saver_pb2.SaverDef.V2)
        prefix = saver.save(session, str(folder / "model.ckpt"), global_step=12)
        tf1.train.write_graph(session.graph_def, str(folder), "graph.pbtxt")
        tf1.train.write_graph(session.graph_def, str(folder), "graph.pb", as_text=False)
        values = {v.op.name: session.run(v) for v in tf1.global_variables()}
        return prefix, values, session.run("output_node:0", {"input_node:0": images})


for kind, sharded, partitioned in (("whole", False, False), ("sharded", True, False), ("partitioned", False, True)):
    home = folder / kind
    prefix, values, scores = tensorflow_model(home, sharded, partitioned)
    parts = len(list(home.glob("model.ckpt-12.data-*")))
    report.check(f"TensorFlow's {kind}: data files", parts == (2 if sharded else 1), f"{parts}")
    same_values(f"TensorFlow's {kind}", tarn_variables(f"{prefix}.meta", prefix, sorted(values)), values)
    # The folder alone: the newest checkpoint by its state file. graph.pbtxt has Savers of no MetaGraph.
    for graph in (f"{prefix}.meta", home / "graph.pbtxt", home / "graph.pb"):
        [ours] = run_graph(graph, {"input_node": images}, ["output_node"], checkpoint=home)
        report.close(f"TensorFlow's {kind}, {pathlib.Path(graph).name} run by Tarn", ours, scores, SCORE_TOLERANCE)
    tarn("freeze_graph", input_graph=home / "graph.pbtxt", input_checkpoint=prefix, output_node_names="output_node",
         output_graph=home / "frozen.pb")
    [frozen] = _tensorflow.run(home / "frozen.pb", {"input_node": images}, ["output_node"])
    report.close(f"TensorFlow's {kind}, frozen by us, run by TensorFlow", frozen, scores, SCORE_TOLERANCE)
    if not partitioned:  # which TensorFlow's freeze_graph refuses
        by_tensorflow = frozen_by_tensorflow(home / "graph.pbtxt", prefix, home / "frozen_by_tensorflow.pb")
        [theirs] = _tensorflow.run(by_tensorflow, {"input_node": images}, ["output_node"])
        report.same(f"TensorFlow's {kind}, frozen by us and by TensorFlow, run by TensorFlow", frozen, theirs)
    # A Saver of ours restores it and writes it anew; what a sharded graph saves with are ops that Tarn does not have.
    common = dict(graph=f"{prefix}.meta", restore=prefix, out_dir=home, final=",".join(sorted(values)))
    tarn("train_steps", **common, **({} if sharded else {"save": home / "ours", "save_step": 13}))
    restored = {name: np.load(home / "final" / f"{file_name(name)}.npy") for name in values}
    same_values(f"TensorFlow's {kind}, restored by our Saver", restored, values)
    if not sharded:
        same_values(f"TensorFlow's {kind}, saved by our Saver", stored(home / "ours-13"), stored(prefix))
        report.check(f"TensorFlow's {kind}: latest_checkpoint finds ours",
                     tf.train.latest_checkpoint(str(home)) == str(home / "ours-13"))

# ---- Files that other programs wrote with TensorFlow -----------------------------------------------------------------


def read_by_restore_ops(prefix):
    """A checkpoint's numbers as RestoreV2 reads them, Tarn's and TensorFlow's: needs no graph of its program."""
    dtypes = tf.train.load_checkpoint(str(prefix)).get_variable_to_dtype_map()
    names = sorted(name for name, dtype in dtypes.items() if dtype != tf.string)
    with tf.Graph().as_default() as graph, tf1.Session() as session:
        tensors = tf1.raw_ops.RestoreV2(prefix=str(prefix), tensor_names=names, shape_and_slices=[""] * len(names),
                                        dtypes=[dtypes[name] for name in names], name="restore")
        path = folder / "restore.pb"
        path.write_bytes(graph.as_graph_def().SerializeToString())
        theirs = session.run(tensors)
    ours = run_graph(path, {}, [tensor.name for tensor in tensors])
    return dict(zip(names, ours)), dict(zip(names, theirs))


fixtures = pathlib.Path(os.environ.get("TARN_DATA", "")) / "tf_fixtures"
if "TARN_DATA" in os.environ and fixtures.is_dir():
    prefixes = sorted(index.with_suffix("") for index in fixtures.rglob("*.index"))
    report.check("there are fixtures", len(prefixes) > 0, f"{len(prefixes)}")
    for prefix in prefixes:
        what = f"{prefix.parent.name}/{prefix.name}"
        same_values(what, *read_by_restore_ops(prefix))
        if not os.path.isfile(f"{prefix}.meta"):
            continue
        with tf.Graph().as_default(), tf1.Session() as session:
            tf1.train.import_meta_graph(f"{prefix}.meta").restore(session, str(prefix))
            readers = {"VariableV2": "", "VarHandleOp": "/Read/ReadVariableOp"}
            variables = {v.op.name + readers[v.op.type]: session.run(v) for v in tf1.global_variables()
                         if v.op.type in readers}
        if variables:
            same_values(f"{what} in a session", tarn_variables(f"{prefix}.meta", prefix, sorted(variables)), variables)
else:
    print("TARN_DATA/tf_fixtures is not there: its checkpoints were not read")

report.finish()
shutil.rmtree(folder)  # kept after a failure
