// StringToNumber.
#include "core/op.h"
#include "ops/support/number_text.h"

namespace tarn {
namespace {

template <class T>
class ToNumberKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *c.input(0).shape));
    for (int64_t i = 0; i < y.count; ++i) {
      const std::string& text = c.input(0).as<std::string>()[i];
      if (!number_from_text(text, y.as<T>()[i])) {
        return invalid_argument("StringToNumberOp could not correctly convert string: ", quoted(text), ", element ", i);
      }
    }
    return {};
  }
};

template <class... Ts>
constexpr KernelDef kKernels[] = {portable_kernel<ToNumberKernel<Ts>>(dtype_of<Ts>())...};

constexpr std::string_view kDoc = R"(The numbers that strings spell.
  string_tensor  string[...]   returns  out_type, of the same shape
  White space around is fine; floats may be inf, nan, or whole in 0x. Too large a float is inf, an integer an error.
  Errors: InvalidArgument naming the string.   Source: TensorFlow parsing_ops StringToNumber.)";

}  // namespace

extern const OpDef op_StringToNumber;
const OpDef op_StringToNumber = {
    .name = "StringToNumber",
    .inputs = "string_tensor: string",
    .outputs = "output: out_type",
    .attrs = "out_type: {float, double, int32, int64, uint32, uint64} = float",
    .infer = infer_unchanged,
    .kernels = kKernels<float, double, int32_t, int64_t, uint32_t, uint64_t>,
};

TARN_OP_FILE(string_to_number, {&op_StringToNumber, kDoc, nullptr, "strings have no gradient"})

}  // namespace tarn
