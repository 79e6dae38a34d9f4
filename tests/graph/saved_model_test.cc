#include "graph/saved_model.h"

#include <gtest/gtest.h>

#include "core/file.h"
#include "graph/freeze.h"
#include "graph/ops.h"
#include "graph/text.h"
#include "graph/variables.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"

namespace tarn {
namespace {

// y = x * w + b
class SavedModels : public ::testing::Test {
 protected:
  void SetUp() override { build(root_); }
  void build(const Scope& scope) {
    x_ = ops::Placeholder(scope.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 2}));
    w_ = CreateVariable(scope.WithOpName("w"), Input({{1.0f}, {2.0f}}));
    b_ = CreateVariable(scope.WithOpName("b"), Input({0.5f}));
    y_ = ops::BiasAdd(scope.WithOpName("y"), ops::MatMul(scope, x_, w_.read), b_.read);
    init_ = GlobalVariablesInitializer(scope);
    ASSERT_TRUE(scope.ok()) << scope.status().to_string();
  }
  Signatures signatures() const { return {{"serving_default", PredictSignature({{"rows", x_}}, {{"sums", y_}})}}; }
  std::string export_model(const std::string& name, bool as_text = false) {
    Session session(root_);
    EXPECT_TRUE(session.Run(init_.name()).ok());
    SavedModelBuilder builder(dir_.file(name));
    Status status = builder.AddMetaGraphAndVariables(session, root_, {"serve"}, signatures());
    EXPECT_TRUE(status.ok()) << status.to_string();
    EXPECT_TRUE(builder.Save(as_text).ok());
    return dir_.file(name);
  }

  TempDir dir_;
  Scope root_ = Scope::NewRootScope();
  Output x_, y_;
  ModelVariable w_, b_;
  Operation init_;
};

TEST_F(SavedModels, AreWrittenAndServedBySignature) {
  for (bool as_text : {false, true}) {
    std::string path = export_model(as_text ? "text" : "binary", as_text);

    Result<SavedModel> model = LoadSavedModel(path);

    ASSERT_TRUE(model.ok()) << model.status().to_string();
    EXPECT_EQ(model->tags, std::vector<std::string>{"serve"});
    auto outputs = model->Predict("serving_default", {{"rows", Tensor::from<float>({1, 2}, {3, 4})}});
    ASSERT_TRUE(outputs.ok()) << outputs.status().to_string();
    EXPECT_EQ(outputs->at("sums").to_string(), "f32[1,1]{11.5}");
    EXPECT_SAYS(model->Predict("serve", {}).status(), {"no signature 'serve'; there are: serving_default"});
    EXPECT_SAYS(model->Predict("serving_default", {{"row", Tensor::scalar<float>(1)}}).status(),
                {"no input 'row'", "did you mean 'rows'", "input 'rows'", "is not given"});
  }
}

TEST_F(SavedModels, OfResourceVariablesToo) {
  Scope root = Scope::NewRootScope();
  build(root.WithResourceVariables());
  Session session(root);
  ASSERT_TRUE(session.Run(init_.name()).ok());
  SavedModelBuilder builder(dir_.file("m"));
  Status status = builder.AddMetaGraphAndVariables(session, root, {"serve"}, signatures());
  ASSERT_TRUE(status.ok()) << status.to_string();
  ASSERT_TRUE(builder.Save().ok());

  Result<SavedModel> model = LoadSavedModel(dir_.file("m"), {"serve"});

  ASSERT_TRUE(model.ok()) << model.status().to_string();
  auto outputs = model->Predict("serving_default", {{"rows", Tensor::from<float>({1, 2}, {3, 4})}});
  ASSERT_TRUE(outputs.ok()) << outputs.status().to_string();
  EXPECT_EQ(outputs->at("sums").to_string(), "f32[1,1]{11.5}");
}

TEST_F(SavedModels, FreezeWithTheirOwnVariables) {
  Result<AnyGraph> any = read_any_graph(export_model("m"));
  ASSERT_TRUE(any.ok()) << any.status().to_string();
  EXPECT_EQ(any->signatures.at("serving_default").inputs.at("rows").shape.to_string(), "[?,2]");

  Result<FrozenGraph> frozen =
      freeze(any->graph, {.outputs = {any->signatures.at("serving_default").outputs.at("sums").name}},
             checkpoint_values(*CheckpointReader::open(any->checkpoint)));

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  EXPECT_EQ(frozen->variables, 2);
}

TEST_F(SavedModels, HoldFrozenGraphsUnderTheirOwnTags) {
  Graph frozen = *graph_from_text("x: f32[2] = Placeholder\ny: f32[2] = Neg(x)\n");
  Signature signature;
  signature.inputs["x"] = {"x:0", DType::kFloat, Shape{2}};
  signature.outputs["y"] = {"y:0", DType::kFloat, Shape{2}};
  SavedModelBuilder builder(dir_.file("m"));
  ASSERT_TRUE(builder.AddMetaGraph(frozen, {"serve"}, {{"predict", signature}}).ok());
  ASSERT_TRUE(builder.AddMetaGraph(frozen, {"serve", "gpu"}, {}).ok());
  EXPECT_SAYS(builder.AddMetaGraph(frozen, {"gpu", "serve"}, {}), {"{gpu, serve} already"});
  EXPECT_SAYS(builder.AddMetaGraph(frozen, {}, {}), {"needs a tag"});
  signature.outputs["z"] = {"yy:0", DType::kFloat, Shape{2}};
  EXPECT_SAYS(builder.AddMetaGraph(frozen, {"train"}, {{"predict", signature}}),
              {"signature 'predict', 'z'", "did you mean 'y'"});
  ASSERT_TRUE(builder.Save().ok());

  auto outputs = LoadSavedModel(dir_.file("m"))->Predict("predict", {{"x", Tensor::from<float>({2}, {1, 2})}});

  ASSERT_TRUE(outputs.ok()) << outputs.status().to_string();
  EXPECT_EQ(outputs->at("y").to_string(), "f32[2]{-1, -2}");
}

TEST_F(SavedModels, LeaveWhatIsThereAlone) {
  ASSERT_TRUE(make_dirs(dir_.file("m")).ok());
  ASSERT_TRUE(write_file_atomically(dir_.file("m/mine"), "x").ok());
  Session session(root_);
  SavedModelBuilder builder(dir_.file("m"));

  EXPECT_SAYS(builder.AddMetaGraphAndVariables(session, root_, {"serve"}, {}), {"already exists, and isn't empty"});
  EXPECT_SAYS(builder.Save().status(), {"no graph yet"});
  EXPECT_EQ(list_dir(dir_.file("m")).value_or({}), std::vector<std::string>{"mine"});
  EXPECT_SAYS(SavedModelBuilder(dir_.file("n")).AddMetaGraph(root_.graph(), {"serve"}, {}), {"has variables"});
}

TEST_F(SavedModels, LeaveNothingBehindWhenTheyAreRefused) {
  Session session(root_);
  ASSERT_TRUE(session.Run(init_.name()).ok());
  Signature wrong;
  wrong.outputs["y"] = {"nope:0", DType::kFloat, Shape{2}};
  SavedModelBuilder builder(dir_.file("m"));

  EXPECT_SAYS(builder.AddMetaGraphAndVariables(session, root_, {}, {}), {"needs a tag"});
  EXPECT_SAYS(builder.AddMetaGraphAndVariables(session, root_, {"serve"}, {{"s", wrong}}), {"signature 's'", "nope"});
  EXPECT_SAYS(builder.AddMetaGraphAndVariables(session, root_, {"serve"}, {}, {.main_op = "nope"}),
              {"main_op", "nope"});
  Session empty(root_);
  EXPECT_SAYS(builder.AddMetaGraphAndVariables(empty, root_, {"serve"}, {}), {"uninitialized value"});

  EXPECT_FALSE(dir_exists(dir_.file("m")));
  EXPECT_TRUE(SavedModelBuilder(dir_.file("m")).AddMetaGraphAndVariables(session, root_, {"serve"}, {}).ok());
}

// Whoever loads a model from elsewhere did not ask for files of this machine to be written or removed.
TEST_F(SavedModels, MayNotWriteOrRemoveCheckpointsWhenTheyAreLoaded) {
  ASSERT_TRUE(write_checkpoint(dir_.file("mine"), {{"w", Tensor::scalar<float>(1)}}).ok());
  Graph graph =
      *graph_from_text(str_cat("mine: str[] = \"", dir_.file("mine"), "\"\nother: str[] = \"", dir_.file("other"),
                               R"("
names: str[1] = {"w"}
whole: str[1] = {""}
value: f32[] = 666
save = SaveV2(mine, names, whole, value)
parts: str[1] = Pack(mine)
merge = MergeV2Checkpoints(parts, other) {delete_old_dirs=true}
x: f32[] = Placeholder
)"));
  for (std::string op : {"save", "merge"}) {
    SavedModelBuilder builder(dir_.file(op));
    ASSERT_TRUE(builder.AddMetaGraph(graph, {"serve"}, {}, {.main_op = op}).ok());
    ASSERT_TRUE(builder.Save().ok());

    EXPECT_SAYS(LoadSavedModel(dir_.file(op)).status(), {str_cat("'", op, "'"), "nothing is while a model is loaded"});
  }
  EXPECT_EQ(CheckpointReader::open(dir_.file("mine"))->read("w")->item<float>(), 1);
  // Asked for, it is done.
  Session session(graph);
  EXPECT_TRUE(session.Run("save").ok());
  EXPECT_EQ(CheckpointReader::open(dir_.file("mine"))->read("w")->item<float>(), 666);
}

TEST_F(SavedModels, SayWhenTheirInitializerIsNotThereAndHideWhatIsNoSignature) {
  SavedModelBuilder builder(dir_.file("m"));
  Signature train;
  train.outputs["__saved_model_train_op"] = {"step:0", DType::kFloat, Shape()};
  Graph graph = *graph_from_text("x: f32[2] = Placeholder\nfill = NoOp\nstep: f32[] = 1\ny: f32[2] = Neg(x)\n");
  Status added = builder.AddMetaGraph(graph, {"serve"}, {{"__saved_model_train_op", train}}, {.main_op = "fill"});
  ASSERT_TRUE(added.ok()) << added.to_string();
  std::string path = *builder.Save(/*as_text=*/true), text = *read_file(path);
  size_t at = text.rfind("value: \"fill\"");
  ASSERT_NE(at, std::string::npos);
  ASSERT_TRUE(write_file_atomically(path, text.replace(at, 13, "value: \"lost\"")).ok());

  Result<SavedModel> model = LoadSavedModel(dir_.file("m"));

  ASSERT_TRUE(model.ok()) << model.status().to_string();
  EXPECT_TRUE(model->signatures.empty());
  ASSERT_EQ(model->notes.size(), 1u);
  EXPECT_EQ(model->notes[0], "the initializer 'lost' is not in the graph: tables stay empty");
}

}  // namespace
}  // namespace tarn
