// Graphs of very many nodes and of very large weights: no recursion, and no copy of the weights.
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <cstdio>
#include <functional>

#include "core/file.h"
#include "graph/graph_def.h"
#include "graph/graph_io.h"
#include "graph/session.h"
#include "runtime/engine.h"
#include "tests/support/file_faults.h"
#include "tests/support/models.h"
#include "tests/support/sanitized.h"

#if defined(TARN_SANITIZED)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

namespace tarn {
namespace {

// Runs on a thread with a small stack: what calls itself once a node ends there.
void with_small_stack(const std::function<void()>& work) {
  constexpr size_t kStackBytes = kSanitized ? size_t{1} << 20 : size_t{256} << 10;
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, kStackBytes), 0);
  pthread_t thread;
  auto run = [](void* argument) -> void* {
    (*static_cast<const std::function<void()>*>(argument))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, run, const_cast<std::function<void()>*>(&work)), 0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&attributes);
}

// x -> n1 -> n2 … -> n<length>
std::string chain_bytes(int length, bool is_reversed) {
  pb::GraphDef def;
  for (int i = 0; i <= length; ++i) {
    pb::NodeDef& node = *def.add_node();
    node.set_name(i == 0 ? "x" : str_cat("n", i));
    node.set_op(i == 0 ? "Placeholder" : "Identity");
    (*node.mutable_attr())[i == 0 ? "dtype" : "T"].set_type(pb::DT_FLOAT);
    if (i == 0) (*node.mutable_attr())["shape"].mutable_shape()->add_dim()->set_size(4);
    if (i > 0) node.add_input(i == 1 ? "x" : str_cat("n", i - 1));
  }
  if (is_reversed) std::reverse(def.mutable_node()->pointer_begin(), def.mutable_node()->pointer_end());
  return serialize(def);
}

TEST(LargeGraphs, AChainOf100000NodesRunsOnASmallStack) {  // A11
  constexpr int kLength = testing::when_sanitized(20'000, 100'000);
  Tensor x = testing::random_floats({4}, 1);
  const std::string last = str_cat("n", kLength);
  for (bool is_reversed : {false, true}) {  // against the order of the data: the worst for what goes by the file
    std::string bytes = chain_bytes(kLength, is_reversed);
    with_small_stack([&] {
      Result<std::shared_ptr<const Engine>> engine = Engine::load_bytes(bytes, nullptr, "chain");
      ASSERT_TRUE(engine.ok()) << engine.status().to_string();
      EngineContext context(*engine);
      ASSERT_TRUE(context.set_input("x", x).ok());
      ASSERT_TRUE(context.run().ok());
      EXPECT_TRUE(std::ranges::equal((*context.output(last))->flat<float>(), x.flat<float>()));
    });
    with_small_stack([&] {
      Result<Graph> graph = parse_graph(bytes, "chain");
      ASSERT_TRUE(graph.ok()) << graph.status().to_string();
      Session session(*std::move(graph));
      std::vector<Tensor> y;
      Status status = session.Run({{"x", x}}, {last}, &y);
      ASSERT_TRUE(status.ok()) << status.to_string();
      EXPECT_TRUE(y[0].identical_to(x));
    });
  }
}

struct Memory {
  double file = 0, arena = 0, peak = 0;  // bytes
};

// Of a process that links the engine alone, loads the file and runs it once.
Memory memory_of(const std::string& path) {
  std::string command = str_cat(TARN_BIN_DIR, "/engine_memory ", path, " 2>&1");
  FILE* pipe = popen(command.c_str(), "r");
  char line[512] = "";
  const char* got = fgets(line, sizeof(line), pipe);
  EXPECT_EQ(pclose(pipe), 0) << line;
  Memory memory;
  double kib = 0;
  EXPECT_EQ(got == nullptr ? 0
                           : sscanf(line, "file %lf arena %lf context %*f before %*f loaded %*f run %lf", &memory.file,
                                    &memory.arena, &kib),
            3)
      << line;
  memory.peak = kib * 1024;
  return memory;
}

// A file of 64 MB that Tarn wrote needs no more than itself, the arena, and 16 MB for the program and what is in hand.
TEST(LargeGraphs, WeightsOf64MegabytesAreNotCopied) {
  if (kSanitized) GTEST_SKIP() << "sanitizers keep memory of their own";
  std::string dense = "h0: f32[1,1024] = Placeholder\n", convolutions = "h0: f32[1,8,8,256] = Placeholder\n";
  for (int i = 1; i <= 16; ++i) {
    str_append(dense, "w", i, ": f32[1024,1024] = random(seed=", i, ")\nh", i, ": f32[1,1024] = MatMul(h", i - 1, ", w",
               i, ")\n");
  }
  for (int i = 1; i <= 28; ++i) {
    str_append(convolutions, "w", i, ": f32[3,3,256,256] = random(seed=", i, ")\nh", i, ": f32[1,8,8,256] = Conv2D(h",
               i - 1, ", w", i, ") {strides=[1, 1, 1, 1], padding=\"SAME\"}\n");
  }
  const std::string kTexts[] = {dense, convolutions,
                                "x: f32[1,4096] = Placeholder\na: f32[4096,2056] = random(seed=1)\nb: f32[4104,2056] = "
                                "random(seed=2)\nh: f32[1,2056] = MatMul(x, a)\ny: f32[1,4104] = MatMul(h, b) "
                                "{transpose_b=true}\n",
                                "rows: i32[4] = Placeholder\nw: f32[65536,256] = random(seed=1)\naxis: i32[] = {0}\n"
                                "y: f32[4,256] = GatherV2(w, rows, axis)\n"};
  TempDir dir;
  for (const std::string& text : kTexts) {
    std::string path = dir.file("large.pb");
    ASSERT_TRUE(write_file_atomically(path, testing::model_bytes(text)).ok());

    Memory memory = memory_of(path);

    EXPECT_GT(memory.file, 60e6);
    EXPECT_LT(memory.peak, memory.file + memory.arena + 16 * 1024 * 1024) << text.substr(0, 60);
  }
}

}  // namespace
}  // namespace tarn
