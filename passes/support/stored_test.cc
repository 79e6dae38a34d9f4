#include "passes/support/stored_test.h"

#include "core/image_codec.h"
#include "core/regex.h"
#include "graph/graph_source.h"
#include "passes/support/sample_inputs.h"
#include "runtime/self_test.h"

namespace tarn {

// Made-up inputs may let a loop run without end.
constexpr int64_t kLongestRunMs = 10'000;

Result<SelfTest> stored_test(const Graph& graph, const std::vector<std::string>& inputs,
                             const std::vector<std::string>& outputs) {
  Status first_error;
  for (const SampleSizes& tried : kTriedSizes) {
    TARN_ASSIGN_OR_RETURN(std::vector<Session::Feed> feeds, sample_feeds(graph, inputs, outputs, {1, tried.size}, 1));
    EngineOptions options{.outputs = outputs, .images = &image_codec(), .regex = &regex_compiler()};
    options.limits.timeout_ms = kLongestRunMs;
    std::vector<Shape> shapes;
    for (const Session::Feed& feed : feeds) {
      options.inputs.push_back(feed.first);
      shapes.push_back(feed.second.shape());
    }
    TARN_ASSIGN_OR_RETURN(std::shared_ptr<const Engine> engine,
                          Engine::load_source(std::make_unique<GraphSource>(graph), "the graph", options));
    Result<SelfTest> test = make_self_test(engine, shapes);
    if (test.ok() || test.status().code() == Code::kFailedPrecondition) return test;
    first_error.update(test.status());
  }
  return first_error;
}

}  // namespace tarn
