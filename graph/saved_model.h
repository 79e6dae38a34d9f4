// SavedModels: a folder with graphs, each under a set of tags, their variables, and signatures that say what to feed
// and fetch. TensorFlow (1.x, and 2.x through tf.compat.v1.saved_model.load) opens what is written here.
//
//   SavedModelBuilder builder("export/1");
//   Signature predict = PredictSignature({{"image", x}}, {{"scores", softmax}});
//   TARN_RETURN_IF_ERROR(builder.AddMetaGraphAndVariables(session, root, {"serve"}, {{"serving_default", predict}}));
//   TARN_RETURN_IF_ERROR(builder.Save());
//
//   TARN_ASSIGN_OR_RETURN(SavedModel model, LoadSavedModel("export/1"));
//   model.Predict("serving_default", {{"image", pixels}})->at("scores")
//
// Reading one for its graph alone: read_any_graph (graph/graph_io.h).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graph/graph_io.h"
#include "graph/scope.h"
#include "graph/session.h"
#include "graph/signature.h"

namespace tarn {

inline constexpr std::string_view kServingTag = "serve";
inline constexpr std::string_view kTrainingTag = "train";

SignatureTensor TensorInfo(const Output& output);
Signature PredictSignature(const std::map<std::string, Output>& inputs, const std::map<std::string, Output>& outputs);

struct SavedGraphOptions {
  std::string main_op = {};  // a node to be run once the variables are restored: tables' initializers
  bool clear_devices = false;
};

// The folder must not be there yet, or be empty; until Save() there is no model in it. Thread-compatible.
class SavedModelBuilder {
 public:
  explicit SavedModelBuilder(std::string export_dir);

  // A graph with the values that its variables have in `session`, which was made from `scope`. Adds what saves and
  // restores them to the graph if nothing was made with this builder before. The variables are written at once.
  Status AddMetaGraphAndVariables(Session& session, const Scope& scope, const std::vector<std::string>& tags,
                                  const Signatures& signatures, const SavedGraphOptions& options = {});
  // A graph without variables (a frozen one), or, after the first, one that shares its variables.
  Status AddMetaGraph(const Graph& graph, const std::vector<std::string>& tags, const Signatures& signatures,
                      const SavedGraphOptions& options = {});
  // Writes saved_model.pb, or saved_model.pbtxt, and returns its path.
  Result<std::string> Save(bool as_text = false);

  ~SavedModelBuilder();
  SavedModelBuilder(SavedModelBuilder&&) noexcept;
  SavedModelBuilder& operator=(SavedModelBuilder&&) noexcept;

 private:
  struct Rep;
  Result<Rep*> rep();
  Status judge(const Graph& graph, const std::vector<std::string>& tags, const Signatures& signatures,
               const SavedGraphOptions& options) const;
  Status save_variables(Session& session, const Scope& scope);
  void add(const Graph& graph, const Collections& collections, const std::vector<std::string>& tags,
           const Signatures& signatures, const SavedGraphOptions& options);

  std::string dir_;
  std::unique_ptr<Rep> rep_;
};

// A SavedModel ready to run: variables restored, initializer run, assets in place.
struct SavedModel {
  std::shared_ptr<const Graph> graph;
  std::unique_ptr<Session> session;
  Signatures signatures;
  std::vector<std::string> tags;
  std::vector<std::string> notes;  // what was ignored or left out, a sentence each

  // Errors name the signature's inputs that are missing or not its own, with the nearest names.
  Result<std::map<std::string, Tensor>> Predict(const std::string& signature,
                                                const std::map<std::string, Tensor>& inputs) const;
};

// `tags` as in ReadOptions. Functions that the signatures' outputs call are inlined. The model's initializer is run; it
// may fill tables and variables, but one that would write or remove checkpoints is refused: who loads a model from
// elsewhere asked for nothing of the kind.
Result<SavedModel> LoadSavedModel(const std::string& path, const std::vector<std::string>& tags = {},
                                  const SessionOptions& options = {});

// The same for a model already read: variables, initializer and assets into `session`, which runs `any`'s graph.
// What could not be initialised because ops are missing becomes a note.
Status initialize_saved_model(const AnyGraph& any, Session& session, std::vector<std::string>& notes);

}  // namespace tarn
