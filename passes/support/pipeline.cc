#include "passes/support/pipeline.h"

namespace tarn {
namespace {

bool is_word(char c) {
  return isalnum(static_cast<unsigned char>(c)) || std::string_view("_./-:+").find(c) != std::string_view::npos;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<std::vector<PipelineStep>> run() {
    std::vector<PipelineStep> pipeline;
    for (skip(" \t\r\n,"); at_ < text_.size(); skip(" \t\r\n,")) {
      size_t begin = at_;
      TARN_ASSIGN_OR_RETURN(std::string name, word("a pass"));
      const PassDef* pass = find_pass(name);
      if (pass == nullptr) {
        return not_found("pipeline, character ", begin + 1, ": there is no pass ", quoted(name),
                         did_you_mean(name, pass_names()));
      }
      PipelineStep step{pass, {}};
      if (is_at('(')) TARN_RETURN_IF_ERROR(arguments(begin, step));
      Status status = step.args.check(name, pass->args);
      if (!status.ok()) return status.with_context(str_cat("pipeline, character ", begin + 1));
      pipeline.push_back(std::move(step));
    }
    return pipeline;
  }

 private:
  void skip(std::string_view separators) {
    while (at_ < text_.size() && separators.find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool is_at(char c) const { return at_ < text_.size() && text_[at_] == c; }
  Status expected(std::string_view what) const {
    if (at_ >= text_.size()) return invalid_argument("pipeline: expected ", what, ", found its end");
    return invalid_argument("pipeline, character ", at_ + 1, ": expected ", what, ", found '",
                            printable(text_.substr(at_, 1)), "'");
  }

  Result<std::string> word(std::string_view what) {
    size_t begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    if (at_ == begin) return expected(what);
    return std::string(text_.substr(begin, at_ - begin));
  }

  Result<std::string> value() {
    if (!is_at('"')) return word("a value");
    size_t begin = at_++;
    std::string out;
    while (at_ < text_.size() && text_[at_] != '"') {
      bool escapes = text_[at_] == '\\' && at_ + 1 < text_.size() && (text_[at_ + 1] == '"' || text_[at_ + 1] == '\\');
      if (escapes) ++at_;
      out += text_[at_++];
    }
    if (at_ >= text_.size()) return invalid_argument("pipeline, character ", begin + 1, ": this quote is never closed");
    ++at_;
    return out;
  }

  Status arguments(size_t begin, PipelineStep& step) {
    ++at_;
    constexpr std::string_view kBlanks = " \t\r\n,";
    for (skip(kBlanks); !is_at(')'); skip(kBlanks)) {
      if (at_ >= text_.size())
        return invalid_argument("pipeline, character ", begin + 1, ": '(' of ", step.pass->name, " is never closed");
      TARN_ASSIGN_OR_RETURN(std::string name, word(str_cat("'argument=value' for ", step.pass->name)));
      skip(" \t");
      if (!is_at('=')) return expected(str_cat("= after ", quoted(name)));
      ++at_;
      skip(" \t");
      TARN_ASSIGN_OR_RETURN(std::string text, value());
      if (name != "ignore_errors") {
        step.args.add(std::move(name), std::move(text));
      } else if (text == "true" || text == "false") {
        step.ignore_errors = text == "true";
      } else {
        return invalid_argument("pass ", step.pass->name, ": ignore_errors is ", quoted(text),
                                ", expected true or false");
      }
    }
    ++at_;
    return {};
  }

  std::string_view text_;
  size_t at_ = 0;
};

std::string value_text(const std::string& value) {
  bool is_plain = !value.empty();
  for (char c : value) is_plain = is_plain && is_word(c);
  if (is_plain) return value;
  std::string text = "\"";
  for (char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

}  // namespace

Result<std::vector<PipelineStep>> parse_pipeline(std::string_view text) {
  return Parser(text).run();
}

std::string pipeline_text(const std::vector<PipelineStep>& pipeline) {
  std::vector<std::string> steps;
  for (const PipelineStep& step : pipeline) {
    std::vector<std::string> args;
    for (const auto& [name, value] : step.args.given()) args.push_back(str_cat(name, "=", value_text(value)));
    if (step.ignore_errors) args.emplace_back("ignore_errors=true");
    steps.push_back(args.empty() ? std::string(step.pass->name) : str_cat(step.pass->name, "(", str_join(args), ")"));
  }
  return str_join(steps, " ");
}

}  // namespace tarn
