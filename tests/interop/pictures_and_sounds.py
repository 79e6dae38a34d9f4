"""label_image and speech_commands on real photographs and recordings: TensorFlow's labels and scores.

TensorFlow does what its own label_image (decode, resize_bilinear, mean and std) and label_wav (the file's bytes into
`wav_data`) do; the golden of each keyword model is the data set's own, too.
"""

import json
import os
import pathlib
import re
import shutil
import tempfile

import numpy as np
import tensorflow as tf

from _tarn import Report, labels_of, tarn
import _tensorflow

report = Report()
data = pathlib.Path(os.environ.get("TARN_DATA", "nowhere"))
if not data.is_dir():
    print("skipped: TARN_DATA is not set, so there are no models and no pictures")
    raise SystemExit(77)


def computed(tensor):
    with tf.compat.v1.Session() as session:
        return session.run(tensor)


def picture_of(path, decode, side, central=False):
    """The tensor of TensorFlow's label_image; `central`: of the largest square in the middle."""
    pixels = tf.cast(decode(path.read_bytes(), channels=3), tf.float32)
    if central:
        height, width, _ = computed(tf.shape(pixels))
        square = min(height, width)
        pixels = tf.image.crop_to_bounding_box(pixels, (height - square) // 2, (width - square) // 2, square, square)
    resized = tf.compat.v1.image.resize_bilinear(pixels[tf.newaxis], [side, side])
    return computed((resized - 127.5) / 127.5)


NETWORKS = [  # case, output, side
    ("mobilenet_v1_025_128", "MobilenetV1/Predictions/Reshape_1", 128),
    ("mobilenet_v1_025_128_quantized", "MobilenetV1/Predictions/Reshape_1", 128),
    ("mobilenet_retrained_ssoniya", "final_result", 128),
    ("mobilenet_retrained_opt_ssoniya", "final_result", 128),
    ("mobilenet_quantized_retrained_abhi", "final_result", 128),
    ("topo_mobilenet_v1_100_224", "output", 224),
    ("topo_inception_v3", "output", 299),
]

with tempfile.TemporaryDirectory(prefix="tarn_interop_") as folder:
    folder = pathlib.Path(folder)
    jpeg = data / "images/grace_hopper.jpg"
    png = folder / "grace_hopper.png"
    png.write_bytes(computed(tf.io.encode_png(tf.io.decode_jpeg(jpeg.read_bytes(), channels=3))))
    for case, output, side in NETWORKS:
        [graph] = list((data / "models" / case).glob("graph.pb*"))
        path = folder / f"{case}.pb"
        tarn("convert_graph", input=graph, output=path)
        for picture, decode in ((png, tf.io.decode_png), (jpeg, tf.io.decode_jpeg)):
            for crop in ("none", "center"):
                image = picture_of(picture, decode, side, crop == "center")
                [scores] = _tensorflow.run(path, {"input": image}, [output])
                scores = scores.ravel()
                said = tarn("label_image", image=picture, graph=graph, input_mean=127.5, input_std=127.5, top_k=5,
                            input_layer="input", output_layer=output, input_width=side, input_height=side, crop=crop)
                found = labels_of(said)
                name = f"label_image {case} {picture.name} crop={crop}"
                best = np.argsort(-scores, kind="stable")[:5]
                report.check(f"{name}: TensorFlow's top 5",
                             sorted(index for index, _ in found) == sorted(int(index) for index in best), said)
                # Sums in another order, quantized networks' roundings, and six digits printed.
                report.close(f"{name}: their scores", np.array([score for _, score in found]),
                             np.array([float(scores[index]) for index, _ in found]), 1e-3)
    # What the model tells goes in place of the flags.
    told = folder / "told.pb"
    shutil.copy(data / "models/mobilenet_v1_025_128/graph.pb", told)
    (folder / "told.json").write_text(json.dumps({"inputs": [{"name": "input", "kind": "image", "mean": 127.5,
                                                              "std": 127.5}]}))
    tarn("model_info", model=told, labels=data / "images/imagenet_slim_labels.txt", metadata=folder / "told.json")
    flags = {"image": jpeg, "top_k": 5}
    report.check("label_image with metadata",
                 tarn("label_image", graph=told, **flags) ==
                 tarn("label_image", graph=data / "models/mobilenet_v1_025_128/graph.pb", input_mean=127.5,
                      input_std=127.5, labels=data / "images/imagenet_slim_labels.txt", **flags))
    # TensorFlow opens a file that tells of itself.
    image = picture_of(jpeg, tf.io.decode_jpeg, 128)
    [plain], [with_metadata] = (
        _tensorflow.run(path, {"input": image}, ["MobilenetV1/Predictions/Reshape_1"])
        for path in (data / "models/mobilenet_v1_025_128/graph.pb", told))
    report.check("TensorFlow skips metadata", np.array_equal(plain, with_metadata))


def spoken(lines):
    """'yes (score = 0.91000)' -> [("yes", 0.91)]"""
    found = [re.fullmatch(r"(.*) \(score = (\S+)\)", line) for line in lines.splitlines()]
    return [(match[1], float(match[2])) for match in found if match]


with tempfile.TemporaryDirectory(prefix="tarn_interop_") as folder:
    folder = pathlib.Path(folder)
    manifest = json.loads((data / "manifest.json").read_text())
    keyword_models = [case for case in manifest["cases"]
                      if case["kind"] == "frozen" and "wav_data:0" in case["sets"][0]["inputs"]]
    report.check("keyword models", len(keyword_models) >= 6)
    for case in keyword_models:
        model = data / "models" / case["name"]
        [tensors] = [tensors for tensors in case["sets"] if tensors["batch"] == 1][:1]
        recording = model / tensors["inputs"]["wav_data:0"]["file"]
        golden = np.load(model / tensors["outputs"]["labels_softmax:0"]["file"]).ravel()
        said = tarn("speech_commands", wav=recording, graph=model / "graph.pb", how_many_labels=len(golden),
                    output_name="labels_softmax:0", input_name="wav_data:0", as_it_is="true")
        found = spoken(said)
        report.check(f"{case['name']}: the manifest's label", bool(found) and int(found[0][0]) == int(golden.argmax()), said)
        scores = np.zeros(len(golden), np.float32)
        for label, score in found:
            scores[int(label)] = score
        report.close(f"{case['name']}: the manifest's scores", scores, golden, 1e-3)
        for wav in sorted((data / "audio").glob("*.wav")):
            [expected] = _tensorflow.run(model / "graph.pb", {"wav_data": wav.read_bytes()}, ["labels_softmax"])
            found = spoken(tarn("speech_commands", wav=wav, graph=model / "graph.pb", as_it_is="true", how_many_labels=1))
            report.check(f"{case['name']} {wav.name}: TensorFlow's label",
                         bool(found) and int(found[0][0]) == int(expected.argmax()), found)
report.finish()
