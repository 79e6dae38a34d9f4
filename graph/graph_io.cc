#include "graph/graph_io.h"

#include <algorithm>

#include "core/file.h"
#include "graph/aligned_graph.h"
#include "graph/file_kind.h"
#include "graph/gzip.h"
#include "graph/proto_io.h"
#include "graph/read_model.h"
#include "graph/text.h"

namespace tarn {
namespace {

constexpr size_t kMostProtoBytes = (size_t{2} << 30) - 1;

Status parse_graph_def(std::string bytes, FileKind kind, const ReadOptions& options, pb::GraphDef& def) {
  if (kind == FileKind::kGraphPbtxt) return parse_pbtxt(bytes, def);
  if (kind != FileKind::kBinaryProto) return wrong_file(bytes, "a GraphDef", {});
  Status status = parse_binary(bytes, scan_limits(options), def);
  bool may_be_another = !status.ok() && status.code() != Code::kResourceExhausted;
  return !may_be_another ? status : wrong_file(bytes, "a GraphDef", status);
}

bool has_extension(std::string_view path, std::initializer_list<std::string_view> extensions) {
  return std::any_of(extensions.begin(), extensions.end(), [&](std::string_view e) { return path.ends_with(e); });
}

}  // namespace

GraphFormat graph_format_of(std::string_view path) {
  if (has_extension(path, {".pbtxt", ".prototxt"})) return GraphFormat::kPbtxt;
  if (has_extension(path, {".txt", ".graph"})) return GraphFormat::kText;
  return GraphFormat::kBinary;
}

ImportOptions import_options(const std::string& source, const ReadOptions& options, std::vector<std::string>* notes) {
  ImportOptions import;
  import.source = source;
  import.allow_unknown_ops = options.allow_unknown_ops;
  import.ops = options.ops;
  import.max_nodes = options.max_nodes;
  import.notes = notes;
  return import;
}

ScanLimits scan_limits(const ReadOptions& options) {
  ScanLimits limits;
  limits.max_nodes = options.max_nodes;
  return limits;
}

Result<std::string> read_model_file(const std::string& path, const ReadOptions& options) {
  Result<std::string> bytes = read_file(path, options.max_bytes);
  if (!bytes.ok()) return Status(bytes.status().code(), str_cat(bytes.status().message(), path_hint(path)));
  if (!is_gzip(*bytes)) return bytes;
  Result<std::string> unpacked = gunzip_graph(*bytes, options.max_bytes);
  if (!unpacked.ok()) return unpacked.status().with_context(path);
  return unpacked;
}

Result<Graph> read_graph(const std::string& path, const ReadOptions& options) {
  TARN_ASSIGN_OR_RETURN(std::string bytes, read_model_file(path, options));
  return parse_graph(std::move(bytes), path, options);
}

Result<Graph> parse_graph(std::string bytes, const std::string& source, const ReadOptions& options,
                          std::vector<std::string>* notes) {
  FileKind kind = sniff(bytes).kind;
  if (kind == FileKind::kTarnText) {
    TextReadOptions text;
    text.source = source;
    text.allow_unknown_ops = options.allow_unknown_ops;
    text.ops = options.ops;
    text.max_nodes = options.max_nodes;
    Result<Graph> graph = graph_from_text(bytes, text);
    // Every line of Tarn's text but directives has one.
    bool has_nodes = bytes.find('=') != std::string::npos || bytes.find('@') != std::string::npos;
    if (graph.ok() || has_nodes) return graph;
    return invalid_argument(printable(source), ": not a graph but a text file");
  }
  pb::GraphDef def;
  Status status = parse_graph_def(std::move(bytes), kind, options, def);
  if (!status.ok()) return status.with_context(source);
  return import_graph_def(def, import_options(source, options, notes));
}

namespace {

// Node by node: a second copy of all constants would be as large as the graph.
Status write_binary(const Graph& graph, const AlignedGraphWriter::Sink& sink) {
  TARN_RETURN_IF_ERROR(expect_fits_proto(graph));
  AlignedGraphWriter writer(sink);
  auto add = [&](const Status& written) {
    if (!written.ok() || writer.size() <= kMostProtoBytes) return written;
    return resource_exhausted("the graph takes more than ", kMostProtoBytes, " bytes, the most that a GraphDef has");
  };
  for (NodeId id : graph.ids()) TARN_RETURN_IF_ERROR(add(writer.add(graph, id)));
  return add(writer.finish(graph));
}

}  // namespace

Result<std::string> graph_bytes(const Graph& graph, GraphFormat format) {
  if (format == GraphFormat::kText) return graph_to_text(graph);
  if (format == GraphFormat::kPbtxt) {
    TARN_RETURN_IF_ERROR(expect_fits_proto(graph));
    pb::GraphDef def = export_graph_def(graph);
    def.clear_model_info();  // TensorFlow skips fields that it does not know in bytes, but refuses them in text
    return to_pbtxt(def);
  }
  std::string bytes;
  TARN_RETURN_IF_ERROR(write_binary(graph, [&](std::string_view part) {
    bytes += part;
    return Status();
  }));
  return bytes;
}

Result<AtomicFile> write_graph_aside(const Graph& graph, const std::string& path, GraphFormat format) {
  if (format == GraphFormat::kByExtension) format = graph_format_of(path);
  if (format == GraphFormat::kText || format == GraphFormat::kPbtxt) {
    Result<std::string> bytes = graph_bytes(graph, format);
    if (!bytes.ok()) return bytes.status().with_context(path);
    TARN_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
    TARN_RETURN_IF_ERROR(file.append(*bytes));
    return file;
  }
  TARN_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  Status sunk;  // names the file; what is wrong with the graph does not yet
  Status written = write_binary(graph, [&](std::string_view part) { return sunk = file.append(part); });
  if (!written.ok()) return sunk.ok() ? written.with_context(path) : sunk;
  return file;
}

Status write_graph(const Graph& graph, const std::string& path, GraphFormat format) {
  TARN_ASSIGN_OR_RETURN(AtomicFile file, write_graph_aside(graph, path, format));
  return file.commit();
}

Result<std::string> WriteGraph(const Graph& graph, const std::string& dir, const std::string& name,
                               std::optional<bool> as_text) {
  std::string path = path_join(dir, name);
  TARN_RETURN_IF_ERROR(make_dirs(path_dir(path)));
  GraphFormat format = graph_format_of(path);
  if (as_text) format = *as_text ? GraphFormat::kPbtxt : GraphFormat::kBinary;
  TARN_RETURN_IF_ERROR(write_graph(graph, path, format));
  return path;
}

}  // namespace tarn
