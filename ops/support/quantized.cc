#include "ops/quantized.h"

namespace tarn {

Status judge_single(const Shape& shape, std::string_view name) {
  if (!shape.has_rank() || shape.rank() == 0) return {};
  if (shape.rank() == 1 && (shape.dim(0) == 1 || shape.dim(0) == kUnknownDim)) return {};
  return invalid_argument("input '", name, "' must have one element, has shape ", shape.to_string());
}

Status expect_range(InferContext& c, int i, std::string_view min_name, std::string_view max_name) {
  TARN_RETURN_IF_ERROR(judge_single(c.shape(i), min_name));
  return judge_single(c.shape(i + 1), max_name);
}

Result<float> read_single(const RunContext& c, int i, std::string_view name) {
  TARN_RETURN_IF_ERROR(judge_single(*c.input(i).shape, name));
  const float value = c.input(i).item<float>();
  if (std::isfinite(value)) return value;
  return invalid_argument("input '", name, "' is ", value, ", not a finite number");
}

Result<CodeRange> read_range(const RunContext& c, int i, std::string_view min_name, std::string_view max_name) {
  CodeRange range;
  TARN_ASSIGN_OR_RETURN(range.min, read_single(c, i, min_name));
  TARN_ASSIGN_OR_RETURN(range.max, read_single(c, i + 1, max_name));
  if (range.min <= range.max) return range;
  return invalid_argument(min_name, " ", range.min, " must not exceed ", max_name, " ", range.max);
}

Status expect_wide(const CodeRange& range, std::string_view min_name, std::string_view max_name) {
  if (range.min < range.max) return {};
  return invalid_argument(max_name, " ", range.max, " must be larger than ", min_name, " ", range.min);
}

Status set_range(InferContext& c, int i) {
  TARN_RETURN_IF_ERROR(c.set_output(i, Shape()));
  return c.set_output(i + 1, Shape());
}

Status write_range(RunContext& c, int i, const CodeRange& range) {
  TARN_ASSIGN_OR_RETURN(TensorView min, c.output(i, Shape()));
  TARN_ASSIGN_OR_RETURN(TensorView max, c.output(i + 1, Shape()));
  *min.as<float>() = range.min;
  *max.as<float>() = range.max;
  return {};
}

Status expect_type(const PrepareContext& c, std::string_view attr, DType dtype) {
  const DType given = c.attr<DType>(attr);
  if (given == dtype) return {};
  return unimplemented(c.op_name(), " has no kernel for attr '", attr, "' = ", dtype_name(given), ", only for ",
                       dtype_name(dtype));
}

int64_t to_whole(double x) {
  constexpr double kTooLarge = 0x1p63;
  if (x >= kTooLarge) return std::numeric_limits<int64_t>::max();
  if (x < -kTooLarge) return std::numeric_limits<int64_t>::min();
  return x != x ? 0 : static_cast<int64_t>(x);
}

// Source: TensorFlow quantization_utils, RequantizeManyInNewRangeUsingEigen.
Requantizer::Requantizer(const CodeRange& from, const CodeRange& to) {
  constexpr uint64_t kHalf = uint64_t{1} << 15;
  constexpr double kOne = 1 << 16;
  offset_ = kHalf;
  const float width = to.max - to.min, from_width = from.max - from.min;
  const auto center = static_cast<float>(static_cast<double>(from.min + from.max) / 2.0);
  if (width == 0.0f) return;
  const auto steps_per_unit = static_cast<float>(255.0 / static_cast<double>(width));
  scale_ = to_whole(255.0 * kOne * static_cast<double>(from_width) / static_cast<double>(width));
  const int64_t from_center = to_whole(static_cast<double>(center * steps_per_unit * static_cast<float>(kOne)));
  const int64_t low = to_whole(std::round(kOne * (static_cast<double>(to.min) * 255.0) / static_cast<double>(width)));
  offset_ += static_cast<uint64_t>(from_center) - static_cast<uint64_t>(low);
}

}  // namespace tarn
