// Exports a small network of variables as a SavedModel, for TensorFlow to load.
//
//   export_model --out_dir=export/1 --resources
//
// Signature serving_default: input "rows" f32[?,8], output "scores" f32[?,5].
#include <gflags/gflags.h>

#include "graph/layers.h"
#include "graph/ops.h"
#include "graph/saved_model.h"
#include "graph/variables.h"
#include "tools/support/main.h"

DEFINE_string(out_dir, "", "Folder to make");
DEFINE_bool(resources, false, "Resource variables instead of reference ones");
DEFINE_bool(as_text, false, "saved_model.pbtxt");

namespace tarn {
namespace {

Status run() {
  Scope root = Scope::NewRootScope().WithResourceVariables(FLAGS_resources);
  root.SetRandomSeed(11);
  Output x = ops::Placeholder(root.WithOpName("input_node"), DT_FLOAT, ops::Placeholder::Shape({-1, 8}));
  Output hidden = layers::Dense(root.WithOpName("fc1"), x, 16, {.activation = "Tanh"});
  Output scores = ops::Softmax(root.WithOpName("output_node"), layers::Dense(root.WithOpName("fc2"), hidden, 5));
  Operation init = GlobalVariablesInitializer(root);
  TARN_RETURN_IF_ERROR(root.status());
  Session session(root);
  TARN_RETURN_IF_ERROR(session.Run(init.name()));
  SavedModelBuilder builder(FLAGS_out_dir);
  Signatures signatures{{"serving_default", PredictSignature({{"rows", x}}, {{"scores", scores}})}};
  TARN_RETURN_IF_ERROR(builder.AddMetaGraphAndVariables(session, root, {"serve"}, signatures));
  return builder.Save(FLAGS_as_text).status();
}

}  // namespace
}  // namespace tarn

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "export_model",
                          .summary = "Exports a small network of variables as a SavedModel.",
                          .example = "export_model --out_dir=export/1 --resources",
                          .required = {"out_dir"}},
                         tarn::run);
}
