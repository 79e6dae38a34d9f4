#include "tools/support/benchmark_inputs.h"

#include <cmath>
#include <cstdlib>

#include "tools/support/flags.h"

namespace tarn {
namespace {

// Unlike str_split, "" is one empty part: the shape of a scalar.
std::vector<std::string> parts_of(const std::optional<std::string>& text) {
  std::vector<std::string> parts;
  if (!text) return parts;
  size_t begin = 0;
  for (size_t end = 0; end != std::string::npos; begin = end + 1) {
    end = text->find(':', begin);
    parts.push_back(text->substr(begin, end == std::string::npos ? end : end - begin));
  }
  return parts;
}

Result<std::vector<double>> numbers_of(std::string_view flag, const std::string& text) {
  std::vector<double> numbers;
  for (const std::string& item : str_split(text, ',', /*trim=*/true)) {
    char* end = nullptr;
    double number = std::strtod(item.c_str(), &end);
    if (item.empty() || *end != '\0') return invalid_argument("--", flag, ": expected numbers, found ", quoted(item));
    numbers.push_back(number);
  }
  return numbers;
}

Result<Shape> shape_of(const std::string& text, const std::string& input) {
  TARN_ASSIGN_OR_RETURN(std::vector<double> numbers, numbers_of("input_layer_shape", text));
  std::vector<int64_t> dims;
  for (double number : numbers) {
    if (!(number >= 0 && number <= 0x1p31) || number != std::floor(number)) {
      return invalid_argument("--input_layer_shape: ", quoted(input), " has the dimension ", number,
                              "; a benchmark needs whole sizes, as 1,224,224,3");
    }
    dims.push_back(static_cast<int64_t>(number));
  }
  Result<Shape> shape = Shape::make(dims);
  if (!shape.ok()) return shape.status().with_context("--input_layer_shape");
  Result<int64_t> count = shape->element_count();
  if (!count.ok()) return count.status().with_context("--input_layer_shape");
  return shape;
}

std::string nearest_type(const std::string& name) {
  std::vector<std::string> names;
  for (int number = 1; dtype_is_known(number); ++number) {
    names.emplace_back(dtype_name(static_cast<DType>(number)));
  }
  return did_you_mean(name, names);
}

Status check_count(std::string_view flag, size_t count, size_t names) {
  if (count == 0 || count == names) return {};
  return invalid_argument("--", flag, ": ", count, count == 1 ? " item" : " items", " for ", names,
                          " in --input_layer; there must be as many, as in --input_layer=a,b "
                          "--input_layer_shape=1,224,224,3:1,20 --input_layer_type=float,int32");
}

}  // namespace

Result<std::vector<BenchmarkInput>> parse_benchmark_inputs(const BenchmarkInputTexts& texts) {
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> names, list_flag("input_layer", texts.names));
  std::vector<std::string> types = str_split(texts.types, ',', /*trim=*/true);
  std::vector<std::string> shapes = parts_of(texts.shapes), values = parts_of(texts.values);
  TARN_RETURN_IF_ERROR(check_count("input_layer_shape", shapes.size(), names.size()));
  TARN_RETURN_IF_ERROR(check_count("input_layer_type", types.size(), names.size()));
  TARN_RETURN_IF_ERROR(check_count("input_layer_values", values.size(), names.size()));
  std::vector<BenchmarkInput> inputs;
  for (size_t i = 0; i < names.size(); ++i) {
    BenchmarkInput input{.name = names[i]};
    if (!shapes.empty()) {
      TARN_ASSIGN_OR_RETURN(input.shape, shape_of(shapes[i], names[i]));
    }
    if (!types.empty()) {
      input.dtype = dtype_from_name(types[i]);
      if (!input.dtype) {
        return invalid_argument("--input_layer_type: there is no type ", quoted(types[i]), nearest_type(types[i]));
      }
    }
    if (!values.empty()) {
      TARN_ASSIGN_OR_RETURN(input.values, numbers_of("input_layer_values", values[i]));
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

}  // namespace tarn
