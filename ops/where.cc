// Where.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Status infer_where(InferContext& c) {
  int64_t rank = c.shape(0).has_rank() ? c.shape(0).rank() : kUnknownDim;
  return c.set_output(0, Shape{kUnknownDim, rank});
}

template <class T>
class WhereKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    std::span<const T> x = c.input(0).flat<T>();
    const Shape& shape = *c.input(0).shape;
    int64_t count = 0;
    for (T value : x) count += value != T(0) ? 1 : 0;
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape{count, shape.rank()}));
    if (y.count == 0) return {};
    int64_t* out = y.as<int64_t>();
    for (size_t i = 0; i < x.size(); ++i) {
      if (x[i] == T(0)) continue;
      auto rest = static_cast<int64_t>(i);
      for (int d = shape.rank() - 1; d >= 0; --d) {
        out[d] = rest % shape.dim(d);
        rest /= shape.dim(d);
      }
      out += shape.rank();
    }
    return {};
  }
};

constexpr std::string_view kDoc = R"(The places of all elements that are true or not zero.
  input  T[...]   returns  index  int64[n, rank]: one row an element, in row-major order; n depends on the values
  NaN is not zero; -0.0 is.   Source: TensorFlow array_ops Where.)";

}  // namespace

extern const OpDef op_Where;
const OpDef op_Where = {
    .name = "Where",
    .inputs = "input: T",
    .outputs = "index: int64",
    .attrs =
        "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
        "quint16, uint16, complex128, half, uint32, uint64, bool} = bool",
    .infer = infer_where,
    .kernels = kKernelsFor<WhereKernel, bool, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                           uint16_t, uint32_t, uint64_t>,
};

TARN_OP_FILE(where, {&op_Where, kDoc, nullptr, "the output is made of integers"})

}  // namespace tarn
