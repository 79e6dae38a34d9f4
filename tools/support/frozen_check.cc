#include "tools/support/frozen_check.h"

#include <algorithm>

#include "core/image_codec.h"
#include "core/op_names.h"
#include "core/regex.h"
#include "graph/graph_source.h"
#include "graph/session.h"
#include "runtime/engine.h"

namespace tarn {
namespace {

// A run on zeros shows that a graph works. It is no reason to take all memory, or to wait for a loop whose end zeros do
// not bring about.
constexpr int64_t kMostInputBytes = int64_t{1} << 30;
constexpr RunLimits kLimits = {.most_iterations = 10'000, .timeout_ms = 10'000};

// A tensor that fits what is known of a Placeholder, of at most `bytes_left`, which are reduced.
Result<Tensor> made_up(const Node& node, int64_t& bytes_left) {
  Fact fact = node.outputs.empty() ? Fact() : node.outputs[0];
  Shape shape{1};
  if (fact.shape.has_rank()) {
    shape = Shape{};
    for (int64_t dim : fact.shape.dims()) shape.add_dim(dim < 0 ? 1 : dim);
  }
  TARN_ASSIGN_OR_RETURN(int64_t count, shape.element_count());
  auto element_bytes =
      static_cast<int64_t>(fact.dtype == DType::kString ? sizeof(std::string) : dtype_size(fact.dtype));
  if (count > bytes_left / std::max<int64_t>(element_bytes, 1)) {
    return resource_exhausted("a ", dtype_short_name(fact.dtype), shape, " is above the ", kMostInputBytes,
                              " bytes that are made up for all inputs");
  }
  bytes_left -= count * element_bytes;
  TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(fact.dtype, shape));
  if (fact.dtype != DType::kString && tensor.byte_size() > 0)
    std::fill_n(static_cast<char*>(tensor.mutable_data()), tensor.byte_size(), char{0});
  return tensor;
}

// What is not known of the values that a Placeholder takes, if zeros of its shape may not do.
std::string unknown_text(const Node& node) {
  Fact fact = node.outputs.empty() ? Fact() : node.outputs[0];
  if (!fact.shape.has_rank()) return str_cat("the shape of ", quoted(node.name), " is unknown");
  if (fact.dtype == DType::kString) return str_cat(quoted(node.name), " takes strings, which are not made up");
  // The first dim is the batch, which is free as a rule.
  for (int d = 1; d < fact.shape.rank(); ++d) {
    if (fact.shape.dim(d) == kUnknownDim)
      return str_cat("the shape of ", quoted(node.name), ", ", fact.shape, ", leaves sizes open");
  }
  return {};
}

// What no input would mend: loops that are none, dtypes and shapes at odds. Ops and services that are missing here,
// another runtime may have.
Status judge_at_load(const Graph& graph, const std::vector<Session::Feed>& feeds,
                     const std::vector<std::string>& fetches) {
  if (fetches.empty()) return {};
  EngineOptions options;
  options.ops = &linked_ops();
  options.images = &image_codec();
  options.regex = &regex_compiler();
  for (const Session::Feed& feed : feeds) options.inputs.push_back(feed.first);
  options.outputs = fetches;
  Status status = Engine::load_source(std::make_unique<GraphSource>(graph), "the frozen graph", options).status();
  return status.code() == Code::kInvalidArgument ? status : Status();
}

}  // namespace

Result<FrozenCheck> check_frozen_graph(const Graph& graph, const std::vector<std::string>& outputs) {
  std::vector<NodeId> targets;
  std::vector<std::string> fetches, run_only;
  for (const std::string& output : outputs) {
    TARN_ASSIGN_OR_RETURN(NodeId id, graph.find_node(output));
    targets.push_back(id);
    const Node& node = graph.node(id);
    (node.def != nullptr && node.outputs.empty() ? run_only : fetches).push_back(output);
  }
  std::vector<bool> needed = ancestors(graph, targets);
  std::vector<std::string> missing;
  std::vector<Session::Feed> feeds;
  std::string unknown;  // why the made-up values may not fit
  int64_t bytes_left = kMostInputBytes;
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    if (!needed[static_cast<size_t>(id)]) continue;
    if (node.def == nullptr) {
      std::string text = str_cat(printable(node.op), did_you_mean_op(node.op, graph.ops().names(), 1));
      if (std::find(missing.begin(), missing.end(), text) == missing.end()) missing.push_back(text);
    }
    if (!node.is("Placeholder")) continue;
    Result<Tensor> value = made_up(node, bytes_left);
    if (!value.ok()) return FrozenCheck{str_cat("no value for ", quoted(node.name), ": ", value.status().message())};
    if (unknown.empty()) unknown = unknown_text(node);
    feeds.emplace_back(node.name, *std::move(value));
  }
  if (!missing.empty()) {
    return FrozenCheck{
        str_cat(missing.size() == 1 ? "op not supported here: " : "ops not supported here: ", str_join(missing))};
  }
  SessionOptions session_options;
  session_options.limits = kLimits;
  session_options.few_runs = true;
  Session session(graph, session_options);
  (void)session.InitializeTables();  // one that cannot be filled is said to be empty by who reads it
  std::vector<Tensor> results;
  Status status = session.Run(feeds, fetches, run_only, &results);
  if (status.ok()) return FrozenCheck{};
  if (Status judged = judge_at_load(graph, feeds, fetches); !judged.ok())
    return judged.with_context("it would not run, whatever is fed (--check=false writes it all the same)");
  if (!unknown.empty()) return FrozenCheck{unknown, true};
  return FrozenCheck{str_cat("on made-up inputs: ", status.message())};
}

}  // namespace tarn
