"""TensorFlow runs our frozen, optimized and weights8 files and gives what our session and our engine give."""

from _tarn import MODELS, SCORE_TOLERANCE, STEPS, Report, run_graph, test_digits
import _tensorflow

report = Report()
images, note = test_digits()
print(f"{len(images)} test digits: {note}")
for model in STEPS:
    for form in ("frozen", "optimized", "weights8", "image_optimized", "image_weights8"):
        path = MODELS / model / f"{form}.pb"
        if form.startswith("image") and model == "beginners":
            continue
        feeds = {"image": images.reshape(-1, 28, 28, 1)} if form.startswith("image") else {"input_node": images}
        ops = [node.op for node in _tensorflow.read_graph_def(path).node]
        # Otherwise the files do not show what they are here for.
        if "weights8" in form:
            report.check(f"{model} {form} has Dequantize", "Dequantize" in ops)
        [expected] = _tensorflow.run(path, feeds, ["output_node"])
        for executor in ("session", "engine"):
            [scores] = run_graph(path, feeds, ["output_node"], executor, threads=1)
            report.close(f"{model} {form}, {executor}", scores, expected, SCORE_TOLERANCE)
report.finish()
