#include "tests/support/text_runs.h"

#include <gtest/gtest.h>

#include "graph/text.h"
#include "runtime/engine.h"
#include "tests/support/models.h"

namespace tarn::testing {
namespace {

std::string text_of(const std::vector<Tensor>& tensors) {
  std::vector<std::string> texts;
  for (const Tensor& tensor : tensors) texts.push_back(tensor.to_string(16));
  return str_join(texts, " ");
}

}  // namespace

std::string session_run(std::string_view text, const Feeds& feeds, const std::vector<std::string>& fetches,
                        const RunLimits& limits) {
  Result<Graph> graph = graph_from_text(text);
  if (!graph.ok()) return str_cat("graph: ", graph.status().to_string());
  Session session(*graph, {.threads = 1, .limits = limits});
  std::string first;
  for (int run = 0; run < 2; ++run) {  // nothing of a run is left for the next
    std::vector<Tensor> out;
    Status status = session.Run(feeds, fetches, &out);
    std::string result = status.ok() ? text_of(out) : std::string(status.message());
    if (run == 0) first = result;
    // Where a run was stopped may differ.
    if (status.code() != Code::kDeadlineExceeded) {
      EXPECT_EQ(result, first) << "the second run differs";
    }
  }
  return first;
}

std::string engine_run(std::string_view text, const Feeds& feeds, const std::vector<std::string>& fetches,
                       const RunLimits& limits) {
  std::string bytes = model_bytes(text);
  auto engine = Engine::load_bytes(bytes, nullptr, "loops", {.outputs = fetches, .limits = limits});
  if (!engine.ok()) {  // as a session says it, without the file's name
    std::string_view message = engine.status().message(), name = "'loops': ";
    return std::string(message.starts_with(name) ? message.substr(name.size()) : message);
  }
  EngineContext context(*engine);
  std::string first;
  for (int run = 0; run < 2; ++run) {
    for (const auto& [name, tensor] : feeds) {
      Status set = context.set_input(name, tensor);
      if (!set.ok()) return std::string(set.message());
    }
    Status status = context.run();
    std::vector<Tensor> out;
    for (const std::string& fetch : fetches) {
      if (!status.ok()) break;
      const TensorView& view = **context.output(fetch);
      Tensor copy = *Tensor::allocate(view.dtype, *view.shape);
      if (view.dtype == DType::kString) {
        for (int64_t i = 0; i < view.count; ++i)
          copy.mutable_flat<std::string>()[static_cast<size_t>(i)] = view.as<std::string>()[i];
      } else {
        std::copy_n(static_cast<const char*>(view.data), copy.byte_size(), static_cast<char*>(copy.mutable_data()));
      }
      out.push_back(copy);
    }
    std::string result = status.ok() ? text_of(out) : std::string(status.message());
    if (run == 0) first = result;
    if (status.code() != Code::kDeadlineExceeded) {
      EXPECT_EQ(result, first) << "the engine's second run differs";
    }
  }
  return first;
}

std::string run(std::string_view text, const Feeds& feeds, const std::vector<std::string>& fetches) {
  std::string session = session_run(text, feeds, fetches), engine = engine_run(text, feeds, fetches);
  return session == engine ? session : str_cat("session: ", session, "\nengine: ", engine);
}

}  // namespace tarn::testing
