// The engine's mode dynamic8: what is computed in 8 bits, what stays float, and that nothing changes where nobody asks.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "graph/graph_io.h"
#include "graph/model_info.h"
#include "graph/ops.h"
#include "runtime/c_api.h"
#include "runtime/engine.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

using testing::random_floats;

// Multiples of a 128th from -0.9375 to 1.0546875, as quantize_weights writes them, or those floats.
struct Weights {
  bool as_codes = true;
  uint32_t seed = 1;

  Output add(const Scope& scope, const Shape& shape) {
    std::mt19937 generator(seed++);
    Tensor codes = *Tensor::allocate(DType::kUInt8, shape), floats = *Tensor::allocate(DType::kFloat, shape);
    for (int64_t i = 0; i < codes.element_count(); ++i) {
      auto at = static_cast<size_t>(i);
      codes.mutable_flat<uint8_t>()[at] = static_cast<uint8_t>(generator() % 256);
      floats.mutable_flat<float>()[at] = (static_cast<float>(codes.flat<uint8_t>()[at]) - 120) / 128;
    }
    if (!as_codes) return AddConst(scope, floats);
    return AddNode(scope, "Dequantize",
                   {AddConst(scope, codes.reinterpreted(DType::kQUInt8)),
                    AddConst(scope, Tensor::scalar(-120.0f / 128)), AddConst(scope, Tensor::scalar(135.0f / 128))},
                   {{"mode", "MIN_FIRST"}, {"T", DType::kQUInt8}})
        .output(0);
  }
};

std::string bytes_of(const Scope& scope) {
  EXPECT_TRUE(scope.ok()) << scope.status().to_string();
  return *graph_bytes(scope.graph(), GraphFormat::kBinary);
}

// x f32[?,?,?,3] -> 3x3, bias, Relu -> 1x1 stride 2, Relu6 -> mean of pixels -> MatMul, bias -> y
Scope small_net(bool as_codes) {
  Scope root = Scope::NewRootScope();
  Weights weights{as_codes};
  auto x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, -1, -1, 3}));
  auto convolve = [&](const Output& input, const Shape& shape, int64_t stride) {
    std::vector<int64_t> strides = {1, stride, stride, 1};
    Output filter = ops::Identity(root, weights.add(root, shape));
    return AddNode(root, "Conv2D", {input, filter}, {{"strides", strides}, {"padding", "SAME"}}).output(0);
  };
  Output h = ops::BiasAdd(root, convolve(x, {3, 3, 3, 20}, 1), AddConst(root, random_floats({20}, 1)));
  h = convolve(ops::Relu(root, h), {1, 1, 20, 33}, 2);
  h = ops::Mean(root, ops::Relu6(root, h), ops::Const(root, {1, 2}));
  h = ops::MatMul(root, h, weights.add(root, {33, 10}));
  ops::BiasAdd(root.WithOpName("y"), h, AddConst(root, random_floats({10}, 2)));
  return root;
}

std::shared_ptr<const Engine> load(std::string bytes, EngineOptions options = {}) {
  auto held = std::make_shared<std::string>(std::move(bytes));
  auto engine = Engine::load_bytes(*held, held, "model.pb", std::move(options));
  EXPECT_TRUE(engine.ok()) << engine.status().to_string();
  return engine.ok() ? *engine : nullptr;
}

std::vector<float> run(EngineContext& context, const Tensor& x) {
  EXPECT_TRUE(context.set_input(0, x).ok());
  Status status = context.run();
  EXPECT_TRUE(status.ok()) << status.to_string();
  if (!status.ok()) return {};
  std::span<const float> y = (*context.output(0))->flat<float>();
  return {y.begin(), y.end()};
}

std::vector<float> run(const std::shared_ptr<const Engine>& engine, const Tensor& x) {
  EngineContext context(engine);
  return run(context, x);
}

const EngineOptions kOn = {.quantize = Quantize::kDynamic8};
const EngineOptions kOff = {.quantize = Quantize::kNone};

double largest_error(const std::vector<float>& got, const std::vector<float>& expected) {
  EXPECT_EQ(got.size(), expected.size());
  double largest = 0, range = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(double(got[i]) - double(expected[i])));
    range = std::max(range, std::abs(double(expected[i])));
  }
  return largest / range;
}

TEST(Dynamic8, NobodyAsksAndNothingChanges) {
  const Tensor x = random_floats({2, 9, 8, 3}, 5);
  const std::vector<float> floats = run(load(bytes_of(small_net(/*as_codes=*/false))), x);
  const std::string codes = bytes_of(small_net(/*as_codes=*/true));
  EXPECT_EQ(run(load(codes), x), floats);
  EXPECT_EQ(run(load(codes, kOff), x), floats);
  EXPECT_EQ(load(codes)->quantize(), Quantize::kNone);
}

// Half a step of an input is a 510th of its range; what sums of 27, 20 and 33 terms make of that, here.
TEST(Dynamic8, IsCloseToFloat) {
  const Tensor x = random_floats({2, 9, 8, 3}, 5);
  const std::vector<float> floats = run(load(bytes_of(small_net(false))), x);
  for (bool as_codes : {true, false}) {
    const std::vector<float> y = run(load(bytes_of(small_net(as_codes)), kOn), x);
    EXPECT_LT(largest_error(y, floats), 0.01) << as_codes;
    EXPECT_GT(largest_error(y, floats), 1e-5) << as_codes;  // in float it would be none
  }
}

TEST(Dynamic8, FloatsOfCodesAreNeverMade) {
  Scope root = Scope::NewRootScope();
  auto x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({1, 100}));
  ops::MatMul(root.WithOpName("y"), x, Weights{}.add(root, {100, 400}));
  const std::string bytes = bytes_of(root);
  const std::vector<Shape> shapes = {Shape{1, 100}};
  const size_t with_floats = (*load(bytes, kOff)->program(shapes))->stats.constant_bytes;
  const size_t with_codes = (*load(bytes, kOn)->program(shapes))->stats.constant_bytes;
  EXPECT_GE(with_floats, 4u * 100 * 400);
  EXPECT_LT(with_codes, 100u * 400 + 100);
}

// Inputs that are codes, and weights that are: then there is nothing to round.
TEST(Dynamic8, WhatIsInCodesIsExact) {
  Scope root = Scope::NewRootScope();
  Weights weights;
  auto x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 50}));
  Output w = weights.add(root, {7, 50});
  AddNode(root.WithOpName("y"), "MatMul", {x, w}, {{"transpose_b", true}});
  const std::string bytes = bytes_of(root);
  Tensor values = *Tensor::allocate(DType::kFloat, {3, 50});
  for (size_t i = 0; i < 150; ++i)
    values.mutable_flat<float>()[i] = static_cast<float>(i % 50 == 0 ? 255 : i * 7 % 255);
  const std::vector<float> floats = run(load(bytes, kOff), values), y = run(load(bytes, kOn), values);
  ASSERT_EQ(y.size(), 21u);
  // A row of w with a code above 247 has another step: see ops/kernels/dynamic8.h.
  int exact = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    exact += y[i] == floats[i] ? 1 : 0;
    EXPECT_NEAR(y[i], floats[i], 50 * 255 * 1.06 / 127 / 2);
  }
  EXPECT_GE(exact, 3);
}

// Ranges are of an image: alone, in a batch, after other sizes, the same bits.
TEST(Dynamic8, SizesReplanAndImagesAreApart) {
  std::shared_ptr<const Engine> engine = load(bytes_of(small_net(true)), kOn);
  EngineContext context(engine);
  for (const Shape& shape : {Shape{3, 9, 8, 3}, Shape{1, 30, 31, 3}, Shape{2, 9, 8, 3}, Shape{3, 9, 8, 3}}) {
    const Tensor batch = random_floats(shape, 6);
    const std::vector<float> together = run(context, batch);
    const int64_t elements = batch.element_count() / shape.dim(0);
    for (int64_t i = 0; i < shape.dim(0); ++i) {
      const Tensor one = Tensor::from<float>(
          {1, shape.dim(1), shape.dim(2), 3},
          batch.flat<float>().subspan(static_cast<size_t>(i * elements), static_cast<size_t>(elements)));
      const std::vector<float> alone = run(engine, one);
      ASSERT_EQ(alone.size(), 10u);
      EXPECT_EQ(alone, std::vector<float>(together.begin() + i * 10, together.begin() + i * 10 + 10));
    }
  }
}

TEST(Dynamic8, ThreadsDoNotChangeBits) {
  const std::string bytes = bytes_of(small_net(true));
  const Tensor x = random_floats({2, 70, 66, 3}, 7);
  const std::vector<float> one = run(load(bytes, kOn), x);
  for (int threads : {2, 3}) EXPECT_EQ(run(load(bytes, {.threads = threads, .quantize = Quantize::kDynamic8}), x), one);
}

TEST(Dynamic8, ModelMayAskForIt) {
  Scope root = small_net(true);
  const Tensor x = random_floats({1, 9, 8, 3}, 5);
  const std::vector<float> on = run(load(bytes_of(root), kOn), x), off = run(load(bytes_of(root), kOff), x);
  Graph graph = root.graph();
  Metadata metadata;
  metadata.quantize = "dynamic8";
  ASSERT_TRUE(store_metadata(graph, metadata).ok());
  const std::string asking = *graph_bytes(graph, GraphFormat::kBinary);
  EXPECT_EQ(load(asking)->quantize(), Quantize::kDynamic8);
  EXPECT_EQ(run(load(asking), x), on);
  EXPECT_EQ(run(load(asking, kOff), x), off);
  EXPECT_NE(on, off);

  metadata.quantize = "dynamic7";
  EXPECT_EQ(store_metadata(graph, metadata).message(), "quantize is 'dynamic7'; there is dynamic8");
}

// Whoever else reads the weights has them, and what has no such kernel computes in float.
TEST(Dynamic8, WhatHasNoKernelStaysFloat) {
  struct Case {
    const char* name;
    void (*build)(const Scope& root, const Output& x);
  };
  const Case kCases[] = {
      {"weights that are an output",
       [](const Scope& root, const Output&) {
         ops::Identity(root.WithOpName("y"), Weights{}.add(root, {4, 5}));
       }},
      {"weights that are added",
       [](const Scope& root, const Output& x) {
         ops::Add(root.WithOpName("y"), x, Weights{}.add(root, {4, 4}));
       }},
      {"the left side",
       [](const Scope& root, const Output& x) {
         ops::MatMul(root.WithOpName("y"), Weights{}.add(root, {6, 4}), x);
       }},
      {"transposed inputs",
       [](const Scope& root, const Output& x) {
         AddNode(root.WithOpName("y"), "MatMul", {x, Weights{}.add(root, {4, 9})}, {{"transpose_a", true}});
       }},
      {"no constant",
       [](const Scope& root, const Output& x) { ops::MatMul(root.WithOpName("y"), x, ops::Relu(root, x)); }},
      {"weights that are not finite",
       [](const Scope& root, const Output& x) {
         Tensor w = random_floats({4, 4}, 3);
         w.mutable_flat<float>()[7] = INFINITY;
         ops::MatMul(root.WithOpName("y"), x, AddConst(root, w));
       }},
  };
  const Tensor x = random_floats({4, 4}, 8);
  for (const Case& c : kCases) {
    Scope root = Scope::NewRootScope();
    auto input = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({4, 4}));
    c.build(root, input);
    const std::string bytes = bytes_of(root);
    EngineOptions on = kOn, off = kOff;
    on.inputs = off.inputs = {"x"};
    on.outputs = off.outputs = {"y"};
    EXPECT_EQ(run(load(bytes, on), x), run(load(bytes, off), x)) << c.name;
  }
}

TEST(Dynamic8, SharedWeightsServeBothWays) {
  Scope root = Scope::NewRootScope();
  auto x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({4, 4}));
  Output w = Weights{}.add(root, {4, 4});
  AddNode(root.WithOpName("both"), "MatMul", {ops::MatMul(root, x, w), w}, {{"transpose_a", true}});
  const std::string bytes = bytes_of(root);
  const Tensor values = random_floats({4, 4}, 9);
  const std::vector<float> off = run(load(bytes, kOff), values), on = run(load(bytes, kOn), values);
  EXPECT_LT(largest_error(on, off), 0.02);
  EXPECT_NE(on, off);
}

// What is added to a convolution becomes part of its step, as in float.
TEST(Dynamic8, ResidualsAreAdded) {
  Scope root = Scope::NewRootScope();
  auto x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 6, 7, 5}));
  std::vector<int64_t> strides = {1, 1, 1, 1};
  Output h =
      AddNode(root, "Conv2D", {x, Weights{}.add(root, {3, 3, 5, 5})}, {{"strides", strides}, {"padding", "SAME"}})
          .output(0);
  h = ops::BiasAdd(root, h, AddConst(root, random_floats({5}, 1)));
  ops::Relu(root.WithOpName("y"), ops::Add(root, h, ops::Mul(root, x, ops::Const(root, 100.0f))));
  const std::string bytes = bytes_of(root);
  const Tensor values = random_floats({2, 6, 7, 5}, 3);
  const std::vector<float> off = run(load(bytes, kOff), values), on = run(load(bytes, kOn), values);
  EXPECT_LT(largest_error(on, off), 0.001);  // most of y is the residual, which is not rounded
  EXPECT_NE(on, off);
}

TEST(Dynamic8, NanAndNothingAreDefined) {
  std::shared_ptr<const Engine> engine = load(bytes_of(small_net(true)), kOn);
  Tensor x = random_floats({2, 9, 8, 3}, 5);
  x.mutable_flat<float>()[0] = NAN;
  const std::vector<float> y = run(engine, x);
  ASSERT_EQ(y.size(), 20u);
  for (size_t i = 0; i < 10; ++i) EXPECT_TRUE(std::isnan(y[i]));
  for (size_t i = 10; i < 20; ++i) EXPECT_FALSE(std::isnan(y[i]));
  const Tensor zeros = *Tensor::zeros(DType::kFloat, {1, 9, 8, 3});
  EXPECT_LT(largest_error(run(engine, zeros), run(load(bytes_of(small_net(true)), kOff), zeros)), 0.01);
  EXPECT_TRUE(run(engine, *Tensor::allocate(DType::kFloat, {0, 9, 8, 3})).empty());
}

TEST(Dynamic8, AppAsksInC) {
  const std::string bytes = bytes_of(small_net(true));
  const Tensor x = random_floats({1, 9, 8, 3}, 5);
  auto run_in_c = [&](int quantize, size_t size) {
    tarn_options options = {};
    options.struct_size = size;
    options.quantize = quantize;
    tarn_engine* engine = tarn_engine_load_memory(bytes.data(), bytes.size(), &options);
    std::vector<float> y(10);
    const int64_t dims[] = {1, 9, 8, 3};
    EXPECT_NE(engine, nullptr) << tarn_last_error();
    EXPECT_EQ(tarn_set_input(engine, "x", TARN_FLOAT, dims, 4, x.data(), x.byte_size()), TARN_OK);
    EXPECT_EQ(tarn_run(engine), TARN_OK) << tarn_last_error();
    EXPECT_EQ(tarn_get_output(engine, "y", y.data(), sizeof(float) * 10), TARN_OK);
    tarn_engine_free(engine);
    return y;
  };
  const std::vector<float> on = run(load(bytes, kOn), x), off = run(load(bytes, kOff), x);
  EXPECT_EQ(run_in_c(TARN_QUANTIZE_DYNAMIC8, sizeof(tarn_options)), on);
  EXPECT_EQ(run_in_c(TARN_QUANTIZE_NONE, sizeof(tarn_options)), off);
  EXPECT_EQ(run_in_c(TARN_QUANTIZE_AS_STORED, sizeof(tarn_options)), off);
  EXPECT_EQ(run_in_c(TARN_QUANTIZE_DYNAMIC8, offsetof(tarn_options, quantize)), off);  // of version 2, which has none

  tarn_options options = {};
  options.struct_size = sizeof(options);
  options.quantize = 3;
  EXPECT_EQ(tarn_engine_load_memory(bytes.data(), bytes.size(), &options), nullptr);
  EXPECT_STREQ(tarn_last_error(), "tarn_options.quantize is 3, which is no tarn_quantize");
}

}  // namespace
}  // namespace tarn
