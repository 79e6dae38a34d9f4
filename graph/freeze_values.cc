// Where freeze() gets the values of variables from.
#include "graph/freeze.h"
#include "graph/session.h"

namespace tarn {

VariableValues checkpoint_values(CheckpointReader checkpoint, VariableReadOptions options) {
  return [=](const Graph& graph, std::span<const NodeId> variables) {
    return read_variables(graph, variables, checkpoint, options);
  };
}

VariableValues session_values(const Session& session) {
  return [&session](const Graph& graph, std::span<const NodeId> variables) -> Result<std::vector<Tensor>> {
    std::vector<Tensor> values;
    Problems problems;
    for (NodeId id : variables) {
      Result<Tensor> value = session.variable(variable_storage_name(graph.node(id)));
      problems.add(value.status());
      if (value.ok()) values.push_back(*std::move(value));
    }
    TARN_RETURN_IF_ERROR(problems.to_status("the session"));
    return values;
  };
}

VariableValues initialized_values(CheckpointReader checkpoint, std::vector<std::string> initializer_nodes,
                                  VariableReadOptions options) {
  return [=](const Graph& graph, std::span<const NodeId> variables) -> Result<std::vector<Tensor>> {
    Session session(graph);
    TARN_RETURN_IF_ERROR(restore_variables(graph, checkpoint, options, session, variables));
    for (const std::string& node : initializer_nodes) {
      TARN_RETURN_IF_ERROR(session.Run(node).with_context(str_cat("initializer ", quoted(node))));
    }
    return session_values(session)(graph, variables);
  };
}

VariableValues no_values() {
  return [](const Graph& graph, std::span<const NodeId> variables) -> Result<std::vector<Tensor>> {
    Problems problems;
    for (NodeId id : variables) {
      problems.add(failed_precondition("variable ", quoted(graph.node(id).name),
                                       " has its value in a checkpoint, and none was given"));
    }
    return problems.to_status("");
  };
}

}  // namespace tarn
