"""Each optimizer, schedule, clipping and moving average trains as TensorFlow's class of the same name does.

training_graphs writes a small model with each, and the checkpoint it starts from. From that checkpoint, on the same
batches, go: Tarn; TensorFlow with our .meta; and TensorFlow with a graph that its own tf.compat.v1.train classes build,
whose Saver finds every variable of the checkpoint by name, and has no other.

TensorFlow computes node by node here: its graph optimizer turns x / 7 into x * (1 / 7), and where a schedule rounds up
21 / 7 that is 4 and not 3.
"""

import numpy as np

import _tensorflow
from _tarn import Report, file_name, new_folder, tarn

from _tensorflow import tf, tf1

STEPS_COMPARED = 40  # past every boundary, cycle and restart of the schedules
BATCH = 8
TOLERANCE = STEPS_COMPARED * 2.0**-24  # a rounding of 1 in float32 each step: 2e-6

train = tf1.train
CONFIG = _tensorflow.one_thread()
CONFIG.graph_options.rewrite_options.disable_meta_optimizer = True


def scheduled(schedule):
    def build(loss):
        step = train.get_or_create_global_step()
        rate = tf.identity(schedule(step), name="rate")
        return train.GradientDescentOptimizer(rate).minimize(loss, global_step=step, name="train")

    return build


def clipped(clip):
    def build(loss):
        optimizer = train.GradientDescentOptimizer(0.1)
        gradients, variables = zip(*optimizer.compute_gradients(loss))
        return optimizer.apply_gradients(zip(clip(gradients), variables), name="train")

    return build


def averaged(loss):
    step = train.get_or_create_global_step()
    update = train.GradientDescentOptimizer(0.1).minimize(loss, global_step=step, name="update")
    averages = train.ExponentialMovingAverage
    with tf.control_dependencies([update]):
        variables = averages(0.9, num_updates=step).apply()
    values = averages(0.8, name="Plain").apply([loss])
    debiased = averages(0.8, zero_debias=True, name="Debiased").apply([loss])
    return tf.group(variables, values, debiased, name="train")


def minimized(optimizer):
    return lambda loss: optimizer().minimize(loss, name="train")


CASES = {
    "gradient_descent": minimized(lambda: train.GradientDescentOptimizer(0.1)),
    "momentum": minimized(lambda: train.MomentumOptimizer(0.1, 0.9)),
    "nesterov": minimized(lambda: train.MomentumOptimizer(0.1, 0.9, use_nesterov=True)),
    "adam": minimized(lambda: train.AdamOptimizer(0.01)),
    "adagrad": minimized(lambda: train.AdagradOptimizer(0.1)),
    "rms_prop": minimized(lambda: train.RMSPropOptimizer(0.01)),
    "rms_prop_momentum": minimized(lambda: train.RMSPropOptimizer(0.01, decay=0.8, momentum=0.7, epsilon=1e-3)),
    "rms_prop_centered": minimized(lambda: train.RMSPropOptimizer(0.01, momentum=0.7, centered=True)),
    "adadelta": minimized(lambda: train.AdadeltaOptimizer()),
    "adadelta_of_the_paper": minimized(lambda: train.AdadeltaOptimizer(1.0, rho=0.9, epsilon=1e-4)),
    "ftrl": minimized(lambda: train.FtrlOptimizer(0.1)),
    "ftrl_penalties": minimized(lambda: train.FtrlOptimizer(
        0.1, learning_rate_power=-0.6, initial_accumulator_value=0.3, l1_regularization_strength=0.02,
        l2_regularization_strength=0.03)),
    "ftrl_shrinkage": minimized(lambda: train.FtrlOptimizer(
        0.1, l1_regularization_strength=0.01, l2_shrinkage_regularization_strength=0.05)),
    "clip_by_value": clipped(lambda gradients: [tf.clip_by_value(g, -0.1, 0.2) for g in gradients]),
    "clip_by_norm": clipped(lambda gradients: [tf.clip_by_norm(g, 0.3) for g in gradients]),
    "clip_by_norm_of_columns": clipped(lambda gradients: [tf.clip_by_norm(g, 0.2, axes=[0]) for g in gradients]),
    "clip_by_global_norm": clipped(lambda gradients: tf.clip_by_global_norm(gradients, 0.4)[0]),
    "exponential_decay": scheduled(lambda step: train.exponential_decay(0.2, step, 7, 0.8)),
    "exponential_decay_staircase": scheduled(lambda step: train.exponential_decay(0.2, step, 7, 0.8, staircase=True)),
    "natural_exp_decay": scheduled(lambda step: train.natural_exp_decay(0.2, step, 7, 0.3)),
    "inverse_time_decay": scheduled(lambda step: train.inverse_time_decay(0.2, step, 7, 0.5)),
    "inverse_time_decay_staircase": scheduled(lambda step: train.inverse_time_decay(0.2, step, 7, 0.5, staircase=True)),
    "piecewise_constant": scheduled(lambda step: train.piecewise_constant(step, [7, 20], [0.2, 0.1, 0.02])),
    "polynomial_decay": scheduled(lambda step: train.polynomial_decay(0.2, step, 20, 0.01, power=0.5)),
    "polynomial_decay_cycle": scheduled(lambda step: train.polynomial_decay(0.2, step, 7, power=2.0, cycle=True)),
    "cosine_decay": scheduled(lambda step: train.cosine_decay(0.2, step, 20, alpha=0.1)),
    "cosine_decay_restarts": scheduled(
        lambda step: train.cosine_decay_restarts(0.2, step, 6, t_mul=1.5, m_mul=0.8, alpha=0.05)),
    "cosine_decay_restarts_evenly": scheduled(
        lambda step: train.cosine_decay_restarts(0.2, step, 6, t_mul=1.0, m_mul=0.8)),
    "moving_averages": averaged,
}

report = Report()
folder = new_folder("optimizers")
written = tarn("training_graphs", out_dir=folder).split()
report.check(f"{len(written)} graphs, each with its counterpart", sorted(written) == sorted(CASES))
random = np.random.default_rng(1)
batches = {"x": random.normal(size=(STEPS_COMPARED, BATCH, 5)), "labels": random.uniform(-1, 1, (STEPS_COMPARED, BATCH, 3))}
batches = {name: values.astype(np.float32) for name, values in batches.items()}
for name, values in batches.items():
    np.save(folder / f"{name}.npy", values)


def tensorflows_graph(build):
    """The model of training_graphs.cc, and TensorFlow's way of training it."""
    graph = tf.Graph()
    with graph.as_default():
        x = tf1.placeholder(tf.float32, [None, 5], name="x")
        labels = tf1.placeholder(tf.float32, [None, 3], name="labels")
        w = tf1.get_variable("W", [5, 3])
        b = tf1.get_variable("b", [3])
        y = tf.tanh(tf.matmul(x, w) + b)
        build(tf.reduce_mean(tf.square(y - labels), name="loss"))
    return graph


def steps(session, fetches):
    """What is fetched at each step."""
    return [session.run([*fetches, "train"], {f"{name}:0": values[step] for name, values in batches.items()})[:-1]
            for step in range(STEPS_COMPARED)]


def compare(name):
    start = folder / name / "start-0"
    stored = {key: shape for key, shape in tf1.train.load_checkpoint(str(start)).get_variable_to_shape_map().items()
              if not key.startswith("_tarn/")}  # where random ops stand
    fetches = ["loss:0"] + (["rate:0"] if "decay" in name or "piecewise" in name else [])

    feed = ",".join(f"{key}={folder}/{key}.npy" for key in batches)
    tarn("train_steps", graph=f"{start}.meta", restore=start, feed=feed, fetch=",".join(fetches), target="train",
         steps=STEPS_COMPARED, final=",".join(stored), out_dir=folder / name / "tarn")
    load = lambda at, tensor: np.load(folder / name / "tarn" / str(at) / f"{file_name(tensor)}.npy")
    ours = [[load(step, fetch) for fetch in fetches] for step in range(STEPS_COMPARED)]
    final = {key: load("final", key) for key in stored}

    with tf.Graph().as_default() as graph, tf1.Session(graph=graph, config=CONFIG) as session:
        tf1.train.import_meta_graph(f"{start}.meta").restore(session, str(start))
        imported = steps(session, fetches), session.run({key: f"{key}:0" for key in stored})

    with tensorflows_graph(CASES[name]).as_default() as graph:
        variables = tf1.global_variables()
        shapes = {variable.op.name: variable.shape.as_list() for variable in variables}
        report.check(f"{name}: variables {', '.join(sorted(set(shapes) - {'W', 'b'})) or 'of the model alone'}",
                     shapes == stored, "" if shapes == stored else f"TensorFlow {shapes}, Tarn {stored}")
        if shapes != stored:
            return
        with tf1.Session(graph=graph, config=_tensorflow.one_thread()) as session:
            session.run(tf1.global_variables_initializer())
            slots = session.run({key: f"{key}:0" for key in stored if key not in ("W", "b")})
        reader = tf1.train.load_checkpoint(str(start))
        for key, value in slots.items():
            if "ExponentialMovingAverage" not in key:  # which starts where the model happens to
                report.same(f"{name}: {key} at the start", reader.get_tensor(key), value)
        saver = tf1.train.Saver()
        with tf1.Session(graph=graph, config=CONFIG) as session:
            saver.restore(session, str(start))
            own = steps(session, fetches), session.run({key: f"{key}:0" for key in stored})

    for whose, (theirs, theirs_final) in (("our graph", imported), ("its own graph", own)):
        for i, fetch in enumerate(fetches):
            report.close(f"{name}: {fetch.removesuffix(':0')} of {STEPS_COMPARED} steps, {whose} in TensorFlow",
                         np.array([values[i] for values in ours]), np.array([values[i] for values in theirs]), TOLERANCE)
        largest = max(np.max(np.abs(final[key] - theirs_final[key]) / (1 + np.abs(theirs_final[key]))) for key in stored)
        report.close(f"{name}: {len(stored)} variables after them", largest, np.zeros_like(largest), TOLERANCE)


def compare_what_is_not_finite(name):
    """A label that is infinite makes infinite gradients, and what clipping makes of those must be the same too."""
    start = folder / name / "start-0"
    fed = {key: values[:1].copy() for key, values in batches.items()}
    fed["labels"][0, 0, 0] = np.inf
    for key, values in fed.items():
        np.save(folder / name / f"{key}.npy", values)
    feed = ",".join(f"{key}={folder}/{name}/{key}.npy" for key in fed)
    tarn("train_steps", graph=f"{start}.meta", restore=start, feed=feed, target="train", steps=1, final="W,b",
         out_dir=folder / name / "infinite")
    with tensorflows_graph(CASES[name]).as_default() as graph, tf1.Session(graph=graph, config=CONFIG) as session:
        tf1.train.Saver().restore(session, str(start))
        session.run("train", {f"{key}:0": values[0] for key, values in fed.items()})
        for key in ("W", "b"):
            ours, theirs = np.load(folder / name / "infinite" / "final" / f"{key}.npy"), session.run(f"{key}:0")
            report.check(f"{name}: {key} after a step with an infinite gradient, {np.sum(np.isnan(theirs))} of "
                         f"{theirs.size} NaN", np.allclose(ours, theirs, rtol=0, atol=TOLERANCE, equal_nan=True))


def compare_restored_averages():
    """TensorFlow finds in our .meta which variables have averages, and in our checkpoint what they are."""
    start, trained = folder / "moving_averages" / "start-0", folder / "moving_averages" / "trained"
    with tf.Graph().as_default():
        tf1.train.import_meta_graph(f"{start}.meta")
        averaged = sorted(variable.op.name for variable in tf1.moving_average_variables())
        report.check("moving_averages: TensorFlow reads the collection", averaged == ["W", "b"], str(averaged))
    feed = ",".join(f"{key}={folder}/{key}.npy" for key in batches)
    tarn("train_steps", graph=f"{start}.meta", restore=start, feed=feed, target="train", steps=5, save=trained,
         save_step=5, out_dir=folder / "moving_averages" / "none")
    reader = tf1.train.load_checkpoint(f"{trained}-5")
    with tensorflows_graph(lambda loss: None).as_default() as graph, tf1.Session(graph=graph) as session:
        tf1.train.Saver(train.ExponentialMovingAverage(0.9).variables_to_restore()).restore(session, f"{trained}-5")
        for key in ("W", "b"):
            report.same(f"moving_averages: {key} as TensorFlow evaluates it", session.run(f"{key}:0"),
                        reader.get_tensor(f"{key}/ExponentialMovingAverage"))
            report.check(f"moving_averages: which is not {key} itself",
                         not np.array_equal(session.run(f"{key}:0"), reader.get_tensor(key)))


for name in CASES:
    compare(name)
    if name.startswith("clip"):
        compare_what_is_not_finite(name)
compare_restored_averages()
report.finish()
