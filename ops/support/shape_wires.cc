#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {

Wire int_list(GradContext& c, std::span<const int64_t> values, DType dtype) {
  std::optional<Tensor> tensor = int_tensor(dtype, Shape{static_cast<int64_t>(values.size())}, values);
  if (!tensor) tensor = int_tensor(DType::kInt64, Shape{static_cast<int64_t>(values.size())}, values);
  return c.constant(*tensor);
}

Wire int_scalar(GradContext& c, int64_t value, DType dtype) {
  if (dtype == DType::kInt64) return c.constant(Tensor::scalar<int64_t>(value));
  return c.constant(Tensor::scalar<int32_t>(static_cast<int32_t>(value)));
}

Wire shape_of(GradContext& c, Wire wire, DType dtype) {
  const Fact& fact = c.fact(wire);
  const Shape& shape = fact.variable().shape;
  if (shape.is_fully_known()) return int_list(c, shape.dims(), dtype);
  return c.op(fact.dtype == DType::kResource ? "VariableShape" : "Shape", {wire}, {{"out_type", dtype}});
}

Wire grad_or_zeros(GradContext& c, int i) {
  return c.grad(i).is_none() ? c.op("ZerosLike", {c.output(i)}) : c.grad(i);
}

}  // namespace tarn
