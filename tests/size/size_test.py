#!/usr/bin/env python3
"""Lean engines stay small and compute what the whole engine does.

  size_test.py --bin=build/release/bin --work=build/release/size_test [--jobs=2]

Builds tests/size/lean_runner with the ops of a digit model, then (where TARN_DATA has them) with those of Inception v3 and
MobileNet: stripped size within bounds, outputs equal to those of run_graph's engine, a model that needs more refused by name.
"""
import argparse
import array
import gzip
import os
import pathlib
import random
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from binary_size import Build  # pylint: disable=wrong-import-position

FOLDER = pathlib.Path(__file__).resolve().parent
# Stripped.
DIGITS_BYTES = 200 * 1000
PHOTOS_BYTES = 400 * 1000
# One compiler option apart (-Os, -O2) the sums have the same order; what differs is how scalar code is contracted.
MOST_DIFFERENCE = 1e-6

failures = []


def expect(condition, message):
    if not condition:
        failures.append(message)
        print("FAILED:", message)


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"size_test: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def read_floats(path):
    data = path.read_bytes()
    if path.suffix == ".npy":
        data = data[10 + int.from_bytes(data[8:10], "little"):]
    return array.array("f", data)


def write_npy(path, shape, values):
    header = repr({"descr": "<f4", "fortran_order": False, "shape": shape})
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() +
                     array.array("f", values).tobytes())


def compare(build, binaries, work, model, feeds, output):
    """`feeds`: {input name: .npy}."""
    arguments = [f"{name}={path}" for name, path in feeds.items()]
    out = work / "lean"
    out.mkdir(exist_ok=True)
    run(build.program(), model, *arguments, f"--out={out}")
    run(binaries / "run_graph", f"--graph={model}", *[f"--feed={argument}" for argument in arguments],
        f"--fetch={output}", f"--out_dir={work}", "--executor=engine")
    whole = read_floats(next(work.glob(f"{output.replace('/', '*').replace(':', '*')}*.npy")))
    lean = read_floats(out / "0.bin")
    expect(len(whole) == len(lean) > 0, f"{model}: {len(lean)} values, the whole engine gives {len(whole)}")
    largest = max(map(abs, whole), default=0)
    worst = max((abs(a - b) for a, b in zip(lean, whole)), default=0)
    print(f"{model.name}: {len(lean)} values differ by at most {worst:g}")
    expect(worst <= MOST_DIFFERENCE * max(1, largest), f"{model}: differs by {worst:g} from the whole engine")


def check_size(build, most, name):
    size, static = build.stripped_bytes(), build.stripped_bytes(static=True)
    print(f"{name}: {size:,} bytes stripped, {static:,} with libstdc++ inside; at most {most:,}")
    expect(size <= most, f"{name}: {size:,} bytes, more than {most:,}")
    expect(static > size, f"{name}: nothing of libstdc++ is inside")


def expect_refused(build, binaries, work, text, why):
    """The model of this text, when it is loaded."""
    source, model = work / "odd.txt", work / "odd.pb"
    source.write_text(text)
    run(binaries / "convert_graph", f"--input={source}", f"--output={model}")
    refused = subprocess.run([build.program(), model], capture_output=True, text=True, check=False)
    for word in (why, "-DTARN_OPS_FROM"):
        expect(refused.returncode == 1 and word in refused.stderr, f"no '{word}' in: {refused.stderr}")


def photos(data, work):
    """[(model, input .npy, output name)], unpacked."""
    found = []
    for case, output in (("topo_inception_v3", "output"), ("topo_mobilenet_v1_100_224", "output")):
        folder = pathlib.Path(data) / "models" / case
        if not folder.exists():
            return []
        model = work / f"{case}.pb"
        model.write_bytes(gzip.decompress((folder / "graph.pb.gz").read_bytes()))
        found.append((model, folder / "input_input.npy", output))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    work, binaries = arguments.work.resolve(), arguments.bin.resolve()
    work.mkdir(parents=True, exist_ok=True)
    tool = binaries / "print_required_ops"

    digits = work / "digits.pb"
    run(binaries / "convert_graph", f"--input={FOLDER / 'digits.txt'}", f"--output={digits}")
    image = work / "image.npy"
    pick = random.Random(7)
    write_npy(image, (2, 784), [pick.random() for _ in range(2 * 784)])
    build = Build(work / "lean_build", [digits], print_required_ops=tool, jobs=arguments.jobs)
    check_size(build, DIGITS_BYTES, "digit model")
    compare(build, binaries, work, digits, {"input_node": image}, "output_node")

    expect_refused(build, binaries, work, "x: f32[2] = Placeholder\ny: i32[2] = Cast(x) {DstT=i32}\nz: i32[2] = Neg(y)\n",
                   "op 'Neg' is not supported")
    expect_refused(build, binaries, work,
                   "x: f32[1,4,8,8] = Placeholder\ny: f32[1,4,4,4] = MaxPool(x) {ksize=[1, 1, 2, 2], "
                   "strides=[1, 1, 2, 2], padding=\"VALID\", data_format=\"NCHW\"}\n", "data_format NCHW")

    models = photos(os.environ.get("TARN_DATA", "/nowhere"), work)
    if models:
        build = Build(work / "lean_build", [model for model, _, _ in models], print_required_ops=tool, jobs=arguments.jobs)
        check_size(build, PHOTOS_BYTES, "Inception v3 and MobileNet")
        for model, image, output in models:
            compare(build, binaries, work, model, {"input": image}, output)
    else:
        print("Inception v3 and MobileNet: skipped, TARN_DATA has them not")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
