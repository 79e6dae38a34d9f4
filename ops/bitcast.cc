// Bitcast.
#include <cstring>

#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// Elements of different sizes share a last dim: [..., n] of the small one is [...] of the one n times as large.
Result<Shape> recast(const Shape& shape, DType from, DType to) {
  auto in = static_cast<int64_t>(dtype_size(from)), out = static_cast<int64_t>(dtype_size(to));
  Shape result = shape;
  if (in == out || !shape.has_rank()) return result;
  if (in > out) {
    if (shape.rank() >= kMaxRank) return invalid_argument("the input has ", shape.rank(), " dims already");
    result.add_dim(in / out);
    return result;
  }
  int64_t pieces = out / in;
  if (shape.rank() == 0 || (shape.dim(-1) != pieces && shape.dim(-1) != kUnknownDim)) {
    return invalid_argument("the last dim of the input must be ", pieces, ", as many ", dtype_name(from), " as one ",
                            dtype_name(to), " holds; the shape is ", shape.to_string());
  }
  return Shape(shape.dims().first(static_cast<size_t>(shape.rank() - 1)));
}

Status infer_bitcast(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Shape output, recast(c.shape(0), c.attr<DType>("T"), c.attr<DType>("type")));
  return set_output_checked(c, 0, output);
}

class BitcastKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    to_ = c.attr<DType>("type");
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(Shape output, recast(*x.shape, x.dtype, to_));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    if (y.data != x.data && x.count > 0)
      std::memcpy(y.data, x.data, static_cast<size_t>(x.count) * dtype_size(x.dtype));
    return {};
  }

 private:
  DType to_ = DType::kInvalid;
};

constexpr KernelDef kKernels[] = {portable_kernel<BitcastKernel>()};

constexpr std::string_view kDoc = R"(The same bytes as elements of another dtype.
  input  T[...]   returns  type: of the same shape if the sizes agree; [..., n] if T holds n of them; [...] of an input
  [..., n] if type holds n of T. The first of several is the lowest byte, as memory is here.
  Errors: InvalidArgument naming the dim that does not fit.   Source: TensorFlow array_ops Bitcast.)";

}  // namespace

extern const OpDef op_Bitcast;
const OpDef op_Bitcast = {
    .name = "Bitcast",
    .inputs = "input: T",
    .outputs = "output: type",
    .attrs =
        "T: {bfloat16, half, float, double, int64, int32, uint8, uint16, uint32, uint64, int8, int16, complex64, "
        "complex128, qint8, quint8, qint16, quint16, qint32}; "
        "type: {bfloat16, half, float, double, int64, int32, uint8, uint16, uint32, uint64, int8, int16, complex64, "
        "complex128, qint8, quint8, qint16, quint16, qint32}",
    .infer = infer_bitcast,
    .kernels = kKernels,
};

TARN_OP_FILE(bitcast, {&op_Bitcast, kDoc, nullptr, "bits have no derivative"})

}  // namespace tarn
