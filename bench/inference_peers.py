#!/usr/bin/env python3
"""Times frozen networks beside other runtimes, in interleaved rounds, and prints the table of bench/README.md.

    bench/inference_peers.py --models=FOLDER --python=VENV/bin/python --rounds=15 mnist_deep:28x28x1 mobilenet_v1:224x224x3 …

FOLDER has NAME.pb, a frozen graph from input_node to output_node, and what the peers open of it (peers/infer_peer.py says which files).
Ours is first taken through optimize_for_mobile. In each round every peer and ours run once, in turns, on the same
processors (taskset). The figure is the median over the rounds of our median run / the peer's, with its 95 % bootstrap interval, for the
peer that is fastest over all rounds; `other CPU` is how many processors everything else on the machine used meanwhile: over 0.1 it is a noisy
run. --isa=avx2 caps ours, and the peers that can be capped (oneDNN's: openvino, tensorflow). NAME:HxWxC@32 is a batch of 32.
--dynamic8 compares our 8-bit mode with the peers named.
"""
import argparse
import os
import random
import statistics
import subprocess
import sys

from training_peers import HERE, cpu_name, run

PEER = os.path.join(HERE, "peers", "infer_peer.py")
ONEDNN_NAMES = {"avx2": "AVX2", "avx512": "AVX512_CORE"}


def interval(values, rounds=2000):
    """The 95 % bootstrap interval of the median."""
    pick = random.Random(1)
    medians = sorted(statistics.median(pick.choices(values, k=len(values))) for _ in range(rounds))
    return medians[int(rounds * 0.025)], medians[int(rounds * 0.975)]


def tool(binaries, name, *arguments):
    done = subprocess.run([os.path.join(binaries, name), *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)


def optimized(options, name):
    """Through optimize_for_mobile, and with --tune through tune, and with --prepack packed after that."""
    path = os.path.join(options.work, name + ".pb")
    source = os.path.join(options.models, name + ".pb")
    if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(source):
        tool(options.bin, "optimize_for_mobile", "--input=" + source, "--output=" + path)
    return path


def prepared(options, path, threads, shape):
    if options.tune:
        tuned = path.replace(".pb", f"_{threads}.tuned.pb")
        flags = ["--keep"] if options.keep else []
        tool(options.bin, "tune", "--graph=" + path, "--output=" + tuned, f"--num_threads={threads}",
             "--input_layer=input_node", "--input_layer_shape=" + shape, "--output_layer=output_node", *flags)
        path = tuned
    if options.prepack:
        packed = path.replace(".pb", ".packed.pb")
        tool(options.bin, "optimize_for_mobile", "--input=" + path, "--output=" + packed, "--prepack=" + options.prepack)
        path = packed
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+", metavar="NAME:HxWxC[@BATCH]")
    parser.add_argument("--models", required=True)
    parser.add_argument("--bin", default=os.path.join(HERE, "../build/release/bin"))
    parser.add_argument("--work", default=os.path.join(HERE, "../build/bench"), help="for our optimized files")
    parser.add_argument("--python", help="a Python with ai-edge-litert and onnxruntime")
    parser.add_argument("--openvino", help="a Python with openvino")
    parser.add_argument("--tensorflow", help="a Python with TensorFlow 2")
    parser.add_argument("--peers", nargs="+", default=["tflite", "onnxruntime", "openvino"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--isa", choices=["avx2", "avx512", "portable"])
    parser.add_argument("--dynamic8", action="store_true")
    parser.add_argument("--max_layer_error", help="as of benchmark_model; 0: no transforms")
    parser.add_argument("--tune", action="store_true", help="ours is tuned first, for each number of threads")
    parser.add_argument("--keep", action="store_true", help="as of tune")
    parser.add_argument("--prepack", help="instruction sets, as of optimize_for_mobile")
    parser.add_argument("--json", help="a file to append every run to")
    options = parser.parse_args()
    pythons = {"openvino": options.openvino, "tensorflow": options.tensorflow}
    peers = [peer for peer in options.peers if pythons.get(peer, options.python)]
    if options.isa:
        os.environ["TARN_ISA"] = options.isa
        os.environ["ONEDNN_MAX_CPU_ISA"] = os.environ["DNNL_MAX_CPU_ISA"] = ONEDNN_NAMES.get(options.isa, "SSE41")
    os.makedirs(options.work, exist_ok=True)

    print(f"{cpu_name()}, {options.rounds} rounds of {options.seconds:g} s\n")
    print("| network | batch | threads | " + " | ".join(f"{peer}, ms" for peer in peers) +
          " | Tarn, ms | Tarn / fastest peer | isa | other CPU |")
    print("| --- " * (len(peers) + 7) + "|")
    for network in options.networks:
        name, _, shape = network.partition(":")
        shape, _, batch = shape.partition("@")
        batch = int(batch or 1)
        optimized_path = optimized(options, name)
        for threads in options.threads:
            model = prepared(options, optimized_path, threads, f"{batch},{shape.replace('x', ',')}")
            ours = [os.path.join(options.bin, "benchmark_model"), "--graph=" + model, "--json",
                    f"--max_time={options.seconds}", f"--num_threads={threads}", "--input_layer=input_node",
                    f"--input_layer_shape={batch},{shape.replace('x', ',')}", "--output_layer=output_node"]
            if options.dynamic8:
                ours.append("--quantize=dynamic8")
            if options.max_layer_error:
                ours.append("--max_layer_error=" + options.max_layer_error)
            commands = {peer: [pythons.get(peer, options.python), PEER, f"--peer={peer}", f"--shape={shape}",
                               "--model=" + os.path.join(options.models, name), f"--batch={batch}",
                               f"--threads={threads}", f"--seconds={options.seconds}"] for peer in peers}
            runs = {peer: [] for peer in peers + ["tarn"]}
            for number in range(options.rounds):
                order = list(runs)
                order = order[number % len(order):] + order[:number % len(order)]
                for peer in order:
                    runs[peer].append(run(commands.get(peer, ours), threads, options.json))
            medians = {peer: statistics.median(r["median_ms"] for r in runs[peer]) for peer in runs}
            fastest = min(peers, key=medians.get)
            ratios = [mine["median_ms"] / theirs["median_ms"] for mine, theirs in zip(runs["tarn"], runs[fastest])]
            low, high = interval(ratios)
            noise = statistics.median(r["other_cpu"] for all_runs in runs.values() for r in all_runs)
            cells = [name, str(batch), str(threads)] + [f"{medians[peer]:.3g}" for peer in peers]
            cells += [f"{medians['tarn']:.3g}", f"{statistics.median(ratios):.3f} ({low:.3f} to {high:.3f}), {fastest}",
                      runs["tarn"][0]["isa"], f"{noise:.2f}"]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
