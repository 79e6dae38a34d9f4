"""TensorBoard reads the event files that Tarn writes, and TensorFlow writes the same histograms.

A training program runs with --log_dir, goes on from a checkpoint before its end, and beside it one runs through: their
scalars, histograms and graph come out of TensorBoard's own readers, its plugins too, complete and equal.
"""

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorboard import context
from tensorboard.backend.event_processing import data_provider, event_accumulator, event_file_loader
from tensorboard.backend.event_processing import plugin_event_multiplexer
from tensorboard.compat.proto import graph_pb2
from tensorboard.plugins import base_plugin
from tensorboard.plugins.graph import graphs_plugin
from tensorboard.plugins.histogram import histograms_plugin
from tensorboard.plugins.scalar import scalars_plugin

from _tarn import Report, MODELS, new_folder, tarn
from _tensorflow import tf1

STEPS = 40

report = Report()
folder = new_folder("events")


def train(run, **flags):
    tarn("experts", data_dir=MODELS, out_dir=folder / run, log_dir=folder / "logs" / run, batch=4, threads=1, seed=3,
         checkpoint_every=10, **flags)


train("whole", steps=STEPS)
train("resumed", steps=24)
# As if the run had been killed after step 24, before it saved.
tf1.train.update_checkpoint_state(str(folder / "resumed"), str(folder / "resumed/model.ckpt-20"))
train("resumed", steps=STEPS, resume="true")

# ---- Each record, by TensorBoard's loader and by TensorFlow's ---------------------------------------------------------

files = sorted((folder / "logs").rglob("events.out.tfevents.*"))
report.check("a file a run of the program", len(files) == 3, f"{[file.name for file in files]}")
for file in files:
    events = list(event_file_loader.RawEventFileLoader(str(file)).Load())
    theirs = [event.SerializeToString() for event in tf1.train.summary_iterator(str(file))]
    report.check(f"{file.parent.name}: the same records to TensorFlow", events == theirs, f"{len(events)} records")
    first = next(tf1.train.summary_iterator(str(file)))
    report.check(f"{file.parent.name}: the version", first.file_version == "brain.Event:2", first.file_version)

# ---- What TensorBoard accumulates ------------------------------------------------------------------------------------


def accumulated(run):
    accumulator = event_accumulator.EventAccumulator(
        str(folder / "logs" / run), size_guidance={event_accumulator.SCALARS: 0, event_accumulator.HISTOGRAMS: 0})
    return accumulator.Reload()


runs = {run: accumulated(run) for run in ("whole", "resumed")}
for run, events in runs.items():
    tags = events.Tags()
    report.check(f"{run}: scalars", tags["scalars"] == ["loss", "accuracy", "test_accuracy"], f"{tags['scalars']}")
    report.check(f"{run}: the graph", tags["graph"])
    steps = [event.step for event in events.Scalars("loss")]
    report.check(f"{run}: each step once", steps == list(range(1, STEPS + 1)), f"{len(steps)} steps")
    nodes = graph_pb2.GraphDef.FromString(events.Graph().SerializeToString()).node
    want = text_format.Parse((folder / run / "graph.pbtxt").read_text(), tf1.GraphDef())
    report.check(f"{run}: the graph's nodes", [node.name for node in nodes] == [node.name for node in want.node],
                 f"{len(nodes)} nodes")
for tag in ("loss", "accuracy"):
    whole, resumed = ([event.value for event in runs[run].Scalars(tag)] for run in ("whole", "resumed"))
    report.same(f"{tag} of both runs", np.array(resumed), np.array(whole))
for name in sorted(tf.io.gfile.glob(str(folder / "whole/model.ckpt-40.*"))):
    other = name.replace("/whole/", "/resumed/")
    report.check(f"{name.rsplit('/', 1)[1]} of both runs",
                 open(name, "rb").read() == open(other, "rb").read())

# ---- Histograms: TensorFlow's own of the same values -----------------------------------------------------------------


def tensorflows_histogram(values):
    with tf.Graph().as_default(), tf1.Session() as session:
        summary = tf1.Summary.FromString(session.run(tf1.raw_ops.HistogramSummary(tag="x", values=values)))
    return summary.value[0].histo.SerializeToString()


def histograms(run):
    """{(tag, step): serialized HistogramProto}"""
    return {(value.tag, event.step): value.histo.SerializeToString()
            for file in files if file.parent.name == run
            for event in tf1.train.summary_iterator(str(file))
            for value in event.summary.value if value.HasField("histo")}


for run in runs:
    checkpoint = tf.train.load_checkpoint(str(folder / run / f"model.ckpt-{STEPS}"))
    ours = histograms(run)
    tags = sorted({tag for tag, _ in ours})
    report.check(f"{run}: a histogram a variable", tags == sorted(runs[run].Tags()["histograms"]) and len(tags) == 8,
                 f"{tags}")
    for tag in tags:
        theirs = tensorflows_histogram(checkpoint.get_tensor(tag))
        report.check(f"{run}: {tag} in TensorFlow's buckets", ours[tag, STEPS] == theirs, f"{len(theirs)} bytes")

# ---- What its plugins show -------------------------------------------------------------------------------------------

multiplexer = plugin_event_multiplexer.EventMultiplexer()
multiplexer.AddRunsFromDirectory(str(folder / "logs"))
multiplexer.Reload()
provider = data_provider.MultiplexerDataProvider(multiplexer, str(folder / "logs"))
plugin_context = base_plugin.TBContext(data_provider=provider, logdir=str(folder / "logs"), multiplexer=multiplexer)
request = context.RequestContext()
scalars = scalars_plugin.ScalarsPlugin(plugin_context)
for run in runs:
    rows, _ = scalars.scalars_impl(request, "loss", run, "", scalars_plugin.OutputFormat.JSON)
    report.same(f"{run}: the scalar plugin's losses", np.array([row[2] for row in rows]),
                np.array([event.value for event in runs[run].Scalars("loss")]))
    shown, _ = histograms_plugin.HistogramsPlugin(plugin_context).histograms_impl(request, "fc2/kernel", run, "")
    report.check(f"{run}: the histogram plugin's last step", shown[-1][1] == STEPS and len(shown[-1][2]) > 1)
    graph, mime = graphs_plugin.GraphsPlugin(plugin_context).graph_impl(request, run, None, False, "")
    report.check(f"{run}: the graph plugin shows the training op", 'name: "Adam"' in str(graph), mime)
accumulators = data_provider.MultiplexerDataProvider(multiplexer, "").list_runs(request, experiment_id="")
report.check("TensorBoard's runs", sorted(run.run_name for run in accumulators) == ["resumed", "whole"])

report.finish()
