"""Models that others made: the cases of TARN_DATA, with what was recorded of each of them.

    for model in models(names, needed=True):       # without TARN_DATA the test is skipped, or there are none
        frozen = model.frozen(folder)
        got = _tensorflow.run(frozen, model.feeds(frozen), model.outputs)
        close(report, f"{model.name} {model.outputs[0]}", got[0], model.golden[0], model.tolerance)
"""

import gzip
import json
import os
import pathlib
import sys

import numpy as np

import _tensorflow
from _tarn import read_tensor, tarn


def models(names=(), needed=False):
    """Those with recorded values, in the manifest's order; all, or those named. A name that is not there is an error."""
    if "TARN_DATA" not in os.environ:
        if needed:
            print("skipped: TARN_DATA is not set; it names the folder with the models")
            sys.exit(77)
        print("without the models: TARN_DATA is not set; it names the folder with them")
        return []
    data = pathlib.Path(os.environ["TARN_DATA"])
    cases = [case for case in json.loads((data / "manifest.json").read_text())["cases"] if case.get("sets")]
    if missing := set(names) - {case["name"] for case in cases}:
        sys.exit(f"{data} has no model {', '.join(sorted(missing))} with recorded values")
    return [Model(data, case) for case in cases if not names or case["name"] in names]


class Recorded:
    """A set of inputs, and what the original gave for them."""

    def __init__(self, home, batch):
        self.is_deterministic = batch["deterministic"]
        self.input_files = {name: home / info["file"] for name, info in batch["inputs"].items()}
        self.outputs = list(batch["outputs"])
        self.golden = [np.load(home / info["file"]) for info in batch["outputs"].values()]

    def feed_files(self, graph):
        """{tensor: file} of the inputs that `graph` has: the others no output needs, or they are folded modes."""
        present = {node.name for node in _tensorflow.read_graph_def(graph).node}
        return {name: path for name, path in self.input_files.items() if name.split(":")[0] in present}

    def feeds(self, graph):
        return {name: read_tensor(path) for name, path in self.feed_files(graph).items()}


class Model(Recorded):
    """A case's files. `sets` is all that was recorded of it; its own inputs and outputs are the first's."""

    def __init__(self, data, case):
        self.case, self.name, self.kind = case, case["name"], case["kind"]
        self.home = data / "models" / self.name
        self.tolerance = case["tolerance"]
        super().__init__(self.home, case["sets"][0])
        self.sets = [self] + [Recorded(self.home, batch) for batch in case["sets"][1:]]

    def graph(self):
        """What freeze_graph reads: a frozen graph too."""
        if self.kind == "frozen":
            return next(path for path in (self.home / "graph.pb", self.home / "graph.pb.gz") if path.exists())
        return self.home if self.kind == "saved_model" else pathlib.Path(f"{self.home / self.case['prefix']}.meta")

    def frozen(self, folder):
        """A .pb: the original's bytes where it is frozen, else what freeze_graph writes into `folder`."""
        graph, path = self.graph(), folder / f"{self.name}.frozen.pb"
        if graph.suffix == ".gz":
            path.write_bytes(gzip.decompress(graph.read_bytes()))
        elif self.kind == "frozen":
            return graph
        else:
            tarn("freeze_graph", input_graph=graph, output_node_names=",".join(self.outputs), output_graph=path)
        return path


def differences(got, want, tolerance):
    """How far the elements are apart, and which of them by more than atol + rtol * |want|, integers in whole steps."""
    x, y = got.astype(np.float64), want.astype(np.float64)
    bound = tolerance["atol"] + tolerance["rtol"] * np.abs(y) if got.dtype.kind == "f" else np.floor(tolerance["atol"])
    difference = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0, np.abs(x - y))
    return difference, ~(difference <= bound)


def is_close(got, want, tolerance):
    if got.shape != want.shape or got.dtype.kind not in "fiu":
        return got.shape == want.shape
    return not differences(got, want, tolerance)[1].any()


def close(report, what, got, want, tolerance):
    """Within the case's tolerance, element by element; what are no numbers must be equal."""
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or got.dtype != want.dtype or got.dtype.kind not in "fiu":
        report.same(what, got, want)
        return
    difference, beyond = differences(got, want, tolerance)
    largest, count = float(difference.max(initial=0)), int(beyond.sum())
    if not largest <= report.largest:
        report.largest, report.largest_of = largest, what
    report.check(what, count == 0, f"{largest:.3g}" + (f", {count} of {got.size} beyond" if count else ""))
