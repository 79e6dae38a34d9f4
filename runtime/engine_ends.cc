#include "runtime/engine_ends.h"

#include "core/tensor_name.h"

namespace tarn {

Result<EngineEnds> choose_ends(const NodeSource& source, const std::vector<std::string>& inputs,
                               const std::vector<std::string>& outputs) {
  int count = source.node_count();
  Problems problems;
  EngineEnds ends;
  // Bytes of many kinds pass as a message of unknown fields alone.
  if (count == 0) return invalid_argument("not a GraphDef, or an empty one: it has no node");
  auto resolve = [&](std::string_view text, std::string_view what) -> Wire {
    Result<TensorName> name = parse_tensor_name(text);
    if (!name.ok() || name->is_control) {
      problems.add(name.ok() ? invalid_argument(what, " ", in_quotes(text), " names a control input, not a tensor")
                             : name.status().with_context(what));
      return {};
    }
    int node = source.find(name->node);
    if (node >= 0) return {node, name->slot};
    std::vector<std::string> names;
    for (int n = 0; n < count; ++n) names.emplace_back(source.name(n));
    problems.add(not_found(what, " ", in_quotes(text), " is not in the graph", did_you_mean(name->node, names)));
    return {};
  };
  if (inputs.empty()) {
    for (int n = 0; n < count; ++n) {
      if (source.op(n) == "Placeholder") ends.inputs.push_back({n, 0});
    }
  }
  for (const std::string& name : inputs) ends.inputs.push_back(resolve(name, "input"));
  if (outputs.empty()) {
    std::vector<char> used(static_cast<size_t>(count), 0);
    for (int n = 0; n < count; ++n) {
      for (Wire wire : source.inputs(n)) used[static_cast<size_t>(wire.node)] = 1;
      for (int control : source.controls(n)) used[static_cast<size_t>(control)] = 1;
    }
    for (int n = 0; n < count; ++n) {
      std::string_view op = source.op(n);
      if (used[static_cast<size_t>(n)] == 0 && op != "Const" && op != "NoOp" && op != "Placeholder" && op != "Assert") {
        ends.outputs.push_back({n, 0});
      }
    }
  }
  for (const std::string& name : outputs) ends.outputs.push_back(resolve(name, "output"));
  if (problems.empty() && ends.outputs.empty())
    problems.add("the graph has no output: every node is used by another, or is a constant");
  TARN_RETURN_IF_ERROR(problems.to_status());
  return ends;
}

}  // namespace tarn
