"""TensorFlow trains our graph.pbtxt as our session does: the same init op, seeds and batches, dropout and batch norm on.

Random ops give TensorFlow's bits, so both start from the same weights and drop the same units. What is compared, from
the strictest on:

1. The variables after `init`: bit for bit.
2. The gradients of the first step, with the inputs of each Relu fed to TensorFlow as Tarn computed them: else a value
   that one rounding puts above 0 and another below lets a whole gradient through or not. Both then compute one smooth
   function.
3. Each step's loss from TensorFlow's own weights before that step (its checkpoint, restored by our Saver).
4. The losses of ten steps on their own. Adam divides a gradient by its size, so a weight whose gradient is rounding
   noise moves the whole learning rate either way: rounding grows from step to step. How far is measured on TensorFlow
   itself, with pixels changed by as much as its batch norm rounds.

Where both differ by more than 1e-6 it is TensorFlow's batch norm, which sums in float32: given the same images its mean
and variance are up to 4e-4 off those in double, ours 5e-6.
"""

import shutil

import numpy as np

import _tensorflow
from _tarn import MODELS, STEPS, Report, file_name, new_folder, tarn

from _tensorflow import tf1

STEPS_COMPARED = 10
BATCH = 64
TRAIN_OPS = {"keras_cnn": "Adam", "beginners": "GradientDescent", "experts": "Adam"}
BEFORE_RELU = {"keras_cnn": ["conv1_bn/cond/Merge:0", "conv2_bn/cond/Merge:0", "fc1/BiasAdd:0"], "beginners": [],
               "experts": ["conv1_bn/cond/Merge:0", "conv2_bn/cond/Merge:0", "fc1/BiasAdd:0"]}

# Sums of up to 9,216 products through four layers, each rounded by up to sqrt(9216) * 2^-24 = 6e-6 of its terms' size.
LOSS_TOLERANCE = 5e-5  # of the loss
# Of the layer's largest gradient. TensorFlow's batch norm adds up to 64 * 28 * 28 values a channel one after the other.
BATCH_NORM_GRADIENT_TOLERANCE = 64 * 28 * 28 * 2.0**-24  # 3e-3
GRADIENT_TOLERANCE = 1e-5  # sqrt(9216) * 2^-24, rounded up
NOISE = 2e-4
NOISE_RUNS = 3

report = Report()
folder = new_folder("training")
images = np.load(MODELS / "train_images.npy")[: STEPS_COMPARED * BATCH].reshape(STEPS_COMPARED, BATCH, 784)
labels = np.load(MODELS / "train_labels.npy")[: STEPS_COMPARED * BATCH].reshape(STEPS_COMPARED, BATCH)
for name, values in (("images", images), ("labels", labels), ("training", np.ones(STEPS_COMPARED, bool))):
    np.save(folder / f"{name}.npy", values)
print(f"{STEPS_COMPARED} steps of {BATCH} digits: {(MODELS / 'digits.txt').read_text()}")


class Training:
    """One model's first steps, by TensorFlow and by Tarn."""

    def __init__(self, model):
        self.model = model
        self.graph_file = MODELS / model / "graph.pbtxt"
        self.graph = _tensorflow.import_graph(self.graph_file)
        nodes = self.graph.as_graph_def().node
        self.variables = [node.name for node in nodes if node.op == "VariableV2"]
        # The gradient's place among the inputs of ApplyAdam and ApplyGradientDescent, by variable.
        self.gradients = {node.input[0]: node.input[{"ApplyAdam": 9, "ApplyGradientDescent": 2}[node.op]]
                          for node in nodes if node.op in ("ApplyAdam", "ApplyGradientDescent")}
        self.has_flag = any(node.name == "training" for node in nodes)

    def feed(self, step, batch=images):
        feed = {"input_node:0": batch[step], "labels:0": labels[step]}
        return {**feed, "training:0": True} if self.has_flag else feed

    def session(self, graph=None):
        return tf1.Session(graph=graph or self.graph, config=_tensorflow.one_thread())

    def tensorflow_losses(self, batch=images):
        with self.session() as session:
            session.run("init")
            return np.array([session.run(["loss:0", TRAIN_OPS[self.model]], self.feed(step, batch))[0]
                             for step in range(STEPS_COMPARED)])

    def tarn(self, steps, fetch, **flags):
        """What is fetched at each step, and the variables at the end."""
        out = folder / self.model
        shutil.rmtree(out, ignore_errors=True)
        names = ["input_node=images", "labels=labels"] + (["training=training"] if self.has_flag else [])
        feed = ",".join(f"{name.replace('=', f'={folder}/')}.npy" for name in names)
        tarn("train_steps", **{"graph": self.graph_file, "init": "init", **flags}, feed=feed, fetch=",".join(fetch),
             steps=steps, final=",".join(self.variables), out_dir=out)
        at_steps = [{name: np.load(out / str(step) / f"{file_name(name)}.npy") for name in fetch}
                    for step in range(steps)]
        return at_steps, {name: np.load(out / "final" / f"{file_name(name)}.npy") for name in self.variables}


def compare_initial_values(training):
    _, ours = training.tarn(0, [])
    with training.session() as session:
        session.run("init")
        theirs = session.run({name: f"{name}:0" for name in training.variables})
    odd = [name for name in theirs if ours[name].tobytes() != theirs[name].tobytes()]
    report.check(f"{training.model}: {len(theirs)} variables after init, bit for bit", theirs and not odd, ", ".join(odd))


def compare_gradients(training):
    before_relu = BEFORE_RELU[training.model]
    wires = {name: wire if ":" in wire else f"{wire}:0" for name, wire in training.gradients.items()}
    [ours], _ = training.tarn(1, ["loss", *before_relu, *wires.values()])
    with training.session() as session:
        session.run("init")
        theirs = session.run(wires, {**training.feed(0), **{name: ours[name] for name in before_relu}})
    layers = {}
    for name, wire in wires.items():
        # A bias in front of a batch norm has no gradient but rounding: the layer's kernel gives the scale.
        layers.setdefault(name.rpartition("/")[0].removesuffix("_bn"), []).append((theirs[name], ours[wire]))
    for layer, pairs in layers.items():
        scale = max(float(np.max(np.abs(gradient))) for gradient, _ in pairs)
        tolerance = BATCH_NORM_GRADIENT_TOLERANCE if f"{layer}_bn/gamma" in wires else GRADIENT_TOLERANCE
        for i, (theirs_of_one, ours_of_one) in enumerate(pairs):
            report.close(f"{training.model}: gradient {i + 1} of {layer or 'the layer'}", ours_of_one / scale,
                         theirs_of_one / scale, tolerance)


def compare_losses_from_the_same_weights(training, steps):
    prefix = folder / "from_tensorflow" / training.model / "model.ckpt"
    prefix.parent.mkdir(parents=True)
    graph = _tensorflow.tf.Graph()
    with graph.as_default(), training.session(graph) as session:
        meta = MODELS / training.model / f"model.ckpt-{STEPS[training.model]}.meta"
        saver = tf1.train.import_meta_graph(str(meta))
        saver.set_last_checkpoints_with_time([])
        session.run("init")
        theirs = []
        for step in range(steps):
            saver.save(session, str(prefix), global_step=step, write_meta_graph=False)
            saver.set_last_checkpoints_with_time([])  # keep them all
            theirs.append(session.run(["loss:0", TRAIN_OPS[training.model]], training.feed(step))[0])
    ours, _ = training.tarn(steps, ["loss"], graph=meta, target=TRAIN_OPS[training.model], restore_each=prefix)
    shutil.rmtree(prefix.parent)
    for step in range(steps):
        report.close(f"{training.model}: loss {theirs[step]:.4f} at step {step}, from TensorFlow's weights",
                     ours[step]["loss"], theirs[step], LOSS_TOLERANCE * abs(theirs[step]))


def compare_losses(training):
    theirs = training.tensorflow_losses()
    spread = np.zeros(STEPS_COMPARED)
    for seed in range(NOISE_RUNS):
        signs = np.random.default_rng(seed).choice([-1, 1], images.shape)
        noisy = (images * (1 + NOISE * signs)).astype(np.float32)
        spread = np.maximum(spread, np.abs(training.tensorflow_losses(noisy) - theirs))
    # What has grown by a step does not shrink reliably. Three runs show part of what rounding can do: 4 times as much.
    tolerance = 4 * np.maximum.accumulate(spread) + LOSS_TOLERANCE * np.abs(theirs)
    ours, _ = training.tarn(STEPS_COMPARED, ["loss"], target=TRAIN_OPS[training.model])
    for step in range(STEPS_COMPARED):
        report.close(f"{training.model}: loss {theirs[step]:.4f} at step {step}", ours[step]["loss"], theirs[step],
                     tolerance[step])


for model in TRAIN_OPS:
    training = Training(model)
    compare_initial_values(training)
    compare_gradients(training)
    compare_losses_from_the_same_weights(training, 3 if model == "experts" else STEPS_COMPARED)
    compare_losses(training)
report.finish()
shutil.rmtree(folder)  # kept after a failure
