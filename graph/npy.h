// NumPy .npy files <-> Tensor, and .bin files, which are the raw bytes of a string scalar.
//
//   Result<Tensor> image = read_tensor_file("input_x.npy");      // by extension
//   Status status = write_npy("output_y.npy", *image);
//
// Reads versions 1 to 3 of the format, numbers, bools and text (S as it is, U as UTF-8), little-endian; Fortran order
// is put into C order. Everything else (big-endian, records, objects) is refused by its NumPy name.
#pragma once

#include <string>
#include <string_view>

#include "core/tensor.h"

namespace tarn {

Result<Tensor> parse_npy(std::string_view bytes);
// Quantized dtypes become the integers they are stored as, bfloat16 becomes float32 (exactly), strings S of the longest
// one's length. Errors: resource and variant tensors; strings that end in a zero byte, which NumPy would drop.
Result<std::string> npy_bytes(const Tensor& tensor);

Result<Tensor> read_npy(const std::string& path);
Status write_npy(const std::string& path, const Tensor& tensor);

// ".npy", or ".bin" for a string scalar. Errors name the path.
Result<Tensor> read_tensor_file(const std::string& path);
// What a tensor's file is called and holds: "a/b:1" -> "a.b_1.npy"; ".bin" for a string scalar.
struct TensorFile {
  std::string name, bytes;
};
Result<TensorFile> make_tensor_file(std::string_view tensor_name, const Tensor& tensor);

// "a/b:1" -> "a.b_1", "a/b:0" -> "a.b".
std::string tensor_file_stem(std::string_view tensor_name);

}  // namespace tarn
