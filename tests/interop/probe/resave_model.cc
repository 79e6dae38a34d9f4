// Reads a graph with its variables, whoever made it, and writes both again as Tarn does: a checkpoint of version 2 with
// its .meta, and a SavedModel, for TensorFlow to load.
//
//   resave_model --graph=model.meta --checkpoint=model --inputs=x --outputs=scores,features:0 --out_dir=again
//
// gives again/model.ckpt-7 (none, if there are no variables) and again/export, whose signature serving_default has the
// inputs in0, in1 … and the outputs out0, out1 … in the order given.
#include <gflags/gflags.h>

#include "core/file.h"
#include "graph/saved_model.h"
#include "graph/saver.h"
#include "graph/variable_values.h"
#include "tools/support/main.h"

DEFINE_string(graph, "", "Whatever holds a graph");
DEFINE_string(checkpoint, "", "Its variables; by default those that lie with it");
DEFINE_string(inputs, "", "Tensors to feed, comma-separated");
DEFINE_string(outputs, "", "Tensors to fetch, comma-separated");
DEFINE_string(out_dir, "", "Folder to make");

namespace tarn {
namespace {

constexpr int64_t kStep = 7;

// {"in0": the first of `names`, …}
Result<std::map<std::string, SignatureTensor>> numbered(const Graph& graph, std::string_view prefix,
                                                        const std::vector<std::string>& names) {
  std::map<std::string, SignatureTensor> tensors;
  for (size_t i = 0; i < names.size(); ++i) {
    TARN_ASSIGN_OR_RETURN(Wire wire, graph.find_wire(names[i]));
    const Fact& fact = graph.fact(wire);
    tensors[str_cat(prefix, i)] = {str_cat(graph.node(wire.node).name, ':', wire.slot), fact.dtype, fact.shape};
  }
  return tensors;
}

Status run() {
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> inputs, list_flag("inputs", FLAGS_inputs));
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> outputs, list_flag("outputs", FLAGS_outputs));
  TARN_ASSIGN_OR_RETURN(AnyGraph any, read_any_graph(FLAGS_graph, {.allow_unknown_ops = true}));
  Signature signature;
  TARN_ASSIGN_OR_RETURN(signature.inputs, numbered(any.graph, "in", inputs));
  TARN_ASSIGN_OR_RETURN(signature.outputs, numbered(any.graph, "out", outputs));
  const Signatures signatures{{"serving_default", signature}};
  SavedModelBuilder builder(path_join(FLAGS_out_dir, "export"));

  std::string checkpoint = FLAGS_checkpoint.empty() ? any.checkpoint : FLAGS_checkpoint;
  if (checkpoint.empty()) {
    TARN_RETURN_IF_ERROR(builder.AddMetaGraph(any.graph, {"serve"}, signatures));
    return builder.Save().status();
  }
  TARN_ASSIGN_OR_RETURN(std::string prefix, find_checkpoint(checkpoint));
  TARN_ASSIGN_OR_RETURN(CheckpointReader values, CheckpointReader::open(prefix));
  Scope scope = Scope::Over(any.graph);
  Session session(scope);
  VariableReadOptions read;
  if (any.saver) read.restore_op = any.saver->restore_op;
  TARN_RETURN_IF_ERROR(restore_variables(any.graph, values, read, session));
  // A checkpoint for serving has no slots of optimizers: what has no value cannot be saved.
  for (const VariableRecord& record : any.collections.variables()) {
    if (session.variable(record.variable).ok()) scope.collections().add_variable(record);
  }
  Saver saver(scope);
  TARN_RETURN_IF_ERROR(scope.status());
  TARN_RETURN_IF_ERROR(saver.Save(session, path_join(FLAGS_out_dir, "model.ckpt"), kStep).status());
  TARN_RETURN_IF_ERROR(builder.AddMetaGraphAndVariables(session, scope, {"serve"}, signatures));
  return builder.Save().status();
}

}  // namespace
}  // namespace tarn

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "resave_model",
                          .summary = "Writes a graph and its variables as a checkpoint and as a SavedModel.",
                          .example = "resave_model --graph=m.meta --checkpoint=m --outputs=y --out_dir=again",
                          .required = {"graph", "outputs", "out_dir"}},
                         tarn::run);
}
