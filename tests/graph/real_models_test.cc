// Graphs that TensorFlow and its users made: 100 and more files of TARN_DATA. Every one imports (ops that this build
// does not have are kept as they are), and what is written again says the same.
#include <google/protobuf/io/gzip_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "core/file.h"
#include "graph/algorithms.h"
#include "graph/graph_def.h"
#include "graph/graph_io.h"
#include "graph/proto_io.h"
#include "graph/text.h"
#include "proto/meta_graph.pb.h"

namespace tarn {
namespace {

std::vector<std::string> find_files(const std::string& folder, std::initializer_list<std::string_view> endings) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    std::string path = entry.path().string();
    for (std::string_view ending : endings) {
      if (entry.is_regular_file() && path.ends_with(ending)) files.push_back(path);
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string unpacked(const std::string& bytes) {
  google::protobuf::io::ArrayInputStream packed(bytes.data(), static_cast<int>(bytes.size()));
  google::protobuf::io::GzipInputStream stream(&packed);
  std::string out;
  const void* data = nullptr;
  int size = 0;
  while (stream.Next(&data, &size)) out.append(static_cast<const char*>(data), static_cast<size_t>(size));
  return out;
}

// Drops what import drops by design: names of dims, debug information, values in a longer form than need be, newer
// attrs that hold defaults, control inputs said twice.
std::string essence(const pb::GraphDef& def, const Graph& graph) {
  std::string out;
  for (const pb::NodeDef& node : def.node()) {
    str_append(out, node.name(), " = ", node.op(), "(");
    std::vector<std::string> inputs;
    for (std::string input : node.input()) {
      if (input.ends_with(":0")) input.resize(input.size() - 2);
      bool is_repeated = input[0] == '^' && std::find(inputs.begin(), inputs.end(), input) != inputs.end();
      if (!is_repeated) inputs.push_back(input);
    }
    str_append(out, str_join(inputs), ") on ", node.device(), " {");
    std::map<std::string, const pb::AttrValue*> sorted;
    for (const auto& [name, value] : node.attr()) sorted[name] = &value;
    const Node& imported = graph.node(*graph.find(node.name()));
    for (const auto& [name, value] : sorted) {
      int64_t bytes = int64_t{4} << 30;
      Result<AttrValue> attr = attr_from_proto(*value, 16, bytes);
      EXPECT_TRUE(attr.ok()) << attr.status().to_string();
      if (!attr.ok()) continue;
      bool is_vague =
          node.op() == "Placeholder" && name == "shape" && attr->is<Shape>() && attr->as<Shape>().is_scalar();
      if (is_vague) attr = AttrValue(Shape::unknown());
      if (imported.def != nullptr) {  // a default, or what import reads it as
        const AttrSpec* spec = imported.def->schema.find_attr(name);
        if (spec == nullptr && !name.starts_with("_") && attr->looks_like_a_default()) continue;
        if (spec != nullptr && spec->has_default && *attr == spec->default_value) continue;
      }
      str_append(out, name, "=", serialize(attr_to_proto(*attr)), ",");
    }
    out += "}\n";
  }
  return out;
}

class RealModels : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("TARN_DATA");
    if (data == nullptr || !dir_exists(path_join(data, "models"))) {
      GTEST_SKIP() << "needs the model collection: set TARN_DATA to its folder";
    }
    data_ = data;
  }
  std::string data_;
};

TEST_F(RealModels, GraphDefsSayTheSameAfterARoundTrip) {
  std::vector<std::string> files = find_files(data_ + "/models", {".pb", ".pb.gz", ".pbtxt"});
  int graphs = 0, unsorted = 0, unknown = 0;
  for (const std::string& path : files) {
    if (path.find("saved_model.pb") != std::string::npos) continue;
    std::string bytes = read_file(path).value_or("");
    if (path.ends_with(".gz")) bytes = unpacked(bytes);
    pb::GraphDef def;
    Status parsed = path.ends_with(".pbtxt") ? parse_pbtxt(bytes, def) : parse_binary(bytes, {}, def);
    ASSERT_TRUE(parsed.ok()) << path << ": " << parsed.to_string();
    ++graphs;

    Result<Graph> graph = import_graph_def(def, {.allow_unknown_ops = true, .source = path});
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    pb::GraphDef exported = export_graph_def(*graph);
    std::string before = essence(def, *graph), after = essence(exported, *graph);
    auto [x, y] = std::mismatch(before.begin(), before.end(), after.begin(), after.end());
    EXPECT_TRUE(x == before.end() && y == after.end())
        << path << "\n"
        << printable(before.substr(std::max<std::ptrdiff_t>(0, x - before.begin() - 100), 200)) << "\n"
        << printable(after.substr(std::max<std::ptrdiff_t>(0, x - before.begin() - 100), 200));

    Result<std::vector<NodeId>> order = topological_order(*graph);
    ASSERT_TRUE(order.ok()) << path << ": " << order.status().to_string();
    unsorted += *order != graph->ids();
    for (NodeId id : graph->ids()) unknown += graph->node(id).def == nullptr;

    std::string text = graph_to_text(*graph);
    Result<Graph> again = graph_from_text(text, {.allow_unknown_ops = true, .source = path});
    ASSERT_TRUE(again.ok()) << again.status().to_string();
    EXPECT_EQ(graph_difference(*graph, *again), "") << path;
    EXPECT_EQ(serialize(export_graph_def(*again)), serialize(exported)) << path;
  }
  EXPECT_GE(graphs, 75);
  EXPECT_GE(unsorted, 5);
  RecordProperty("graphs", graphs);
  RecordProperty("unsorted", unsorted);
  RecordProperty("nodes_of_unknown_ops", unknown);
}

TEST_F(RealModels, MetaGraphsGiveTheirVariablesAndSaver) {
  std::vector<std::string> files = find_files(data_, {".meta"});
  for (const std::string& path : files) {
    Result<MetaGraph> meta = read_meta_graph(path, {.allow_unknown_ops = true});
    ASSERT_TRUE(meta.ok()) << meta.status().to_string();
    ASSERT_TRUE(meta->saver.has_value()) << path;
    EXPECT_TRUE(meta->graph.find_node(meta->saver->restore_op).ok()) << path;
    EXPECT_TRUE(meta->graph.find_node(meta->saver->filename_tensor).ok()) << path;
    for (const VariableRecord& variable : meta->collections.variables()) {
      EXPECT_TRUE(meta->graph.find(variable.variable).has_value()) << path << ": " << variable.variable;
    }
    // The one reads as the other is refused by name.
    EXPECT_NE(read_graph(path, {.allow_unknown_ops = true}).status().message().find("MetaGraphDef"),
              std::string_view::npos)
        << path;
  }
  EXPECT_GE(files.size(), 7u);
}

TEST_F(RealModels, OtherFilesOfTheCollectionAreRefusedByWhatTheyAre) {
  auto message = [](const std::string& path) {
    return std::string(read_graph(path, {.allow_unknown_ops = true}).status().message());
  };
  for (const std::string& path : find_files(data_, {".index"})) {
    EXPECT_NE(message(path).find("a checkpoint (a table of tensors)"), std::string::npos) << message(path);
  }
  for (const std::string& path : find_files(data_ + "/models", {"saved_model.pb"})) {
    EXPECT_NE(message(path).find("a SavedModel"), std::string::npos) << message(path);
  }
  for (const std::string& path : find_files(data_ + "/images", {".jpg"})) {
    EXPECT_NE(message(path).find("a JPEG picture"), std::string::npos) << message(path);
  }
  // gzip is unpacked; an idx file is none of these.
  for (const std::string& path : find_files(data_ + "/mnist", {".gz"})) {
    EXPECT_NE(message(path).find("not a GraphDef"), std::string::npos) << message(path);
  }
}

}  // namespace
}  // namespace tarn
