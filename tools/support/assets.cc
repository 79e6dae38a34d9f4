#include "tools/support/assets.h"

#include <algorithm>
#include <filesystem>

#include "core/file.h"
#include "graph/functions.h"
#include "graph/graph_source.h"
#include "runtime/table_initializers.h"

namespace tarn {
namespace {

// Files below one folder; links that lead out of it are followed to where they lead, and refused.
class FolderReader : public FileReader {
 public:
  FolderReader(std::filesystem::path folder, std::string_view way_out)
      : folder_(std::move(folder)), way_out_(way_out) {}
  Result<std::string> read(const std::string& path) override {
    std::error_code error;
    std::filesystem::path file = std::filesystem::weakly_canonical(path, error);
    std::filesystem::path folder = error ? std::filesystem::path() : std::filesystem::canonical(folder_, error);
    bool is_below =
        !error && std::mismatch(folder.begin(), folder.end(), file.begin(), file.end()).first == folder.end();
    if (is_below) return disk_files().read(file.string());
    // Unimplemented, as where no file may be read at all: a model without the table may do.
    return unimplemented(tarn::quoted(path), " is not in the SavedModel's folder ", tarn::quoted(folder_.string()),
                         way_out_);
  }

 private:
  std::filesystem::path folder_;
  std::string way_out_;
};

struct TableContents {
  Tensor keys, values;
};

// Runs the initializer in a session of its own, and reads the table that it fills.
Result<TableContents> contents_from_assets(const AnyGraph& model, const TableInitializer& initializer,
                                           FileReader& files) {
  Graph graph = model.graph;
  const Node& table = graph.node(initializer.table);
  AttrMap types{{"Tkeys", table.attrs.get_or<DType>("key_dtype", DType::kInvalid)},
                {"Tvalues", table.attrs.get_or<DType>("value_dtype", DType::kInvalid)}};
  std::string name = graph.unique_name(table.name + "/export");
  bool is_reference = !table.outputs.empty() && table.outputs[0].is_ref;
  TARN_RETURN_IF_ERROR(graph
                           .add({.name = name,
                                 .op = is_reference ? "LookupTableExport" : "LookupTableExportV2",
                                 .inputs = {{initializer.table, 0}},
                                 .attrs = std::move(types)})
                           .status());
  SessionOptions options;
  options.threads = 1;
  options.files = &files;
  const std::string target = graph.node(initializer.node).name;
  std::vector<Session::Feed> feeds;
  for (const MetaGraph::Asset& asset : model.assets) {
    if (graph.find_wire(asset.tensor).ok())
      feeds.emplace_back(asset.tensor, Tensor::scalar<std::string>(asset.filename));
  }
  Session session(graph, options);
  TARN_RETURN_IF_ERROR(session.Run(feeds, {}, {target}, nullptr));
  std::vector<Tensor> exported;
  TARN_RETURN_IF_ERROR(session.Run({}, {name, name + ":1"}, &exported));
  return TableContents{exported[0], exported[1]};
}

// The node becomes an InitializeTable of these constants.
Status fill_from_constants(Graph& graph, const TableInitializer& initializer, const TableContents& contents) {
  const std::string name = graph.node(initializer.node).name;
  const Wire handle = graph.node(initializer.node).inputs[0];
  std::vector<Wire> inputs{handle};
  for (const auto& [suffix, value] : {std::pair("/keys", contents.keys), std::pair("/values", contents.values)}) {
    NodeSpec constant{
        .name = graph.unique_name(name + suffix), .op = "Const", .attrs = {{"dtype", value.dtype()}, {"value", value}}};
    TARN_ASSIGN_OR_RETURN(NodeId id, graph.add(std::move(constant)));
    inputs.push_back({id, 0});
  }
  NodeSpec filled{.name = graph.unique_name(name + "/filled"),
                  .op = graph.fact(handle).is_ref ? "InitializeTable" : "InitializeTableV2",
                  .inputs = std::move(inputs),
                  .attrs = {{"Tkey", contents.keys.dtype()}, {"Tval", contents.values.dtype()}}};
  TARN_ASSIGN_OR_RETURN(NodeId id, graph.add(std::move(filled)));
  graph.replace_control_uses(initializer.node, id);
  graph.remove(initializer.node);
  return graph.rename(id, name);
}

}  // namespace

std::unique_ptr<FileReader> asset_reader(const AnyGraph& model, std::string_view way_out) {
  if (model.assets.empty()) return nullptr;
  return std::make_unique<FolderReader>(path_join(path_dir(model.file), "assets"), way_out);
}

Status inline_calls(AnyGraph& model, const std::vector<std::string>& outputs) {
  if (!calls_functions(model.graph, model.graph.ids())) return {};
  std::vector<NodeId> targets;
  auto add = [&](const std::string& name) {
    if (Result<NodeId> id = model.graph.find_node(name); id.ok()) targets.push_back(*id);
  };
  for (const auto& [name, signature] : model.signatures) {
    for (const auto& [key, tensor] : signature.outputs) add(tensor.name);
  }
  for (const std::string& output : outputs) add(output);
  TARN_ASSIGN_OR_RETURN(model.graph, inline_functions(model.graph, targets));
  return {};
}

Status fill_tables_from_assets(AnyGraph& model, const std::vector<std::string>& outputs,
                               std::vector<std::string>& notes) {
  std::unique_ptr<FileReader> files = asset_reader(model);
  if (files == nullptr) return {};
  TARN_RETURN_IF_ERROR(inline_calls(model, outputs));
  for (const TableInitializer& found : find_table_initializers(GraphSource(model.graph), model.graph.ops())) {
    if (!found.reads_file || !model.graph.is_alive(found.node)) continue;
    const std::string table = tarn::quoted(model.graph.node(found.table).name);
    Result<TableContents> contents = contents_from_assets(model, found, *files);
    if (!contents.ok()) {
      notes.push_back(str_cat("table ", table, " was not filled from a file: ", contents.status().message()));
      continue;
    }
    notes.push_back(
        str_cat("table ", table, " has the ", contents->keys.element_count(), " entries of its file in assets/"));
    TARN_RETURN_IF_ERROR(fill_from_constants(model.graph, found, *contents));
  }
  return {};
}

}  // namespace tarn
