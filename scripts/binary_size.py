#!/usr/bin/env python3
"""Builds lean engines, weighs them and writes docs/binary_size.md.

  scripts/binary_size.py --digits=out/optimized.pb --photos=inception_v3.pb,mobilenet.pb [--out=docs/binary_size.md]

Builds tests/size/lean_runner for the ops of the digit model, for those of the photo models, and for every op; for
x86-64 and, where Debian's cross compiler is there, aarch64. Each a second time without link-time optimization, which
mixes what the tables of layers and files tell apart. Needs build/release/bin/print_required_ops.
"""
import argparse
import collections
import pathlib
import re
import shutil
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
TOOLCHAINS = {
    "x86-64": {"strip": "strip", "cmake": []},
    "aarch64": {"strip": "aarch64-linux-gnu-strip",
                "cmake": ["-DCMAKE_TOOLCHAIN_FILE=cmake/toolchains/aarch64-linux-gnu.cmake"]},
}
LAYERS = ["C API", "runtime", "core", "ops", "kernels", "libstdc++, libgcc", "start-up and tables of the linker"]


def run(command, **options):
    done = subprocess.run([str(word) for word in command], cwd=REPOSITORY, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"binary_size: {' '.join(map(str, command))}\n{done.stdout[-4000:]}")
    return done.stdout


class Build:
    """A lean build in `folder` for the ops of `models` (GraphDefs or lists; none: every op)."""

    def __init__(self, folder, models, architecture="x86-64", print_required_ops=None, jobs=None, whole_program=True):
        self.folder = pathlib.Path(folder)
        self.toolchain = TOOLCHAINS[architecture]
        run(["cmake", "--preset", "lean", "-B", self.folder, "-DTARN_OPS_FROM=" + ";".join(map(str, models)),
             f"-DTARN_PRINT_REQUIRED_OPS={print_required_ops or ''}",
             f"-DCMAKE_INTERPROCEDURAL_OPTIMIZATION={'ON' if whole_program else 'OFF'}"] + self.toolchain["cmake"])
        run(["cmake", "--build", self.folder, "--target", "lean_runner", "lean_runner_static"] +
            (["-j", jobs] if jobs else ["-j"]))

    def program(self, static=False):
        return self.folder / "bin" / ("lean_runner_static" if static else "lean_runner")

    def stripped_bytes(self, static=False):
        stripped = self.program(static).with_suffix(".stripped")
        run([self.toolchain["strip"], "-o", stripped, self.program(static)])
        return stripped.stat().st_size

    def parts(self, static=False):
        """Bytes of the file by (layer, source file), from the linker's map; what the map leaves is of the linker."""
        parts = collections.Counter()
        text = self.program(static).with_suffix(".map").read_text(errors="replace")
        text = text[text.index("Linker script and memory map"):]
        # " .text.name" and, perhaps on a line of its own, "0xaddress 0xsize file"
        pattern = re.compile(r"^ (\.\S+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S.*)$", re.M)
        text = re.sub(r"^( \.\S+)\n\s+0x", r"\1 0x", text, flags=re.M)
        for section, address, size, origin in pattern.findall(text):
            if int(address, 16) == 0 or section.startswith((".debug", ".bss", ".comment", ".note.GNU")):
                continue
            parts[place_of(origin)] += int(size, 16)
        rest = self.stripped_bytes(static) - sum(parts.values())
        parts[(LAYERS[-1], "")] += rest
        return parts


def place_of(origin):
    member = re.search(r"(\w+)\.a\(([^)]+)\)$", origin)
    library, name = member.groups() if member else ("", pathlib.Path(origin).name)
    name = re.sub(r"\.(cc|c)\.o$", "", name)
    if library == "libtarn_runtime":
        return ("C API" if name.startswith("c_api") else "runtime", name)
    for layer in ("core", "ops", "kernels"):
        if library == f"libtarn_{layer}":
            return (layer, name)
    if library in ("libstdc++", "libgcc", "libgcc_eh", "libsupc++"):
        return (LAYERS[5], name)
    return (LAYERS[-1], name)


def by_layer(parts):
    sums = collections.Counter()
    for (layer, _), size in parts.items():
        sums[layer] += size
    return sums


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    lines += ["| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else cell for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def page(builds, apart, command):
    """`builds`: {(program, architecture): Build}; `apart`: the same without link-time optimization."""
    programs = list(dict.fromkeys(name for name, _ in builds))
    architectures = list(dict.fromkeys(architecture for _, architecture in builds))
    text = (REPOSITORY / "scripts" / "binary_size_head.md").read_text().replace("{command}", command)
    head = ["stripped bytes"] + architectures + [f"{a}, libstdc++ inside" for a in architectures]
    rows = [[name] + [builds[name, a].stripped_bytes() for a in architectures] +
            [builds[name, a].stripped_bytes(static=True) for a in architectures] for name in programs]
    text += table(head, rows)
    text += "\n## Layers\n\n`lean_runner` with the system's libstdc++, built without link-time optimization:\n\n"
    keys = list(builds)
    layers = {key: by_layer(apart[key].parts()) for key in keys}
    text += table(["layer"] + [f"{name}, {a}" for name, a in keys],
                  [[layer] + [layers[key][layer] for key in keys] for layer in LAYERS if any(layers[k][layer] for k in keys)])
    first = architectures[0]
    for name in programs:
        parts = apart[name, first].parts()
        for layer, what in (("ops", "Files of `ops/`"), ("kernels", "Files of `ops/kernels/`")):
            found = sorted(((size, file) for (where, file), size in parts.items() if where == layer), reverse=True)
            text += f"\n## {what}: {name}, {first}\n\n"
            text += " · ".join(f"{file} {size:,}" for size, file in found) + "\n"
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits", required=True, help="the digit model, or its list")
    parser.add_argument("--photos", required=True, help="Inception v3 and MobileNet, comma-separated, or their lists")
    parser.add_argument("--out", default="docs/binary_size.md")
    parser.add_argument("--build", default="build/size", help="folder of the builds")
    parser.add_argument("--print_required_ops", default=str(REPOSITORY / "build/release/bin/print_required_ops"))
    parser.add_argument("--jobs", type=int)
    arguments = parser.parse_args()
    programs = {"digit model": arguments.digits.split(","), "Inception v3 and MobileNet": arguments.photos.split(","),
                "every op": []}
    programs = {name: [pathlib.Path(model).resolve() for model in models] for name, models in programs.items()}
    builds, apart = {}, {}
    for architecture, toolchain in TOOLCHAINS.items():
        if shutil.which(toolchain["strip"]) is None:
            print(f"binary_size: no {toolchain['strip']}: {architecture} is left out", file=sys.stderr)
            continue
        for name, models in programs.items():
            folder = (REPOSITORY / arguments.build / f"{architecture}-{name.replace(' ', '_')}").resolve()
            options = (models, architecture, arguments.print_required_ops, arguments.jobs)
            builds[name, architecture] = Build(folder, *options)
            apart[name, architecture] = Build(folder.with_name(folder.name + "-apart"), *options, whole_program=False)
    command = "scripts/binary_size.py --digits=out/optimized.pb --photos=inception_v3.pb,mobilenet_v1.pb"
    (REPOSITORY / arguments.out).write_text(page(builds, apart, command))


if __name__ == "__main__":
    main()
