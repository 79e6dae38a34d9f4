"""The goldens in tests/goldens are what TensorFlow 2.15 computes, and its random ops follow the description there."""

import os
import subprocess
import sys

GOLDENS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "goldens")

for script in ("make_random_goldens.py", "make_op_goldens.py"):
    if subprocess.run([sys.executable, os.path.join(GOLDENS, script), "--check"]).returncode != 0:
        sys.exit(f"{script} --check failed")
