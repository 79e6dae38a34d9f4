// What optimize_for_mobile makes of real networks runs in as little memory as bench/README.md says.
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/file.h"
#include "graph/graph_io.h"
#include "passes/support/mobile.h"
#include "runtime/engine.h"

namespace tarn {
namespace {

TEST(Arena, OfRealModelsStaysWithinItsBounds) {
  const char* data = std::getenv("TARN_DATA");
  if (data == nullptr) GTEST_SKIP() << "TARN_DATA is not set: no real models here";
  struct Model {
    const char* name;
    size_t most_bytes;
  };
  for (auto [name, most_bytes] :
       {Model{"topo_mobilenet_v1_100_224", 1'200'000}, Model{"topo_inception_v3", 5'000'000}}) {
    SCOPED_TRACE(name);
    const std::string path = str_cat(data, "/models/", name, "/graph.pb.gz");
    if (!file_exists(path)) GTEST_SKIP() << path << " is not there";
    Result<Graph> graph = read_graph(path);
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    MobileOptions options;
    ASSERT_TRUE(find_outputs(*graph, options).ok());
    ASSERT_TRUE(find_inputs(*graph, options).ok());
    Status optimized = optimize_for_mobile(*graph, options).status();
    ASSERT_TRUE(optimized.ok()) << optimized.to_string();
    const std::string bytes = *graph_bytes(*graph, GraphFormat::kBinary);
    auto engine = Engine::load_bytes(bytes, nullptr, name);
    ASSERT_TRUE(engine.ok()) << engine.status().to_string();
    EngineContext context(*engine);

    Status status = context.prepare();

    ASSERT_TRUE(status.ok()) << status.to_string();
    ASSERT_NE(context.program(), nullptr);
    const ProgramStats& stats = context.program()->stats;
    EXPECT_LE(stats.arena_bytes, most_bytes);
    EXPECT_LE(static_cast<double>(stats.arena_bytes), 1.01 * static_cast<double>(stats.arena_lower_bound_bytes));
  }
}

}  // namespace
}  // namespace tarn
