// benchmark_model's flags about inputs, in TensorFlow's form: names and types apart by ',', shapes and values by ':'.
//
//   parse_benchmark_inputs({.names = "image,n", .types = "float,int32", .shapes = "1,224,224,3:1"})
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/support/benchmark_runner.h"

namespace tarn {

struct BenchmarkInputTexts {
  std::string names = {}, types = {};  // "": none are given
  std::optional<std::string> shapes = std::nullopt, values = std::nullopt;
};
// Errors open with the flag: "--input_layer_shape: …".
Result<std::vector<BenchmarkInput>> parse_benchmark_inputs(const BenchmarkInputTexts& texts);

}  // namespace tarn
