// The node forms below are those tf.layers of TensorFlow writes (with reference variables and control flow v1); Tarn
// writes Add and FusedBatchNorm for TensorFlow >= 1.15's AddV2 and FusedBatchNormV3, as TensorFlow did before.
#include "graph/layers.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graph/losses.h"
#include "graph/ops.h"
#include "tests/graph/graph_lines.h"

namespace tarn {
namespace {

using testing::graph_lines;
using Lines = std::vector<std::string>;

class Layers : public ::testing::Test {
 protected:
  Output placeholder(const char* name, const Shape& shape, DType dtype = DT_FLOAT) {
    return ops::Placeholder(root.WithOpName(name), dtype, ops::Placeholder::Shape(shape));
  }
  const Node& node(const std::string& name) {
    std::optional<NodeId> id = root.graph().find(name);
    EXPECT_TRUE(id.has_value()) << name;
    static const Node none;
    return id ? root.graph().node(*id) : none;
  }

  Scope root = Scope::NewRootScope();
};

TEST_F(Layers, DenseWritesTensorFlowsNodes) {
  Output x = placeholder("x", {-1, 5});

  Output y = layers::Dense(root, x, 4, {.activation = "Relu"});

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(y.fact().to_string(), "f32[?,4]");
  EXPECT_EQ(
      graph_lines(root.graph()),
      (Lines{"Placeholder x", "Const dense/kernel/Initializer/random_uniform/shape",
             "Const dense/kernel/Initializer/random_uniform/min", "Const dense/kernel/Initializer/random_uniform/max",
             "RandomUniform dense/kernel/Initializer/random_uniform/RandomUniform <- "
             "dense/kernel/Initializer/random_uniform/shape",
             "Sub dense/kernel/Initializer/random_uniform/sub <- "
             "dense/kernel/Initializer/random_uniform/max dense/kernel/Initializer/random_uniform/min",
             "Mul dense/kernel/Initializer/random_uniform/mul <- "
             "dense/kernel/Initializer/random_uniform/RandomUniform dense/kernel/Initializer/random_uniform/sub",
             "Add dense/kernel/Initializer/random_uniform <- dense/kernel/Initializer/random_uniform/mul "
             "dense/kernel/Initializer/random_uniform/min",
             "VariableV2 dense/kernel",
             "Assign dense/kernel/Assign <- dense/kernel dense/kernel/Initializer/random_uniform",
             "Identity dense/kernel/read <- dense/kernel", "Const dense/bias/Initializer/zeros",
             "VariableV2 dense/bias", "Assign dense/bias/Assign <- dense/bias dense/bias/Initializer/zeros",
             "Identity dense/bias/read <- dense/bias", "MatMul dense/MatMul <- x dense/kernel/read",
             "BiasAdd dense/BiasAdd <- dense/MatMul dense/bias/read", "Relu dense/Relu <- dense/BiasAdd"}));
  // sqrt(6 / (5 + 4)), as TensorFlow gives for this shape.
  EXPECT_EQ(node("dense/kernel/Initializer/random_uniform/max").attrs.get<Tensor>("value").item<float>(),
            0.8164966106414795f);
  for (const char* name :
       {"dense/kernel", "dense/kernel/Assign", "dense/kernel/read", "dense/kernel/Initializer/random_uniform/mul"}) {
    EXPECT_EQ(node(name).attrs.get<Lines>("_class"), Lines{"loc:@dense/kernel"}) << name;
  }
}

TEST_F(Layers, AreCalledAsTheScopeSaysOrByTheirKind) {
  Output x = placeholder("x", {-1, 5});

  Output named = layers::Dense(root.NewSubScope("net").WithOpName("fc1"), x, 4);
  Output first = layers::Dense(root, x, 4, {.use_bias = false});
  Output second = layers::Dense(root, x, 4);

  EXPECT_EQ(named.op().name(), "net/fc1/BiasAdd");
  EXPECT_EQ(first.op().name(), "dense/MatMul");
  EXPECT_EQ(second.op().name(), "dense_1/BiasAdd");
  EXPECT_EQ(node("net/fc1/kernel/read").op, "Identity");
}

TEST_F(Layers, ConvolutionsPoolAndFlatten) {
  Output x = placeholder("x", {-1, 8, 8, 3});

  Output conv = layers::Conv2D(root, x, 4, 5, {.padding = "SAME", .activation = "Relu"});
  Output pooled = layers::MaxPool(root, conv, 2, 2);
  Output averaged = layers::AvgPool(root, pooled, 2, 1, "SAME");
  Output flat = layers::Flatten(root, averaged);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(conv.op().name(), "conv2d/Relu");
  EXPECT_EQ(node("conv2d/kernel").outputs[0].to_string(), "ref(f32[5,5,3,4])");
  // sqrt(6 / (5 * 5 * 3 + 5 * 5 * 4)), as TensorFlow gives for this shape.
  EXPECT_EQ(node("conv2d/kernel/Initializer/random_uniform/max").attrs.get<Tensor>("value").item<float>(),
            0.18516401946544647f);
  EXPECT_EQ(pooled.op().name(), "max_pooling2d/MaxPool");
  EXPECT_EQ(pooled.shape().to_string(), "[?,4,4,4]");
  EXPECT_EQ(averaged.op().name(), "average_pooling2d/AvgPool");
  EXPECT_EQ(flat.op().name(), "flatten/Reshape");
  EXPECT_EQ(flat.shape().to_string(), "[?,64]");
  EXPECT_EQ(node("flatten/Reshape/shape").op, "Pack");  // of the batch size that a run has, and 64
}

TEST_F(Layers, BatchNormWithAFlagHasBothBranchesBehindACond) {
  Output x = placeholder("x", {-1, 8, 8, 3});
  Output flag = layers::TrainingFlag(root);

  Output y = layers::BatchNorm(root.WithOpName("bn"), x, flag);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(y.op().name(), "bn/cond/Merge");
  EXPECT_EQ(y.fact().to_string(), "f32[?,8,8,3]");
  EXPECT_EQ(graph_lines(root.graph(), {"training", "bn/cond"}),
            (Lines{"Const training/input",
                   "PlaceholderWithDefault training <- training/input",
                   "Switch bn/cond/Switch <- training training",
                   "Identity bn/cond/switch_t <- bn/cond/Switch:1",
                   "Identity bn/cond/switch_f <- bn/cond/Switch",
                   "Identity bn/cond/pred_id <- training",
                   "Const bn/cond/Const <- ^bn/cond/switch_t",
                   "Const bn/cond/Const_1 <- ^bn/cond/switch_t",
                   "Switch bn/cond/FusedBatchNorm/Switch <- x bn/cond/pred_id",
                   "Switch bn/cond/FusedBatchNorm/Switch_1 <- bn/gamma/read bn/cond/pred_id",
                   "Switch bn/cond/FusedBatchNorm/Switch_2 <- bn/beta/read bn/cond/pred_id",
                   "Switch bn/cond/FusedBatchNorm_1/Switch <- bn/moving_mean/read bn/cond/pred_id",
                   "Switch bn/cond/FusedBatchNorm_1/Switch_1 <- bn/moving_variance/read bn/cond/pred_id",
                   "FusedBatchNorm bn/cond/FusedBatchNorm <- bn/cond/FusedBatchNorm/Switch:1 "
                   "bn/cond/FusedBatchNorm/Switch_1:1 bn/cond/FusedBatchNorm/Switch_2:1 bn/cond/Const bn/cond/Const_1",
                   "FusedBatchNorm bn/cond/FusedBatchNorm_1 <- bn/cond/FusedBatchNorm/Switch "
                   "bn/cond/FusedBatchNorm/Switch_1 bn/cond/FusedBatchNorm/Switch_2 bn/cond/FusedBatchNorm_1/Switch "
                   "bn/cond/FusedBatchNorm_1/Switch_1",
                   "Merge bn/cond/Merge <- bn/cond/FusedBatchNorm_1 bn/cond/FusedBatchNorm",
                   "Merge bn/cond/Merge_1 <- bn/cond/FusedBatchNorm_1:1 bn/cond/FusedBatchNorm:1",
                   "Merge bn/cond/Merge_2 <- bn/cond/FusedBatchNorm_1:2 bn/cond/FusedBatchNorm:2",
                   "Switch bn/cond_1/Switch <- training training",
                   "Identity bn/cond_1/switch_t <- bn/cond_1/Switch:1",
                   "Identity bn/cond_1/switch_f <- bn/cond_1/Switch",
                   "Identity bn/cond_1/pred_id <- training",
                   "Const bn/cond_1/Const <- ^bn/cond_1/switch_t",
                   "Const bn/cond_1/Const_1 <- ^bn/cond_1/switch_f",
                   "Merge bn/cond_1/Merge <- bn/cond_1/Const_1 bn/cond_1/Const"}));
  EXPECT_EQ(
      graph_lines(root.graph(), {"bn/AssignMovingAvg"}),
      (Lines{"Const bn/AssignMovingAvg/sub/x", "Sub bn/AssignMovingAvg/sub <- bn/AssignMovingAvg/sub/x bn/cond_1/Merge",
             "Sub bn/AssignMovingAvg/sub_1 <- bn/moving_mean/read bn/cond/Merge_1",
             "Mul bn/AssignMovingAvg/mul <- bn/AssignMovingAvg/sub_1 bn/AssignMovingAvg/sub",
             "AssignSub bn/AssignMovingAvg <- bn/moving_mean bn/AssignMovingAvg/mul",
             "Const bn/AssignMovingAvg_1/sub/x",
             "Sub bn/AssignMovingAvg_1/sub <- bn/AssignMovingAvg_1/sub/x bn/cond_1/Merge",
             "Sub bn/AssignMovingAvg_1/sub_1 <- bn/moving_variance/read bn/cond/Merge_2",
             "Mul bn/AssignMovingAvg_1/mul <- bn/AssignMovingAvg_1/sub_1 bn/AssignMovingAvg_1/sub",
             "AssignSub bn/AssignMovingAvg_1 <- bn/moving_variance bn/AssignMovingAvg_1/mul"}));
  EXPECT_TRUE(node("bn/cond/FusedBatchNorm").attrs.get<bool>("is_training"));
  EXPECT_FALSE(node("bn/cond/FusedBatchNorm_1").attrs.get<bool>("is_training"));
  EXPECT_EQ(node("bn/cond/FusedBatchNorm").attrs.get<float>("epsilon"), 1e-3f);
  EXPECT_EQ(node("bn/cond_1/Const").attrs.get<Tensor>("value").item<float>(), 0.99f);
  EXPECT_EQ(root.collections().node_names(kUpdateOps), (Lines{"bn/AssignMovingAvg", "bn/AssignMovingAvg_1"}));
}

TEST_F(Layers, BatchNormWithAKnownModeHasOneNode) {
  Output x = placeholder("x", {-1, 8, 8, 3});

  Output trained = layers::BatchNorm(root.WithOpName("a"), x, true, {.momentum = 0.9, .activation = "Relu"});
  Output inferred = layers::BatchNorm(root.WithOpName("b"), x, false);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(trained.op().name(), "a/Relu");
  EXPECT_EQ(graph_lines(root.graph(), {"a/Fused", "b/Fused"}),
            (Lines{"FusedBatchNorm a/FusedBatchNorm <- x a/gamma/read a/beta/read a/Const a/Const_1",
                   "FusedBatchNorm b/FusedBatchNorm <- x b/gamma/read b/beta/read b/moving_mean/read "
                   "b/moving_variance/read"}));
  EXPECT_EQ(inferred.op().name(), "b/FusedBatchNorm");
  EXPECT_EQ(root.collections().node_names(kUpdateOps), (Lines{"a/AssignMovingAvg", "a/AssignMovingAvg_1"}));
  EXPECT_EQ(node("a/Const_2").attrs.get<Tensor>("value").item<float>(), 0.9f);
}

TEST_F(Layers, BatchNormOfRowsGoesThroughAnImageOfOnePixel) {
  Output x = placeholder("x", {-1, 6});

  Output y = layers::BatchNorm(root.WithOpName("bn"), x, false);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(y.op().name(), "bn/Reshape_1");
  EXPECT_EQ(y.shape().to_string(), "[?,6]");
  EXPECT_EQ(node("bn/FusedBatchNorm").outputs[0].shape.to_string(), "[?,1,1,6]");
}

TEST_F(Layers, DropoutWithAFlagIsTensorFlows115Form) {
  Output x = placeholder("x", {-1, 6});
  Output flag = placeholder("flag", {}, DT_BOOL);

  Output y = layers::Dropout(root, x, 0.4, flag);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(y.shape().to_string(), "[?,6]");
  EXPECT_EQ(graph_lines(root.graph(), {"dropout/cond"}),
            (Lines{"Switch dropout/cond/Switch <- flag flag",
                   "Identity dropout/cond/switch_t <- dropout/cond/Switch:1",
                   "Identity dropout/cond/switch_f <- dropout/cond/Switch",
                   "Identity dropout/cond/pred_id <- flag",
                   "Switch dropout/cond/dropout/Shape/Switch <- x dropout/cond/pred_id",
                   "Const dropout/cond/dropout/rate <- ^dropout/cond/switch_t",
                   "Shape dropout/cond/dropout/Shape <- dropout/cond/dropout/Shape/Switch:1",
                   "Const dropout/cond/dropout/random_uniform/min <- ^dropout/cond/switch_t",
                   "Const dropout/cond/dropout/random_uniform/max <- ^dropout/cond/switch_t",
                   "RandomUniform dropout/cond/dropout/random_uniform/RandomUniform <- dropout/cond/dropout/Shape",
                   "Sub dropout/cond/dropout/random_uniform/sub <- dropout/cond/dropout/random_uniform/max "
                   "dropout/cond/dropout/random_uniform/min",
                   "Mul dropout/cond/dropout/random_uniform/mul <- "
                   "dropout/cond/dropout/random_uniform/RandomUniform dropout/cond/dropout/random_uniform/sub",
                   "Add dropout/cond/dropout/random_uniform <- dropout/cond/dropout/random_uniform/mul "
                   "dropout/cond/dropout/random_uniform/min",
                   "Const dropout/cond/dropout/sub/x <- ^dropout/cond/switch_t",
                   "Sub dropout/cond/dropout/sub <- dropout/cond/dropout/sub/x dropout/cond/dropout/rate",
                   "Const dropout/cond/dropout/truediv/x <- ^dropout/cond/switch_t",
                   "RealDiv dropout/cond/dropout/truediv <- dropout/cond/dropout/truediv/x dropout/cond/dropout/sub",
                   "GreaterEqual dropout/cond/dropout/GreaterEqual <- dropout/cond/dropout/random_uniform "
                   "dropout/cond/dropout/rate",
                   "Mul dropout/cond/dropout/mul <- dropout/cond/dropout/Shape/Switch:1 dropout/cond/dropout/truediv",
                   "Cast dropout/cond/dropout/Cast <- dropout/cond/dropout/GreaterEqual",
                   "Mul dropout/cond/dropout/mul_1 <- dropout/cond/dropout/mul dropout/cond/dropout/Cast",
                   "Identity dropout/cond/Identity <- dropout/cond/dropout/Shape/Switch",
                   "Merge dropout/cond/Merge <- dropout/cond/Identity dropout/cond/dropout/mul_1"}));
}

TEST_F(Layers, DropoutWithAKnownModeHasNoCond) {
  Output x = placeholder("x", {-1, 6});

  EXPECT_EQ(layers::Dropout(root, x, 0.4, true).op().name(), "dropout/dropout/mul_1");
  EXPECT_EQ(layers::Dropout(root, x, 0.4, false).op().type(), "Identity");
}

TEST_F(Layers, RandomNodesTakeTheGraphsSeed) {
  root.SetRandomSeed(42);
  Output x = placeholder("x", {-1, 5});

  layers::Dense(root, x, 4);
  layers::Dense(root, x, 4, {.kernel_initializer = Initializer::TruncatedNormal(0.1).WithSeed(7)});

  const AttrMap& drawn = node("dense/kernel/Initializer/random_uniform/RandomUniform").attrs;
  const AttrMap& given = node("dense_1/kernel/Initializer/truncated_normal/TruncatedNormal").attrs;
  EXPECT_EQ(drawn.get<int64_t>("seed"), 42);
  EXPECT_NE(drawn.get<int64_t>("seed2"), 0);
  EXPECT_EQ(given.get<int64_t>("seed"), 42);
  EXPECT_EQ(given.get<int64_t>("seed2"), 7);
}

TEST_F(Layers, RefuseWhatTheyCannotTake) {
  struct Case {
    std::function<Output(const Scope&)> build;
    const char* message;
  };
  Shape image{-1, 8, 8, 3};
  auto of = [](const Scope& scope, const Shape& shape) {
    return ops::Placeholder(scope.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape(shape));
  };
  const Case cases[] = {
      {[&](const Scope& s) { return layers::Dense(s, of(s, image), 4); },
       "Dense 'dense': the input must have rank 2 and a known last dim, 'x:0' is f32[?,8,8,3]; Flatten it first"},
      {[&](const Scope& s) {
         return layers::Dense(s, of(s, {-1, -1}), 4);
       },
       "Dense 'dense': the input must have rank 2 and a known last dim, 'x:0' is f32[?,?]; Flatten it first"},
      {[&](const Scope& s) {
         return layers::Dense(s, of(s, {-1, 4}), 0);
       },
       "Dense 'dense': units must be positive, is 0"},
      {[&](const Scope& s) {
         return layers::Conv2D(s, of(s, {-1, 4}), 4, 3);
       },
       "Conv2D 'conv2d': the input must have rank 4 and a known last dim, 'x:0' is f32[?,4]"},
      {[&](const Scope& s) {
         return layers::Dropout(s, of(s, {-1, 4}), 1.0, true);
       },
       "Dropout 'dropout': rate must be in [0, 1), is f64[]{1}"},
      {[&](const Scope& s) {
         return layers::Flatten(s, of(s, {-1, -1, 4}));
       },
       "Flatten 'flatten': all dims but the first must be known, 'x:0' is f32[?,?,4]"},
      {[&](const Scope& s) {
         return layers::Dense(s, of(s, {-1, 4}), 2, {.activation = "Relus"});
       },
       "op 'Relus' of node 'dense/Relus' is not supported; did you mean 'Relu'"},
      {[&](const Scope& s) {
         return CreateVariable(s.WithOpName("w"), {-1, 2}, Initializer::Zeros()).ref;
       },
       "variable 'w': the shape must be known, it is [?,2]"},
  };
  for (const Case& c : cases) {
    Scope scope = Scope::NewRootScope();
    EXPECT_TRUE(c.build(scope).is_none());
    EXPECT_TRUE(scope.status().message().starts_with(c.message)) << scope.status().message();
  }
}

TEST_F(Layers, VariablesAreCollected) {
  Output x = placeholder("x", {-1, 8, 8, 3});

  layers::Conv2D(root.WithOpName("conv"), x, 2, 3);
  layers::BatchNorm(root.WithOpName("bn"), x, true);
  layers::Dense(root.WithOpName("frozen"), layers::Flatten(root, x), 2, {.use_bias = false, .trainable = false});
  Operation init = GlobalVariablesInitializer(root);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  Lines trainable, all;
  for (const Output& variable : TrainableVariables(root)) trainable.push_back(variable.op().name());
  for (const VariableRecord& record : root.collections().variables()) all.push_back(record.variable);
  EXPECT_EQ(trainable, (Lines{"conv/kernel", "conv/bias", "bn/gamma", "bn/beta"}));
  EXPECT_EQ(all, (Lines{"conv/kernel", "conv/bias", "bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance",
                        "frozen/kernel"}));
  EXPECT_EQ(graph_lines(root.graph(), {"init"}),
            (Lines{"NoOp init <- ^conv/kernel/Assign ^conv/bias/Assign ^bn/gamma/Assign ^bn/beta/Assign "
                   "^bn/moving_mean/Assign ^bn/moving_variance/Assign ^frozen/kernel/Assign"}));
  const VariableRecord* record = root.collections().find_variable("conv/kernel");
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->initializer, "conv/kernel/Assign");
  EXPECT_EQ(record->snapshot, "conv/kernel/read");
  EXPECT_EQ(record->initial_value, "conv/kernel/Initializer/random_uniform");
  EXPECT_EQ(init.name(), "init");
}

TEST_F(Layers, VariablesTakeAnyInitialValue) {
  ModelVariable literal = CreateVariable(root.WithOpName("a"), Input({{1.0f, 2.0f}, {3.0f, 4.0f}}));
  ModelVariable computed = CreateVariable(root.WithOpName("b"), ops::Neg(root, ops::Const(root, {1.0, 2.0})));
  ModelVariable large = CreateVariable(root.WithOpName("c"), {100, 100}, Initializer::Constant(0.1));
  ModelVariable again = CreateVariable(root.WithOpName("a"), 1.0f);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  EXPECT_EQ(literal.ref.fact().to_string(), "ref(f32[2,2])");
  EXPECT_EQ(literal.read.fact().to_string(), "f32[2,2]");
  EXPECT_EQ(node("a/Assign").inputs[1], (Wire{*root.graph().find("a/initial_value"), 0}));
  EXPECT_EQ(computed.ref.fact().to_string(), "ref(f64[2])");
  EXPECT_EQ(again.ref.op().name(), "a_1");
  EXPECT_EQ(graph_lines(root.graph(), {"c/Initializer"}),
            (Lines{"Const c/Initializer/Const/shape_as_tensor", "Const c/Initializer/Const/Const",
                   "Fill c/Initializer/Const <- c/Initializer/Const/shape_as_tensor c/Initializer/Const/Const"}));
  EXPECT_EQ(large.ref.shape().to_string(), "[100,100]");
}

TEST_F(Layers, VariablesWaitForNothingAround) {
  Output x = placeholder("x", {-1, 5});
  Scope after = root.WithControlDependencies(x);

  Output y = layers::Dense(after, x, 2);

  EXPECT_TRUE(node("dense/kernel/Assign").controls.empty());
  EXPECT_EQ(y.op().node().controls, std::vector<NodeId>{x.op().id()});
}

TEST_F(Layers, LossesAreScalarsUnderTheirName) {
  Output logits = placeholder("logits", {-1, 4});
  Output labels = placeholder("labels", {-1}, DT_INT64);
  Output one_hot = placeholder("one_hot", {-1, 4});

  Output sparse = losses::SparseSoftmaxCrossEntropy(root.WithOpName("loss"), labels, logits);
  Output full = losses::SoftmaxCrossEntropy(root, one_hot, logits);
  Output squares = losses::MeanSquaredError(root, one_hot, logits);
  Output accuracy = metrics::Accuracy(root.WithOpName("accuracy"), labels, logits);

  ASSERT_TRUE(root.ok()) << root.status().to_string();
  for (const Output& loss : {sparse, full, squares, accuracy}) EXPECT_EQ(loss.fact().to_string(), "f32[]");
  EXPECT_EQ(sparse.op().name(), "loss");
  EXPECT_EQ(full.op().name(), "softmax_cross_entropy_loss");
  EXPECT_EQ(squares.op().name(), "mean_squared_error");
  EXPECT_EQ(accuracy.op().name(), "accuracy");
  EXPECT_EQ(graph_lines(root.graph(), {"loss"}),
            (Lines{"SparseSoftmaxCrossEntropyWithLogits loss/xentropy <- logits labels", "Const loss/Const",
                   "Mean loss <- loss/xentropy loss/Const"}));
  EXPECT_EQ(root.collections().node_names(kLosses),
            (Lines{"loss", "softmax_cross_entropy_loss", "mean_squared_error"}));
}

}  // namespace
}  // namespace tarn
