#include "tests/property/drawn_args.h"

#include <algorithm>

#include "core/file.h"
#include "passes/support/pipeline.h"

namespace tarn::testing {
namespace {

using Given = std::vector<std::pair<std::string, std::string>>;

// Of the pass as text: values in quotes.
std::string step_text(const PassDef& pass, const Given& given) {
  PipelineStep step{&pass, {}, false};
  for (const auto& [name, value] : given) step.args.add(name, value);
  return pipeline_text({step});
}

const Node* any_node(const Graph& graph, Random& random) {
  std::vector<NodeId> ids = graph.ids();
  return ids.empty() ? nullptr : &graph.node(random.pick(ids));
}

std::optional<Given> any_op(const Graph& graph, Random& random) {
  const Node* node = any_node(graph, random);
  if (node == nullptr) return std::nullopt;
  return Given{{"op", node->op}};
}

// To an op of another node, or to nobody's.
std::optional<Given> two_ops(const Graph& graph, Random& random) {
  const Node *from = any_node(graph, random), *to = any_node(graph, random);
  if (from == nullptr) return std::nullopt;
  return Given{{"old_op_name", from->op}, {"new_op_name", random.chance(0.5) ? "SomebodysOp" : to->op}};
}

std::optional<Given> two_node_names(const Graph& graph, Random& random) {
  const Node* node = any_node(graph, random);
  if (node == nullptr) return std::nullopt;
  return Given{{"old_node_name", node->name}, {"new_node_name", node->name + "/renamed"}};
}

std::optional<std::pair<std::string, std::string>> any_attr(const Graph& graph, Random& random) {
  std::vector<std::pair<std::string, std::string>> all;  // op, attr
  for (NodeId id : graph.ids()) {
    for (const auto& [name, value] : graph.node(id).attrs) all.emplace_back(graph.node(id).op, name);
  }
  if (all.empty()) return std::nullopt;
  return random.pick(all);
}

std::optional<Given> attr_to_remove(const Graph& graph, Random& random) {
  auto attr = any_attr(graph, random);
  if (!attr) return std::nullopt;
  return Given{{"attribute_name", attr->second}, {"op_name", attr->first}};
}

std::optional<Given> attr_to_rename(const Graph& graph, Random& random) {
  auto attr = any_attr(graph, random);
  if (!attr) return std::nullopt;
  // Of an underscore: nobody's business, which every op may have.
  return Given{
      {"old_attribute_name", attr->second}, {"new_attribute_name", "_was_" + attr->second}, {"op_name", attr->first}};
}

// As if every RequantizationRange had been logged.
std::optional<Given> range_log(const Graph& graph, const std::string& folder, Random& random) {
  std::string log;
  for (NodeId id : graph.ids()) {
    if (!graph.node(id).is("RequantizationRange")) continue;
    for (int lines = 1 + random.below(3); lines > 0; --lines) {
      str_append(log, "log] ;", graph.node(id).name, "__print__;__requant_min_max:[", -3 * random.unit(), "][",
                 3 * random.unit(), "]\n");
    }
  }
  std::string path = path_join(folder, "ranges.log");
  if (folder.empty() || log.empty() || !write_file_atomically(path, log).ok()) return std::nullopt;
  return Given{{"min_max_log_file", path}};
}

}  // namespace

std::optional<std::string> told_step(const PassDef& pass, const Graph& graph, const std::string& scratch_folder,
                                     Random& random) {
  std::optional<Given> given;
  if (pass.name == "remove_nodes" || pass.name == "insert_logging") {
    given = any_op(graph, random);
  } else if (pass.name == "rename_op") {
    given = two_ops(graph, random);
  } else if (pass.name == "rename_node") {
    given = two_node_names(graph, random);
  } else if (pass.name == "remove_attribute") {
    given = attr_to_remove(graph, random);
  } else if (pass.name == "rename_attribute") {
    given = attr_to_rename(graph, random);
  } else if (pass.name == "set_device") {
    given = Given{{"device", random.pick({"/cpu:0", "/job:worker/task:1"})}};
  } else if (pass.name == "freeze_requantization_ranges") {
    given = range_log(graph, scratch_folder, random);
  } else {
    bool must_be_told =
        std::any_of(pass.args.begin(), pass.args.end(), [](const PassArg& arg) { return arg.is_required; });
    if (!must_be_told) given = Given();
  }
  if (!given) return std::nullopt;
  return given->empty() ? std::string(pass.name) : step_text(pass, *given);
}

std::string drawn_step(const PassDef& pass, Random& random) {
  Given given;
  for (const PassArg& arg : pass.args) {
    if (arg.kind != PassArg::kInteger || arg.is_list || !random.chance(0.3)) continue;
    given.emplace_back(std::string(arg.name), str_cat(random.pick({0, 1, 2, 16, 1000})));
  }
  return given.empty() ? std::string(pass.name) : step_text(pass, given);
}

}  // namespace tarn::testing
