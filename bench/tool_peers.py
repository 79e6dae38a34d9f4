#!/usr/bin/env python3
"""Times freeze_graph and optimize_for_mobile beside TensorFlow's Python tools, interleaved, and their peak memory.

    bench/tool_peers.py --tf=PYTHON --frozen=inception_v3.pb --output=output --rounds=3

PYTHON has TensorFlow 2.15; --frozen (.pb or .pb.gz) is any frozen graph of float weights. From it a graph with
variables and its checkpoint are made once, in a temporary folder: the large constants become variables. Each round runs
TensorFlow's freeze_graph and optimize_for_inference, then ours, one process after the other on the same processors. Wall
time is from start to end of the process, memory the largest resident set that the kernel counted.
"""

import argparse
import gzip
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))

MAKE = """
import sys, tensorflow as tf
from tensorflow.python.framework import tensor_util
frozen, folder = sys.argv[1:]
graph = tf.compat.v1.GraphDef()
graph.ParseFromString(open(frozen, "rb").read())
names, values = [], []
for node in graph.node:
    if node.op != "Const" or node.attr["dtype"].type != tf.float32.as_datatype_enum: continue
    value = tensor_util.MakeNdarray(node.attr["value"].tensor)
    if value.size < 16: continue
    names.append(node.name + "/variable"); values.append(value)
    read = node.name
    node.name += "/variable"; node.op = "VariableV2"
    del node.attr["value"]
    node.attr["shape"].shape.CopyFrom(tf.TensorShape(value.shape).as_proto())
    node.attr["container"].s = b""; node.attr["shared_name"].s = b""
    identity = graph.node.add(name=read, op="Identity", input=[node.name])
    identity.attr["T"].type = tf.float32.as_datatype_enum
open(folder + "/graph.pb", "wb").write(graph.SerializeToString())
tf.raw_ops.SaveV2(prefix=folder + "/model.ckpt", tensor_names=names, shape_and_slices=[""] * len(names),
                  tensors=[tf.constant(v) for v in values])
print(len(names), "variables,", sum(v.nbytes for v in values), "bytes")
"""

# What the scripts freeze_graph and optimize_for_inference of TensorFlow's pip package run.
TF_FREEZE = """
import sys
from tensorflow.python.tools import freeze_graph
folder, output, frozen = sys.argv[1:]
freeze_graph.freeze_graph(folder + "/graph.pb", "", True, folder + "/model.ckpt", output, "save/restore_all",
                          "save/Const:0", frozen, True, "")
"""
TF_OPTIMIZE = """
import sys, tensorflow as tf
from tensorflow.python.tools import optimize_for_inference_lib
frozen, inputs, output, optimized = sys.argv[1:]
graph = tf.compat.v1.GraphDef()
graph.ParseFromString(open(frozen, "rb").read())
graph = optimize_for_inference_lib.optimize_for_inference(graph, [inputs], [output], tf.float32.as_datatype_enum)
open(optimized, "wb").write(graph.SerializeToString())
"""


def run(command):
    """Wall seconds, and peak resident megabytes of that process alone."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    if status != 0:
        sys.exit(f"{command[:3]} failed:\n{errors.decode()[-2000:]}")
    return wall, usage.ru_maxrss / 1024


def main():
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--tf", required=True)
    flags.add_argument("--frozen", required=True)
    flags.add_argument("--input", default="input")
    flags.add_argument("--output", default="output")
    flags.add_argument("--bin", default=os.path.join(HERE, "../build/release/bin"))
    flags.add_argument("--rounds", type=int, default=3)
    options = flags.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        original = os.path.join(folder, "original.pb")
        opened = gzip.open(options.frozen) if options.frozen.endswith(".gz") else open(options.frozen, "rb")
        with opened as source, open(original, "wb") as copy:
            shutil.copyfileobj(source, copy)
        made = subprocess.run([options.tf, "-c", MAKE, original, folder], capture_output=True, text=True)
        if made.returncode != 0:
            sys.exit(made.stderr[-2000:])
        print(made.stdout.strip())
        path = lambda name: os.path.join(folder, name)
        commands = {
            ("freeze", "TensorFlow"): [options.tf, "-c", TF_FREEZE, folder, options.output, path("tf_frozen.pb")],
            ("optimize", "TensorFlow"): [options.tf, "-c", TF_OPTIMIZE, path("tf_frozen.pb"), options.input,
                                         options.output, path("tf_optimized.pb")],
            ("freeze", "Tarn"): [os.path.join(options.bin, "freeze_graph"), "--input_graph=" + path("graph.pb"),
                                 "--input_checkpoint=" + path("model.ckpt"), "--output_node_names=" + options.output,
                                 "--output_graph=" + path("frozen.pb")],
            ("optimize", "Tarn"): [os.path.join(options.bin, "optimize_for_mobile"), "--input=" + path("frozen.pb"),
                                   "--output=" + path("mobile.pb")],
        }
        seen = {key: [] for key in commands}
        for _ in range(options.rounds):
            for key, command in commands.items():
                seen[key].append(run(command))
        print("| job | tool | seconds: median (range) | peak MB | of TensorFlow's time | of its memory |")
        print("| --- | --- | --: | --: | --: | --: |")
        for (job, tool), runs in seen.items():
            theirs = seen[(job, "TensorFlow")]
            walls = sorted(wall for wall, _ in runs)
            of_time = statistics.median(w / t for (w, _), (t, _) in zip(runs, theirs))
            of_memory = statistics.median(m / t for (_, m), (_, t) in zip(runs, theirs))
            print(f"| {job} | {tool} | {statistics.median(walls):.3g} ({walls[0]:.3g} to {walls[-1]:.3g}) | "
                  f"{statistics.median(m for _, m in runs):.0f} | 1/{1 / of_time:.0f} | 1/{1 / of_memory:.1f} |")


if __name__ == "__main__":
    main()
