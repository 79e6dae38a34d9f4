// Shortcuts around convolutions: x + conv(...) is one step with the convolution, and gives the bits of two.
#include <gtest/gtest.h>

#include "runtime/engine.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

struct Ran {
  int fused_nodes = -1;
  std::vector<std::string> values;  // the bytes of each output
};

// One and two threads give the same bits.
Ran run(const std::string& text, const std::vector<std::string>& outputs) {
  const std::string bytes = testing::model_bytes(text);
  Ran first;
  for (int threads : {1, 2}) {
    EngineOptions options;
    options.outputs = outputs;
    options.threads = threads;
    auto engine = Engine::load_bytes(bytes, nullptr, "residual.pb", options);
    EXPECT_TRUE(engine.ok()) << engine.status().to_string();
    if (!engine.ok()) return first;
    EngineContext context(*engine);
    std::vector<Tensor> held;
    for (size_t i = 0; i < (*engine)->inputs().size(); ++i) {
      const EngineTensorInfo& input = (*engine)->inputs()[i];
      Tensor value = testing::random_floats(input.shape, static_cast<uint32_t>(i + 1));
      EXPECT_TRUE(context.set_input(static_cast<int>(i), value).ok());
    }
    Status status = context.run();
    EXPECT_TRUE(status.ok()) << status.to_string();
    Ran ran{context.program()->stats.fused_nodes, {}};
    for (size_t i = 0; i < outputs.size(); ++i) {
      const TensorView& view = **context.output(static_cast<int>(i));
      ran.values.emplace_back(view.as<char>(), static_cast<size_t>(view.count) * dtype_size(view.dtype));
    }
    if (threads == 2) {
      EXPECT_EQ(ran.values, first.values) << "two threads";
    }
    if (threads == 1) first = std::move(ran);
  }
  return first;
}

struct Case {
  const char* what;
  std::string text;      // conv, [biased,] sum and y
  int fused;             // nodes that become part of another's step
  const char* apart[3];  // fetched too, these exist by themselves
};

std::vector<Case> cases() {
  const std::string conv =
      "x: f32[1,9,7,20] = Placeholder\nr: f32[1,9,7,37] = Placeholder\nw: f32[1,1,20,37] = random(seed=3)\n"
      "b: f32[37] = random(seed=4)\nconv = Conv2D(x, w) {strides=[1, 1, 1, 1], padding=\"SAME\"}\n";
  const std::string large =
      "x: f32[1,28,28,64] = Placeholder\nr: f32[1,28,28,64] = Placeholder\n"
      "w: f32[3,3,64,64] = random(seed=3)\nb: f32[64] = random(seed=4)\n"
      "conv = Conv2D(x, w) {strides=[1, 1, 1, 1], padding=\"SAME\"}\n";
  const std::string strided =
      "x: f32[2,9,7,3] = Placeholder\nr: f32[2,5,4,37] = Placeholder\n"
      "w: f32[3,3,3,37] = random(seed=3)\nb: f32[37] = random(seed=4)\n"
      "conv = Conv2D(x, w) {strides=[1, 2, 2, 1], padding=\"SAME\"}\n";
  return {
      {"bias, sum, Relu",
       conv + "biased = BiasAdd(conv, b)\nsum = AddV2(biased, r)\ny = Relu(sum)\n",
       3,
       {"conv", "biased", "sum"}},
      {"the other way round", conv + "sum = Add(r, conv)\ny = Relu6(sum)\n", 2, {"conv", "sum", "sum"}},
      {"no activation", conv + "biased = BiasAdd(conv, b)\ny = AddV2(r, biased)\n", 2, {"conv", "biased", "biased"}},
      {"the same residual again, after that",
       conv + "sum = AddV2(conv, r)\ny = AddV2(sum, r)\n",
       1,
       {"conv", "sum", "sum"}},
      {"two convolutions",
       conv + "w2: f32[1,1,37,37] = random(seed=5)\nconv2 = Conv2D(r, w2) {strides=[1, 1, 1, 1], padding=\"SAME\"}\n"
              "sum = AddV2(conv, conv2)\ny = Relu(sum)\n",
       2,
       {"conv", "sum", "conv2"}},
      {"a convolution of the shortcut itself",
       conv + "start = Relu(r)\nw2: f32[1,1,37,37] = random(seed=5)\nconv2 = Conv2D(start, w2) {strides=[1, 1, 1, 1], "
              "padding=\"SAME\"}\nsum = AddV2(start, conv2)\nmore = AddV2(sum, conv)\ny = Relu(more)\n",
       3,
       {"sum", "more", "conv2"}},
      {"Winograd's algorithm",
       large + "biased = BiasAdd(conv, b)\nsum = AddV2(biased, r)\ny = Relu(sum)\n",
       3,
       {"conv", "biased", "sum"}},
      {"a stride",
       strided + "biased = BiasAdd(conv, b)\nsum = AddV2(r, biased)\ny = Relu(sum)\n",
       3,
       {"conv", "biased", "sum"}},
      {"over the residual itself",
       "x: f32[1,9,7,20] = Placeholder\nr: f32[1,9,7,37] = Placeholder\nstart = Relu(r)\n"
       "w: f32[3,3,20,37] = random(seed=3)\nconv = Conv2D(x, w) {strides=[1, 1, 1, 1], padding=\"SAME\"}\n"
       "y = AddV2(conv, start)\n",
       1,
       {"conv", "start", "conv"}},
      {"over a residual, of products in two passes",
       "x: f32[1,9,7,5000] = Placeholder\nr: f32[1,9,7,37] = Placeholder\nstart = Relu(r)\n"
       "w: f32[1,1,5000,37] = random(seed=3)\nconv = Conv2D(x, w) {strides=[1, 1, 1, 1], padding=\"SAME\"}\n"
       "y = AddV2(start, conv)\n",
       1,
       {"conv", "start", "conv"}},
      {"over a residual, of pixels apart in two passes",
       "x: f32[1,9,7,5000] = Placeholder\nr: f32[1,5,4,37] = Placeholder\nstart = Relu(r)\n"
       "w: f32[1,1,5000,37] = random(seed=3)\nconv = Conv2D(x, w) {strides=[1, 2, 2, 1], padding=\"SAME\"}\n"
       "y = AddV2(start, conv)\n",
       1,
       {"conv", "start", "conv"}},
      {"twice itself", conv + "y = AddV2(conv, conv)\n", 0, {"conv", "conv", "conv"}},
      {"a sum over all rows",
       conv + "one: f32[1,1,1,37] = random(seed=5)\nsum = AddV2(conv, one)\ny = Relu(sum)\n",
       0,
       {"conv", "sum", "sum"}},
      {"a residual that is larger",
       conv + "many: f32[3,9,7,37] = Placeholder\nsum = AddV2(conv, many)\ny = Relu(sum)\n",
       0,
       {"conv", "sum", "sum"}},
  };
}

TEST(Residual, IsAddedByTheConvolutionWithTheBitsOfTwoSteps) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.what);
    Ran together = run(c.text, {"y"});
    EXPECT_EQ(together.fused_nodes, c.fused);
    std::vector<std::string> all = {"y"};
    for (const char* name : c.apart) {
      if (std::find(all.begin(), all.end(), name) == all.end()) all.emplace_back(name);
    }
    Ran apart = run(c.text, all);
    ASSERT_FALSE(together.values.empty() || apart.values.empty());
    EXPECT_EQ(together.values[0], apart.values[0]) << "fused and not";
  }
}

}  // namespace
}  // namespace tarn
