// StringFormat: tensors in a text, as tf.print shows them.
#include "core/op.h"
#include "ops/support/summarize.h"

namespace tarn {
namespace {

Status infer_format(InferContext& c) {
  return c.set_output(0, Shape());
}

class FormatKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    summarize_ = c.attr<int64_t>("summarize");
    const auto& placeholder = c.attr<std::string>("placeholder");
    // An empty placeholder is nowhere.
    std::string_view rest = c.attr<std::string>("template");
    for (size_t at; !placeholder.empty() && (at = rest.find(placeholder)) != rest.npos;) {
      pieces_.emplace_back(rest.substr(0, at));
      rest.remove_prefix(at + placeholder.size());
    }
    pieces_.emplace_back(rest);
    auto places = static_cast<int>(pieces_.size()) - 1;
    if (places == c.input_count()) return {};
    return invalid_argument("num placeholders in template and num inputs must match: ", places, " vs. ",
                            c.input_count());
  }
  Status run(RunContext& c) const override {
    std::string text = pieces_[0];
    for (int i = 0; i < c.input_count(); ++i) {
      str_append(text, show_ends(c.input(i), summarize_), pieces_[static_cast<size_t>(i) + 1]);
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape()));
    *y.as<std::string>() = std::move(text);
    return {};
  }

 private:
  int64_t summarize_ = 3;
  std::vector<std::string> pieces_;
};

constexpr KernelDef kKernels[] = {portable_kernel<FormatKernel>()};

constexpr std::string_view kDoc = R"(A text with tensors in it, where the template has placeholders.
  inputs  tensors of the types T, as many as `template` has `placeholder`s   returns  string, a scalar
  Of each dim the first and last `summarize` elements are shown, -1: all; strings in quotes.
  Errors: InvalidArgument if there are more placeholders or fewer.   Source: TensorFlow string_ops StringFormat.)";

}  // namespace

extern const OpDef op_StringFormat;
const OpDef op_StringFormat = {
    .name = "StringFormat",
    .inputs = "inputs: T",
    .outputs = "output: string",
    .attrs = "T: list(type) >= 0; template: string = '%s'; placeholder: string = '%s'; summarize: int = 3",
    .infer = infer_format,
    .kernels = kKernels,
};

TARN_OP_FILE(string_format, {&op_StringFormat, kDoc, nullptr, "strings have no gradient"})

}  // namespace tarn
