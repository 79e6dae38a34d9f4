// Every bad node in a session and in the engine; its inputs as constants, as feeds, and with dims or ranks that only
// the run knows. What is wrong is an error that names the node, and nothing is left of it.
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>

#include "graph/graph_io.h"
#include "graph/session.h"
#include "graph/text.h"
#include "runtime/engine.h"
#include "tests/support/bad_operators.h"
#include "tests/support/models.h"
#include "tests/support/tensors.h"

namespace tarn {
namespace {

using testing::bad_model;
using testing::BadModel;
using testing::BadOperator;
using testing::expect_value;
using testing::Known;
using testing::label;
using testing::run_session;
using Feeds = std::vector<Session::Feed>;

Result<Tensor> in_session(const BadModel& model) {
  TARN_ASSIGN_OR_RETURN(Graph graph, parse_graph(model.bytes, "bad.pb"));
  return run_session(graph, model.feeds);
}

Result<Tensor> in_engine(const BadModel& model) {
  EngineOptions options;
  options.outputs = {"y:0"};
  TARN_ASSIGN_OR_RETURN(auto engine, Engine::load_bytes(model.bytes, nullptr, "bad.pb", options));
  EngineContext context(engine);
  for (const auto& [name, tensor] : model.feeds) TARN_RETURN_IF_ERROR(context.set_input(name, tensor));
  TARN_RETURN_IF_ERROR(context.run());
  TARN_ASSIGN_OR_RETURN(const TensorView* view, context.output(0));
  TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(view->dtype, *view->shape));
  if (tensor.byte_size() > 0) std::memcpy(tensor.mutable_data(), view->data, tensor.byte_size());
  return tensor;
}

// What an error leaves behind would show here: the next good graph must give what it always gave.
class GoodGraph {
 public:
  GoodGraph() : first_(run()) {}
  void expect_the_same() const {
    EXPECT_TRUE(run().identical_to(first_)) << "a good graph gives something else after this";
  }

 private:
  static Tensor run() {
    static const std::string kBytes = testing::frozen_convnet_bytes({.side = 8, .filters = 3, .classes = 4}, 1);
    static const Tensor kImage = testing::random_floats({1, 8, 8, 1}, 2);
    Result<Graph> graph = parse_graph(kBytes, "good.pb");
    EXPECT_TRUE(graph.ok());
    Session session(*graph, {.threads = 1});
    std::vector<Tensor> out;
    EXPECT_TRUE(session.Run({{"input_node", kImage}}, {"output_node"}, &out).ok());
    auto engine = Engine::load_bytes(kBytes, nullptr, "good.pb");
    EXPECT_TRUE(engine.ok());
    EngineContext context(*engine);
    EXPECT_TRUE(context.set_input("input_node", kImage).ok() && context.run().ok());
    const TensorView& view = **context.output("output_node");
    EXPECT_EQ(0, std::memcmp(view.data, out[0].data(), out[0].byte_size()));
    return out[0];
  }
  Tensor first_;
};

int64_t peak_bytes() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * int64_t{1024};
}

void expect_refusal(const BadOperator& bad, Known known, const Result<Tensor>& made, const char* where) {
  ASSERT_FALSE(made.ok()) << where << " gives " << made->to_string();
  std::string message(made.status().message());
  EXPECT_NE(made.status().code(), Code::kInternal) << where << " blames itself: " << message;
  EXPECT_NE(message.find("'y'"), std::string::npos) << where << " does not name the node: " << message;
  EXPECT_NE(message.find(bad.op), std::string::npos) << where << " does not name the op: " << message;
  for (const std::string& part : bad.says) {
    // Of a shape, what is known of it by then may be enough to refuse it.
    bool may_miss = part[0] == '[' && (known == Known::kRanks || known == Known::kNothing);
    if (may_miss) continue;
    EXPECT_NE(message.find(part), std::string::npos) << where << " does not say '" << part << "': " << message;
  }
}

class BadOperators : public ::testing::TestWithParam<std::vector<BadOperator> (*)()> {};

TEST_P(BadOperators, AreRefusedByNameInASessionAndInTheEngine) {
  GoodGraph good;
  for (const BadOperator& bad : GetParam()()) {
    for (Known known : {Known::kConstants, Known::kFeeds, Known::kRanks, Known::kNothing}) {
      if (bad.inputs.empty() && known != Known::kConstants) continue;
      SCOPED_TRACE(label(bad, known));
      BadModel model = bad_model(bad, known);
      [[maybe_unused]] int64_t before = peak_bytes();

      Result<Tensor> session = in_session(model), engine = in_engine(model);

      if (bad.makes.empty()) {
        expect_refusal(bad, known, session, "the session");
        expect_refusal(bad, known, engine, "the engine");
      } else {
        expect_value(bad, session, "session");
        expect_value(bad, engine, "engine");
      }
#ifndef TARN_SANITIZED
      EXPECT_LT(peak_bytes() - before, 64 << 20) << "bytes were taken before it was refused";
#endif
      good.expect_the_same();
    }
  }
}

// Row 92. Whoever watches the file would see it opened.
TEST(FileOperators, AreRefusedAtLoadAndOpenNone) {
  std::string read = ::testing::TempDir() + "bad_operators_read",
              written = ::testing::TempDir() + "bad_operators_written";
  std::ofstream(read) << "secret";
  std::remove(written.c_str());
  int watch = inotify_init1(IN_NONBLOCK);
  ASSERT_GE(watch, 0);
  ASSERT_GE(inotify_add_watch(watch, read.c_str(), IN_OPEN | IN_ACCESS), 0);
  for (const char* op : {"ReadFile", "WriteFile"}) {
    for (Known known : {Known::kConstants, Known::kFeeds}) {
      std::string path = op == std::string_view("ReadFile") ? read : written;
      BadOperator bad{92, "a file", op, {str_cat("str[]{", "\"", path, "\"", "}")}, "", {}};
      if (op == std::string_view("WriteFile")) bad.inputs.push_back("str[]{\"overwritten\"}");
      SCOPED_TRACE(label(bad, known));
      BadModel model = bad_model(bad, known);
      EngineOptions options;
      options.outputs = {"y:0"};

      auto engine = Engine::load_bytes(model.bytes, nullptr, "bad.pb", options);
      Result<Tensor> session = in_session(model);

      ASSERT_FALSE(engine.ok());
      expect_refusal(bad, known, engine.status(), "the engine");
      expect_refusal(bad, known, session, "the session");
    }
  }
  char events[4096];
  EXPECT_LT(::read(watch, events, sizeof(events)), 0) << "the file was opened";
  EXPECT_FALSE(std::ifstream(written).good()) << "a file was written";
  close(watch);
  std::remove(read.c_str());
}

// A kernel may write over an input that it reads at another input too only if it may write over both.
TEST(ValueReadTwice, IsNotWrittenOverBeforeItIsRead) {
  const std::string text =
      "x: f32[2] = Placeholder\nindices: i32[2,1] = {1, 0}\nsize: i32[1] = {2}\nv = Relu(x)\n"
      "y = SparseTensorDenseAdd(indices, v, size, v)\n";
  Result<Graph> graph = graph_from_text(text);
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();

  Result<Tensor> y = run_session(*graph, {{"x", Tensor::from<float>({2}, {1, 10})}});

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  EXPECT_EQ(y->to_string(), "f32[2]{11, 11}");
}

// Whatever a run may have: what is refused is refused at load where it is known by then, and names node and bytes.
TEST(RunLimits, BoundTheBytesOfAValueAndOfARun) {
  const std::string fill = "n: i32[1] = Placeholder\none: f32[] = 1\nv = Fill(n, one)\ny = Neg(v)\n";
  auto run = [&](const std::string& text, const Feeds& feeds, RunLimits limits) -> std::string {
    Result<Graph> graph = graph_from_text(text);
    if (!graph.ok()) return graph.status().to_string();
    Session session(*graph, {.threads = 1, .limits = limits});
    std::vector<Tensor> out;
    Status status = session.Run(feeds, {"y"}, &out);
    return status.ok() ? out[0].shape().to_string() : status.to_string();
  };
  Feeds thousand = {{"n", Tensor::from<int32_t>({1}, {1000})}};

  EXPECT_EQ(run(fill, thousand, {}), "[1000]");
  EXPECT_EQ(run(fill, thousand, {.most_value_bytes = 3999}),
            "ResourceExhausted: Fill 'v': an output of f32[1000] needs 4000 bytes, more than the 3999 that a value may "
            "have (inputs i32[1], f32[])");
  std::string both = run(fill, thousand, {.most_bytes = 6000});  // each for itself is not too large
  EXPECT_NE(both.find("Neg 'y': an output of f32[1000] needs 4000 bytes; the run has 4"), std::string::npos) << both;
  EXPECT_NE(both.find("may have 6000"), std::string::npos) << both;

  // The same where all is known before.
  const std::string planned =
      "x: f32[1000] = Placeholder\nv = Relu(x)\nw = MatMul(c, r)\ny = AddV2(v, s)\ns = Sum(w, a)\n"
      "a: i32[2] = {0, 1}\nc: f32[50,1] = Reshape(b, cs)\nr: f32[1,50] = Reshape(b, rs)\n"
      "b: f32[50] = Placeholder\ncs: i32[2] = {50, 1}\nrs: i32[2] = {1, 50}\n";
  Feeds feeds = {{"x", *Tensor::zeros(DType::kFloat, {1000})}, {"b", *Tensor::zeros(DType::kFloat, {50})}};
  EXPECT_EQ(run(planned, feeds, {}), "[1000]");
  EXPECT_EQ(run(planned, feeds, {.most_value_bytes = 9999}),
            "ResourceExhausted: MatMul 'w': an output of f32[50,50] needs 10000 bytes, more than the 9999 that a value "
            "may have");
  std::string arena = run(planned, feeds, {.most_bytes = 9999});
  EXPECT_NE(arena.find("more than the 9999 that a run may have; most of them MatMul 'w'"), std::string::npos) << arena;
}

INSTANTIATE_TEST_SUITE_P(Windows, BadOperators, ::testing::Values(testing::bad_windows));
INSTANTIATE_TEST_SUITE_P(Arrays, BadOperators, ::testing::Values(testing::bad_arrays));
INSTANTIATE_TEST_SUITE_P(Math, BadOperators, ::testing::Values(testing::bad_math));

}  // namespace
}  // namespace tarn
