#!/usr/bin/env python3
"""Makes what other runtimes open of frozen graphs: NAME_fp32.tflite, NAME_dyn.tflite (8-bit weights, activations scaled
at run time) and NAME.onnx beside NAME.pb. Needs tensorflow 2.15 and tf2onnx.

  convert_models.py FOLDER mnist_deep:28x28x1 mobilenet_v1:224x224x3 mnist_deep:28x28x1@32
"""
import os
import subprocess
import sys

import tensorflow as tf


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    folder = sys.argv[1]
    for network in sys.argv[2:]:
        name, _, shape = network.partition(":")
        shape, _, batch = shape.partition("@")
        dims = [int(batch or 1)] + [int(side) for side in shape.split("x")]
        target = os.path.join(folder, name + (f"_b{batch}" if batch else ""))
        for variant in ("fp32", "dyn"):
            converter = tf.compat.v1.lite.TFLiteConverter.from_frozen_graph(
                f"{folder}/{name}.pb", ["input_node"], ["output_node"], input_shapes={"input_node": dims})
            if variant == "dyn":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            with open(f"{target}_{variant}.tflite", "wb") as file:
                file.write(converter.convert())
        inputs = f"input_node:0[{','.join(map(str, dims))}]"
        subprocess.run([sys.executable, "-m", "tf2onnx.convert", "--graphdef", f"{folder}/{name}.pb", "--inputs", inputs,
                        "--outputs", "output_node:0", "--opset", "17", "--output", target + ".onnx"], check=True)
        print(target)


if __name__ == "__main__":
    main()
