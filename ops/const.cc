// Const: a tensor written in the graph.
#include "core/op.h"

namespace tarn {
namespace {

Status infer_const(InferContext& c) {
  const auto& value = c.attr<Tensor>("value");
  if (value.dtype() != c.attr<DType>("dtype")) {
    return invalid_argument("attr 'dtype' is ", c.attr<DType>("dtype"), " but the value holds ", value.dtype());
  }
  c.set_value(0, value);
  return c.set_output(0, value.shape());
}

constexpr std::string_view kDoc = R"(A constant tensor.
  returns  the attr `value`, whose dtype must be the attr `dtype`.
  Never runs: its value is known wherever the graph is.  Source: TensorFlow array_ops Const.)";

}  // namespace

extern const OpDef op_Const;
const OpDef op_Const = {
    .name = "Const",
    .outputs = "output: dtype",
    .attrs = "value: tensor; dtype: type",
    .infer = infer_const,
};

TARN_OP_FILE(const, {&op_Const, kDoc, nullptr, "a constant depends on nothing"})

}  // namespace tarn
