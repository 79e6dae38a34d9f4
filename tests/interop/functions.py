"""tf.function programs with control flow in control flow, as TensorFlow 2 saves and freezes them.

Each program is saved as a SavedModel and frozen by TensorFlow in both its ways (functions kept; calls, If, Case and While
lowered to Merge, _SwitchN and loop frames). Tarn runs all three, freezes the SavedModel itself, and TensorFlow runs that.
"""

import os
import re

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from _tarn import Report, new_folder, run_graph, tarn

# A handful of float32 products and sums near 1, one after the other; both sides do the same ones.
TOLERANCE = 1e-6
X = np.array([0.3, -1.25, 0.8], np.float32)

module = tf.Module()
module.v = tf.Variable([0.5, -1.0, 2.0], name="v")
v = module.v


def loop(body, times=3):
    return lambda x: tf.while_loop(lambda i, _: i < times, lambda i, y: (i + 1, body(y)), [0, x])[1]


def branch(then, otherwise):
    return lambda y: tf.cond(y[0] > 0, lambda: then(y), lambda: otherwise(y))


def asserted(y):
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(y < 1e6), [y])]):
        return tf.identity(y)


def half(y):
    return y * 0.5


def by_variable(y):
    return y * v


PROGRAMS = {
    "cond": branch(half, lambda y: y + 1),
    "cond_sort": branch(tf.sort, tf.nn.relu),
    "cond_assert": branch(asserted, half),
    "case": lambda y: tf.switch_case(tf.cast(tf.round(y[2]), tf.int32), [lambda: half(y), lambda: by_variable(y), lambda: -y]),
    "loop_reads_variable": loop(by_variable),
    "loop_in_loop_reads_variable": loop(loop(by_variable)),
    "loop_in_branch_in_loop_reads_variable": loop(branch(loop(by_variable), half)),
    "branch_in_loop_in_loop_reads_variable": loop(loop(branch(by_variable, half))),
    "branch_in_loop_asserts": loop(branch(asserted, half)),
    "case_in_loop": loop(lambda y: tf.switch_case(tf.cast(y[0] > 0, tf.int32), [lambda: half(y), lambda: y - 1])),
    "loop_in_map": lambda x: tf.map_fn(lambda row: loop(by_variable)(x)[0] + row, x),
    "scan_in_loop": loop(lambda y: tf.scan(lambda a, e: a + half(e), y)),
    "gather_in_loop": loop(lambda y: y + tf.gather(v, tf.cast(y[:1] > 0, tf.int32))[0]),
}

# It leaves the ResourceGather in the body, on what is a float now, and refuses its own file.
NOT_FROZEN_BY_TENSORFLOW = {"gather_in_loop"}


def function_of(program):
    return tf.function(lambda x: {"y": program(x)}, input_signature=[tf.TensorSpec([3], name="x")])


def run_by_tensorflow(graph_def, feeds, fetch):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.import_graph_def(graph_def, name="")
        return session.run(fetch, feeds)


report = Report()
folder = new_folder("functions")
for name, program in PROGRAMS.items():
    function = function_of(program)
    home = folder / name
    module.f = function
    tf.saved_model.save(module, str(home), signatures=function)
    want = function(tf.constant(X))["y"].numpy()

    frozen = home / "frozen.pb"
    printed = tarn("freeze_graph", input_graph=home, output_graph=frozen, output_node_names="")
    [fetch] = re.findall(r"\by = (\S+?):0", printed)
    graph_def = tf.compat.v1.GraphDef.FromString(frozen.read_bytes())
    [placeholder] = [node.name for node in graph_def.node if node.op == "Placeholder"]
    forms = {"SavedModel": (home, "x", "y"), "frozen by us": (frozen, placeholder, fetch)}
    for lowers in (False, True) if name not in NOT_FROZEN_BY_TENSORFLOW else ():
        constant = convert_variables_to_constants_v2(function.get_concrete_function(), lower_control_flow=lowers)
        path = home / f"theirs_{lowers}.pb"
        path.write_bytes(constant.graph.as_graph_def().SerializeToString())
        forms[f"frozen by TensorFlow{', lowered' if lowers else ''}"] = (path, "x", constant.outputs[0].name.removesuffix(":0"))

    for form, (path, input_name, output_name) in forms.items():
        for executor in ("session", "engine"):
            [got] = run_graph(path, {input_name: X}, [output_name], executor)
            report.close(f"{name}, {form}, {executor}", got, want, TOLERANCE)
    theirs = run_by_tensorflow(graph_def, {placeholder + ":0": X}, fetch + ":0")
    report.close(f"{name}, frozen by us, run by TensorFlow", theirs, want, TOLERANCE)
report.finish()
