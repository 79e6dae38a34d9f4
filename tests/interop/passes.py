"""What transform_graph writes runs in TensorFlow 2.15 and gives what the graph before gives there.

Each golden case of tests/passes/*.graph in which its pass fires: TensorFlow runs the case's graph, and the one that
transform_graph makes of it, on the same seeded inputs. Outputs are equal as the pass promises (docs/passes.md): the
same numbers where it is exact; within its bound where it rounds. Where it promises nothing of outputs, they are what
Tarn makes of the same graph. A case that TensorFlow does not run as it is (ops that nobody has, what cannot be fed) is
named with TensorFlow's reason; every pass must have one that ran.

    tests/interop/run_test.sh tests/interop/passes.py                # all
    tests/interop/run_test.sh tests/interop/passes.py fold_pads …    # cases of these
"""

import collections
import itertools
import re
import sys

import numpy as np
import tensorflow as tf

import _tensorflow
from _pass_cases import contracts, read_cases
from _tarn import Report, new_folder, run_graph, tarn
from _tensorflow import tf1

SEEDS = 4
# Sizes to try for dims that a graph leaves open, and bounds of whole numbers, until TensorFlow takes them.
SIZES = (2, 3, 1, 4, 6, 8, 12, 16)
BOUNDS = (3, 2, 1)
# TensorFlow's kernels of FusedPadConv2D and FusedResizeAndPadConv2D are right for the first image of a batch alone.
ONE_IMAGE = ("fuse_convolutions", "fuse_pad_and_conv", "fuse_resize_and_conv", "fuse_resize_pad_and_conv")
STORAGE = {tf.quint8: "uint8", tf.qint8: "int8", tf.quint16: "uint16", tf.qint16: "int16", tf.qint32: "int32"}
# Float32 in another order: Tarn beside TensorFlow, on a graph whose pass promises nothing of its outputs.
ROUNDING = 1e-5
# These promise nothing in general, but change no value; and of these each code is the same in Tarn.
KEEP_VALUES = ("insert_logging", "rename_node", "remove_control_dependencies")
BIT_BY_BIT = ("quantize_nodes", "freeze_requantization_ranges")

folder = new_folder("passes")
report = Report()
promises = contracts()


class NotRun(Exception):
    """TensorFlow does not run the graph before."""


def beside_before(name):
    """Whether the outputs are to be those of the graph before; else what Tarn makes of the graph after."""
    return promises[name].kind in ("exact", "rounding") or name in KEEP_VALUES


def tensor_name(name):
    return name if ":" in name else name + ":0"


class Loaded:
    """A graph in TensorFlow, with its tables filled."""

    def __init__(self, path):
        self.graph = _tensorflow.import_graph(path)
        self.session = tf1.Session(graph=self.graph, config=_tensorflow.as_written())
        for operation in self.graph.get_operations():
            if operation.type.startswith("InitializeTable"):
                self.session.run(operation)

    def tensor(self, name):
        """None if there is none."""
        try:
            return self.graph.get_tensor_by_name(tensor_name(name))
        except (KeyError, ValueError):
            return None

    def run(self, fetches, feeds):
        """Feeds of what the graph does not have are left out."""
        present = {self.tensor(name): value for name, value in feeds.items() if self.tensor(name) is not None}
        return self.session.run([tensor_name(name) for name in fetches], present)

    def inputs(self):
        return [operation.name for operation in self.graph.get_operations() if operation.type == "Placeholder"]


def made_up(tensor, shape, random, bound, seed):
    """A value of this shape; whole numbers are below `bound`."""
    dtype = tensor.dtype.base_dtype
    if dtype.is_bool:
        return random.integers(0, 2, shape).astype(bool) if shape else np.array(seed % 2 == 1)
    if dtype == tf.string:
        return np.full(shape, b"text", object)
    if dtype.is_floating or dtype.is_complex:
        values = random.uniform(0.1, 2, shape) if seed % 2 else random.standard_normal(shape) * 1.5
        return values.astype(dtype.as_numpy_dtype)
    if dtype.is_quantized:
        storage = np.dtype(STORAGE[dtype])
        limits = np.iinfo(storage)
        return random.integers(limits.min, limits.max, shape, endpoint=True, dtype=storage)
    return np.asarray(random.integers(0, bound, shape)).astype(dtype.as_numpy_dtype)


class Inputs:
    """Makes feeds of the tensors `names`, as the graphs before and after take them."""

    def __init__(self, names, before, after):
        self.names, self.before, self.after = names, before, after
        self.size, self.bound, self.seeds, self.told = 0, 0, [], {}

    def shape(self, name):
        shape = self.before.tensor(name).shape
        if self.after.tensor(name) is not None:
            shape = shape.merge_with(self.after.tensor(name).shape)
        return [self.size] if shape.rank is None else [self.size if dim is None else dim for dim in shape.as_list()]

    def feeds(self, seed):
        random = np.random.default_rng(seed)
        made = {name: made_up(self.before.tensor(name), self.shape(name), random, self.bound, seed)
                for name in self.names}
        return {**made, **self.told}

    def find(self, fetches, sizes):
        """The first size of open dims, and bound of whole numbers, with which TensorFlow runs the graph before."""
        first_error = None
        for self.size, self.bound in itertools.product(sizes, BOUNDS):
            self.seeds = []
            for seed in range(SEEDS):
                try:
                    self.before.run(fetches, self.feeds(seed))
                    self.seeds.append(seed)
                except (tf.errors.OpError, ValueError, TypeError) as error:
                    first_error = first_error or error
            if self.seeds:  # some may take a branch that has no value
                return
        raise NotRun(_tensorflow.reason(first_error))


def assumed(said, graph):
    """What the pass says that it took for granted, "keep = 1": values of tensors, to be fed."""
    told = {}
    for text in re.findall(r", largest difference \S+ with (.*)$", said, flags=re.M):
        for name, dims, items in re.findall(r"(\S+) = \w+\[([\d,]*)\]\{([^}]*)\}", text):
            tensor = graph.tensor(name)
            if tensor is None:
                continue
            numbers = [item.strip() for item in items.split(",") if item.strip()]
            known = {number for number in numbers if number != "…"}
            if "?" in known or ("…" in numbers and len(known) > 1):
                raise NotRun(f"{name}: what was assumed of a {tensor.dtype.name} is not printed whole")
            values = [{"true": True, "false": False}.get(number, number) for number in numbers if number != "…"]
            shape = [int(dim) for dim in dims.split(",") if dim]
            dtype = tensor.dtype.base_dtype.as_numpy_dtype
            told[name] = (np.full(shape, float(values[0])) if "…" in numbers or len(values) == 1 else
                          np.array([float(value) for value in values]).reshape(shape)).astype(dtype)
    return told


def difference(got, want):
    """0: equal numbers, NaN for NaN. Of floats the largest, as a part of the largest magnitude wanted."""
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or got.dtype != want.dtype:
        return np.inf
    if got.dtype.kind not in "fc" and got.dtype.name != "bfloat16":
        return 0.0 if got.tolist() == want.tolist() else np.inf
    x, y = got.astype(np.complex128), want.astype(np.complex128)
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    if same.all():
        return 0.0
    x, y = x[~same], y[~same]
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return np.inf
    finite = want[np.isfinite(want)].astype(np.complex128)
    return float(np.abs(x - y).max() / (np.abs(finite).max() or 1))


def load(path):
    try:
        return Loaded(path)
    except (tf.errors.OpError, ValueError, KeyError, TypeError) as error:
        raise NotRun(_tensorflow.reason(error)) from error


def by_tarn(path, feeds, outputs):
    present = {node.name for node in _tensorflow.read_graph_def(path).node}
    feeds = {name: value for name, value in feeds.items() if name.split(":")[0] in present}
    return run_graph(path, feeds, outputs)


def run_case(case):
    """The largest difference from what it is to be."""
    text_path, before_path, after_path = (folder / name for name in ("case.graph", "before.pb", "after.pb"))
    text_path.write_text(case.before)
    tarn("convert_graph", input=text_path, output=before_path)
    flags = {"in_graph": text_path, "out_graph": after_path, "outputs": ",".join(case.outputs),
             "transforms": case.pass_text}
    if case.inputs:
        flags["inputs"] = ",".join(case.inputs)
    if case.pass_name in ("fold_mode_placeholders", "remove_dropout"):
        flags["verify"] = "true"  # says what was assumed
    said = tarn("transform_graph", **flags)
    before = load(before_path)
    promise = promises[case.pass_name]
    try:
        after = Loaded(after_path)
    except tf.errors.OpError as error:
        if promise.kind == "told":  # to make an op of it that nobody has
            raise NotRun(_tensorflow.reason(error)) from error
        raise
    inputs = Inputs(case.inputs or before.inputs(), before, after)
    missing = [name for name in inputs.names if before.tensor(name) is None]
    if missing:
        raise NotRun(f"no tensor {missing[0]}")
    inputs.told = assumed(said, before)
    inputs.find(case.outputs, (1,) if case.pass_name in ONE_IMAGE else SIZES)
    largest = 0.0
    for seed in inputs.seeds:
        feeds = inputs.feeds(seed)
        got = after.run(case.outputs, feeds)
        if beside_before(case.pass_name):
            want = before.run(case.outputs, feeds)
        else:
            want = by_tarn(after_path, feeds, case.outputs)
        largest = max([largest] + [difference(x, y) for x, y in zip(got, want)])
    return largest


def check_default_attributes():
    """add_default_attributes fires in functions, which no text has."""
    with tf.Graph().as_default() as graph:
        @tf.function(input_signature=[tf.TensorSpec([3], tf.float32)], autograph=False)
        def whole(x):
            return tf.cast(x, tf.int32)

        tf.identity(whole(tf1.placeholder(tf.float32, [3], "x")), "y")
    graph_def = graph.as_graph_def()

    def casts(of):
        return [node for function in of.library.function for node in function.node_def if node.op == "Cast"]

    for node in casts(graph_def):
        del node.attr["Truncate"]
    before, after = folder / "functions.pb", folder / "functions_after.pb"
    before.write_bytes(graph_def.SerializeToString())
    tarn("transform_graph", in_graph=before, out_graph=after, outputs="y", transforms="add_default_attributes")
    made = casts(_tensorflow.read_graph_def(after))
    report.check("add_default_attributes: a function's Cast has Truncate",
                 len(made) > 0 and all("Truncate" in node.attr for node in made))
    x = np.array([1.5, -2.5, 3], np.float32)
    [want], [got] = (_tensorflow.run(path, {"x": x}, ["y"], _tensorflow.as_written()) for path in (before, after))
    report.same("add_default_attributes: a function", got, want)


fired, ran, not_run = collections.Counter(), collections.Counter(), collections.defaultdict(list)
largest_of = collections.defaultdict(float)
wanted = sys.argv[1:]
if not wanted or "add_default_attributes" in wanted:
    check_default_attributes()
    fired["add_default_attributes"] = ran["add_default_attributes"] = 1
for case in read_cases():
    name = case.pass_name
    if not case.fires or (wanted and name not in wanted):
        continue
    fired[name] += 1
    what = f"{case.label} {case.pass_text}: {case.sentence[:70]}"
    try:
        with _tensorflow.standard_error():  # where Print prints
            largest = run_case(case)
    except NotRun as error:
        not_run[name].append((case.label, str(error)))
        continue
    except (SystemExit, Exception) as error:  # one that fails hides no other
        report.check(what, False, _tensorflow.reason(error))
        continue
    ran[name] += 1
    largest_of[name] = max(largest_of[name], largest)
    bound = 0 if name in KEEP_VALUES + BIT_BY_BIT else promises[name].largest if beside_before(name) else ROUNDING
    report.check(what, largest <= bound, f"{largest:.3g} (at most {bound:.3g})")

print("\npass, cases in which it fires, of them run in TensorFlow, largest difference and from what")
for name in sorted(promises):
    if wanted and name not in wanted:
        continue
    beside = "TensorFlow before" if beside_before(name) else "Tarn after"
    print(f"{name:32} {fired[name]:4} {ran[name]:4}   {largest_of[name]:.3g} {beside}")
    for label, why in not_run[name]:
        print(f"    {label}: {why}")
    report.check(f"{name}: a case that TensorFlow runs", ran[name] > 0)
report.finish()
