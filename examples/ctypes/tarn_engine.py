"""Tarn's engine for NumPy, through its C API and ctypes alone: nothing is compiled.

    from tarn_engine import Engine
    engine = Engine("digits.pb", threads=2)
    scores = engine.run(input_node=pixels)["output_node"]     # pixels: a float32 array of shape (1, 784)

The library is libtarn_engine.so of an installed Tarn: where the loader finds it, or TARN_ENGINE_LIBRARY says.
As a program:  tarn_engine.py MODEL.pb [INPUT=FILE.npy ...]     zeros where nothing is given.
"""
import ctypes
import os
import sys

import numpy

_DTYPES = {1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 9: "int64", 10: "bool", 17: "uint16",
           19: "float16", 22: "uint32", 23: "uint64"}
_NUMBERS = {numpy.dtype(name): number for number, name in _DTYPES.items()}
_MOST_DIMS = 254


class _Options(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("threads", ctypes.c_int), ("input_names", ctypes.c_char_p),
                ("output_names", ctypes.c_char_p)]  # version 1 of the struct: the library takes the rest as not set


def _load():
    library = ctypes.CDLL(os.environ.get("TARN_ENGINE_LIBRARY", "libtarn_engine.so.0"))
    handle, text, number, dims = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int64)
    for name, result, arguments in [
            ("tarn_last_error", text, []), ("tarn_engine_load", handle, [text, ctypes.POINTER(_Options)]),
            ("tarn_engine_free", None, [handle]), ("tarn_input_count", number, [handle]),
            ("tarn_output_count", number, [handle]), ("tarn_input_name", text, [handle, number]),
            ("tarn_output_name", text, [handle, number]), ("tarn_input_dtype", number, [handle, number]),
            ("tarn_input_shape", number, [handle, number, dims, number]),
            ("tarn_output_dtype", number, [handle, number]), ("tarn_output_shape", number, [handle, number, dims, number]),
            ("tarn_set_input", number, [handle, text, number, dims, number, handle, ctypes.c_size_t]),
            ("tarn_run", number, [handle]), ("tarn_output_data", handle, [handle, number, ctypes.POINTER(ctypes.c_size_t)])]:
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Engine:
    """A model and the memory of its runs; for one thread at a time. Errors are RuntimeError with the engine's text."""

    def __init__(self, path, threads=1, inputs=None, outputs=None):
        self._library = _load()
        join = lambda names: None if names is None else ",".join(names).encode()
        options = _Options(ctypes.sizeof(_Options), threads, join(inputs), join(outputs))
        self._handle = self._check(self._library.tarn_engine_load(os.fsencode(path), ctypes.byref(options)))
        self._held = {}  # arrays that the engine looks at
        self.inputs = {self._library.tarn_input_name(self._handle, i).decode(): self._facts("input", i)
                       for i in range(self._library.tarn_input_count(self._handle))}
        self.outputs = [self._library.tarn_output_name(self._handle, i).decode()
                        for i in range(self._library.tarn_output_count(self._handle))]

    def __del__(self):
        if getattr(self, "_handle", None):
            self._library.tarn_engine_free(self._handle)

    def _check(self, made):
        if not made:
            raise RuntimeError(self._library.tarn_last_error().decode())
        return made

    def _facts(self, kind, index):
        dims = (ctypes.c_int64 * _MOST_DIMS)()
        rank = getattr(self._library, f"tarn_{kind}_shape")(self._handle, index, dims, _MOST_DIMS)
        dtype = _DTYPES.get(getattr(self._library, f"tarn_{kind}_dtype")(self._handle, index))
        return (None if rank < 0 else tuple(dims[:rank])), dtype  # -1: any size

    def run(self, **arrays):
        """The outputs by name, as arrays of their own."""
        for name, array in arrays.items():
            array = self._held[name] = numpy.ascontiguousarray(array)
            dims = (ctypes.c_int64 * array.ndim)(*array.shape)
            code = self._library.tarn_set_input(self._handle, name.encode(), _NUMBERS.get(array.dtype, 0), dims, array.ndim,
                                                array.ctypes.data, array.nbytes)
            self._check(code == 0)
        self._check(self._library.tarn_run(self._handle) == 0)
        return {name: self._output(i) for i, name in enumerate(self.outputs)}

    def _output(self, index):
        shape, dtype = self._facts("output", index)
        count = ctypes.c_size_t()
        data = self._check(self._library.tarn_output_data(self._handle, index, ctypes.byref(count)))
        return numpy.frombuffer(ctypes.string_at(data, count.value), dtype).reshape(shape)


def main(arguments):
    if not arguments:
        sys.exit("usage: tarn_engine.py MODEL.pb [INPUT=FILE.npy ...]")
    engine = None
    try:
        engine = Engine(arguments[0])
        feeds = {name: numpy.zeros([max(1, n) for n in shape or ()], dtype) for name, (shape, dtype) in engine.inputs.items()}
        feeds.update((name, numpy.load(path)) for name, path in (argument.split("=", 1) for argument in arguments[1:]))
        results = engine.run(**feeds)
    except RuntimeError as error:
        sys.exit(f"tarn_engine: {error}" + (f"\n  inputs {engine.inputs}\n  outputs {engine.outputs}" if engine else ""))
    for name, value in results.items():
        print(name, value.dtype, list(value.shape), numpy.array2string(value.ravel()[:10], precision=6))


if __name__ == "__main__":
    main(sys.argv[1:])
