// RegexFullMatch, StaticRegexFullMatch, RegexReplace, StaticRegexReplace.
#include <optional>

#include "core/op.h"
#include "ops/support/arguments.h"
#include "ops/support/regex.h"

namespace tarn {
namespace {

template <bool kIsStatic, bool kReplaces>
Status infer_regex(InferContext& c) {
  for (int i = 1; i < c.input_count(); ++i) TARN_RETURN_IF_ERROR(c.expect_rank(i, 0, i == 1 ? "pattern" : "rewrite"));
  if (kIsStatic) {
    TARN_ASSIGN_OR_RETURN(Regex regex, Regex::parse(c.attr<std::string>("pattern")));
    if (kReplaces) TARN_RETURN_IF_ERROR(regex.check_rewrite(c.attr<std::string>("rewrite")));
  }
  return c.set_output(0, c.shape(0));
}

template <bool kIsStatic, bool kReplaces>
class RegexKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    global_ = c.attrs().get_or<bool>("replace_global", true);
    if (!kIsStatic) return {};
    TARN_ASSIGN_OR_RETURN(regex_, Regex::parse(c.attr<std::string>("pattern")));
    if (kReplaces) rewrite_ = c.attr<std::string>("rewrite");
    return kReplaces ? regex_->check_rewrite(rewrite_) : Status();
  }
  Status run(RunContext& c) const override {
    if (kIsStatic) return apply(c, *regex_, rewrite_);
    for (int i = 1; i < c.input_count(); ++i) {
      TARN_RETURN_IF_ERROR(expect_scalar(c.input(i), i == 1 ? "pattern" : "rewrite"));
    }
    TARN_ASSIGN_OR_RETURN(Regex regex, Regex::parse(*c.input(1).as<std::string>()));
    if (!kReplaces) return apply(c, regex, "");
    const std::string& rewrite = *c.input(2).as<std::string>();
    TARN_RETURN_IF_ERROR(regex.check_rewrite(rewrite));
    return apply(c, regex, rewrite);
  }

 private:
  Status apply(RunContext& c, const Regex& regex, const std::string& rewrite) const {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *c.input(0).shape));
    for (int64_t i = 0; i < y.count; ++i) {
      const std::string& text = c.input(0).as<std::string>()[i];
      if (kReplaces) {
        y.as<std::string>()[i] = regex.replace(text, rewrite, global_);
      } else {
        y.as<bool>()[i] = regex.full_match(text);
      }
    }
    return {};
  }

  std::optional<Regex> regex_;
  std::string rewrite_;
  bool global_ = true;
};

template <bool kIsStatic, bool kReplaces>
constexpr KernelDef kKernels[] = {portable_kernel<RegexKernel<kIsStatic, kReplaces>>()};

constexpr std::string_view kNoGradient = "strings have no gradient";
constexpr std::string_view kMatchDoc = R"(Whether a regular expression matches all of a string.
  input  string[...]   pattern  string, a scalar: in RE2's syntax   returns  bool, of the same shape
  Errors: InvalidArgument for a pattern that is none.   Source: TensorFlow string_ops RegexFullMatch; RE2.)";
constexpr std::string_view kStaticMatchDoc = R"(Whether a regular expression matches all of a string.
  As RegexFullMatch, the pattern an attr.   Source: TensorFlow string_ops StaticRegexFullMatch.)";
constexpr std::string_view kReplaceDoc = R"(Strings with what a regular expression matches replaced.
  input  string[...]   pattern, rewrite  strings, scalars; \1 in rewrite is what the first group matched
  returns  string, of the same shape; every match, or with replace_global false the first
  Errors: InvalidArgument for a pattern or a rewrite that is none.   Source: TensorFlow string_ops RegexReplace; RE2.)";
constexpr std::string_view kStaticReplaceDoc = R"(Strings with what a regular expression matches replaced.
  As RegexReplace, pattern and rewrite attrs.   Source: TensorFlow string_ops StaticRegexReplace.)";

}  // namespace

extern const OpDef op_RegexFullMatch, op_StaticRegexFullMatch, op_RegexReplace, op_StaticRegexReplace;
const OpDef op_RegexFullMatch = {
    .name = "RegexFullMatch",
    .inputs = "input: string, pattern: string",
    .outputs = "output: bool",
    .infer = infer_regex<false, false>,
    .kernels = kKernels<false, false>,
};
const OpDef op_StaticRegexFullMatch = {
    .name = "StaticRegexFullMatch",
    .inputs = "input: string",
    .outputs = "output: bool",
    .attrs = "pattern: string",
    .infer = infer_regex<true, false>,
    .kernels = kKernels<true, false>,
};
const OpDef op_RegexReplace = {
    .name = "RegexReplace",
    .inputs = "input: string, pattern: string, rewrite: string",
    .outputs = "output: string",
    .attrs = "replace_global: bool = true",
    .infer = infer_regex<false, true>,
    .kernels = kKernels<false, true>,
};
const OpDef op_StaticRegexReplace = {
    .name = "StaticRegexReplace",
    .inputs = "input: string",
    .outputs = "output: string",
    .attrs = "pattern: string; rewrite: string; replace_global: bool = true",
    .infer = infer_regex<true, true>,
    .kernels = kKernels<true, true>,
};

TARN_OP_FILE(regex, {&op_RegexFullMatch, kMatchDoc, nullptr, kNoGradient},
             {&op_StaticRegexFullMatch, kStaticMatchDoc, nullptr, kNoGradient},
             {&op_RegexReplace, kReplaceDoc, nullptr, kNoGradient},
             {&op_StaticRegexReplace, kStaticReplaceDoc, nullptr, kNoGradient})

}  // namespace tarn
