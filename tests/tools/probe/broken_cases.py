"""Makes a folder for check_cases: copies of one case of TARN_DATA, each broken in one place.

    broken_cases.py $TARN_DATA made        # made/manifest.json, made/models/…
"""

import json
import pathlib
import shutil
import struct
import sys
import zipfile

CASE = "ckpt_v2_encryptor"  # X_input -> MatMul -> add -> Sigmoid -> MatMul_1 -> add_1 -> Output
data, made = map(pathlib.Path, sys.argv[1:])
entry = next(case for case in json.loads((data / "manifest.json").read_text())["cases"] if case["name"] == CASE)
cases = []


def copy(name):
    case = json.loads(json.dumps(entry)) | {"name": name}
    home = made / "models" / name
    shutil.copytree(data / "models" / CASE, home)
    for path in [home, *home.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)
    cases.append(case)
    return case, home


def add_to_last_float(path, amount):
    content = path.read_bytes()
    value = struct.unpack("<f", content[-4:])[0]
    path.write_bytes(content[:-4] + struct.pack("<f", value + amount))


def exchange_op(path):
    """The first Sigmoid of a graph becomes a Softmax: a field of the same length."""
    content = path.read_bytes()
    assert b"\x12\x07Sigmoid" in content
    path.write_bytes(content.replace(b"\x12\x07Sigmoid", b"\x12\x07Softmax", 1))


copy("whole")
_, home = copy("output")
add_to_last_float(home / "output_Output.npy", 0.5)
_, home = copy("second_set")
add_to_last_float(home / "output_Output.b4.npy", 0.5)
_, home = copy("graph")
exchange_op(home / "encryptor_model-500000.meta")
_, home = copy("golden_frozen")
exchange_op(home / "golden_frozen.pb")
_, home = copy("tap")
with zipfile.ZipFile(home / "taps.npz") as old:
    members = {name: old.read(name) for name in old.namelist()}
with zipfile.ZipFile(home / "taps.npz", "w") as new:
    for name, content in members.items():
        new.writestr(name, content[:-4] + struct.pack("<f", 99) if name.startswith("MatMul_1") else content)
case, _ = copy("loss")
case["train"]["losses"][2] *= 1.0001
_, home = copy("trained_variable")
add_to_last_float(home / "train" / "var_Theta_2.npy", 2e-4)
case, _ = copy("hash")
case["tensors"]["Bias2"]["sha256"] = "00" + case["tensors"]["Bias2"]["sha256"][2:]
_, home = copy("checkpoint")
add_to_last_float(home / "encryptor_model-500000.data-00000-of-00001", 1)
(made / "manifest.json").write_text(json.dumps({"cases": cases}))
