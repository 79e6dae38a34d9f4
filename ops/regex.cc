// RegexFullMatch, StaticRegexFullMatch, RegexReplace, StaticRegexReplace.
#include "core/regex.h"

#include <mutex>

#include "core/op.h"
#include "ops/support/arguments.h"

namespace tarn {
namespace {

Status infer_regex(InferContext& c) {
  for (int i = 1; i < c.input_count(); ++i) TARN_RETURN_IF_ERROR(c.expect_rank(i, 0, i == 1 ? "pattern" : "rewrite"));
  return c.set_output(0, c.shape(0));
}

template <bool kIsStatic, bool kReplaces>
class RegexKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    global_ = c.attrs().get_or<bool>("replace_global", true);
    if (!kIsStatic) return {};
    pattern_ = c.attr<std::string>("pattern");
    if (kReplaces) rewrite_ = c.attr<std::string>("rewrite");
    return {};
  }

  Status run(RunContext& c) const override {
    auto* compiler = c.services().get<RegexCompiler>();
    if (compiler == nullptr) return failed_precondition("no regular expressions here: give the engine a RegexCompiler");
    if (!kIsStatic) {
      for (int i = 1; i < c.input_count(); ++i) {
        TARN_RETURN_IF_ERROR(expect_scalar(c.input(i), i == 1 ? "pattern" : "rewrite"));
      }
    }
    std::unique_ptr<const Regex> compiled;  // of this run's pattern
    const Regex* regex = nullptr;
    if (kIsStatic) {
      std::call_once(is_compiled_, [&] { static_ = compiler->compile(pattern_); });
      TARN_RETURN_IF_ERROR(static_.status());
      regex = static_->get();
    } else {
      TARN_ASSIGN_OR_RETURN(compiled, compiler->compile(*c.input(1).as<std::string>()));
      regex = compiled.get();
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *c.input(0).shape));
    const std::string* texts = c.input(0).as<std::string>();
    if (!kReplaces) {
      for (int64_t i = 0; i < y.count; ++i) y.as<bool>()[i] = regex->full_match(texts[i]);
      return {};
    }
    const std::string& rewrite = kIsStatic ? rewrite_ : *c.input(2).as<std::string>();
    TARN_RETURN_IF_ERROR(regex->check_rewrite(rewrite));
    for (int64_t i = 0; i < y.count; ++i) y.as<std::string>()[i] = regex->replace(texts[i], rewrite, global_);
    return {};
  }

 private:
  // Of the static ones, whose pattern the first run compiles: prepare() knows no services.
  std::string pattern_, rewrite_;
  mutable std::once_flag is_compiled_;
  mutable Result<std::unique_ptr<const Regex>> static_{std::unique_ptr<const Regex>()};
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
    .infer = infer_regex,
    .kernels = kKernels<false, false>,
    .needs = ServiceId::kRegex,
};
const OpDef op_StaticRegexFullMatch = {
    .name = "StaticRegexFullMatch",
    .inputs = "input: string",
    .outputs = "output: bool",
    .attrs = "pattern: string",
    .infer = infer_regex,
    .kernels = kKernels<true, false>,
    .needs = ServiceId::kRegex,
};
const OpDef op_RegexReplace = {
    .name = "RegexReplace",
    .inputs = "input: string, pattern: string, rewrite: string",
    .outputs = "output: string",
    .attrs = "replace_global: bool = true",
    .infer = infer_regex,
    .kernels = kKernels<false, true>,
    .needs = ServiceId::kRegex,
};
const OpDef op_StaticRegexReplace = {
    .name = "StaticRegexReplace",
    .inputs = "input: string",
    .outputs = "output: string",
    .attrs = "pattern: string; rewrite: string; replace_global: bool = true",
    .infer = infer_regex,
    .kernels = kKernels<true, true>,
    .needs = ServiceId::kRegex,
};

TARN_OP_FILE(regex, {&op_RegexFullMatch, kMatchDoc, nullptr, kNoGradient},
             {&op_StaticRegexFullMatch, kStaticMatchDoc, nullptr, kNoGradient},
             {&op_RegexReplace, kReplaceDoc, nullptr, kNoGradient},
             {&op_StaticRegexReplace, kStaticReplaceDoc, nullptr, kNoGradient})

}  // namespace tarn
