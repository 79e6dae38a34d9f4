#include "runtime/table_initializers.h"

#include <unordered_set>

namespace tarn {
namespace {

bool is_filled_once(std::string_view op) {
  return op == "HashTable" || op == "HashTableV2";
}

// Whether `wires` come of constants alone: they are the same in every run, whatever is fed and whatever was done
// before.
bool are_constant(const NodeSource& source, const OpRegistry& ops, std::span<const Wire> wires) {
  std::unordered_set<int> seen;
  std::vector<int> left;
  for (Wire wire : wires) left.push_back(wire.node);
  while (!left.empty()) {
    int n = left.back();
    left.pop_back();
    if (n < 0) return false;
    if (!seen.insert(n).second) continue;
    const OpRegistry::Op* op = ops.find(source.op(n));
    constexpr uint32_t kChanges = kStateful | kSourceOp | kWritesRef | kTakesVariable;
    if (op == nullptr || (op->def->traits & kChanges) != 0 || op->def->needs != ServiceId::kCount) return false;
    for (Wire wire : source.inputs(n)) left.push_back(wire.node);
    for (int control : source.controls(n)) left.push_back(control);
  }
  return true;
}

}  // namespace

int table_behind(const NodeSource& source, int node) {
  if (source.inputs(node).empty()) return -1;
  int table = source.inputs(node)[0].node;
  // Functions that were put in place leave an Identity before what they were handed.
  for (int i = 0; i < source.node_count() && table >= 0 && !source.inputs(table).empty(); ++i) {
    if (source.op(table) != "Identity" && source.op(table) != "RefIdentity") break;
    table = source.inputs(table)[0].node;
  }
  return table;
}

std::vector<TableInitializer> find_table_initializers(const NodeSource& source, const OpRegistry& ops) {
  std::vector<TableInitializer> found;
  for (int n = 0; n < source.node_count(); ++n) {
    std::string_view op = source.op(n);
    bool initializes = op.starts_with("InitializeTable"), imports = op.starts_with("LookupTableImport");
    if (!initializes && !imports) continue;
    int table = table_behind(source, n);
    if (table < 0) continue;
    if (imports && (!is_filled_once(source.op(table)) || !are_constant(source, ops, source.inputs(n).subspan(1))))
      continue;
    found.push_back({table, n, op.starts_with("InitializeTableFrom")});
  }
  return found;
}

}  // namespace tarn
