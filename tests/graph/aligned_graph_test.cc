#include "graph/aligned_graph.h"

#include <gtest/gtest.h>

#include "graph/graph_def.h"
#include "runtime/wire.h"

namespace tarn {
namespace {

pb::NodeDef& add_const(pb::GraphDef& def, std::string name, size_t bytes) {
  pb::NodeDef& node = *def.add_node();
  node.set_name(std::move(name));
  node.set_op("Const");
  (*node.mutable_attr())["dtype"].set_type(pb::DT_UINT8);
  pb::TensorProto& tensor = *(*node.mutable_attr())["value"].mutable_tensor();
  tensor.set_dtype(pb::DT_UINT8);
  tensor.mutable_tensor_shape()->add_dim()->set_size(static_cast<int64_t>(bytes));
  std::string content(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) content[i] = static_cast<char>(i % 7 == 0 ? 0 : i * 31 % 251);
  tensor.set_tensor_content(std::move(content));
  return node;
}

std::string aligned(const pb::GraphDef& def) {
  Result<Graph> graph = import_graph_def(def);
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  std::string bytes;
  AlignedGraphWriter writer([&](std::string_view part) {
    bytes += part;
    return Status();
  });
  for (NodeId id : graph->ids()) EXPECT_TRUE(writer.add(*graph, id).ok());
  EXPECT_TRUE(writer.finish(*graph).ok());
  EXPECT_EQ(writer.size(), bytes.size());
  return bytes;
}

// Names of every length move contents to every place; sizes about where lengths take another byte.
TEST(AlignedGraph, LargeContentsBeginAtMultiplesOf64AndTheGraphIsTheSame) {
  pb::GraphDef def;
  std::vector<std::string> large;
  for (size_t length = 1; length <= 70; ++length) {
    size_t bytes = kAlignedContent + (length % 3 == 0 ? 0 : length * 17) - (length % 10 == 9 ? 100 : 0);
    add_const(def, std::string(length, 'n'), bytes);
    if (bytes >= kAlignedContent) large.push_back(std::string(length, 'n'));
  }
  add_const(def, "zeros", 40'000)
      .mutable_attr()
      ->at("value")
      .mutable_tensor()
      ->mutable_tensor_content()
      ->assign(40'000, '\0');
  large.push_back("zeros");
  def.mutable_versions()->set_producer(21);
  def.mutable_library()->add_function()->mutable_signature()->set_name("f");

  std::string bytes = aligned(def);

  EXPECT_EQ(bytes[0], '\x0a');  // how a GraphDef is told
  EXPECT_LT(bytes.size(), serialize(def).size() + 71 * 68);
  pb::GraphDef again;
  ASSERT_TRUE(again.ParseFromString(bytes));
  for (pb::NodeDef& node : *again.mutable_node()) node.DiscardUnknownFields();
  EXPECT_EQ(serialize(again), serialize(def));
  // The buffer of a string that long lies at a multiple of 16; what counts is the place in the file.
  auto graph = WireGraph::parse(bytes, std::make_shared<int>(), "aligned");
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  for (const std::string& name : large) {
    Tensor value = (*graph)->attrs((*graph)->find(name))->get<Tensor>("value");
    EXPECT_EQ((static_cast<const char*>(value.data()) - bytes.data()) % 64, 0) << name.size();
  }
}

TEST(AlignedGraph, OfSmallConstantsHasTheUsualBytes) {
  pb::GraphDef def;
  add_const(def, "small", kAlignedContent - 1);
  def.mutable_versions()->set_producer(27);

  EXPECT_EQ(aligned(def), serialize(def));
}

}  // namespace
}  // namespace tarn
