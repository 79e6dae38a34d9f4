#include "graph/meta_graph.h"

#include <gtest/gtest.h>

#include "graph/scope.h"

namespace tarn {
namespace {

// TensorFlow's importer infers the shape of a TensorArray's handle as [2], though it makes a scalar, and refuses a file
// that says anything else.
TEST(MetaGraph, RecordsNoShapeOfHandles) {
  Scope root = Scope::NewRootScope();
  AddNode(root.WithOpName("array"), "TensorArrayV3", {3}, {{"dtype", DType::kFloat}});
  ASSERT_TRUE(root.ok()) << root.status().to_string();

  pb::MetaGraphDef def = export_meta_graph(root.graph(), root.collections());

  for (const pb::NodeDef& node : def.graph_def().node()) {
    if (node.op() != "TensorArrayV3") continue;
    const auto& shapes = node.attr().at("_output_shapes").list().shape();
    ASSERT_EQ(shapes.size(), 2);
    EXPECT_TRUE(shapes[0].unknown_rank());   // the handle
    EXPECT_FALSE(shapes[1].unknown_rank());  // the flow: a scalar
    return;
  }
  FAIL() << "no TensorArrayV3 in " << def.graph_def().node_size() << " nodes";
}

}  // namespace
}  // namespace tarn
