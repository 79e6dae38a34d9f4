#!/usr/bin/env python3
"""Times a frozen network in another runtime and prints one line of JSON, as benchmark_model --json does.

  infer_peer.py --peer=tflite --model=FOLDER/mobilenet_v1 --shape=224x224x3 --threads=1 --seconds=2

Peers: tflite (MODEL_fp32.tflite), tflite_dynamic (MODEL_dyn.tflite), onnxruntime and openvino (MODEL.onnx), tensorflow (MODEL.pb
by TensorFlow 2's session). The input is float32 NHWC of numbers in [-1, 1), the same for all; the runs that count follow a third of the time
with runs that do not.
"""
import argparse
import json
import os
import resource
import time


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, choices=sorted(PEERS))
    parser.add_argument("--model", required=True, help="the files' path without what follows the name")
    parser.add_argument("--shape", required=True, help="HxWxC")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2)
    return parser.parse_args()


def tflite_of(ending):
    def load(arguments):
        from ai_edge_litert.interpreter import Interpreter
        path = f"{arguments.model}{batch_tag(arguments)}_{ending}.tflite"

        def build():
            interpreter = Interpreter(model_path=path, num_threads=arguments.threads)
            interpreter.allocate_tensors()
            feed = interpreter.get_input_details()[0]["index"]
            fetch = interpreter.get_output_details()[0]["index"]

            def run(image):
                interpreter.set_tensor(feed, image)
                interpreter.invoke()
                return interpreter.get_tensor(fetch)

            return run

        return path, build

    return load


def onnxruntime(arguments):
    import onnxruntime as ort
    path = f"{arguments.model}{batch_tag(arguments)}.onnx"

    def build():
        options = ort.SessionOptions()
        options.intra_op_num_threads = arguments.threads
        options.inter_op_num_threads = 1
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda image: session.run(None, {name: image})[0]

    return path, build


def openvino(arguments):
    import openvino as ov
    path = f"{arguments.model}{batch_tag(arguments)}.onnx"

    def build():
        compiled = ov.Core().compile_model(path, "CPU", {
            "INFERENCE_NUM_THREADS": arguments.threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False})
        request = compiled.create_infer_request()
        return lambda image: request.infer([image], share_inputs=True, share_outputs=True)[0]

    return path, build


def tensorflow(arguments):
    import tensorflow as tf
    path = f"{arguments.model}.pb"

    def build():
        graph_def = tf.compat.v1.GraphDef()
        with open(path, "rb") as file:
            graph_def.ParseFromString(file.read())
        graph = tf.Graph()
        with graph.as_default():
            tf.import_graph_def(graph_def, name="")
        session = tf.compat.v1.Session(graph=graph, config=tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=arguments.threads, inter_op_parallelism_threads=1))
        call = session.make_callable("output_node:0", ["input_node:0"])
        return call

    return path, build


PEERS = {"tflite": tflite_of("fp32"), "tflite_dynamic": tflite_of("dyn"), "onnxruntime": onnxruntime, "openvino": openvino,
         "tensorflow": tensorflow}


def batch_tag(arguments):
    return "" if arguments.batch == 1 else f"_b{arguments.batch}"


def main():
    arguments = parse()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # some read them as they are imported
        os.environ[name] = str(arguments.threads)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    import numpy as np
    shape = [int(side) for side in arguments.shape.split("x")]
    image = np.random.default_rng(0).random([arguments.batch] + shape, dtype=np.float32) * 2 - 1
    path, build = PEERS[arguments.peer](arguments)

    def timed(action):
        begin = time.perf_counter()
        result = action()
        return result, (time.perf_counter() - begin) * 1e3

    run, load_ms = timed(build)
    output, first_ms = timed(lambda: np.array(run(image)))
    end = time.perf_counter() + arguments.seconds / 3
    while time.perf_counter() < end:
        run(image)
    times = []
    end = time.perf_counter() + arguments.seconds
    while time.perf_counter() < end or len(times) < 5:
        times.append(timed(lambda: run(image))[1])
    times.sort()
    print(json.dumps({
        "kind": "infer", "peer": arguments.peer, "model": os.path.basename(arguments.model), "batch": arguments.batch,
        "threads": arguments.threads, "n": len(times), "min_ms": round(times[0], 4),
        "median_ms": round(times[len(times) // 2], 4), "p90_ms": round(times[len(times) * 9 // 10], 4),
        "load_ms": round(load_ms, 2), "first_ms": round(first_ms, 3),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "file_mb": round(os.path.getsize(path) / 1e6, 3), "top": int(output.reshape(arguments.batch, -1)[0].argmax())}))


if __name__ == "__main__":
    main()
