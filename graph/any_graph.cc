// read_any_graph(): files, folders and prefixes that hold a graph in one form or another.
#include <algorithm>
#include <set>

#include "core/file.h"
#include "graph/checkpoint.h"
#include "graph/checkpoint_state.h"
#include "graph/file_kind.h"
#include "graph/gzip.h"
#include "graph/proto_io.h"
#include "graph/read_model.h"
#include "graph/variable_values.h"
#include "proto/saved_model.pb.h"

namespace tarn {
namespace {

using Form = AnyGraph::Form;
using Tags = std::vector<std::string>;

std::string tags_text(const Tags& tags) {
  return "{" + str_join(tags) + "}";
}

Tags tags_of(const pb::MetaGraphDef& meta) {
  return Tags(meta.meta_info_def().tags().begin(), meta.meta_info_def().tags().end());
}

// The graph with exactly these tags; -1 if there is none.
int graph_with(const pb::SavedModel& model, const std::set<std::string>& tags) {
  for (int i = 0; i < model.meta_graphs_size(); ++i) {
    Tags found = tags_of(model.meta_graphs(i));
    if (std::set<std::string>(found.begin(), found.end()) == tags) return i;
  }
  return -1;
}

// Which graph of a SavedModel is meant.
Result<int> choose_graph(const pb::SavedModel& model, const Tags& wanted) {
  if (model.meta_graphs_size() == 0) return invalid_argument("the SavedModel holds no graph");
  if (wanted.empty() && model.meta_graphs_size() == 1) return 0;
  std::set<std::string> tags(wanted.begin(), wanted.end());
  tags.erase("");
  if (wanted.empty()) tags.insert("serve");
  int found = graph_with(model, tags);
  // TF-Hub's modules: the graph without tags is the one for inference, beside {train}.
  if (found < 0 && wanted.empty()) found = graph_with(model, {});
  if (found >= 0) return found;
  std::vector<std::string> available;
  for (const pb::MetaGraphDef& meta : model.meta_graphs()) available.push_back(tags_text(tags_of(meta)));
  return not_found("no graph of the SavedModel has the tags ", tags_text(Tags(tags.begin(), tags.end())),
                   "; there are: ", str_join(available));
}

Status parse_saved_model(const std::string& bytes, const ReadOptions& options, pb::SavedModel& model) {
  constexpr int64_t kKnownSchema = 1;
  TARN_RETURN_IF_ERROR(parse_proto(bytes, {.max_bytes = options.max_bytes, .scan = scan_limits(options)}, model));
  if (model.saved_model_schema_version() > kKnownSchema) {
    return unimplemented("the SavedModel has schema version ", model.saved_model_schema_version(), "; version ",
                         kKnownSchema, " is known");
  }
  return {};
}

void take(MetaGraph meta, AnyGraph& any) {
  any.graph = std::move(meta.graph);
  any.saver = std::move(meta.saver);
  any.collections = std::move(meta.collections);
  any.signatures = std::move(meta.signatures);
  any.assets = std::move(meta.assets);
  any.init_op = std::move(meta.init_op);
  any.tags = std::move(meta.tags);
  any.notes = std::move(meta.notes);
}

Form form_of(std::string_view bytes, const ReadOptions& options) {
  switch (sniff(bytes).kind) {
    case FileKind::kMetaGraphPbtxt: return Form::kMetaGraph;
    case FileKind::kSavedModelPbtxt: return Form::kSavedModel;
    case FileKind::kBinaryProto: break;
    default: return Form::kGraph;
  }
  // The bytes of the one hardly ever scan as the other: their nested messages differ from the first node on.
  ScanLimits limits = scan_limits(options);
  if (scan_wire(bytes, *pb::GraphDef::descriptor(), limits).ok()) return Form::kGraph;
  if (scan_wire(bytes, *pb::MetaGraphDef::descriptor(), limits).ok()) return Form::kMetaGraph;
  // A SavedModel that is damaged is one still: its first field, the version, is no field of the others.
  bool has_version = bytes.size() > 2 && bytes[0] == '\x08' && static_cast<uint8_t>(bytes[1]) < 0x80;
  return has_version && bytes[2] == '\x12' ? Form::kSavedModel : Form::kGraph;
}

// What lies beside a .meta under its name.
std::string checkpoint_beside(const std::string& path) {
  constexpr std::string_view kMeta = ".meta";
  if (!path.ends_with(kMeta)) return {};
  std::string prefix = path.substr(0, path.size() - kMeta.size());
  return checkpoint_exists(prefix) ? prefix : "";
}

Result<AnyGraph> read_file_of_graph(const std::string& path, const ReadOptions& options) {
  TARN_ASSIGN_OR_RETURN(std::string bytes, read_model_file(path, options));
  TARN_ASSIGN_OR_RETURN(AnyGraph any, parse_any_graph(std::move(bytes), path, options));
  any.file = path;
  if (any.form == Form::kSavedModel) {
    std::string prefix = path_join(path_join(path_dir(path), "variables"), "variables");
    if (checkpoint_exists(prefix)) any.checkpoint = prefix;
    for (MetaGraph::Asset& asset : any.assets)
      asset.filename = path_join(path_join(path_dir(path), "assets"), asset.filename);
  }
  if (any.form == Form::kMetaGraph) any.checkpoint = checkpoint_beside(path);
  return any;
}

// Whether a file is a checkpoint's, rather than a graph.
bool is_of_checkpoint(const std::string& path) {
  constexpr uint64_t kBegin = 4096, kEnd = 48;
  Result<RandomAccessFile> file = RandomAccessFile::open(path);
  if (!file.ok()) return false;
  if (path_name(path).find(".data-0") != std::string::npos) return true;  // nothing in it tells
  uint64_t begin = std::min(file->size(), kBegin), end = std::min(file->size() - begin, kEnd);
  std::string bytes(begin + end, '\0');
  if (!file->read_at(0, std::span<char>(bytes).first(begin)).ok() ||
      !file->read_at(file->size() - end, std::span<char>(bytes).subspan(begin)).ok()) {
    return false;
  }
  FileKind kind = sniff(bytes).kind;
  return kind == FileKind::kCheckpointTable || kind == FileKind::kCheckpointState;
}

// A checkpoint where a graph is wanted: the saver wrote the graph beside it.
Result<AnyGraph> read_graph_of_checkpoint(const std::string& path, const ReadOptions& options) {
  TARN_ASSIGN_OR_RETURN(std::string prefix, find_checkpoint(path));
  std::string meta = prefix + ".meta";
  if (!file_exists(meta)) {
    return not_found(quoted(path), " is a checkpoint, which holds no graph, and there is no ", quoted(meta),
                     " beside it: give the graph (.pb, .pbtxt) itself");
  }
  TARN_ASSIGN_OR_RETURN(AnyGraph any, read_file_of_graph(meta, options));
  any.checkpoint = prefix;
  return any;
}

Result<AnyGraph> read_folder(const std::string& folder, const ReadOptions& options) {
  if (std::optional<std::string> file = saved_model_file(folder)) return read_file_of_graph(*file, options);
  if (file_exists(path_join(folder, kCheckpointStateName))) return read_graph_of_checkpoint(folder, options);
  // What lies here comes before what lies below: a folder of versions, as servers have it.
  std::vector<std::string> models, metas;
  for (const std::string& name : list_dir(folder).value_or({})) {
    if (saved_model_file(path_join(folder, name))) models.push_back(path_join(folder, name));
    if (name.ends_with(".meta")) metas.push_back(path_join(folder, name));
  }
  if (metas.size() == 1) return read_file_of_graph(metas[0], options);
  if (!metas.empty()) models.clear();
  if (models.size() == 1) return read_folder(models[0], options);
  if (models.size() + metas.size() > 1) {
    std::vector<std::string> found = models.empty() ? metas : models;
    constexpr size_t kMostShown = 5;
    size_t count = found.size();
    found.resize(std::min(count, kMostShown));
    return invalid_argument(quoted(folder), " is a folder with ", count,
                            models.empty() ? " MetaGraphs" : " SavedModels", ": name one of ", str_join(found),
                            count > kMostShown ? ", …" : "");
  }
  // Says that a graph is missing beside the checkpoint.
  if (find_checkpoint(folder).ok()) return read_graph_of_checkpoint(folder, options);
  if (Result<std::vector<std::string>> names = list_dir(folder); !names.ok()) return names.status();
  return not_found(quoted(folder),
                   " is a folder without saved_model.pb, 'checkpoint' file or .meta: name the graph file");
}

}  // namespace

Result<AnyGraph> read_any_graph(const std::string& path, const ReadOptions& options) {
  if (dir_exists(path)) return read_folder(path, options);
  if (!file_exists(path)) {
    bool is_checkpoint = checkpoint_exists(path) || file_exists(path + ".meta") || find_checkpoint(path).ok();
    return is_checkpoint ? read_graph_of_checkpoint(path, options) : read_file_of_graph(path, options);
  }
  if (is_of_checkpoint(path)) return read_graph_of_checkpoint(path, options);
  Result<AnyGraph> any = read_file_of_graph(path, options);
  if (any.ok() || any.status().code() == Code::kResourceExhausted || !file_exists(path + ".meta")) return any;
  // A version 1 checkpoint is one file beside its .meta, told by its end.
  return data_loss(
      quoted(path), " lies beside ", quoted(path_name(path) + ".meta"),
      " as a checkpoint does, but is none, or damaged (cut off?); nor is it a graph: ", any.status().message());
}

Result<AnyGraph> parse_any_graph(std::string bytes, const std::string& source, const ReadOptions& options) {
  if (is_gzip(bytes)) {
    Result<std::string> unpacked = gunzip_graph(bytes, options.max_bytes);
    if (!unpacked.ok()) return unpacked.status().with_context(source);
    bytes = *std::move(unpacked);
  }
  AnyGraph any;
  any.bytes = bytes.size();
  any.form = form_of(bytes, options);
  if (any.form == Form::kGraph) {
    TARN_ASSIGN_OR_RETURN(any.graph, parse_graph(std::move(bytes), source, options, &any.notes));
    return any;
  }
  if (any.form == Form::kMetaGraph) {
    TARN_ASSIGN_OR_RETURN(MetaGraph meta, parse_meta_graph(std::move(bytes), source, options));
    take(std::move(meta), any);
    return any;
  }
  pb::SavedModel model;
  TARN_RETURN_IF_ERROR(parse_saved_model(bytes, options, model).with_context(source));
  Result<int> chosen = choose_graph(model, options.tags);
  if (!chosen.ok()) return chosen.status().with_context(source);
  TARN_ASSIGN_OR_RETURN(MetaGraph meta, import_meta_graph(*model.mutable_meta_graphs(*chosen), source, options));
  take(std::move(meta), any);
  return any;
}

Result<std::vector<std::vector<std::string>>> saved_model_tags(const std::string& path) {
  std::string file = path;
  if (dir_exists(path)) {
    std::optional<std::string> inside = saved_model_file(path);
    if (Result<std::vector<std::string>> names = list_dir(path); !inside && !names.ok()) return names.status();
    if (!inside) return not_found(quoted(path), " is a folder without saved_model.pb");
    file = *inside;
  }
  TARN_ASSIGN_OR_RETURN(std::string bytes, read_model_file(file, {}));
  pb::SavedModel model;
  TARN_RETURN_IF_ERROR(parse_saved_model(bytes, {}, model).with_context(file));
  std::vector<Tags> all;
  for (const pb::MetaGraphDef& meta : model.meta_graphs()) all.push_back(tags_of(meta));
  return all;
}

}  // namespace tarn
