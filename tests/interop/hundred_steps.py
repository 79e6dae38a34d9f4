"""100 training steps of each example network, by TensorFlow and by Tarn, from the same checkpoint and the same batches.

TensorFlow runs our .meta. Dropout is on: random ops give TensorFlow's bits, so both drop the same units.

Plain gradient descent forgets rounding: the two smallest networks run all 100 steps on their own. Adam does not. It
divides a gradient by its size, so a weight whose gradient is rounding noise moves the whole learning rate either way,
and Relu and MaxPool switch where two values meet (the bias of keras_cnn's first convolution starts at 0, which is what
all of the black background then is). In float32 that grows from 1e-7 to some percent of the loss within 100 steps, and
as far apart come two runs of TensorFlow if the pixels of one are changed by one rounding (1.1 % for keras_cnn). So the
convolutional networks are compared in two ways:

1. In float64, all 100 steps on their own: rounding starts 5e8 times smaller, and what differs otherwise would show.
2. In float32, in ten stretches of ten steps, each from TensorFlow's checkpoint at that step: losses and weights.

TensorFlow's FusedBatchNorm has no float64, and sums in float32, one row after the other: its variances are up to 4e-4
off, which alone moves losses by up to 5e-3 within ten steps. TensorFlow therefore runs the graph with a batch norm made
of its own ops in float64; how far its FusedBatchNorm is from that is measured too, and Tarn must be nearer.
"""

import shutil

import numpy as np

import _tensorflow
from _tarn import MODELS, Report, file_name, new_folder, tarn

from _tensorflow import tf, tf1

STEPS_COMPARED = 100
STRETCH = 10
BATCH = 50
BATCH_64 = 10

SGD_LOSS_TOLERANCE = 1e-5  # of the loss
LOSS_TOLERANCE = 1e-4
WEIGHT_TOLERANCE = 1e-4
# Where a unit switches in one of the two alone, its weights may differ by more; none was seen to on AVX-512.
OUTLIERS = 1e-4  # of all weights
# 2^-53 times what float32's 2^-24 grows by, 2e5, is 2e-11.
TOLERANCE_64 = 1e-9

BATCH_NORM_EPSILON = float(np.float32(1e-3))  # an attr of type float


def exact_batch_norm(dtype):
    """FusedBatchNorm and its gradient while training, as functions on float64 inside: what a node may be turned into."""
    from tensorflow.python.framework import function

    wide = lambda *values: [tf.cast(value, tf.float64) for value in values]
    narrow = lambda *values: tuple(tf.cast(value, dtype) for value in values)
    rows_of = lambda x: tf.cast(tf.size(x) / tf.shape(x)[-1], tf.float64)

    @function.Defun(*[dtype] * 5, func_name="ExactBatchNorm")
    def forward(x, scale, offset, unused_mean, unused_variance):
        x, scale, offset = wide(x, scale, offset)
        mean = tf.reduce_mean(x, [0, 1, 2])
        variance = tf.reduce_mean(tf.square(x - mean), [0, 1, 2])
        y = (x - mean) / tf.sqrt(variance + BATCH_NORM_EPSILON) * scale + offset
        rows = rows_of(x)
        return narrow(y, mean, variance * rows / (rows - 1), mean, variance)

    @function.Defun(*[dtype] * 5, func_name="ExactBatchNormGrad")
    def backward(dy, x, scale, unused_mean, unused_variance):
        dy, x, scale = wide(dy, x, scale)
        mean = tf.reduce_mean(x, [0, 1, 2])
        deviation = tf.sqrt(tf.reduce_mean(tf.square(x - mean), [0, 1, 2]) + BATCH_NORM_EPSILON)
        n = (x - mean) / deviation
        dscale, doffset = tf.reduce_sum(dy * n, [0, 1, 2]), tf.reduce_sum(dy, [0, 1, 2])
        dx = scale / deviation * (dy - doffset / rows_of(x) - n * dscale / rows_of(x))
        empty = tf.zeros([0], tf.float64)
        return narrow(dx, dscale, doffset, empty, empty)

    definitions = []
    with tf.Graph().as_default() as graph:
        for defined in (forward, backward):
            defined.add_to_graph(graph)
        definitions = list(graph.as_graph_def().library.function)
    return definitions


def make_batch_norm_exact(graph_def):
    nodes = [node for node in graph_def.node if node.op in ("FusedBatchNorm", "FusedBatchNormGrad")]
    graph_def.library.function.extend(exact_batch_norm(tf.as_dtype(nodes[0].attr["T"].type)))
    for node in nodes:
        # Those that do not train are in the branch that is not taken.
        node.op = node.op.replace("Fused", "Exact")
        node.attr.clear()


report = Report()
folder = new_folder("hundred_steps")
digits = np.load(MODELS / "train_images.npy"), np.load(MODELS / "train_labels.npy")


def batches(size, dtype=np.float32):
    images, labels = (values[: STEPS_COMPARED * size] for values in digits)
    return {"input_node": images.reshape(STEPS_COMPARED, size, 784).astype(dtype),
            "labels": labels.reshape(STEPS_COMPARED, size), "training": np.ones(STEPS_COMPARED, bool)}


def houses():
    """linear_regression's three sales, at each step."""
    rows = {"size": [2.104, 1.6, 2.4], "price": [3.999, 3.299, 3.69]}
    return {name: np.array([row] * STEPS_COMPARED, np.float32) for name, row in rows.items()}


class Network:
    def __init__(self, name, program, train_op, feeds, **flags):
        self.name, self.train_op, self.folder = name, train_op, folder / name
        self.has_exact_batch_norm = flags.get("batch_norm", False)
        if program != "linear_regression":
            flags = {"data_dir": MODELS, "threads": 1, "batch": 1, **flags}
        steps = flags.setdefault("steps", 1)
        tarn(program, out_dir=self.folder, **flags)
        self.meta = self.folder / f"model.ckpt-{steps}.meta"
        self.start = self.folder / "start-0"
        tarn("train_steps", graph=self.meta, init="init", save=self.folder / "start", out_dir=self.folder / "none")
        self.set_feeds(feeds)

    def set_feeds(self, feeds):
        with self.session() as session:
            nodes = session.graph.as_graph_def().node
        names = {node.name for node in nodes}
        self.variables = [node.name for node in nodes if node.op == "VariableV2"]
        self.feeds = {name: values for name, values in feeds.items() if name in names}
        for name, values in self.feeds.items():
            np.save(self.folder / f"{name}.npy", values)

    def session(self):
        """TensorFlow with our graph; session.saver is the one of the graph."""
        meta = tf1.MetaGraphDef()
        meta.ParseFromString(self.meta.read_bytes())
        if self.has_exact_batch_norm:
            make_batch_norm_exact(meta.graph_def)
        with tf.Graph().as_default() as graph:
            saver = tf1.train.import_meta_graph(meta)
            session = tf1.Session(graph=graph, config=_tensorflow.one_thread())
        session.saver = saver
        return session

    def tensorflow(self, checkpoints=None, again=False):
        """The losses, and the variables at the end; with a checkpoint before each stretch, and at the end.

        Again: starts from those instead of writing them.
        """
        with self.session() as session:
            session.saver.restore(session, str(self.start))

            def save(step):
                if checkpoints is None or step % STRETCH != 0:
                    return
                if again:
                    session.saver.restore(session, f"{checkpoints}-{step}")
                else:
                    session.saver.save(session, str(checkpoints), global_step=step, write_meta_graph=False)
                    session.saver.set_last_checkpoints_with_time([])  # keep them all

            losses = []
            for step in range(STEPS_COMPARED):
                save(step)
                feed = {f"{name}:0": values[step] for name, values in self.feeds.items()}
                losses.append(session.run(["loss:0", self.train_op], feed)[0])
            save(STEPS_COMPARED)
            return np.array(losses), session.run({name: f"{name}:0" for name in self.variables})

    def tarn(self, **flags):
        out = self.folder / "tarn"
        feed = ",".join(f"{name}={self.folder}/{name}.npy" for name in self.feeds)
        tarn("train_steps", graph=self.meta, feed=feed, fetch="loss", target=self.train_op, steps=STEPS_COMPARED,
             final=",".join(self.variables), out_dir=out, **flags)
        losses = np.array([np.load(out / str(step) / "loss.npy") for step in range(STEPS_COMPARED)])
        return losses, {name: np.load(out / "final" / f"{file_name(name)}.npy") for name in self.variables}

    def compare_losses(self, what, ours, theirs, tolerance):
        relative = np.abs(ours - theirs) / np.abs(theirs)
        report.close(f"{self.name}: losses of 100 steps {what}, {theirs[0]:.4f} to {theirs[-1]:.4f}", np.max(relative),
                     np.zeros((), relative.dtype), tolerance)

    def compare_weights(self, what, ours, theirs, tolerance, outliers_allowed=0.0):
        differences = {name: float(np.max(np.abs(ours[name] - theirs[name]), initial=0)) for name in theirs}
        worst = max(differences, key=differences.get)
        outliers = sum(int(np.sum(np.abs(ours[name] - theirs[name]) > tolerance)) for name in theirs)
        total = sum(np.size(value) for value in theirs.values())
        report.check(f"{self.name}: {len(theirs)} variables {what}", outliers <= outliers_allowed * total,
                     f"largest {differences[worst]:.3g} ({worst}), {outliers} of {total} above {tolerance:.3g}")

    def on_its_own(self, what, loss_tolerance, weight_tolerance):
        theirs, their_weights = self.tensorflow()
        ours, our_weights = self.tarn(restore=self.start)
        self.compare_losses(what, ours, theirs, loss_tolerance)
        self.compare_weights("after them", our_weights, their_weights, weight_tolerance)

    def in_stretches(self):
        theirs, _ = self.tensorflow(self.folder / "tensorflow")
        ours, _ = self.tarn(restore_each=self.folder / "tensorflow", save_each=self.folder / "stretch", every=STRETCH)
        self.compare_losses(f"in stretches of {STRETCH}", ours, theirs, LOSS_TOLERANCE)
        if self.has_exact_batch_norm:
            self.has_exact_batch_norm = False
            fused, _ = self.tensorflow(self.folder / "tensorflow", again=True)
            self.has_exact_batch_norm = True
            off = [float(np.max(np.abs(losses - theirs) / np.abs(theirs))) for losses in (ours, fused)]
            report.check(f"{self.name}: nearer to an exact batch norm than FusedBatchNorm is", off[0] < off[1],
                         f"losses differ by {off[0]:.3g} and {off[1]:.3g}")
        for step in range(STRETCH, STEPS_COMPARED + 1, STRETCH):
            readers = [tf1.train.load_checkpoint(str(self.folder / f"{whose}-{step}")) for whose in ("stretch", "tensorflow")]
            names = [name for name in self.variables if "/Adam" not in name]
            weights = [{name: reader.get_tensor(name) for name in names} for reader in readers]
            self.compare_weights(f"after {STRETCH} steps, at step {step}", *weights, WEIGHT_TOLERANCE, OUTLIERS)

    def to_float64(self):
        """The same graph with every float a double, from initial values of its own."""
        meta = tf1.MetaGraphDef()
        meta.ParseFromString(self.meta.read_bytes())
        single, double = tf.float32.as_datatype_enum, tf.float64.as_datatype_enum
        for node in meta.graph_def.node:
            if node.op == "Const" and node.attr["dtype"].type == single:
                value = tf.make_ndarray(node.attr["value"].tensor).astype(np.float64)
                node.attr["value"].tensor.CopyFrom(tf1.make_tensor_proto(value))
            for attr in node.attr.values():
                if attr.type == single:
                    attr.type = double
                for i, dtype in enumerate(attr.list.type):
                    if dtype == single:
                        attr.list.type[i] = double
        meta.ClearField("meta_info_def")  # says what the float graph's ops are
        self.meta = self.folder / "double.meta"
        self.meta.write_bytes(meta.SerializeToString())
        with self.session() as session:
            session.run("init")
            self.start = session.saver.save(session, str(self.folder / "double"), write_meta_graph=False)
        self.set_feeds(batches(BATCH_64, np.float64))


def convolutional(name, program, **flags):
    network = Network(name, program, "Adam", batches(BATCH), **flags)
    network.in_stretches()
    network.to_float64()
    network.on_its_own("in float64", TOLERANCE_64, TOLERANCE_64)
    shutil.rmtree(network.folder)


Network("linear_regression", "linear_regression", "GradientDescent", houses()).on_its_own(
    "on its own", SGD_LOSS_TOLERANCE, WEIGHT_TOLERANCE)
Network("beginners", "beginners", "GradientDescent", batches(BATCH)).on_its_own(
    "on its own", SGD_LOSS_TOLERANCE, WEIGHT_TOLERANCE)
# 400 steps: the rate rises over the first 300, and is above 0 in all of the 100.
convolutional("keras_cnn", "keras_cnn", steps=400)
convolutional("keras_cnn with batch norm", "keras_cnn", steps=400, batch_norm=True)
convolutional("experts", "experts")
report.finish()
