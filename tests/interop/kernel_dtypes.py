"""Every op that Tarn has takes the dtypes that TensorFlow 2.15's CPU kernels take.

    TARN_BIN_DIR=build/release/bin TARN_INTEROP_VENV/bin/python tests/interop/kernel_dtypes.py           # fails on a gap
    … tests/interop/kernel_dtypes.py --list                                                              # prints all gaps

Compared by the attr that chooses the kernel, over the dtypes that models use; complex and quantized ones are not
looked at here. A gap that is meant to be is in LEFT_OUT, with the reason.
"""

import os
import subprocess
import sys

from tensorflow.core.framework import types_pb2
from tensorflow.python.framework import kernels, op_def_registry

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "half", "bfloat16", "float", "double", "string"]
NUMBERS = {getattr(types_pb2, "DT_" + name.upper()): name for name in DTYPES}

# Op -> (dtypes, why).
_NARROW = ["half", "bfloat16"]
_TRAINING = "steps in half lose small updates: variables are float, and cast where they are used"
_INTEGERS = "integers have no gradient"
_RULES = "Adadelta Adagrad AdagradV2 Adam CenteredRMSProp Ftrl FtrlV2 GradientDescent Momentum RMSProp".split()
LEFT_OUT = {
    **{prefix + rule: (_NARROW, _TRAINING) for prefix in ("Apply", "ResourceApply") for rule in _RULES},
    "ResourceApplyKerasMomentum": (_NARROW, _TRAINING),
    "Add": (["string"], "StringJoin joins strings, and is what Python's API writes"),
    "MaxPoolGrad": (["uint8", "int8", "int16", "int32", "int64"], _INTEGERS),
    "MaxPoolGradV2": (["uint8", "int8", "int16", "int32", "int64"], _INTEGERS),
    "ScatterNd": (["bool", "string"], "they add up rows"),
    **{f"ResourceScatterNd{op}": (["bool"], "numbers are added and taken away") for op in ("Add", "Sub")},
    "Conv2DBackpropInput": (["int32"], _INTEGERS),
}


def tarn_dtypes():
    """op -> set of dtypes, or None if any will do: the rows of docs/compatibility.md."""
    table = subprocess.run(
        [os.path.join(os.environ["TARN_BIN_DIR"], "print_docs"), "--compatibility"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    first = next(i for i, row in enumerate(rows) if row[0] == "op" and "any" in row)  # other tables come before
    names = rows[first]
    found = {}
    for row in rows[first + 2 :]:
        cells = dict(zip(names, row))
        found[cells["op"]] = None if cells["any"] else {name for name in DTYPES if cells[name]}
    return found


def kernel_attr(op_def, constraints):
    """The attr that Tarn's kernels are chosen by: the signature's first type attr that TensorFlow's kernels differ in."""
    # Indices come first in sparse tensors; it is their values that have kernels.
    arguments = [arg.type_attr for arg in op_def.input_arg if arg.type_attr in constraints]
    arguments.sort(key=lambda attr: attr == "Tindices")
    return next(iter([*arguments, *constraints]), None)


def tensorflow_dtypes(op_def):
    """The dtypes of TensorFlow's CPU kernels by type attr, as far as the op's signature lets them through; {}: any."""
    allowed = {attr.name: set(attr.allowed_values.list.type) for attr in op_def.attr if attr.allowed_values.list.type}
    by_attr = {}
    for kernel in kernels.get_registered_kernels_for_op(op_def.name).kernel:
        if kernel.device_type != "CPU":
            continue
        for constraint in kernel.constraint:
            types = set(constraint.allowed_values.list.type) & allowed.get(constraint.name, set(NUMBERS))
            by_attr.setdefault(constraint.name, set()).update(NUMBERS[t] for t in types if t in NUMBERS)
    return by_attr


def main():
    ours = tarn_dtypes()
    gaps, looked_at = {}, 0
    for op in sorted(ours):
        if ours[op] is None:
            continue
        op_def = op_def_registry.get(op)
        if op_def is None:
            continue
        theirs = tensorflow_dtypes(op_def)
        attr = kernel_attr(op_def, theirs)
        if attr is None:
            continue
        looked_at += 1
        missing = [name for name in DTYPES if name in theirs[attr] and name not in ours[op]]
        if missing:
            gaps[op] = (attr, missing)
    for op, (attr, missing) in gaps.items():
        if "--list" in sys.argv[1:]:
            print(f"{op}.{attr}: {' '.join(missing)}")
    new = {op: gap for op, gap in gaps.items() if set(gap[1]) - set(LEFT_OUT.get(op, ([], ""))[0])}
    stale = [op for op, (names, _) in LEFT_OUT.items() if not set(names) <= set(gaps.get(op, ("", []))[1])]
    print(f"{looked_at} ops, {len(gaps)} take fewer dtypes than TensorFlow's, {len(new)} of them for no given reason")
    for op, (attr, missing) in new.items():
        print(f"{op}: no kernel for {attr} = {', '.join(missing)}")
    for op in stale:
        print(f"{op}: LEFT_OUT names dtypes that are there")
    sys.exit(1 if new or stale else 0)


if __name__ == "__main__":
    main()
