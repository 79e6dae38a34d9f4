#include "graph/variable_values.h"

#include <gtest/gtest.h>

#include "tests/graph/frozen_text.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"

namespace tarn {
namespace {

constexpr std::string_view kTwoVariables = R"(
w: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
b: ref(f32[]) = VariableV2 {shape=[], dtype=f32}
y: f32[2] = Add(w, b)
)";

TEST(VariableValues, ComeFromTheTensorOfTheSameName) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("c"), {{"w", Tensor::from<float>({2}, {1, 2})},
                                               {"b", Tensor::scalar<float>(3)},
                                               {"w/Adam", Tensor::scalar<float>(9)}})
                  .ok());

  Result<FrozenGraph> frozen = freeze(graph_with_unknown_ops(kTwoVariables), {.outputs = {"y"}},
                                      checkpoint_values(*CheckpointReader::open(dir.file("c"))));

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  EXPECT_EQ("\n" + graph_to_text(frozen->graph), "\nw: f32[2] = {1, 2}\nb: f32[] = 3\ny: f32[2] = Add(w, b)\n");
}

TEST(VariableValues, EveryMissingOrMismatchingVariableIsNamedAtOnce) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("c"),
                               {{"w", Tensor::from<float>({3}, {1, 2, 3})}, {"model/b", Tensor::scalar<float>(3)}})
                  .ok());

  Status status = freeze(graph_with_unknown_ops(kTwoVariables), {.outputs = {"y"}},
                         checkpoint_values(*CheckpointReader::open(dir.file("c"))))
                      .status();

  EXPECT_SAYS(status, {"2 problems", "variable 'w' (f32[2]): the checkpoint has f32[3]",
                       "variable 'b' (f32[]) is not in the checkpoint", "did you mean 'model/b'"});
}

TEST(VariableValues, TheSaversNodesSayUnderWhichNameAVariableIsSaved) {
  constexpr std::string_view kSaver = R"(
w: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
save/Const: str[] = "model"
save/names: str[1] = {"w/ExponentialMovingAverage"}
save/slices: str[1] = {""}
save/RestoreV2: f32? = RestoreV2(save/Const, save/names, save/slices) {dtypes=[f32]}
save/Assign: ref(f32[2]) = Assign(w, save/RestoreV2)
save/restore_all = NoOp(^save/Assign)
y: f32[2] = Neg(w)
)";
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("both"), {{"w", Tensor::from<float>({2}, {1, 2})},
                                                  {"w/ExponentialMovingAverage", Tensor::from<float>({2}, {3, 4})}})
                  .ok());
  ASSERT_TRUE(
      write_checkpoint(dir.file("average"), {{"w/ExponentialMovingAverage", Tensor::from<float>({2}, {3, 4})}}).ok());
  auto w_of = [&](const std::string& prefix, const std::string& restore_op) -> std::string {
    VariableValues values = checkpoint_values(*CheckpointReader::open(dir.file(prefix)), {.restore_op = restore_op});
    Result<FrozenGraph> frozen = freeze(graph_with_unknown_ops(kSaver), {.outputs = {"y"}}, values);
    if (!frozen.ok()) return frozen.status().to_string();
    return frozen->graph.node(*frozen->graph.find("w")).attrs.get<Tensor>("value").to_string();
  };

  EXPECT_EQ(w_of("both", ""), "f32[2]{1, 2}");
  EXPECT_EQ(w_of("both", "save/restore_all"), "f32[2]{3, 4}");
  EXPECT_EQ(w_of("average", ""), "f32[2]{3, 4}") << "nothing is saved under the variable's own name";
  EXPECT_NE(w_of("both", "save/restore_al").find("did you mean 'save/restore_all'"), std::string::npos);
}

TEST(VariableValues, APartitionedVariablesPartsAreReadFromTheWholeTensor) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("c"), {{"w", Tensor::from<float>({3, 1}, {1, 2, 3})}}).ok());
  Graph graph = graph_with_unknown_ops(R"(
w/part_0: ref(f32[2,1]) = VariableV2 {shape=[2,1], dtype=f32}
w/part_1: ref(f32[1,1]) = VariableV2 {shape=[1,1], dtype=f32}
name: str[] = "model"
names: str[2] = {"w", "w"}
slices: str[2] = {"3 1 0,2:0,1", "3 1 2,1:0,1"}
restore: (f32?, f32?) = RestoreV2(name, names, slices) {dtypes=[f32, f32]}
assign_0: ref(f32[2,1]) = Assign(w/part_0, restore)
assign_1: ref(f32[1,1]) = Assign(w/part_1, restore:1)
axis: i32[] = 0
y: f32[3,1] = ConcatV2(w/part_0, w/part_1, axis)
)");

  Result<FrozenGraph> frozen =
      freeze(graph, {.outputs = {"y"}}, checkpoint_values(*CheckpointReader::open(dir.file("c"))));

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  auto value = [&](std::string_view name) {
    return frozen->graph.node(*frozen->graph.find(name)).attrs.get<Tensor>("value").to_string();
  };
  EXPECT_EQ(value("w/part_0"), "f32[2,1]{1, 2}");
  EXPECT_EQ(value("w/part_1"), "f32[1,1]{3}");
}

TEST(VariableValues, InitializersRunAfterTheCheckpointIsRestored) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("c"), {{"w", Tensor::from<float>({2}, {1, 2})}}).ok());
  Graph graph = graph_with_unknown_ops(str_cat(kTwoVariables, R"(
twice: f32[2] = Add(w, w)
sum: f32[] = Sum(twice, axis)
axis: i32[1] = {0}
init: ref(f32[]) = Assign(b, sum)
)"));

  Result<FrozenGraph> frozen =
      freeze(graph, {.outputs = {"y"}}, initialized_values(*CheckpointReader::open(dir.file("c")), {"init"}));

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  EXPECT_EQ(frozen->graph.node(*frozen->graph.find("b")).attrs.get<Tensor>("value").item<float>(), 6);
}

TEST(VariableValues, PartsOfAPartitionedVariableAreKnownByTheirNumberWithoutASaver) {
  TempDir dir;
  CheckpointWriter writer = *CheckpointWriter::create(dir.file("c"));
  ASSERT_TRUE(writer.add_slice("w", *TensorSlice::parse("3 1 0,2:0,1"), Tensor::from<float>({2, 1}, {1, 2})).ok());
  ASSERT_TRUE(writer.add_slice("w", *TensorSlice::parse("3 1 2,1:0,1"), Tensor::from<float>({1, 1}, {3})).ok());
  ASSERT_TRUE(writer.finish().ok());
  Graph graph = graph_with_unknown_ops(R"(
w/part_0: ref(f32[2,1]) = VariableV2 {shape=[2,1], dtype=f32}
w/part_1: ref(f32[1,1]) = VariableV2 {shape=[1,1], dtype=f32}
axis: i32[] = 0
y: f32[3,1] = ConcatV2(w/part_0, w/part_1, axis)
)");

  Result<FrozenGraph> frozen =
      freeze(graph, {.outputs = {"y"}}, checkpoint_values(*CheckpointReader::open(dir.file("c"))));

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  EXPECT_EQ(frozen->graph.node(*frozen->graph.find("w/part_1")).attrs.get<Tensor>("value").to_string(), "f32[1,1]{3}");
}

TEST(VariableValues, InitializersChangeNothingAboutMovingAverages) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("c"), {{"w", Tensor::from<float>({2}, {1, 2})},
                                               {"w/ExponentialMovingAverage", Tensor::from<float>({2}, {3, 4})},
                                               {"b", Tensor::scalar<float>(5)},
                                               {"b/Adam", Tensor::scalar<float>(6)}})
                  .ok());
  Graph graph = graph_with_unknown_ops(
      str_cat(kTwoVariables, "init = NoOp\nb/Adam: ref(f32[]) = VariableV2 {shape=[], dtype=f32}\n"));
  std::vector<std::string> notes;
  VariableReadOptions options;
  options.notes = &notes;
  auto freeze_with = [&](UseEma use_ema) {
    options.use_ema = use_ema;
    return freeze(graph, {.outputs = {"y"}},
                  initialized_values(*CheckpointReader::open(dir.file("c")), {"init"}, options));
  };

  EXPECT_SAYS(freeze_with(UseEma::kAlways).status(), {"--use_ema=always", "variable 'b' has no moving average"});
  ASSERT_TRUE(freeze_with(UseEma::kAuto).ok());

  EXPECT_NE(notes.back().find("1 of 2 variables have the values of their moving averages"), std::string::npos)
      << notes.back();
}

TEST(VariableValues, AreRestoredAllOrNoneOfThem) {  // 114
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("c"),
                               {{"b", Tensor::from<float>({2}, {1, 2})}, {"w", Tensor::from<float>({2}, {1, 2})}})
                  .ok());
  Graph graph = graph_with_unknown_ops(kTwoVariables);
  Session session(graph);

  EXPECT_SAYS(restore_variables(graph, *CheckpointReader::open(dir.file("c")), {}, session), {"variable 'b'"});

  EXPECT_FALSE(session.variable("w").ok());
  EXPECT_FALSE(session.variable("b").ok());
}

TEST(VariableValues, MovingAveragesAreTakenOnRequest) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("c"), {{"w", Tensor::from<float>({2}, {1, 2})},
                                               {"w/ExponentialMovingAverage", Tensor::from<float>({2}, {3, 4})},
                                               {"b", Tensor::scalar<float>(5)}})
                  .ok());
  std::vector<std::string> notes;
  auto w_with = [&](UseEma use_ema, std::vector<std::string> trainable) -> std::string {
    VariableReadOptions options;
    options.use_ema = use_ema;
    options.trainable = std::move(trainable);
    options.notes = &notes;
    Result<FrozenGraph> frozen = freeze(graph_with_unknown_ops(kTwoVariables), {.outputs = {"y"}},
                                        checkpoint_values(*CheckpointReader::open(dir.file("c")), options));
    if (!frozen.ok()) return frozen.status().to_string();
    return frozen->graph.node(*frozen->graph.find("w")).attrs.get<Tensor>("value").to_string();
  };

  EXPECT_EQ(w_with(UseEma::kNever, {}), "f32[2]{1, 2}");
  EXPECT_EQ(w_with(UseEma::kAuto, {}), "f32[2]{3, 4}");
  EXPECT_EQ(w_with(UseEma::kAlways, {"w"}), "f32[2]{3, 4}");
  EXPECT_NE(w_with(UseEma::kAlways, {"w", "b"}).find("variable 'b' has no moving average"), std::string::npos);
  ASSERT_EQ(notes.size(), 4u);
  EXPECT_NE(notes[0].find("averages of 1 of 2 variables"), std::string::npos) << notes[0];
  EXPECT_NE(notes[1].find("1 of 2 variables have the values of their moving averages"), std::string::npos) << notes[1];
}

TEST(FindCheckpoint, TakesAPrefixAnyOfItsFilesOrAFolder) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("-model.ckpt-7"), {{"w", Tensor::scalar<float>(1)}}).ok());
  std::string prefix = dir.file("-model.ckpt-7");

  for (std::string_view suffix : {"", ".index", ".data-00000-of-00001", ".meta"}) {
    Result<std::string> found = find_checkpoint(str_cat(prefix, suffix));
    ASSERT_TRUE(found.ok()) << found.status().to_string();
    EXPECT_EQ(*found, prefix) << suffix;
  }
  EXPECT_EQ(*find_checkpoint(dir.path()), prefix) << "the only one there";
  ASSERT_TRUE(write_checkpoint(dir.file("-model.ckpt-6"), {{"w", Tensor::scalar<float>(1)}}).ok());
  EXPECT_SAYS(find_checkpoint(dir.path()).status(),
              {"folder without a 'checkpoint' file and with 2 checkpoints", "'-model.ckpt-6', '-model.ckpt-7'"});
  ASSERT_TRUE(write_file_atomically(dir.file("checkpoint"), "model_checkpoint_path: \"-model.ckpt-7\"\n").ok());
  EXPECT_EQ(*find_checkpoint(dir.path()), prefix);
  EXPECT_EQ(*find_checkpoint(dir.file("checkpoint")), prefix);
  EXPECT_SAYS(find_checkpoint(dir.file("-model.ckpt-8")).status(),
              {"Input checkpoint", "doesn't exist!", "did you mean '-model.ckpt-6' or '-model.ckpt-7'"});
}

}  // namespace
}  // namespace tarn
