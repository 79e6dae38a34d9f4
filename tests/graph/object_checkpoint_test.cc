// Checkpoints of TensorFlow 2's objects: which variable of a graph each tensor belongs to.
#include <gtest/gtest.h>

#include "graph/text.h"
#include "graph/variable_values.h"
#include "proto/object_graph.pb.h"
#include "tests/support/file_faults.h"

namespace tarn {
namespace {

// In eager programs every tf.Variable without a name is called "Variable"; in the graph that is written they are
// "Variable", "Variable_1" … in an order of their own, and the path of a vocabulary file is one of them.
TEST(ObjectCheckpoint, WhatTheGraphRestoresAVariableFromIsNoOthers) {
  const std::string key = "v/.ATTRIBUTES/VARIABLE_VALUE";
  pb::TrackableObjectGraph objects;
  auto* attribute = objects.add_nodes()->add_attributes();
  attribute->set_name("VARIABLE_VALUE");
  attribute->set_full_name("Variable");
  attribute->set_checkpoint_key(key);
  TempDir dir;
  const std::string prefix = dir.file("variables");
  Tensor value = Tensor::from<float>({3}, {1, 2, 3});
  Tensor text = Tensor::scalar<std::string>(objects.SerializeAsString());
  ASSERT_TRUE(write_checkpoint(prefix, {{key, value}, {"_CHECKPOINTABLE_OBJECT_GRAPH", text}}).ok());
  Result<CheckpointReader> checkpoint = CheckpointReader::open(prefix);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().to_string();
  Result<Graph> graph = graph_from_text(
      "Variable = VarHandleOp() {dtype=str, shape=[]}\n"
      "Variable_1 = VarHandleOp() {dtype=f32, shape=[3]}\n"
      "file: str[] = \"\"\n"
      "names: str[1] = {\"v/.ATTRIBUTES/VARIABLE_VALUE\"}\n"
      "slices: str[1] = {\"\"}\n"
      "restored = RestoreV2(file, names, slices) {dtypes=[f32]}\n"
      "assign = AssignVariableOp(Variable_1, restored) {dtype=f32}\n"
      "restore = NoOp(^assign)\n");
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();

  Session session(*graph, SessionOptions{});
  Status status = restore_variables(*graph, *checkpoint, {.restore_op = "restore"}, session);

  ASSERT_TRUE(status.ok()) << status.to_string();
  Result<Tensor> restored = session.variable("Variable_1");
  ASSERT_TRUE(restored.ok()) << restored.status().to_string();
  EXPECT_TRUE(restored->identical_to(value));
  EXPECT_FALSE(session.variable("Variable").ok()) << "its initializer sets it";

  // Where no node restores it, its name in the program is all there is.
  Result<Graph> alone = graph_from_text("Variable = VarHandleOp() {dtype=f32, shape=[3]}\n");
  ASSERT_TRUE(alone.ok()) << alone.status().to_string();
  Session other(*alone, SessionOptions{});
  ASSERT_TRUE(restore_variables(*alone, *checkpoint, {}, other).ok());
  EXPECT_TRUE(other.variable("Variable")->identical_to(value));
}

}  // namespace
}  // namespace tarn
