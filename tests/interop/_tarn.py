"""What the interop tests share: running Tarn's programs, the models of make_models.py, and a report of differences.

    report = Report()
    scores = run_graph(MODELS / "keras_cnn/frozen.pb", {"input_node": digits}, ["output_node"], "engine")[0]
    report.close("keras_cnn frozen, engine", scores, expected, 1e-5)
    report.finish()          # prints the largest difference; exits 1 if anything differed
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

BIN = pathlib.Path(os.environ["TARN_BIN_DIR"])
WORK = pathlib.Path(os.environ.get("TARN_INTEROP_DIR", BIN.parent / "interop"))
MODELS = WORK / "models"
STEPS = {"keras_cnn": 40, "beginners": 40, "experts": 10}
DIGITS = 1000

# float32 softmax scores, at most 1, out of sums of up to 9,216 products in another order: what the project promises.
SCORE_TOLERANCE = 1e-5


def tarn(program, **flags):
    """Runs bin/<program> --flag=value …; returns what it printed, and fails with it."""
    command = [str(BIN / program)] + [f"--{flag}={value}" for flag, value in flags.items()]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nfailed with {done.returncode}:\n{done.stdout}")
    return done.stdout


def labels_of(lines):
    """What label_image printed: 'suit (835): 0.22' -> [(835, 0.22)]"""
    found = [re.fullmatch(r".* \((\d+)\): (\S+)", line) for line in lines.splitlines()]
    return [(int(match[1]), float(match[2])) for match in found if match]


def file_name(tensor):
    """The stem of the file that a tensor's value is written to: a/b:1 -> a.b_1."""
    return tensor.removesuffix(":0").replace("/", ".").replace(":", "_")


def run_graph(graph, feeds, fetches, executor="session", **flags):
    """The tool of this name: {tensor: array} -> arrays."""
    with tempfile.TemporaryDirectory(prefix="tarn_interop_") as folder:
        feed = []
        for i, (name, value) in enumerate(feeds.items()):
            path = f"{folder}/feed_{i}.npy"
            np.save(path, value)
            feed.append(f"{name}={path}")
        if feed:
            flags["feed"] = ",".join(feed)
        tarn("run_graph", graph=graph, fetch=",".join(fetches), executor=executor, out_dir=f"{folder}/out", **flags)
        return [np.load(f"{folder}/out/{file_name(fetch)}.npy") for fetch in fetches]


def read_tensor(path):
    """Of a .npy file; of a .bin file the bytes of a string."""
    return np.load(path) if path.suffix == ".npy" else np.array(path.read_bytes(), dtype=object)


def test_digits():
    """f32[1000,784], and what to call them."""
    return np.load(MODELS / "test_images.npy"), (MODELS / "digits.txt").read_text()


def new_folder(name):
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


class Report:
    """Collects what differed; prints every comparison, and the largest difference at the end."""

    def __init__(self):
        self.failures = []
        self.largest = 0.0
        self.largest_of = "nothing"
        self.comparisons = 0

    def check(self, what, holds, details=""):
        self.comparisons += 1
        if not holds:
            self.failures.append(what)
        print(f"{'ok  ' if holds else 'FAIL'}  {what}{': ' if details else ''}{details}", flush=True)

    def close(self, what, got, want, tolerance):
        """Largest |got - want|, at most `tolerance`; shapes and dtypes must be equal, and nothing may be NaN."""
        got, want = np.asarray(got), np.asarray(want)
        if got.shape != want.shape or got.dtype != want.dtype:
            self.check(what, False, f"{got.dtype}{list(got.shape)} and {want.dtype}{list(want.shape)}")
            return
        difference = float(np.max(np.abs(got.astype(np.float64) - want.astype(np.float64)))) if got.size else 0.0
        if not difference <= self.largest:
            self.largest, self.largest_of = difference, what
        self.check(what, difference <= tolerance, f"{difference:.3g} (at most {tolerance:.3g})")

    def same(self, what, got, want):
        """Equal dtype, shape and bits."""
        got, want = np.asarray(got), np.asarray(want)
        alike = got.shape == want.shape and got.dtype == want.dtype
        if got.dtype == object or got.dtype.kind in "SU":
            alike = alike and got.tolist() == want.tolist()
        else:
            alike = alike and got.tobytes() == want.tobytes()
        self.check(what, alike, f"{got.dtype}{list(got.shape)}" if alike else
                   f"{got.dtype}{list(got.shape)} {got.ravel()[:4]} and {want.dtype}{list(want.shape)} {want.ravel()[:4]}")

    def finish(self):
        if self.comparisons == 0:
            sys.exit("nothing was compared")
        print(f"{self.comparisons} comparisons, {len(self.failures)} failed; largest difference {self.largest:.3g} "
              f"({self.largest_of})")
        if self.failures:
            sys.exit("differs: " + "; ".join(self.failures))
