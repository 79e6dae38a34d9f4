#include "passes/support/pass_args.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <map>

#include "core/strings.h"

namespace tarn {
namespace {

template <class T>
bool parse_number(std::string_view text, T& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_flag(std::string_view text, bool& value) {
  value = text == "true" || text == "1";
  return value || text == "false" || text == "0";
}

std::string_view kind_text(PassArg::Kind kind) {
  switch (kind) {
    case PassArg::kText: return "text";
    case PassArg::kInteger: return "a whole number";
    case PassArg::kReal: return "a number";
    case PassArg::kFlag: return "true or false";
  }
  return "";
}

bool is_of_kind(std::string_view text, PassArg::Kind kind) {
  int64_t integer = 0;
  double real = 0;
  bool flag = false;
  switch (kind) {
    case PassArg::kText: return true;
    case PassArg::kInteger: return parse_number(text, integer);
    case PassArg::kReal: return parse_number(text, real);
    case PassArg::kFlag: return parse_flag(text, flag);
  }
  return false;
}

}  // namespace

Status PassArgs::check(std::string_view pass, std::span<const PassArg> spec) {
  spec_ = spec;
  Problems problems;
  std::map<std::string, int> times;
  for (const auto& [name, value] : given_) {
    auto known =
        std::find_if(spec.begin(), spec.end(), [&, &name = name](const PassArg& arg) { return arg.name == name; });
    if (known == spec.end()) {
      std::vector<std::string> names;
      for (const PassArg& arg : spec) names.emplace_back(arg.name);
      problems.add(not_found("pass ", pass, " has no argument ", quoted(name),
                             names.empty() ? std::string("; it takes none") : did_you_mean(name, names)));
      continue;
    }
    if (!is_of_kind(value, known->kind)) {
      problems.add(invalid_argument("pass ", pass, ": argument ", name, " is ", quoted(value), ", expected ",
                                    kind_text(known->kind)));
    }
    if (++times[name] == 2 && !known->is_list)
      problems.add(invalid_argument("pass ", pass, ": argument ", name, " is given more than once"));
  }
  for (const PassArg& arg : spec) {
    if (arg.is_required && !has(arg.name))
      problems.add(invalid_argument("pass ", pass, ": argument ", arg.name, " is missing: ", arg.doc));
  }
  return problems.to_status("");
}

bool PassArgs::has(std::string_view name) const {
  return std::any_of(given_.begin(), given_.end(), [&](const auto& arg) { return arg.first == name; });
}

std::string PassArgs::text(std::string_view name) const {
  for (auto arg = given_.rbegin(); arg != given_.rend(); ++arg) {
    if (arg->first == name) return arg->second;
  }
  for (const PassArg& arg : spec_) {
    if (arg.name == name) return std::string(arg.fallback);
  }
  assert(false && "an argument that the pass does not declare");
  return "";
}

std::vector<std::string> PassArgs::list(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [given, value] : given_) {
    if (given == name) values.push_back(value);
  }
  return values;
}

int64_t PassArgs::integer(std::string_view name) const {
  int64_t value = 0;
  (void)parse_number(text(name), value);  // check() has judged it
  return value;
}

double PassArgs::real(std::string_view name) const {
  double value = 0;
  (void)parse_number(text(name), value);
  return value;
}

bool PassArgs::flag(std::string_view name) const {
  bool value = false;
  (void)parse_flag(text(name), value);
  return value;
}

}  // namespace tarn
