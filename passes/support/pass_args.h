// The arguments that a pass takes in a pipeline: fold_constants(max_constant_size_in_bytes=1000).
//
//   constexpr PassArg kArgs[] = {{.name = "minimum_size", .kind = PassArg::kInteger, .fallback = "1024"}};
//   int64_t least = context.args.integer("minimum_size");
//
// As in TensorFlow's transform_graph an argument may be given several times: list() has all of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/status.h"

namespace tarn {

struct PassArg {
  enum Kind { kText, kInteger, kReal, kFlag };
  std::string_view name;
  Kind kind = kText;
  std::string_view fallback = {};  // what it is if not given, as it would be written
  std::string_view doc = {};
  bool is_list = false;      // may be given several times
  bool is_required = false;  // has no fallback
};

class PassArgs {
 public:
  void add(std::string name, std::string value) { given_.emplace_back(std::move(name), std::move(value)); }
  const std::vector<std::pair<std::string, std::string>>& given() const { return given_; }

  // Judges what was given, and takes the fallbacks for the rest: before any of what follows. Errors, all at once: names
  // that the pass does not have (with the nearest), values that are none of their kind, what is missing or given twice.
  Status check(std::string_view pass, std::span<const PassArg> spec);

  bool has(std::string_view name) const;
  std::string text(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;  // without the fallback
  int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  bool flag(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> given_;
  std::span<const PassArg> spec_;
};

}  // namespace tarn
