#include "core/op.h"

#include <cmath>

namespace tarn {

std::optional<std::vector<int64_t>> InferContext::int_value(int i) const {
  const Fact& fact = input(i);
  if (!fact.has_value()) return std::nullopt;
  Result<std::vector<int64_t>> values = int_values(fact.value);
  if (!values.ok()) return std::nullopt;
  return *std::move(values);
}

Status InferContext::expect_rank(int i, int rank, std::string_view name) const {
  if (!shape(i).has_rank() || shape(i).rank() == rank) return {};
  return invalid_argument("input '", name, "' must have rank ", rank, ", has shape ", shape(i));
}

Status InferContext::expect_rank_at_least(int i, int rank, std::string_view name) const {
  if (!shape(i).has_rank() || shape(i).rank() >= rank) return {};
  return invalid_argument("input '", name, "' must have rank at least ", rank, ", has shape ", shape(i));
}

Shape common_shape(Shape a, const Shape& b) {
  if (a.rank() != b.rank()) return Shape::unknown();
  for (int d = 0; d < a.rank(); ++d) {
    if (a.dim(d) != b.dim(d)) a.set_dim(d, kUnknownDim);
  }
  return a;
}

std::shared_ptr<const Fact> common_variable(const Fact& a, const Fact& b) {
  if (a.behind == nullptr || b.behind == nullptr || a.behind->dtype != b.behind->dtype) return nullptr;
  return std::make_shared<Fact>(Fact{a.behind->dtype, common_shape(a.behind->shape, b.behind->shape)});
}

Status infer_unchanged(InferContext& c) {
  for (int i = 0; i < c.output_count(); ++i) TARN_RETURN_IF_ERROR(c.set_output(i, c.shape(0)));
  return {};
}

Status infer_broadcast(InferContext& c) {
  return c.set_output(0, broadcast_shapes(c.shape(0), c.shape(1)));
}

Status infer_scalar(InferContext& c) {
  for (int i = 0; i < c.output_count(); ++i) TARN_RETURN_IF_ERROR(c.set_output(i, Shape()));
  return {};
}

Status infer_unknown(InferContext&) {
  return {};
}
Status infer_no_outputs(InferContext&) {
  return {};
}

Status infer_merged_inputs(InferContext& c) {
  Shape merged = Shape::unknown();
  for (int i = 0; i < c.input_count(); ++i) {
    TARN_ASSIGN_OR_RETURN(merged, merged.merge(c.shape(i)));
  }
  for (int i = 0; i < c.output_count(); ++i) TARN_RETURN_IF_ERROR(c.set_output(i, merged));
  return {};
}

Wire GradContext::scalar(double value, Wire like) {
  switch (fact(like).dtype) {
    case DType::kDouble: return constant(Tensor::scalar<double>(value));
    case DType::kInt32: return constant(Tensor::scalar<int32_t>(static_cast<int32_t>(value)));
    case DType::kInt64: return constant(Tensor::scalar<int64_t>(static_cast<int64_t>(value)));
    default: return constant(Tensor::scalar<float>(static_cast<float>(value)));
  }
}

Wire GradContext::int_vector(std::span<const int64_t> values) {
  std::vector<int32_t> narrow;
  for (int64_t v : values) narrow.push_back(static_cast<int32_t>(v));
  return constant(Tensor::vector<int32_t>(narrow));
}

}  // namespace tarn
