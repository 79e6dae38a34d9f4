// QuantizedReshape.
#include <cstring>

#include "core/op.h"
#include "ops/quantized.h"
#include "ops/reshaping.h"
#include "ops/support/arguments.h"

namespace tarn {
namespace {

Status infer_quantized_reshape(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_range(c, 2, "input_min", "input_max"));
  TARN_RETURN_IF_ERROR(infer_reshape(c));
  return set_range(c, 1);
}

class QuantizedReshapeKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(expect_rank(c.input(1), 1, "shape"));
    TARN_ASSIGN_OR_RETURN(CodeRange range, read_range(c, 2, "input_min", "input_max"));
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(Shape shape, reshaped(*x.shape, IntList::of(c.input(1))));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count > 0 && y.data != x.data) {
      std::memcpy(y.data, x.data, static_cast<size_t>(y.count) * dtype_size(y.dtype));
    }
    return write_range(c, 1, range);
  }
};

constexpr KernelDef kKernels[] = {
    portable_kernel<QuantizedReshapeKernel>(DType::kQUInt8),  portable_kernel<QuantizedReshapeKernel>(DType::kQInt8),
    portable_kernel<QuantizedReshapeKernel>(DType::kQUInt16), portable_kernel<QuantizedReshapeKernel>(DType::kQInt16),
    portable_kernel<QuantizedReshapeKernel>(DType::kQInt32),
};

constexpr std::string_view kDoc = R"(The codes of `tensor`, row by row, under another shape; the range stays.
  tensor  T[...]   shape  Tshape[rank], at most one of them -1: what is left   input_min, input_max  float, one element each
  returns  output  T[shape]   output_min, output_max  float: the range given
  Errors: InvalidArgument naming both shapes if the number of elements differs, for a range that is none.
  Source: TensorFlow array_ops QuantizedReshape.)";

}  // namespace

extern const OpDef op_QuantizedReshape;
const OpDef op_QuantizedReshape = {
    .name = "QuantizedReshape",
    .inputs = "tensor: T, shape: Tshape, input_min: float, input_max: float",
    .outputs = "output: T, output_min: float, output_max: float",
    .attrs = "T: type; Tshape: {int32, int64} = int32",
    .infer = infer_quantized_reshape,
    .kernels = kKernels,
};

TARN_OP_FILE(quantized_reshape, {&op_QuantizedReshape, kDoc, nullptr, "its input is quantized: whole numbers"})

}  // namespace tarn
