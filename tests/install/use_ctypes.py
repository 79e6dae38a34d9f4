"""What a NumPy user does with examples/ctypes/tarn_engine.py; run_test.sh calls it.

    use_ctypes.py FOLDER_OF_THE_EXAMPLE MODEL.pb PROBABILITY
"""
import subprocess
import sys
import tempfile

import numpy

folder, model, expected = sys.argv[1:]
sys.path.insert(0, folder)
from tarn_engine import Engine  # noqa: E402

engine = Engine(model, threads=2)
assert engine.inputs == {"input_node": ((-1, 4), "float32")}, engine.inputs
assert engine.outputs == ["output_node"], engine.outputs
row = numpy.array([[1, 0, 0, 0]], "float32")
scores = engine.run(input_node=row)["output_node"]
assert scores.dtype == numpy.float32 and scores.shape == (1, 2), scores
assert abs(float(scores[0, 1]) - float(expected)) < 1e-5, scores

# Another batch, from memory that is not in order; what was given out before is the caller's.
batch = numpy.asfortranarray(numpy.repeat(row, 3, axis=0))
many = engine.run(input_node=batch)["output_node"]
assert many.shape == (3, 2) and (many == scores).all(), many

for feed, parts in (({"input_node": row.astype("float64")}, ["expects float, got double"]),
                    ({"input": row}, ["'input'", "input_node"]), ({"input_node": row[:, :3]}, ["[?,4]", "[1,3]"])):
    try:
        engine.run(**feed)
    except RuntimeError as error:
        assert all(part in str(error) for part in parts), error
    else:
        raise AssertionError(f"{feed} was taken")
try:
    Engine("missing.pb")
except RuntimeError as error:
    assert "missing.pb" in str(error), error
else:
    raise AssertionError("a missing file was taken")
assert engine.run(input_node=row)["output_node"].shape == (1, 2)  # it goes on

said = subprocess.run([sys.executable, f"{folder}/tarn_engine.py", model], check=True, capture_output=True, text=True).stdout
assert said.startswith("output_node float32 [1, 2] ["), said

# What the program cannot do names the model's inputs and outputs.
with tempfile.TemporaryDirectory() as scratch:
    numpy.save(f"{scratch}/ten.npy", numpy.zeros((1, 10), "float32"))
    command = [sys.executable, f"{folder}/tarn_engine.py", model, f"input_node={scratch}/ten.npy"]
    wrong = subprocess.run(command, capture_output=True, text=True)
assert wrong.returncode == 1 and "inputs {'input_node': ((-1, 4), 'float32')}" in wrong.stderr, wrong
