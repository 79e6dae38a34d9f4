"""What the training peers share: flags, MNIST (or random digits), the clock, one JSON line of results."""
import argparse
import gzip
import json
import os
import resource
import time

DEFAULTS = {"softmax": (100, 1000, 50), "deepmnist": (50, 60, 10), "kerascnn": (128, 40, 8)}  # batch, steps, warm-up


def parse():
    """Call before the framework is imported: some read the number of threads once."""
    flags = argparse.ArgumentParser()
    flags.add_argument("--model", default="softmax", choices=list(DEFAULTS))
    flags.add_argument("--threads", type=int, default=1)
    flags.add_argument("--batch", type=int)
    flags.add_argument("--steps", type=int)
    flags.add_argument("--warmup", type=int, help="steps run but left out of the figures")
    options = flags.parse_args()
    for name, value in zip(("batch", "steps", "warmup"), DEFAULTS[options.model]):
        if getattr(options, name) is None:
            setattr(options, name, value)
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(options.threads)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    return options


def digits(np):
    """Images f32[N, 784] in 0 to 1 and labels i64[N] of $TARN_DATA/mnist; random ones without it."""
    folder = os.path.join(os.environ.get("TARN_DATA", ""), "mnist")
    paths = [os.path.join(folder, f"train-{part}-ubyte.gz") for part in ("images-idx3", "labels-idx1")]
    if not all(os.path.exists(path) for path in paths):
        random = np.random.default_rng(1)
        return random.random((10000, 784), dtype=np.float32), random.integers(0, 10, 10000)
    with gzip.open(paths[0]) as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    with gzip.open(paths[1]) as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return images.astype(np.float32) / 255, labels.astype(np.int64)


def batches(np, options):
    images, labels = digits(np)
    for step in range(options.steps):
        begin = step * options.batch % (len(images) - options.batch + 1)
        yield images[begin:begin + options.batch], labels[begin:begin + options.batch]


class Steps:
    """tick() after each step; the first `warmup` of them are left out."""

    def __init__(self, options, peer):
        self.options, self.peer, self.ms, self.seen = options, peer, [], 0
        self.last = time.perf_counter()

    def tick(self):
        now = time.perf_counter()
        self.seen += 1
        if self.seen > self.options.warmup:
            self.ms.append((now - self.last) * 1e3)
        self.last = now

    def report(self):
        ms = sorted(self.ms)
        at = lambda q: round(ms[min(len(ms) - 1, int(q * len(ms)))], 4)
        mean = sum(ms) / len(ms)
        print(json.dumps({
            "kind": "train", "peer": self.peer, "work": self.options.model, "model": self.options.model, "variant": "fp32",
            "batch": self.options.batch, "threads": self.options.threads, "steps": self.seen, "min_ms": at(0),
            "median_ms": at(0.5), "p90_ms": at(0.9), "mean_ms": round(mean, 4), "steps_per_s": round(1e3 / mean, 1),
            "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)}), flush=True)
