#!/usr/bin/env python3
"""Times training beside other frameworks, in interleaved pairs, and prints the table of bench/README.md.

    cmake --preset release -DTARN_BENCH=ON && cmake --build --preset release --target train_tarn
    TARN_DATA=… bench/training_peers.py --tf=VENV/bin/python --torch=VENV/bin/python --pairs=15

Each pair is one run of the peer and one of each variant of ours, one after another, on the same processors (taskset). The
figure is the median over the pairs of  our median step / the peer's median step: two runs minutes apart say little,
two side by side much. `other CPU` is how many processors everything else on the machine used meanwhile (median): over
0.1 it is a noisy run. A peer whose Python is not given is left out. --json=FILE appends every run.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# model -> (peer script, which Python, what ours may take of its time)
TARGETS = {
    "deepmnist": ("train_tf.py", "tf", 0.95),
    "kerascnn": ("train_keras.py", "tf", 0.75),
    "softmax": ("train_torch.py", "torch", 0.5),
}
ALSO = {"softmax": ("train_tf.py", "tf", None)}  # where torch is not there


def busy_seconds():
    with open("/proc/stat") as stat:
        fields = [int(x) for x in stat.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def run(command, threads, log):
    cpus = list(sorted(os.sched_getaffinity(0)))[-threads:]
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PEER_T0=repr(time.monotonic()))
    before, own, start = busy_seconds(), os.times(), time.monotonic()
    done = subprocess.run(["taskset", "-c", ",".join(map(str, cpus))] + command, env=environment, capture_output=True,
                          text=True)
    wall, after, own_after = time.monotonic() - start, busy_seconds(), os.times()
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        sys.exit(f"{' '.join(command)} failed ({done.returncode}):\n{done.stderr[-2000:]}")
    result = json.loads(lines[-1])
    cpu = own_after.children_user + own_after.children_system - own.children_user - own.children_system
    result.update(process_wall_s=round(wall, 3), process_cpu_s=round(cpu, 3),
                  other_cpu=round(max(0.0, after - before - cpu) / wall, 3))
    if log:
        with open(log, "a") as file:
            file.write(json.dumps(result) + "\n")
    return result


def cpu_name():
    with open("/proc/cpuinfo") as info:
        return next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "unknown")


def main():
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--binary", default=os.path.join(HERE, "../build/release/bin/train_tarn"))
    flags.add_argument("--tf", help="a Python that has TensorFlow")
    flags.add_argument("--torch", help="a Python that has PyTorch")
    flags.add_argument("--models", nargs="+", default=list(TARGETS), choices=list(TARGETS))
    flags.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    flags.add_argument("--backends", nargs="+", default=["portable", "dnnl"])
    flags.add_argument("--pairs", type=int, default=15)
    flags.add_argument("--steps", type=int, help="instead of each model's own number")
    flags.add_argument("--json", help="a file to append every run to")
    options = flags.parse_args()
    pythons = {"tf": options.tf, "torch": options.torch}

    print(f"{cpu_name()}, {os.cpu_count()} cores, {options.pairs} interleaved pairs\n")
    print("| network | threads | peer | peer ms | ours | ms | ratio: median (range) | asked | other CPU |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for model in options.models:
        script, python, target = TARGETS[model]
        if not pythons[python] and model in ALSO:
            script, python, target = ALSO[model]
        for threads in options.threads:
            tail = [f"--model={model}", f"--threads={threads}"]
            tail += [f"--steps={options.steps}"] if options.steps else []
            peer, ours, noise = [], {backend: [] for backend in options.backends}, []
            for _ in range(options.pairs):
                if pythons[python]:
                    peer.append(run([pythons[python], os.path.join(HERE, "peers", script)] + tail, threads, options.json))
                for backend in options.backends:
                    ours[backend].append(run([options.binary, f"--backend={backend}"] + tail, threads, options.json))
                noise += [r["other_cpu"] for r in [runs[-1] for runs in ours.values()] + peer[-1:]]
            median = lambda runs: statistics.median(r["median_ms"] for r in runs)
            for backend, runs in ours.items():
                cells = [model, str(threads), "-", "-", backend, f"{median(runs):.3g}", "-", "-"]
                if peer:
                    ratios = sorted(o["median_ms"] / p["median_ms"] for o, p in zip(runs, peer))
                    cells[2:4] = [peer[0]["peer"], f"{median(peer):.3g}"]
                    cells[6] = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
                    cells[7] = f"{target:g}" if target else "-"
                print("| " + " | ".join(cells + [f"{statistics.median(noise):.2f}"]) + " |", flush=True)
            starts = [r["step_1000_s"] for runs in ours.values() for r in runs if "step_1000_s" in r]
            if starts:
                print(f"\nProcess start to the 1,000th step, {threads} threads: {statistics.median(starts):.2f} s "
                      f"(least {min(starts):.2f})\n")


if __name__ == "__main__":
    main()
