"""Resource variables, as TensorFlow 2.15's v1 graphs write them (use_resource=True) and as Tarn does.

1. TensorFlow's graph and checkpoint, frozen by our freeze_graph: run by TensorFlow and by Tarn to TensorFlow's scores.
2. The same graph and its .meta in our session: its train op to TensorFlow's losses, its Saver to the same values.
3. Our graph of resource variables trained by TensorFlow: the same first values bit for bit, the same losses.
"""

import shutil

import numpy as np
import tensorflow as tf

import _tensorflow
from _tarn import Report, file_name, new_folder, run_graph, tarn
from _tensorflow import tf1

tf1.disable_control_flow_v2()  # tf.cond makes Switch and Merge, as in TensorFlow 1.x

STEPS = 10
BATCH = 32
# Scores are at most 1, from sums of up to 274 products: sqrt(274) * 2^-24 = 1e-6 of their terms' size.
SCORE_TOLERANCE = 1e-6
# Of the loss. Sums of up to 20 products differ by sqrt(20) * 2^-24 = 3e-7 of their terms' size; ten steps add theirs.
LOSS_TOLERANCE = 3e-6

report = Report()
folder = new_folder("resource_variables")
random = np.random.default_rng(3)
batches = {
    "ids": random.integers(0, 10, (STEPS, BATCH, 3), np.int32),
    "input_node": random.standard_normal((STEPS, BATCH, 8)).astype(np.float32),
    "labels": random.integers(0, 5, (STEPS, BATCH), np.int32),
}
for name, values in batches.items():
    np.save(folder / f"{name}.npy", values)


def feed(step):
    return {f"{name}:0": values[step] for name, values in batches.items()}


def tensorflow_losses(session, steps=STEPS):
    return np.array([session.run(["loss:0", "train"], feed(step))[0] for step in range(steps)])


def tarn_steps(graph, steps=STEPS, names=(), **flags):
    """Losses of these steps by Tarn, and the values of `names` at the end."""
    out = folder / "steps"
    shutil.rmtree(out, ignore_errors=True)
    tarn("train_steps", graph=graph, feed=",".join(f"{name}={folder}/{name}.npy" for name in batches), fetch="loss",
         target="train", steps=steps, final=",".join(names), out_dir=out, **flags)
    losses = np.array([np.load(out / str(step) / "loss.npy") for step in range(steps)])
    return losses, {name: np.load(out / "final" / f"{file_name(name)}.npy") for name in names}


def ops_of(path, allowed=None):
    ops = {node.op for node in _tensorflow.read_graph_def(path).node}
    return ops if allowed is None else ops & allowed


def close_losses(what, got, want):
    for step in range(len(want)):
        report.close(f"{what}: loss {want[step]:.4f} at step {step}", got[step], want[step],
                     LOSS_TOLERANCE * abs(want[step]))


# ---- TensorFlow's graphs, frozen by us ---------------------------------------------------------------------------------


def frozen_by_us(kind):
    """A network that reads its variables in every way TensorFlow has for inference; `kind` says how it branches."""
    home = folder / kind
    home.mkdir()
    images = random.standard_normal((20, 8, 8, 2)).astype(np.float32)
    ids = random.integers(0, 10, (20, 3), np.int32)
    feeds = {"input_node": images, "ids": ids}
    with tf.Graph().as_default() as graph, tf1.Session(config=_tensorflow.one_thread()) as session:
        tf1.set_random_seed(5)
        x = tf1.placeholder(tf.float32, [None, 8, 8, 2], name="input_node")
        at = tf1.placeholder(tf.int32, [None, 3], name="ids")
        with tf1.variable_scope("net", use_resource=True):
            kernel = tf1.get_variable("conv/kernel", [3, 3, 2, 4])
            gamma, beta, mean, variance = (
                tf1.get_variable(f"bn/{name}", initializer=random.uniform(0.5, 1.5, 4).astype(np.float32))
                for name in ("gamma", "beta", "moving_mean", "moving_variance"))
            embedding = tf1.get_variable("embedding", [10, 6])
            weights = tf1.get_variable("fc/weights", [8 * 8 * 4 + 18, 5])
            bias = tf1.get_variable("fc/bias", [5], initializer=tf1.random_normal_initializer())
            unused = tf1.get_variable("unused", [3])
        h = tf.nn.conv2d(x, kernel, 1, "SAME")
        h, _, _ = tf1.nn.fused_batch_norm(h, gamma, beta, mean, variance, epsilon=1e-3, is_training=False)
        h = tf.reshape(tf.nn.relu(h), [-1, 8 * 8 * 4])
        h = tf.concat([h, tf.reshape(tf.gather(embedding, at), [-1, 18])], 1)
        if kind == "branches":  # handles through Switch: a reader in each branch
            on = tf1.placeholder_with_default(True, [], name="on")
            shift = tf1.cond(on, lambda: bias + 1.0, lambda: bias * 2.0)
        elif kind == "readers":  # several readers, an Identity of the handle between
            handle = tf.identity(bias.handle)
            shift = bias + tf1.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32)
        else:
            rows = tf1.raw_ops.VariableShape(input=bias.handle)
            shift = bias * tf.reshape(tf.cast(rows, tf.float32), [])
        tf.nn.softmax(tf.matmul(h, weights) + shift, name="output_node")
        session.run(tf1.global_variables_initializer())
        prefix = tf1.train.Saver().save(session, str(home / "model.ckpt"), global_step=3)
        tf1.train.write_graph(session.graph_def, str(home), "graph.pbtxt")
        scores = session.run("output_node:0", {f"{name}:0": value for name, value in feeds.items()})
        values = {v.op.name: session.run(v) for v in tf1.global_variables()}
        # Which leaves a VariableShape on what is no variable any more: TensorFlow refuses to load that.
        by_tensorflow = kind != "shape" and tf1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["output_node"])
    for source in (home / "graph.pbtxt", f"{prefix}.meta"):
        what = f"TensorFlow's {kind}, {str(source).rpartition('.')[2]}"
        frozen = home / "frozen.pb"
        printed = tarn("freeze_graph", input_graph=source, input_checkpoint=prefix, output_node_names="output_node",
                       output_graph=frozen)
        report.check(f"{what}: all but the unused one frozen", "Froze 8 variables." in printed, printed.strip())
        left = ops_of(frozen, {"VarHandleOp", "ReadVariableOp", "ResourceGather", "VariableShape"})
        report.check(f"{what}: no variable is left", not left, ", ".join(sorted(left)))
        [ours] = _tensorflow.run(frozen, feeds, ["output_node"])
        report.close(f"{what}: frozen by us, run by TensorFlow", ours, scores, SCORE_TOLERANCE)
        if by_tensorflow:
            [theirs] = _tensorflow.run(by_tensorflow, feeds, ["output_node"])
            report.same(f"{what}: frozen by us and by TensorFlow, run by TensorFlow", ours, theirs)
        for executor in ("session", "engine"):
            [ours] = run_graph(frozen, feeds, ["output_node"], executor)
            report.close(f"{what}: frozen, {executor}", ours, scores, SCORE_TOLERANCE)
        [ours] = run_graph(source, feeds, ["output_node"], checkpoint=prefix)
        report.close(f"{what}: with its variables, session", ours, scores, SCORE_TOLERANCE)
    reads = [f"{name}/Read/ReadVariableOp" for name in values]
    for name, got in zip(values, run_graph(f"{prefix}.meta", {}, reads, checkpoint=prefix)):
        report.same(f"TensorFlow's {kind}: {name} as Tarn reads it", got, values[name])
    listed = tarn("summarize_graph", in_graph=home / "graph.pbtxt")
    report.check(f"TensorFlow's {kind}: summarize_graph lists them", f"Found {len(values)} variables" in listed)


# ---- TensorFlow's training, by our session ------------------------------------------------------------------------------


def trained_by_us(name, optimizer):
    home = folder / f"training_{name}"
    home.mkdir()
    with tf.Graph().as_default(), tf1.Session(config=_tensorflow.one_thread()) as session:
        tf1.set_random_seed(5)
        x = tf1.placeholder(tf.float32, [None, 8], name="input_node")
        ids = tf1.placeholder(tf.int32, [None, 3], name="ids")
        labels = tf1.placeholder(tf.int32, [None], name="labels")
        with tf1.variable_scope("net", use_resource=True):
            h = x
            if name == "GradientDescent":  # its gradient comes as rows: ResourceScatterAdd
                embedding = tf1.get_variable("embedding", [10, 4])
                h = tf.concat([h, tf.reshape(tf.gather(embedding, ids), [-1, 12])], 1)
            kernel = tf1.get_variable("fc1/kernel", [h.shape[1], 16])
            bias = tf1.get_variable("fc1/bias", [16], initializer=tf1.zeros_initializer())
            h = tf.tanh(tf.matmul(h, kernel) + bias)
            kernel = tf1.get_variable("fc2/kernel", [16, 5])
            bias = tf1.get_variable("fc2/bias", [5], initializer=tf1.zeros_initializer())
            logits = tf.nn.bias_add(tf.matmul(h, kernel), bias)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
            loss = tf.reduce_mean(losses, name="mean")
            step = tf1.train.get_or_create_global_step()
            train = optimizer.minimize(loss, global_step=step)
        tf.identity(loss, name="loss")
        with tf.control_dependencies([train]):
            tf.no_op(name="train")
        session.run(tf1.global_variables_initializer())
        saver = tf1.train.Saver()
        start = saver.save(session, str(home / "start.ckpt"))
        theirs = tensorflow_losses(session)
        values = {v.op.name: session.run(v) for v in tf1.global_variables()}
    reads = {f"{name}/Read/ReadVariableOp": value for name, value in values.items()}
    ours, after = tarn_steps(f"{start}.meta", restore=start, names=reads, save=home / "ours", save_step=STEPS)
    close_losses(f"TensorFlow's {name} by Tarn", ours, theirs)
    step = next(read for read in reads if read.startswith(("global_step", "net/global_step")))
    report.same(f"TensorFlow's {name} by Tarn: global_step", after[step], reads[step])
    # What our Saver wrote of it, TensorFlow reads and restores.
    stored = tf.train.load_checkpoint(str(home / f"ours-{STEPS}"))
    for read, value in after.items():
        report.same(f"TensorFlow's {name} by Tarn: {read.removesuffix('/Read/ReadVariableOp')} in our checkpoint",
                    stored.get_tensor(read.removesuffix("/Read/ReadVariableOp")), value)
    with tf.Graph().as_default(), tf1.Session(config=_tensorflow.one_thread()) as session:
        tf1.train.import_meta_graph(str(home / f"ours-{STEPS}.meta")).restore(session, str(home / f"ours-{STEPS}"))
        report.check(f"TensorFlow's {name} by Tarn: our .meta brings resource variables",
                     {v.op.name for v in tf1.global_variables()} == set(values)
                     and all(v.op.type == "VarHandleOp" for v in tf1.global_variables()))
        for read, value in after.items():
            report.same(f"TensorFlow's {name} by Tarn: {read} restored by TensorFlow", session.run(f"{read}:0"), value)


# ---- Our training, by TensorFlow ---------------------------------------------------------------------------------------


def trained_by_tensorflow(name):
    path = folder / f"{name}.pbtxt"
    tarn("resource_graph", optimizer=name, out=path)
    ops = ops_of(path)
    report.check(f"our {name}: all variables are resources", f"ResourceApply{name}" in ops and "VariableV2" not in ops)
    graph = _tensorflow.import_graph(path)
    reads = [node.name for node in graph.as_graph_def().node if node.name.endswith("/Read/ReadVariableOp")]
    _, ours = tarn_steps(path, steps=0, names=reads, init="init")
    with tf1.Session(graph=graph, config=_tensorflow.one_thread()) as session:
        session.run("init")
        for read in reads:
            report.same(f"our {name}: {read} after init", ours[read], session.run(f"{read}:0"))
        theirs = tensorflow_losses(session)
    ours, _ = tarn_steps(path, init="init")
    report.check(f"our {name}: it learns", theirs[-1] < theirs[0], f"{theirs[0]:.4f} to {theirs[-1]:.4f}")
    close_losses(f"our {name} by TensorFlow", theirs, ours)


for kind in ("readers", "branches", "shape"):
    frozen_by_us(kind)
for name, optimizer in (("GradientDescent", tf1.train.GradientDescentOptimizer(0.5)),
                        ("Momentum", tf1.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True)),
                        ("Adam", tf1.train.AdamOptimizer(0.01))):
    trained_by_us(name, optimizer)
    trained_by_tensorflow(name)
report.finish()
shutil.rmtree(folder)  # kept after a failure
