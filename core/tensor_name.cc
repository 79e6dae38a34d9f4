#include "core/tensor_name.h"

#include <algorithm>

#include "core/search.h"

namespace tarn {
namespace {

constexpr size_t kMostNameBytes = 4096;
constexpr int kMostSlot = 65535;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

Result<TensorName> parse_tensor_name(std::string_view text) {
  TensorName name;
  if (text.starts_with("^")) {
    name.is_control = true;
    name.node = text.substr(1);
  } else if (size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    std::string_view digits = text.substr(colon + 1);
    name.node = text.substr(0, colon);
    for (char c : digits) {
      bool is_digit = c >= '0' && c <= '9';
      name.slot = is_digit ? std::min(name.slot * 10 + (c - '0'), kMostSlot + 1) : kMostSlot + 1;
      if (!is_digit) break;
    }
    if (digits.empty() || name.slot > kMostSlot)
      return invalid_argument(in_quotes(text), ": output ", in_quotes(digits), " is not a number from 0 to ",
                              kMostSlot);
  } else {
    name.node = text;
  }
  if (name.node.empty())
    return invalid_argument(in_quotes(text), " names no node: expected 'node', 'node:output' or '^node'");
  return name;
}

Status check_node_name(std::string_view name) {
  if (name.empty()) return invalid_argument("a node has an empty name");
  if (name.size() > kMostNameBytes) {
    return invalid_argument("node name ", in_quotes(name), " has ", name.size(), " bytes; the limit is ",
                            kMostNameBytes);
  }
  auto good_first = [](char c) { return is_letter_or_digit(c) || c == '.' || c == '_'; };
  auto good = [](char c) {
    return is_letter_or_digit(c) || std::string_view("_.\\-/>").find(c) != std::string_view::npos;
  };
  if (!good_first(name[0]) || !all_of(name, good)) {
    return invalid_argument("node name ", in_quotes(name),
                            " has characters that names cannot have (letters, digits, '_', '.', '-', '/' are good)");
  }
  return {};
}

}  // namespace tarn
