// DecodeRaw.
#include <algorithm>
#include <cstring>

#include "core/op.h"

namespace tarn {
namespace {

Status infer_decode_raw(InferContext& c) {
  if (!c.shape(0).has_rank()) return c.set_output(0, Shape::unknown());
  Shape output = c.shape(0);
  output.add_dim(kUnknownDim);
  return c.set_output(0, output);
}

class DecodeRawKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    little_endian_ = c.attr<bool>("little_endian");
    dtype_ = c.attr<DType>("out_type");
    return {};
  }
  Status run(RunContext& c) const override {
    std::span<const std::string> texts = c.input(0).flat<std::string>();
    size_t size = dtype_size(dtype_), bytes = texts.empty() ? 0 : texts[0].size();
    for (size_t i = 0; i < texts.size(); ++i) {
      if (texts[i].size() == bytes) continue;
      return invalid_argument("DecodeRaw requires input strings to all be the same size, but element ", i, " has size ",
                              texts[i].size(), " != ", bytes);
    }
    if (bytes % size != 0) {
      return invalid_argument("Input to DecodeRaw has length ", bytes, " that is not a multiple of ", size,
                              ", the size of ", dtype_name(dtype_));
    }
    Shape shape = *c.input(0).shape;
    shape.add_dim(static_cast<int64_t>(bytes / size));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count == 0) return {};
    char* to = y.as<char>();
    for (const std::string& text : texts) {
      std::memcpy(to, text.data(), bytes);
      to += bytes;
    }
    if (!little_endian_) {
      for (char* at = y.as<char>(); at < to; at += size) std::reverse(at, at + size);
    }
    if (dtype_ == DType::kBool) {  // any byte but 0 is true
      for (int64_t i = 0; i < y.count; ++i) y.as<char>()[i] = y.as<char>()[i] != 0 ? 1 : 0;
    }
    return {};
  }

 private:
  bool little_endian_ = true;
  DType dtype_ = DType::kInvalid;
};

constexpr KernelDef kKernels[] = {
    portable_kernel<DecodeRawKernel>(DType::kFloat),  portable_kernel<DecodeRawKernel>(DType::kDouble),
    portable_kernel<DecodeRawKernel>(DType::kHalf),   portable_kernel<DecodeRawKernel>(DType::kBFloat16),
    portable_kernel<DecodeRawKernel>(DType::kInt32),  portable_kernel<DecodeRawKernel>(DType::kInt64),
    portable_kernel<DecodeRawKernel>(DType::kUInt16), portable_kernel<DecodeRawKernel>(DType::kUInt8),
    portable_kernel<DecodeRawKernel>(DType::kInt16),  portable_kernel<DecodeRawKernel>(DType::kInt8),
    portable_kernel<DecodeRawKernel>(DType::kBool)};

constexpr std::string_view kDoc = R"(The bytes of strings as numbers.
  bytes  string[...], all of one length   returns  out_type[..., length / size]
  little_endian false turns the bytes of each number round.
  Errors: InvalidArgument for lengths that differ or are no multiple of the size.
  Source: TensorFlow parsing_ops DecodeRaw.)";

}  // namespace

extern const OpDef op_DecodeRaw;
const OpDef op_DecodeRaw = {
    .name = "DecodeRaw",
    .inputs = "bytes: string",
    .outputs = "output: out_type",
    .attrs =
        "out_type: {half, float, double, int32, uint16, uint8, int16, int8, int64, complex64, complex128, bool, "
        "bfloat16}; little_endian: bool = true",
    .infer = infer_decode_raw,
    .kernels = kKernels,
};

TARN_OP_FILE(decode_raw, {&op_DecodeRaw, kDoc, nullptr, "strings have no gradient"})

}  // namespace tarn
