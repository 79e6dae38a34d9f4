#!/usr/bin/env python3
"""Makes a source file of the first ```cpp block of README.md, so that what the README shows is compiled and run.

Usage: extract_readme.py README.md OUT.cc
"""
import re
import sys


def main(readme, out):
    with open(readme, encoding="utf-8") as file:
        code = re.search(r"```cpp\n(.*?)```", file.read(), re.S).group(1)
    lines = code.splitlines()
    includes = [line for line in lines if line.startswith("#include")]
    body = ["  " + line if line else "" for line in lines if not line.startswith("#include")]
    text = "\n".join(
        ["// The example of README.md, made by tests/examples/extract_readme.py."]
        + includes
        + ["", "tarn::Result<tarn::Tensor> readme_example(const tarn::Tensor& images, const tarn::Tensor& digits) {"]
        + body
        + ["  if (!status.ok()) return status;", "  return out[0];", "}", ""]
    )
    with open(out, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
