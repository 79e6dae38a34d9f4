"""Trains the three MNIST programs for a few steps, freezes and optimizes them: the files that the other tests open.

<build>/interop/models has 1,000 test digits, training batches, and for each program its graph.pbtxt and checkpoint,
frozen.pb, optimized.pb, weights8.pb, and for the convolutional ones image_optimized.pb and image_weights8.pb, whose
input is the image f32[?,28,28,1]. The digits are MNIST's out of TARN_DATA/mnist; without it, those the examples draw.
"""

import gzip
import os
import pathlib
import struct

import numpy as np

from _tarn import DIGITS, MODELS, STEPS, new_folder, tarn

TRAIN_DIGITS = 5120


def read_idx(path):
    """u8 values of an idx .gz file."""
    data = gzip.open(path).read()
    shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def write_idx(path, values):
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header + values.tobytes())


def mnist(folder):
    return [read_idx(folder / f"{name}-ubyte.gz") for name in
            ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")]


def drawn(folder):
    tarn("draw_digits", train=TRAIN_DIGITS, test=DIGITS, out_dir=folder)
    parts = []
    for name in ("train", "test"):
        images = np.load(folder / f"{name}_images.npy")
        parts.append(np.rint(images * 255).astype(np.uint8).reshape(-1, 28, 28))
        parts.append(np.load(folder / f"{name}_labels.npy").astype(np.uint8))
    return parts


folder = new_folder("models")
data = os.environ.get("TARN_DATA")
if data and (pathlib.Path(data) / "mnist").is_dir():
    digits, note = mnist(pathlib.Path(data) / "mnist"), "MNIST"
else:
    digits, note = drawn(folder), "synthetic digits (NOT MNIST)"
print(f"digits: {note}")
(folder / "digits.txt").write_text(note)
digits = [part[:count] for part, count in zip(digits, (TRAIN_DIGITS, TRAIN_DIGITS, DIGITS, DIGITS))]
for name, values in zip(("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"), digits):
    write_idx(folder / f"{name}-ubyte.gz", values)
for name, values in zip(("train", "test"), (digits[0], digits[2])):
    np.save(folder / f"{name}_images.npy", values.reshape(-1, 784).astype(np.float32) / np.float32(255))
np.save(folder / "train_labels.npy", digits[1].astype(np.int64))

for model, steps in STEPS.items():
    out = folder / model
    flags = {"keras_cnn": {"batch_norm": True, "batch": 64}, "beginners": {}, "experts": {"batch_norm": True}}[model]
    print(tarn(model, steps=steps, threads=1, data_dir=folder, out_dir=out, **flags).splitlines()[-1], f"({model})")
    tarn("freeze_graph", input_graph=out / "graph.pbtxt", input_checkpoint=out / f"model.ckpt-{steps}",
         output_node_names="output_node", output_graph=out / "frozen.pb")
    for form, quantize in (("optimized", "none"), ("weights8", "weights8")):
        common = dict(input=out / "frozen.pb", output_names="output_node", quantize=quantize, verify=True)
        tarn("optimize_for_mobile", input_names="input_node", output=out / f"{form}.pb", for_runtime="tensorflow",
             **common)
        if model != "beginners":  # which has no image
            tarn("optimize_for_mobile", input_names="image", output=out / f"image_{form}.pb", for_runtime="opencv",
                 **common)
