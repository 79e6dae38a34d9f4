#include "tools/support/flags.h"

#include <gflags/gflags.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

namespace tarn {
namespace {

using FlagInfo = gflags::CommandLineFlagInfo;

constexpr int kHelpWidth = 100;  // columns

// gflags' own flags that would read other sources or hide mistakes.
constexpr std::string_view kRefused[] = {"flagfile", "fromenv", "tryfromenv", "undefok"};

std::vector<FlagInfo> own_flags(const FlagRules& rules) {
  std::vector<FlagInfo> all, own;
  gflags::GetAllFlags(&all);
  for (FlagInfo& flag : all) {
    if (flag.filename == rules.source_file) own.push_back(std::move(flag));
  }
  std::sort(own.begin(), own.end(), [](const FlagInfo& a, const FlagInfo& b) { return a.name < b.name; });
  return own;
}

// Whole numbers without an exponent: 1000000, not 1e+06.
std::string number_text(double value) {
  constexpr double kExact = 0x1p53;
  if (value == std::floor(value) && std::abs(value) < kExact) return str_cat(static_cast<int64_t>(value));
  return str_cat(value);
}

std::string range_text(const FlagRange& range) {
  return str_cat(number_text(range.low), " to ", number_text(range.high));
}

const FlagRange* find_range(const FlagRules& rules, std::string_view flag) {
  for (const FlagRange& range : rules.ranges) {
    if (range.flag == flag) return &range;
  }
  return nullptr;
}

template <class T>
std::string limits_text() {
  return str_cat(std::numeric_limits<T>::min(), " to ", std::numeric_limits<T>::max());
}

// gflags keeps a double's default with 17 digits (0.10000000000000001); this is what was written.
std::string default_text(const FlagInfo& flag) {
  double value = 0;
  std::string_view text = flag.default_value;
  if (flag.type != "double") return printable(text);
  auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && stop == text.data() + text.size() ? str_cat(value) : printable(text);
}

// The values a flag takes, for messages: "a whole number from 1 to 1024".
std::string allowed_text(const FlagInfo& flag, const FlagRange* range) {
  if (flag.type == "bool") return "true or false";
  if (flag.type == "string") return "text";
  if (flag.type == "double")
    return range != nullptr ? str_cat("a number from ", range_text(*range)) : "a finite number";
  std::string limits = range != nullptr        ? range_text(*range)
                       : flag.type == "int32"  ? limits_text<int32_t>()
                       : flag.type == "uint32" ? limits_text<uint32_t>()
                       : flag.type == "int64"  ? limits_text<int64_t>()
                                               : limits_text<uint64_t>();
  return str_cat("a whole number from ", limits);
}

template <class T>
std::optional<T> parse_whole(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

template <class T>
bool is_number_in(std::string_view text, const FlagRange* range) {
  std::optional<T> value = parse_whole<T>(text);
  if (!value) return false;
  auto number = static_cast<double>(*value);
  return std::isfinite(number) && (range == nullptr || (number >= range->low && number <= range->high));
}

std::optional<bool> parse_bool(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  for (std::string_view yes : {"true", "t", "yes", "y", "1"}) {
    if (lower == yes) return true;
  }
  for (std::string_view no : {"false", "f", "no", "n", "0"}) {
    if (lower == no) return false;
  }
  return std::nullopt;
}

// "--name=value" cut into its parts; the name with '_' for '-'.
struct Spelling {
  std::string name;
  std::optional<std::string> value;
};
Spelling spell(std::string_view argument) {
  argument.remove_prefix(argument.starts_with("--") ? 2 : 1);
  size_t equals = argument.find('=');
  Spelling spelling{std::string(argument.substr(0, equals)), std::nullopt};
  std::replace(spelling.name.begin(), spelling.name.end(), '-', '_');
  if (equals != std::string_view::npos) spelling.value = argument.substr(equals + 1);
  return spelling;
}

class Parser {
 public:
  Parser(const std::vector<std::string>& argv, const FlagRules& rules)
      : argv_(argv), rules_(rules), flags_(own_flags(rules)) {}

  Result<ParsedFlags> parse() {
    while (next_ < argv_.size()) {
      const std::string& argument = argv_[next_++];
      if (argument == "--") {
        while (next_ < argv_.size()) take_argument(argv_[next_++]);
      } else if (argument.size() > 1 && argument[0] == '-') {
        take_flag(argument);
      } else {
        take_argument(argument);
      }
    }
    // Who asks for help gets it, whatever else is wrong.
    if (parsed_.help || parsed_.version) return parsed_;
    for (std::string_view required : rules_.required) {
      auto given = given_.find(required);
      if (given == given_.end()) {
        problem(str_cat("--", required, " is missing"));
      } else if (given->second.empty()) {
        problem(str_cat("--", required, " is empty"));
      }
    }
    bool has_one = std::any_of(rules_.one_of.begin(), rules_.one_of.end(), [&](std::string_view flag) {
      auto given = given_.find(flag);
      return given != given_.end() && !given->second.empty();
    });
    if (!has_one && !rules_.one_of.empty()) {
      std::vector<std::string> others;
      for (size_t i = 1; i < rules_.one_of.size(); ++i) others.push_back(str_cat("--", rules_.one_of[i]));
      problem(str_cat("--", rules_.one_of[0], given_.contains(rules_.one_of[0]) ? " is empty" : " is missing",
                      "; or give one of ", str_join(others)));
    }
    if (problems_.empty()) return parsed_;
    return Status(Code::kInvalidArgument, str_join(problems_, "\n"));
  }

 private:
  void problem(std::string text) { problems_.push_back(std::move(text)); }

  const FlagInfo* find(std::string_view name) const {
    for (const FlagInfo& flag : flags_) {
      if (flag.name == name) return &flag;
    }
    return nullptr;
  }

  void take_argument(const std::string& argument) {
    if (rules_.allow_arguments) {
      parsed_.arguments.push_back(argument);
      return;
    }
    bool forgot_dashes = find(spell(str_cat("--", argument)).name) != nullptr;
    problem(str_cat("unexpected argument ", quoted(argument),
                    forgot_dashes ? str_cat("; did you mean ", quoted(str_cat("--", argument)), "?")
                                  : std::string("; flags are written --name=value")));
  }

  void take_flag(const std::string& argument) {
    Spelling spelling = spell(argument);
    const std::string& name = spelling.name;
    const FlagInfo* flag = find(name);
    if (flag == nullptr && (name == "help" || name == "h" || name == "version") && !spelling.value) {
      (name == "version" ? parsed_.version : parsed_.help) = true;
      return;
    }
    if (flag == nullptr && std::find(std::begin(kRefused), std::end(kRefused), name) != std::end(kRefused)) {
      problem(str_cat("--", name, " is not supported; write every flag on the command line"));
      return;
    }
    bool negated = false;
    if (flag == nullptr && name.starts_with("no")) {
      flag = find(std::string_view(name).substr(2));
      if (flag != nullptr && flag->type != "bool") flag = nullptr;
      negated = flag != nullptr;
    }
    if (flag == nullptr) {
      std::vector<std::string> names;
      for (const FlagInfo& known : flags_) names.push_back(known.name);
      for (std::string& near : names = nearest_names(name, names)) near = str_cat("'--", near, "'");
      problem(str_cat("unknown flag ", quoted(argument.substr(0, argument.find('='))),
                      names.empty() ? "" : "; did you mean ", str_join(names, " or "), names.empty() ? "" : "?"));
      // An unknown flag's value is not an argument.
      if (!spelling.value && next_ < argv_.size() && !argv_[next_].starts_with("-")) ++next_;
      return;
    }

    std::string value;
    if (negated && spelling.value) {
      return problem(str_cat("--", name, " takes no value, got ", quoted(*spelling.value)));
    } else if (negated) {
      value = "false";
    } else if (spelling.value) {
      value = *spelling.value;
    } else if (flag->type == "bool") {
      // "--flag True", as argparse's tools have it; a word that is an argument is none of these.
      bool is_value = next_ < argv_.size() && !rules_.allow_arguments && parse_bool(argv_[next_]).has_value();
      value = is_value ? argv_[next_++] : "true";
    } else if (next_ < argv_.size() && !is_known_flag(argv_[next_])) {
      value = argv_[next_++];  // "--name value"; the value may begin with a dash
    } else {
      return problem(
          str_cat("--", flag->name, " needs a value: ", allowed_text(*flag, find_range(rules_, flag->name))));
    }
    set(*flag, value);
  }

  bool is_known_flag(const std::string& argument) const {
    if (argument.size() < 2 || argument[0] != '-') return false;
    std::string name = spell(argument).name;
    return find(name) != nullptr || (name.starts_with("no") && find(std::string_view(name).substr(2)) != nullptr) ||
           name == "help";
  }

  void set(const FlagInfo& flag, std::string value) {
    auto [given, is_first] = given_.emplace(flag.name, value);
    if (!is_first) {
      return problem(str_cat("--", flag.name, " is given twice: ", quoted(given->second), " and ", quoted(value)));
    }
    const FlagRange* range = find_range(rules_, flag.name);
    bool good = true;
    if (flag.type == "bool") {
      std::optional<bool> parsed = parse_bool(value);
      good = parsed.has_value();
      if (good) value = *parsed ? "true" : "false";
    } else if (flag.type == "string") {
      // An empty text stands for "not given"; where that would not be the default it is a slip.
      bool may_be_empty =
          std::find(rules_.may_be_empty.begin(), rules_.may_be_empty.end(), flag.name) != rules_.may_be_empty.end();
      if (value.empty() && !flag.default_value.empty() && !may_be_empty) {
        return problem(
            str_cat("--", flag.name, " is empty; leave it out for the default ", quoted(flag.default_value)));
      }
    } else if (flag.type == "int32") {
      good = is_number_in<int32_t>(value, range);
    } else if (flag.type == "uint32") {
      good = is_number_in<uint32_t>(value, range);
    } else if (flag.type == "int64") {
      good = is_number_in<int64_t>(value, range);
    } else if (flag.type == "uint64") {
      good = is_number_in<uint64_t>(value, range);
    } else {
      good = is_number_in<double>(value, range);
    }
    if (!good) {
      return problem(str_cat("--", flag.name, "=", printable(value), ": expected ", allowed_text(flag, range)));
    }
    // Empty on refusal by a validator of the tool's own.
    if (gflags::SetCommandLineOption(flag.name.c_str(), value.c_str()).empty()) {
      problem(str_cat("--", flag.name, "=", printable(value), " is not allowed"));
    }
  }

  const std::vector<std::string>& argv_;
  const FlagRules& rules_;
  std::vector<FlagInfo> flags_;
  size_t next_ = 0;
  std::map<std::string, std::string, std::less<>> given_;
  std::vector<std::string> problems_;
  ParsedFlags parsed_;
};

// `text` in lines of at most kHelpWidth columns, each after `indent` spaces.
std::string wrapped(std::string_view text, size_t indent) {
  std::string out, line;
  for (const std::string& word : str_split(text, ' ', true)) {
    if (word.empty()) continue;
    if (!line.empty() && indent + line.size() + 1 + word.size() > kHelpWidth) {
      str_append(out, std::string(indent, ' '), line, "\n");
      line.clear();
    }
    str_append(line, line.empty() ? "" : " ", word);
  }
  if (!line.empty()) str_append(out, std::string(indent, ' '), line, "\n");
  return out;
}

}  // namespace

Result<ParsedFlags> parse_flags(const std::vector<std::string>& argv, const FlagRules& rules) {
  return Parser(argv, rules).parse();
}

std::string describe_flags(const FlagRules& rules) {
  std::string out;
  for (const FlagInfo& flag : own_flags(rules)) {
    const FlagRange* range = find_range(rules, flag.name);
    bool required = std::find(rules.required.begin(), rules.required.end(), flag.name) != rules.required.end();
    std::vector<std::string> notes;
    if (required) notes.emplace_back("required");
    if (range != nullptr) notes.push_back(range_text(*range));
    if (!required && !flag.default_value.empty()) notes.push_back(str_cat("default ", default_text(flag)));
    std::string_view value = flag.type == "bool"     ? ""
                             : flag.type == "string" ? "=TEXT"
                             : flag.type == "double" ? "=X"
                                                     : "=N";
    str_append(out, "  --", flag.type == "bool" ? "[no]" : "", flag.name, value);
    if (!notes.empty()) str_append(out, "  (", str_join(notes), ")");
    str_append(out, "\n", wrapped(flag.description, 6));
  }
  return out;
}

Result<std::vector<std::string>> list_flag(std::string_view flag, std::string_view value) {
  std::vector<std::string> items = str_split(value, ',', true);
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].empty()) {
      bool last = i + 1 == items.size() && i > 0;
      return invalid_argument("--", flag, "=", printable(value), ": item ", i + 1, " is empty",
                              last ? " (a comma at the end?)" : "");
    }
    for (size_t k = 0; k < i; ++k) {
      if (items[k] != items[i]) continue;
      return invalid_argument("--", flag, "=", printable(value), ": ", quoted(items[i]), " is named twice, as items ",
                              k + 1, " and ", i + 1);
    }
  }
  return items;
}

bool is_own_flag(std::string_view flag, const FlagRules& rules) {
  std::vector<FlagInfo> flags = own_flags(rules);
  return std::any_of(flags.begin(), flags.end(), [&](const FlagInfo& own) { return own.name == flag; });
}

bool flag_was_given(std::string_view flag) {
  FlagInfo info;
  return gflags::GetCommandLineFlagInfo(std::string(flag).c_str(), &info) && !info.is_default;
}

}  // namespace tarn
