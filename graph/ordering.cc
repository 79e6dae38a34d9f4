#include "graph/ordering.h"

#include <algorithm>
#include <functional>
#include <queue>

#include "core/strings.h"

namespace tarn {
namespace {

// Every node left over has a producer that is left over too. Following one of them from each node leads into a cycle;
// nodes are visited once.
std::vector<std::vector<int>> find_cycles(const IndexGraph& graph, const std::vector<int>& waiting) {
  constexpr int kUnseen = -1;
  std::vector<int> walk_of(waiting.size(), kUnseen);  // on which walk a node was seen
  std::vector<std::vector<int>> cycles;
  for (int start = 0; start < graph.node_count(); ++start) {
    std::vector<int> path;
    int at = start;
    while (waiting[static_cast<size_t>(at)] > 0 && walk_of[static_cast<size_t>(at)] == kUnseen) {
      walk_of[static_cast<size_t>(at)] = start;
      path.push_back(at);
      for (size_t i = graph.begin[static_cast<size_t>(at)];; ++i) {
        int producer = graph.producers[i];
        if (waiting[static_cast<size_t>(producer)] == 0) continue;
        at = producer;
        break;
      }
    }
    auto cycle_begin = std::find(path.begin(), path.end(), at);
    if (cycle_begin == path.end()) continue;  // joined an earlier walk
    cycles.emplace_back(cycle_begin, path.end());
    std::reverse(cycles.back().begin(), cycles.back().end());
    std::rotate(cycles.back().begin(), std::min_element(cycles.back().begin(), cycles.back().end()),
                cycles.back().end());
  }
  return cycles;
}

}  // namespace

IndexOrder order_nodes(const IndexGraph& graph) {
  auto count = static_cast<size_t>(graph.node_count());
  std::vector<size_t> consumer_begin(count + 1, 0);
  for (int producer : graph.producers) ++consumer_begin[static_cast<size_t>(producer) + 1];
  for (size_t i = 0; i < count; ++i) consumer_begin[i + 1] += consumer_begin[i];
  std::vector<int> consumers(graph.producers.size());
  std::vector<size_t> next = consumer_begin;
  std::vector<int> waiting(count);
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (size_t i = 0; i < count; ++i) {
    waiting[i] = static_cast<int>(graph.begin[i + 1] - graph.begin[i]);
    if (waiting[i] == 0) ready.push(static_cast<int>(i));
    for (size_t e = graph.begin[i]; e < graph.begin[i + 1]; ++e) {
      consumers[next[static_cast<size_t>(graph.producers[e])]++] = static_cast<int>(i);
    }
  }

  IndexOrder result;
  result.order.reserve(count);
  while (!ready.empty()) {
    int node = ready.top();
    ready.pop();
    result.order.push_back(node);
    for (size_t e = consumer_begin[static_cast<size_t>(node)]; e < consumer_begin[static_cast<size_t>(node) + 1]; ++e) {
      if (--waiting[static_cast<size_t>(consumers[e])] == 0) ready.push(consumers[e]);
    }
  }
  if (result.order.size() < count) result.cycles = find_cycles(graph, waiting);
  return result;
}

std::string cycle_text(const std::vector<std::string>& names) {
  constexpr size_t kMost = 12;
  std::string out;
  for (size_t i = 0; i < names.size() && i < kMost; ++i) str_append(out, quoted(names[i]), " -> ");
  if (names.size() > kMost) str_append(out, "(", names.size() - kMost, " more) -> ");
  return out + quoted(names.front());
}

}  // namespace tarn
