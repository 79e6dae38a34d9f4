"""Our tools print what TensorFlow's own of the same name do: inspect_checkpoint; label_image's decoding of PNGs."""

import contextlib
import io
import os
import pathlib
import struct
import tempfile
import zlib

import numpy as np
import tensorflow as tf
from tensorflow.python.tools import inspect_checkpoint

from _tarn import MODELS, Report, labels_of, tarn

report = Report()
data = os.environ.get("TARN_DATA")
roots = [MODELS] + ([pathlib.Path(data)] if data else [])

def compare_checkpoint(prefix):
    """Every line, every digit and column of every value."""
    for flags in ({}, {"all_tensor_names": True}, {"all_tensors": True}):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            inspect_checkpoint.print_tensors_in_checkpoint_file(
                prefix, "", flags.get("all_tensors", False), flags.get("all_tensor_names", False))
        expected = said.getvalue()
        if not flags and "\0" in expected:
            continue  # TensorFlow lists the keys of a partitioned variable's parts, which are no text
        got = tarn("inspect_checkpoint", file_name=prefix, **{name: "true" for name in flags})
        report.check(f"inspect_checkpoint {prefix} {' '.join(flags)}", got == expected)


for root in roots:
    for index in sorted(root.rglob("*.index")):
        compare_checkpoint(str(index).removesuffix(".index"))

# One with two data files, numbers of several types, and large and small ones.
with tempfile.TemporaryDirectory(prefix="tarn_interop_") as folder, tf.Graph().as_default():
    random = np.random.default_rng(7)
    for device, dtype in ((0, np.float32), (1, np.float64), (0, np.int64), (1, np.uint8), (1, np.bool_)):
        values = (random.standard_normal((6, 5)) * 10.0 ** random.integers(-6, 6, (6, 5))).astype(dtype)
        with tf.device(f"/cpu:{device}"):
            tf.compat.v1.get_variable(f"v_{np.dtype(dtype).name}", initializer=values)
    with tf.device("/cpu:1"):
        tf.compat.v1.get_variable("text", initializer=np.array([b"a", b"it's", b"\xff\n"], object), dtype=tf.string)
        tf.compat.v1.get_variable("scalar", initializer=np.float32(1e-5))
        # Every finite half, in rows of one size and all together; the small types that training uses.
        halves = np.arange(65536, dtype=np.uint16).view(np.float16)
        halves = halves[np.isfinite(halves)].reshape(124, 512)
        for row in range(124):
            tf.compat.v1.get_variable(f"halves_{row}", initializer=halves[row])
        tf.compat.v1.get_variable("half_scalar", initializer=np.float16(65504))
        tf.compat.v1.get_variable("half_special", initializer=np.float16([np.nan, np.inf, 0.1, -6e-8]))
        few = [1.1, -2, 1e10, 1e-10, np.nan, np.inf, 123456789]
        tf.compat.v1.get_variable("bfloat16", initializer=tf.constant(few, tf.bfloat16))
        tf.compat.v1.get_variable("bfloat16_scalar", initializer=tf.constant(0.1, tf.bfloat16))
        for dtype in (np.complex64, np.complex128):
            values = (random.standard_normal((7, 2)) * [1, 1e-3] + 1j * random.standard_normal((7, 2))).astype(dtype)
            tf.compat.v1.get_variable(f"v_{np.dtype(dtype).name}", initializer=values)
            tf.compat.v1.get_variable(f"special_{np.dtype(dtype).name}",
                                      initializer=np.array([complex(1, np.nan), complex(-np.inf, 2.5)], dtype))
            tf.compat.v1.get_variable(f"scalar_{np.dtype(dtype).name}", initializer=dtype(1.5e-9 + 3e20j))
    config = tf.compat.v1.ConfigProto(device_count={"CPU": 2})
    with tf.compat.v1.Session(config=config) as session:
        session.run(tf.compat.v1.global_variables_initializer())
        prefix = tf.compat.v1.train.Saver(sharded=True).save(session, f"{folder}/model.ckpt", write_meta_graph=False)
    report.check("two data files", os.path.exists(f"{prefix}.data-00001-of-00002"))
    compare_checkpoint(prefix)


def with_gamma(png):
    """The same PNG with a gAMA chunk before its pixels."""
    kind_and_data = b"gAMA" + struct.pack(">I", 45455)
    at = png.index(b"IDAT") - 4
    return png[:at] + struct.pack(">I", 4) + kind_and_data + struct.pack(">I", zlib.crc32(kind_and_data)) + png[at:]


# PNGs of every kind, through a network whose scores are its pixels: the bytes that TensorFlow's decoder gives.
with tempfile.TemporaryDirectory(prefix="tarn_interop_") as folder:
    graph, picture = f"{folder}/pixels.txt", pathlib.Path(folder) / "picture.png"
    random = np.random.default_rng(3)
    for bits, channels, gamma in ((8, 1, 0), (8, 2, 0), (8, 3, 0), (8, 3, 1), (8, 4, 0), (8, 4, 1),
                                  (16, 1, 0), (16, 2, 0), (16, 3, 0), (16, 3, 1), (16, 4, 1)):
        values = random.integers(0, 2**bits, (7, 9, channels)).astype(f"uint{bits}")
        encoded = tf.io.encode_png(values).numpy()
        picture.write_bytes(with_gamma(encoded) if gamma else encoded)
        wanted = 1 if channels < 3 else 3
        expected = tf.io.decode_png(picture.read_bytes(), channels=wanted).numpy().ravel()
        pathlib.Path(graph).write_text(
            f"x: f32[1,7,9,{wanted}] = Placeholder\nshape: i32[2] = {{1, {expected.size}}}\n"
            f"y: f32[1,{expected.size}] = Reshape(x, shape)\n")
        found = labels_of(tarn("label_image", image=picture, graph=graph, input_std=1, top_k=expected.size))
        got = np.zeros(expected.size)
        for index, value in found:
            got[index] = value
        name = f"label_image, PNG of {channels} x {bits} bits{', gAMA' if gamma else ''}"
        report.check(name, len(found) == expected.size and np.array_equal(got, expected))

report.finish()
