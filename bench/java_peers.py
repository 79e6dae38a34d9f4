#!/usr/bin/env python3
"""Times inference from Java beside TensorFlow 1.15's Java, in interleaved pairs, and prints the table of bench/README.md.

    tests/java/setup.sh tensorflow
    bench/java_peers.py --models=FOLDER --rounds=7 mnist_deep:28x28x1 mobilenet_v1:224x224x3 …

FOLDER has frozen graphs NAME_115.pb (or NAME.pb) that TensorFlow 1.15 imports, from input_node to output_node. Each pair is a run of
TensorFlow and a run of Tarn's InferenceInterface on the same file, one after another, on the same processors; each call
takes a float[] and fills a float[]. The figure is the median over the pairs of our median call / TensorFlow's. Both must
give the same scores. NAME:HxWxC@32 is a batch of 32.
"""
import argparse
import os
import statistics
import subprocess
import sys
import zipfile

from training_peers import HERE, cpu_name, run

ROOT = os.path.dirname(HERE)


def prepare(work, tensorflow, jar):
    """Compiles the program and unpacks TensorFlow's library; the class path and its folder."""
    os.makedirs(work, exist_ok=True)
    jars = [os.path.join(tensorflow, name) for name in sorted(os.listdir(tensorflow)) if name.endswith(".jar")]
    for name in jars:
        with zipfile.ZipFile(name) as archive:
            for member in archive.namelist():
                target = os.path.join(work, os.path.basename(member))
                if member.startswith("org/tensorflow/native/linux-x86_64/lib") and not os.path.exists(target):
                    with open(target, "wb") as file:
                        file.write(archive.read(member))
    path = ":".join([work, jar] + jars)
    subprocess.run(["javac", "-cp", path, "-d", work, os.path.join(HERE, "peers", "InferJava.java")], check=True)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="NAME:HxWxC[@BATCH]")
    parser.add_argument("--models", dest="folder", required=True)
    parser.add_argument("--lib", default=os.path.join(ROOT, "build", "release", "lib"), help="tarn.jar, libtarn_jni.so")
    parser.add_argument("--tensorflow", default=os.path.join(ROOT, "build", "java", "tensorflow"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", help="append every run to this file")
    arguments = parser.parse_args()

    work = os.path.join(ROOT, "build", "java", "bench")
    path = prepare(work, arguments.tensorflow, os.path.join(arguments.lib, "tarn.jar"))
    java = ["java", "-Xmx1g", f"-Djava.library.path={work}", f"-Dorg.tarn.library={arguments.lib}/libtarn_jni.so", "-cp",
            path, "InferJava"]
    os.environ["LD_LIBRARY_PATH"] = work
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    print(f"{cpu_name()}, {arguments.rounds} pairs of {arguments.seconds} s\n")
    print("| model | batch | threads | TensorFlow 1.15 ms | Tarn ms | ratio: median (range) | first result, ms | other CPU |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    slower = 0
    for model in arguments.models:
        name, _, shape = model.partition(":")
        shape, _, batch = shape.partition("@")
        file = os.path.join(arguments.folder, f"{name}_115.pb")
        if not os.path.exists(file):
            file = os.path.join(arguments.folder, f"{name}.pb")
        for threads in arguments.threads:
            tail = [file, str(threads), str(arguments.seconds), batch or "1"] + shape.split("x")
            pairs = []
            for _ in range(arguments.rounds):
                pairs.append([run(java + [peer] + tail, threads, arguments.json) for peer in ("tf", "tarn")])
            # Scores of a batch sum to about the batch: float32 over some 50 layers leaves 1e-4 of that.
            for tf, tarn in pairs:
                if abs(tf["sum"] - tarn["sum"]) > 1e-4 * max(1.0, abs(tf["sum"])):
                    sys.exit(f"{name}: the scores differ: their sum is {tf['sum']} in TensorFlow, {tarn['sum']} here")
            ratios = [tarn["median_ms"] / tf["median_ms"] for tf, tarn in pairs]
            medians = [statistics.median(pair[i]["median_ms"] for pair in pairs) for i in range(2)]
            firsts = [statistics.median(pair[i]["first_ms"] for pair in pairs) for i in range(2)]
            other = statistics.median(one["other_cpu"] for pair in pairs for one in pair)
            slower += statistics.median(ratios) >= 1
            print(f"| {name} | {batch or 1} | {threads} | {medians[0]:.3g} | {medians[1]:.3g} | {statistics.median(ratios):.2f} "
                  f"({min(ratios):.2f} to {max(ratios):.2f}) | {firsts[0]:.0f} / {firsts[1]:.0f} | {other:.2f} |", flush=True)
    print(f"\nslower than TensorFlow 1.15: {slower}")


if __name__ == "__main__":
    main()
