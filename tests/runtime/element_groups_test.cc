// Elementwise steps that run together: the same bits as one after another.
#include <gtest/gtest.h>

#include "runtime/engine.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

struct Ran {
  int grouped_steps = -1;
  size_t arena_bytes = 0;
  std::vector<std::string> values;  // the bytes of each output
};

Ran run_once(const std::string& bytes, bool streaming, int threads, int64_t batch,
             const std::vector<std::string>& outputs) {
  Ran ran;
  auto engine = Engine::load_bytes(bytes, nullptr, "elements.pb",
                                   {.threads = threads, .outputs = outputs, .streaming = streaming});
  EXPECT_TRUE(engine.ok()) << engine.status().to_string();
  if (!engine.ok()) return ran;
  EngineContext context(*engine);
  for (size_t i = 0; i < (*engine)->inputs().size(); ++i) {
    Shape shape = (*engine)->inputs()[i].shape;
    if (shape.rank() > 0 && shape.dim(0) < 0) shape.set_dim(0, batch);
    EXPECT_TRUE(
        context.set_input(static_cast<int>(i), testing::random_floats(shape, static_cast<uint32_t>(i + 1))).ok());
  }
  for (int times = 0; times < 2; ++times) {
    const Status status = context.run();
    EXPECT_TRUE(status.ok()) << status.to_string();
    if (!status.ok()) return ran;
  }
  ran.grouped_steps = context.program()->stats.grouped_steps;
  ran.arena_bytes = context.program()->stats.arena_bytes;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const TensorView& view = **context.output(static_cast<int>(i));
    ran.values.emplace_back(view.as<char>(), static_cast<size_t>(view.count) * dtype_size(view.dtype));
  }
  return ran;
}

// The bits of steps apart, for any number of threads and sizes around blocks.
void expect_grouped(const std::string& text, const std::vector<std::string>& outputs, int steps,
                    const std::vector<int64_t>& batches = {1, 3, 16, 40}) {
  const std::string bytes = testing::model_bytes(text);
  for (int64_t batch : batches) {
    const Ran apart = run_once(bytes, false, 1, batch, outputs);
    EXPECT_EQ(apart.grouped_steps, 0);
    for (int threads : {1, 3}) {
      const Ran together = run_once(bytes, true, threads, batch, outputs);
      EXPECT_EQ(together.grouped_steps, steps) << text;
      EXPECT_EQ(together.values, apart.values) << batch << " rows, " << threads << " threads\n" << text;
    }
  }
}

// tf.nn.rnn_cell.BasicLSTMCell, as TensorFlow 1.x writes it.
std::string lstm_cell(int units, const std::string& x, const std::string& c, const std::string& h) {
  const std::string n = std::to_string(units), all = std::to_string(4 * units), in = std::to_string(units + 24);
  return "kernel: f32[" + in + "," + all + "] = random(seed=3)\nbias: f32[" + all + "] = random(seed=4)\n" +
         "axis: i32[] = 1\nsplit_dim: i32[] = 1\nforget: f32[] = 1\n" + "both = ConcatV2(" + x + ", " + h +
         ", axis)\nproduct = MatMul(both, kernel)\ngates = BiasAdd(product, bias)\n" +
         "split = Split(split_dim, gates) {num_split=4}\n" + "add = Add(split:2, forget)\nsigmoid = Sigmoid(add)\n" +
         "kept = Mul(" + c + ", sigmoid)\nsigmoid_1 = Sigmoid(split)\ntanh = Tanh(split:1)\n" +
         "new = Mul(sigmoid_1, tanh)\ncell = Add(kept, new)\ntanh_1 = Tanh(cell)\nsigmoid_2 = Sigmoid(split:3)\n" +
         "hidden = Mul(tanh_1, sigmoid_2)\n";
}

TEST(ElementGroups, TheGatesOfABasicLstmCellAreOneStep) {
  for (int units : {5, 128, 700}) {
    const std::string n = std::to_string(units);
    const std::string inputs =
        "x: f32[?,24] = Placeholder\nc: f32[?," + n + "] = Placeholder\nh: f32[?," + n + "] = Placeholder\n";
    expect_grouped(inputs + lstm_cell(units, "x", "c", "h"), {"cell", "hidden"}, 10);
  }
}

TEST(ElementGroups, Swish) {
  expect_grouped("x: f32[?,300] = Placeholder\ns = Sigmoid(x)\ny = Mul(x, s)\n", {"y"}, 2);
}

TEST(ElementGroups, HardSwish) {
  expect_grouped(
      "x: f32[?,333] = Placeholder\nthree: f32[] = 3\nsix: f32[] = 6\na = AddV2(x, three)\nr = Relu6(a)\n"
      "m = Mul(x, r)\ny = RealDiv(m, six)\n",
      {"y"}, 4);
}

TEST(ElementGroups, ValuesThatAreFetchedToo) {
  const std::string text =
      "x: f32[?,300] = Placeholder\na = Sigmoid(x)\nb = Tanh(a)\nc = Mul(a, b)\nd = Sub(c, x)\ne = Maximum(d, a)\n";
  expect_grouped(text, {"e"}, 5);
  expect_grouped(text, {"c", "e"}, 5);
  expect_grouped(text, {"a", "b", "c", "d", "e"}, 5);
}

TEST(ElementGroups, StepsThatReadNothingOfEachOtherStayApart) {
  expect_grouped("x: f32[?,300] = Placeholder\na = Sigmoid(x)\nb = Tanh(x)\n", {"a", "b"}, 0);
}

// One for each of the channels is one for each element where there is one row.
TEST(ElementGroups, RowsAreNoElementsOfSeveralRows) {
  const std::string text =
      "x: f32[?,300] = Placeholder\nrow: f32[300] = random(seed=1)\na = Sigmoid(x)\nb = Mul(a, row)\nc = Tanh(b)\n";
  expect_grouped(text, {"c"}, 0, {2, 16});
  expect_grouped(text, {"c"}, 3, {1});
}

TEST(ElementGroups, NothingLiesBetweenSteps) {
  const std::string bytes = testing::model_bytes(
      "x: f32[?,100000] = Placeholder\na = Sigmoid(x)\nb = Tanh(a)\nc = Mul(a, b)\ny = Add(c, b)\n");
  EXPECT_GE(run_once(bytes, false, 1, 1, {"y"}).arena_bytes, 2u * 400'000);
  EXPECT_LE(run_once(bytes, true, 1, 1, {"y"}).arena_bytes, 400'000u + 3 * 4096 + 256);
}

// A cell in tf.while_loop: all of the body is alive or dead together. What is added to a gate is a constant of the
// body, which is alive with it, and stays apart.
TEST(ElementGroups, InTheBodyOfALoop) {
  const std::string text =
      "x: f32[?,24] = Placeholder\nc0: f32[?,40] = Placeholder\nh0: f32[?,40] = Placeholder\n"
      "zero: i32[] = 0\nsteps: i32[] = 7\none: i32[] = 1\n"
      "i_enter = Enter(zero) {frame_name=\"loop\"}\nc_enter = Enter(c0) {frame_name=\"loop\"}\n"
      "h_enter = Enter(h0) {frame_name=\"loop\"}\nx_enter = Enter(x) {frame_name=\"loop\", is_constant=true}\n"
      "n_enter = Enter(steps) {frame_name=\"loop\", is_constant=true}\n"
      "i = Merge(i_enter, i_next)\nc_merge = Merge(c_enter, c_next)\nh_merge = Merge(h_enter, h_next)\n"
      "less = Less(i, n_enter)\ncond = LoopCond(less)\n"
      "i_switch = Switch(i, cond)\nc_switch = Switch(c_merge, cond)\nh_switch = Switch(h_merge, cond)\n"
      "i_body = Identity(i_switch:1)\nc = Identity(c_switch:1)\nh = Identity(h_switch:1)\n" +
      lstm_cell(40, "x_enter", "c", "h") +
      "i_add = Add(i_body, one) \ni_next = NextIteration(i_add)\nc_next = NextIteration(cell)\n"
      "h_next = NextIteration(hidden)\nc_exit = Exit(c_switch)\nh_exit = Exit(h_switch)\n";
  expect_grouped(text, {"c_exit", "h_exit"}, 9);
}

}  // namespace
}  // namespace tarn
