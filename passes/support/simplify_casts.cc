#include "passes/support/simplify_casts.h"

namespace tarn {
namespace {

// Bits of an integer that hold its magnitude; 0: not an integer.
int magnitude_bits(DType dtype) {
  switch (dtype) {
    case DType::kBool: return 1;
    case DType::kInt8: return 7;
    case DType::kUInt8: return 8;
    case DType::kInt16: return 15;
    case DType::kUInt16: return 16;
    case DType::kInt32: return 31;
    case DType::kUInt32: return 32;
    case DType::kInt64: return 63;
    case DType::kUInt64: return 64;
    default: return 0;
  }
}
bool is_signed(DType dtype) {
  return dtype == DType::kInt8 || dtype == DType::kInt16 || dtype == DType::kInt32 || dtype == DType::kInt64;
}
// Bits of the significand, the implicit one too; 0: no such dtype.
int significand_bits(DType dtype) {
  switch (dtype) {
    case DType::kHalf: return 11;
    case DType::kBFloat16: return 8;
    case DType::kFloat: return 24;
    case DType::kDouble: return 53;
    default: return 0;
  }
}

// Every value of `from` is one of `to`.
bool holds_all_of(DType to, DType from) {
  int from_bits = magnitude_bits(from), to_bits = magnitude_bits(to);
  int to_significand = significand_bits(to), from_significand = significand_bits(from);
  if (from_bits > 0 && to_bits > 0) return to_bits >= from_bits && (is_signed(to) || !is_signed(from));
  // (half's largest number is 65504: what has 11 bits is far below.)
  if (from_bits > 0 && to_significand > 0) return to_significand >= from_bits;
  if (from_significand == 0 || to_significand == 0) return false;
  bool is_wider = to == DType::kDouble || (to == DType::kFloat && from != DType::kDouble);
  return to == from || is_wider;
}

}  // namespace

Status simplify_cast(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  DType to = node.outputs[0].dtype;
  if (s.dtype(node.inputs[0]) == to) return s.rewriter.splice(id, node.inputs[0], "casts to the dtype there is");
  const Node* inner = s.behind(node.inputs[0], {"Cast"});
  if (inner == nullptr || inner->attrs.get_or<bool>("Truncate", false) || node.attrs.get_or<bool>("Truncate", false))
    return {};
  Wire source = inner->inputs[0];
  DType from = s.dtype(source), between = inner->outputs[0].dtype;
  if (!holds_all_of(between, from)) return {};
  if (from == to) return s.rewriter.splice(id, source, str_cat("undoes ", quoted(inner->name)));
  // What a float out of an integer's range becomes is nobody's promise, what an integer does is: it wraps.
  bool may_leave_range = significand_bits(between) > 0 && magnitude_bits(from) > 0 && magnitude_bits(to) > 0;
  if (may_leave_range && !holds_all_of(to, from)) return {};
  bool is_plain = (magnitude_bits(to) > 0 || significand_bits(to) > 0);
  if (!is_plain) return {};
  std::string what = str_cat("reads through ", quoted(inner->name));
  Patch patch = s.rewriter.patch();
  patch.replace_node(id, patch.add({.name = node.name + "/direct",
                                    .op = "Cast",
                                    .inputs = {source},
                                    .attrs = {{"DstT", to}},
                                    .device = node.device}));
  return s.rewriter.commit(patch, id, what);
}

}  // namespace tarn
