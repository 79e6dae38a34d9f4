"""Graphs that quantize_nodes made, in TensorFlow 2.15 and in Tarn: the same numbers, to the last bit.

TensorFlow runs them as they are written: what it folds before a run, other kernels of it compute, whose QuantizeV2
rounds otherwise. Every op that the pass rewrites, alone, and networks of TARN_DATA; then TensorFlow's way to fixed
ranges: insert_logging prints what RequantizationRange measures, freeze_requantization_ranges reads what was printed.
"""

import numpy as np

import _tensorflow
from _models import models
from _tarn import Report, new_folder, run_graph, tarn

SEEDS = 6
CONV = 'w: f32[3,3,2,4] = random(seed=5)\ny = Conv2D(x, w) '
# Of one output y; x is fed.
OPS = {
    "MatMul": "x: f32[5,17] = Placeholder\nw: f32[17,6] = random(seed=1)\ny = MatMul(x, w)\n",
    "MatMul, transposed": "x: f32[17,5] = Placeholder\nw: f32[6,17] = random(seed=1)\n"
                          "y = MatMul(x, w) {transpose_a=true, transpose_b=true}\n",
    "Conv2D SAME": f'x: f32[?,8,9,2] = Placeholder\n{CONV}{{padding="SAME", strides=[1, 1, 1, 1]}}\n',
    "Conv2D SAME, stride 2": f'x: f32[?,8,9,2] = Placeholder\n{CONV}{{padding="SAME", strides=[1, 2, 2, 1]}}\n',
    "Conv2D VALID, stride 3": f'x: f32[?,10,11,2] = Placeholder\n{CONV}{{padding="VALID", strides=[1, 3, 3, 1]}}\n',
    "BiasAdd": "x: f32[3,4,5] = Placeholder\nb: f32[5] = {0.1, -2, 0.3, 0, 1}\ny = BiasAdd(x, b)\n",
    "Add": "x: f32[3,4] = Placeholder\nb: f32[3,4] = random(seed=3)\ny = Add(x, b)\n",
    "Add a row": "x: f32[2,3,4] = Placeholder\nb: f32[4] = {0.5, -1, 2, 0.25}\ny = AddV2(b, x)\n",
    "Add a number": "x: f32[3,4] = Placeholder\nb: f32[1] = {0.7}\ny = Add(x, b)\n",
    "Mul": "x: f32[3,4] = Placeholder\ny = Mul(x, x)\n",
    "Mul by rows": "x: f32[2,3,4] = Placeholder\nb: f32[1,3,4] = random(seed=3)\ny = Mul(x, b)\n",
    "Mul by a number": "x: f32[3,4] = Placeholder\nb: f32[1,1] = {-0.7}\ny = Mul(x, b)\n",
    "Relu": "x: f32[3,5] = Placeholder\ny = Relu(x)\n",
    "Relu6": "x: f32[3,5] = Placeholder\ntwice = Add(x, x)\nmore = Mul(twice, twice)\ny = Relu6(more)\n",
    "Reshape": "x: f32[3,4] = Placeholder\ns: i32[3] = {2, -1, 3}\ny = Reshape(x, s)\n",
    "Concat": "x: f32[2,3] = Placeholder\nw: f32[2,4] = random(seed=3)\naxis: i32[] = 1\nd = Add(x, x)\n"
              "y = Concat(axis, d, w, x)\n",
    "MaxPool": 'x: f32[2,7,8,3] = Placeholder\n'
               'y = MaxPool(x) {ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding="SAME"}\n',
    "MaxPool VALID": 'x: f32[2,7,8,3] = Placeholder\n'
                     'y = MaxPool(x) {ksize=[1, 2, 3, 1], strides=[1, 2, 1, 1], padding="VALID"}\n',
    "AvgPool": 'x: f32[2,7,8,3] = Placeholder\n'
               'y = AvgPool(x) {ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding="SAME"}\n',
    "AvgPool VALID": 'x: f32[2,7,8,3] = Placeholder\n'
                     'y = AvgPool(x) {ksize=[1, 2, 3, 1], strides=[1, 2, 1, 1], padding="VALID"}\n',
    "ResizeBilinear": "x: f32[2,4,5,3] = Placeholder\ns: i32[2] = {7, 9}\ny = ResizeBilinear(x, s)\n",
    "ResizeBilinear, corners": "x: f32[2,4,5,3] = Placeholder\ns: i32[2] = {3, 9}\n"
                               "y = ResizeBilinear(x, s) {align_corners=true}\n",
    "ResizeBilinear, centers": "x: f32[2,4,5,3] = Placeholder\ns: i32[2] = {3, 9}\n"
                               "y = ResizeBilinear(x, s) {half_pixel_centers=true}\n",
    "FakeQuantWithMinMaxVars": "x: f32[3,5] = Placeholder\nb: f32[5] = {0.1, -2, 0.3, 0, 1}\nlo: f32[] = 0\n"
                               "hi: f32[] = 2.5\ns = BiasAdd(x, b)\nr = Relu(s)\n"
                               "y = FakeQuantWithMinMaxVars(r, lo, hi)\n",
    "a FakeQuant of floats": "x: f32[3,5] = Placeholder\nlo: f32[] = -1\nhi: f32[] = 2.5\nt = Tanh(x)\n"
                             "y = FakeQuantWithMinMaxVars(t, lo, hi)\n",
    "a network": """x: f32[?,8,8,2] = Placeholder
w: f32[3,3,2,4] = random(seed=5)
b: f32[4] = {0.1, -0.2, 0.3, 0}
conv = Conv2D(x, w) {padding="SAME", strides=[1, 2, 2, 1]}
sum = BiasAdd(conv, b)
relu = Relu(sum)
pool = MaxPool(relu) {ksize=[1, 2, 2, 1], padding="VALID", strides=[1, 2, 2, 1]}
sizes: i32[2] = {-1, 16}
flat = Reshape(pool, sizes)
v: f32[16,3] = random(seed=6)
product = MatMul(flat, v)
scale: f32[3] = {1, -2, 0.5}
y = Mul(product, scale)
""",
}
# Networks, how many of their nodes become 8-bit ones at least, and what ops in float between or behind these may differ
# by: a Softmax has its exponentials from another library.
NETWORKS = {"lenet_dl4j": (15, 0), "keras_cnn_prnan4": (10, 1e-6), "nepali_digits_cnn": (10, 1e-6),
            "microsphere_cnn16": (10, 1e-6), "espcn_superres_alexandra": (20, 0)}
PIPELINE = "strip fold_constants fold_batch_norms quantize_weights quantize_nodes strip_unused_nodes"

folder = new_folder("eight_bit")
report = Report()


def transformed(graph, name, transforms, outputs, **flags):
    path = folder / f"{name}.pb"
    tarn("transform_graph", in_graph=graph, out_graph=path, transforms=transforms, outputs=",".join(outputs), **flags)
    return path


def eight_bit_nodes(path):
    return sum(node.op.startswith("Quantized") for node in _tensorflow.read_graph_def(path).node)


def compare(what, path, feeds, fetches, tolerance=0):
    """TensorFlow's outputs, which Tarn's are: bit for bit, or within the tolerance where there is one."""
    theirs = _tensorflow.run(path, feeds, fetches, _tensorflow.as_written())
    for executor in ("session", "engine"):
        for fetch, ours, want in zip(fetches, run_graph(path, feeds, fetches, executor), theirs):
            if tolerance:
                report.close(f"{what} {fetch}, {executor}", ours, want, tolerance)
            else:
                report.same(f"{what} {fetch}, {executor}", ours, want)
    return theirs


def values(random, seed, shape):
    """Of both signs, none of them negative, and none of them positive."""
    low, high = ((-1, 3), (0, 2), (-2, 0), (-0.3, 0.2), (-40, 7), (0.5, 9))[seed % SEEDS]
    return random.uniform(low, high, shape).astype(np.float32)


def shape_of_input(text):
    return [3 if size == "?" else int(size) for size in text.split("[", 1)[1].split("]", 1)[0].split(",")]


def check_ops():
    for name, text in OPS.items():
        source = folder / "op.graph"
        source.write_text(text)
        # A FakeQuant's range is to stay a constant.
        for weights in ("",) if "FakeQuant" in text else ("", "quantize_weights(minimum_size=1) "):
            path = transformed(source, "op", f"{weights}quantize_nodes", ["y"])
            made = {node.op for node in _tensorflow.read_graph_def(path).node}
            report.check(f"{name}: is in 8 bits", any(op.startswith(("Quantized", "Requantize")) for op in made))
            for seed in range(SEEDS):
                x = values(np.random.default_rng(seed), seed, shape_of_input(text))
                compare(f"{weights}{name}, seed {seed}", path, {"x": x}, ["y"])


def check_networks():
    for model in models(NETWORKS):
        least, tolerance = NETWORKS[model.name]
        path = transformed(model.graph(), model.name, PIPELINE, model.outputs)
        report.check(f"{model.name}: 8-bit ops", eight_bit_nodes(path) >= least, str(eight_bit_nodes(path)))
        theirs = compare(model.name, path, model.feeds(path), model.outputs, tolerance)
        for fetch, got, want in zip(model.outputs, theirs, model.golden):
            if want.dtype.kind == "f":
                away = np.abs(got - want).max() / np.abs(want).max()
                print(f"      {model.name} {fetch}: {100 * away:.2g} % of the range from float")


def check_logging():
    """quantize_nodes -> insert_logging -> TensorFlow runs and prints -> freeze_requantization_ranges."""
    source = folder / "logged.graph"
    source.write_text(OPS["a network"])
    eight_bit = transformed(source, "measured", "quantize_nodes", ["y"])
    logged = transformed(eight_bit, "logged", "insert_logging(op=RequantizationRange, show_name=true, "
                         'message="__requant_min_max:")', ["y"])
    x = values(np.random.default_rng(1), 0, [3, 8, 8, 2])
    with _tensorflow.standard_error() as said:
        [printing] = _tensorflow.run(logged, {"x": x}, ["y"])
    lines = [line for line in said[0].split("\n") if "__requant_min_max:" in line]
    [measured] = compare("ranges are measured", eight_bit, {"x": x}, ["y"])
    report.same("printing changes nothing", printing, measured)
    report.check("each range is printed once", len(lines) == 4, str(lines))
    log = folder / "ranges.log"
    log.write_text(said[0])
    frozen = transformed(eight_bit, "frozen", f'freeze_requantization_ranges(min_max_log_file="{log}")', ["y"])
    made = [node.op for node in _tensorflow.read_graph_def(frozen).node]
    report.check("nothing is measured anymore", "RequantizationRange" not in made)
    [fixed] = compare("ranges are fixed", frozen, {"x": x}, ["y"])
    report.same("fixed ranges, on what they were measured on", fixed, measured)  # Print writes all digits of a float
    for seed in range(SEEDS):
        compare(f"fixed ranges, seed {seed}", frozen, {"x": values(np.random.default_rng(seed), seed, [3, 8, 8, 2])},
                ["y"])


def check_insert_logging():
    """All outputs that are read, with what is asked to be said, as often as is asked."""
    source = folder / "printed.graph"
    source.write_text("x: f32[6] = Placeholder\naxis: i32[] = 0\n"
                      "conv/split: (f32[2], f32[2], f32[2]) = Split(axis, x) {num_split=3}\n"
                      "a: f32[2] = Neg(conv/split:2)\nb: f32[2] = Relu(conv/split:1)\ny: f32[2] = Sub(a, b)\n")
    x = np.array([1, 2, 3.5, -4, 5, 6], np.float32)
    for transforms, wanted in (
            ('insert_logging(op=Neg, op=Relu, show_op=true, show_name=true, message="m: ")',
             [";Neg;;a__print__;m: [-5 -6]", ";Relu;;b__print__;m: [3.5 0]"]),
            ("insert_logging(prefix=conv, summarize=1)", ["[3.5...][5...]"]),
            ("insert_logging(op=Sub, show_name=true)", [";y__print__;[-8.5 -6]"]),
            ("insert_logging(op=Sub, first_n=0)", [])):
        logged = transformed(source, "printed", transforms, ["y"])
        with _tensorflow.standard_error() as said:
            [got] = _tensorflow.run(logged, {"x": x}, ["y"])
        report.same(f"{transforms}: values", got, np.array([-8.5, -6], np.float32))
        printed = [line for line in said[0].split("\n") if "[" in line]
        report.check(f"{transforms}: what is printed", sorted(printed) == sorted(wanted), str(printed))


check_insert_logging()
check_logging()
check_ops()
check_networks()
report.finish()
