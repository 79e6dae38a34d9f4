// regex_compiler() (core/regex.h) by RE2, which TensorFlow's kernels use too.
#include "core/regex.h"

#include <re2/re2.h>

namespace tarn {
namespace {

class Re2Regex : public Regex {
 public:
  explicit Re2Regex(const std::string& pattern) : re2_(pattern, quiet()) {}

  Status status() const {
    if (re2_.ok()) return {};
    return invalid_argument("Invalid pattern: ", quoted(re2_.pattern()), ", error: ", re2_.error());
  }

  bool full_match(std::string_view text) const override { return RE2::FullMatch({text.data(), text.size()}, re2_); }

  Status check_rewrite(const std::string& rewrite) const override {
    std::string problem;
    if (re2_.CheckRewriteString(rewrite, &problem)) return {};
    return invalid_argument("Invalid rewrite pattern: ", quoted(rewrite), ": ", problem);
  }

  std::string replace(const std::string& text, const std::string& rewrite, bool global) const override {
    std::string result = text;
    if (global) {
      RE2::GlobalReplace(&result, re2_, rewrite);
    } else {
      RE2::Replace(&result, re2_, rewrite);
    }
    return result;
  }

 private:
  static RE2::Options quiet() {
    RE2::Options options;
    options.set_log_errors(false);  // the status says it
    return options;
  }

  RE2 re2_;
};

class Re2Compiler : public RegexCompiler {
 public:
  constexpr Re2Compiler() = default;
  Result<std::unique_ptr<const Regex>> compile(const std::string& pattern) const override {
    auto regex = std::make_unique<const Re2Regex>(pattern);
    TARN_RETURN_IF_ERROR(regex->status());
    return std::unique_ptr<const Regex>(std::move(regex));
  }
};

}  // namespace

RegexCompiler& regex_compiler() {
  static Re2Compiler compiler;
  return compiler;
}

}  // namespace tarn
