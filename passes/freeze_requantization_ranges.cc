// freeze_requantization_ranges: ranges that were measured while the graph ran become constants.
//
// Before:  lo, hi = RequantizationRange(q, q_min, q_max);   y = Requantize(q, q_min, q_max, lo, hi)
// After:   y = Requantize(q, q_min, q_max, n/frozen_min, n/frozen_max),  n the name of the RequantizationRange
// When:    the file min_max_log_file holds lines "…;n__print__;__requant_min_max:[lo][hi]", which an insert_logging
//          of RequantizationRange makes a graph print; n is no input, no output, and something reads it
// Math:    lo = mins[round(count * min_percentile / 100)], hi = maxs[round(count * (1 - max_percentile / 100))] of
//          the sorted mins and maxs of n, the indices clamped to what is there
// Keeps:   the name of y.   Contract: as told: values beyond the logged range are clamped now.
// Ends:    every change leaves a RequantizationRange that nothing reads.
// Source:  TensorFlow tools/graph_transforms freeze_requantization_ranges. There a percentile of 100 read behind the
//          last minimum, ranges in loops became constants outside of them, and control inputs from n were lost.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "core/file.h"
#include "passes/support/rewriter.h"
#include "passes/support/waiting_nodes.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {
    {.name = "min_max_log_file", .doc = "what the graph printed while it ran", .is_required = true},
    {.name = "min_percentile",
     .kind = PassArg::kReal,
     .fallback = "5",  // TensorFlow's, both
     .doc = "of the logged minima, this share is given up as outliers"},
    {.name = "max_percentile",
     .kind = PassArg::kReal,
     .fallback = "5",
     .doc = "of the logged maxima, this share is given up as outliers"},
};

struct Logged {
  std::vector<float> mins, maxs;
};
struct Range {
  float min = 0, max = 0;
};

// "[1.5]…" -> 1.5, and `text` goes on behind it.
std::optional<float> take_bracketed(std::string_view& text) {
  size_t end = text.find(']');
  if (!text.starts_with('[') || end == std::string_view::npos) return std::nullopt;
  float value = 0;
  const char* last = text.data() + end;
  auto [read, error] = std::from_chars(text.data() + 1, last, value);
  if (error != std::errc() || read != last || !std::isfinite(value)) return std::nullopt;
  text.remove_prefix(end + 1);
  return value;
}

// Lines of other programs, and those that were cut off, are passed over.
std::map<std::string, Logged> read_log(const std::string& log) {
  constexpr std::string_view kName = "__print__", kRange = "__requant_min_max:";
  std::map<std::string, Logged> found;
  for (const std::string& line : str_split(log, '\n')) {
    std::vector<std::string> parts = str_split(line, ';');
    for (size_t i = 1; i < parts.size(); ++i) {
      std::string_view text = parts[i], name = parts[i - 1];
      if (!text.starts_with(kRange) || !name.ends_with(kName)) continue;
      text.remove_prefix(kRange.size());
      name.remove_suffix(kName.size());
      std::optional<float> min = take_bracketed(text);
      std::optional<float> max = min ? take_bracketed(text) : std::nullopt;
      if (!max) continue;
      Logged& logged = found[std::string(name)];
      logged.mins.push_back(*min);
      logged.maxs.push_back(*max);
    }
  }
  return found;
}

Range range_of(Logged logged, double min_percentile, double max_percentile) {
  std::sort(logged.mins.begin(), logged.mins.end());
  std::sort(logged.maxs.begin(), logged.maxs.end());
  // In float32, as TensorFlow: 0.95 of 20 is 19 there.
  auto count = static_cast<float>(logged.mins.size());
  auto at = [&](float share) { return static_cast<size_t>(std::clamp(std::round(count * share), 0.0f, count - 1)); };
  return {logged.mins[at(static_cast<float>(min_percentile) / 100.0f)],
          logged.maxs[at(1.0f - static_cast<float>(max_percentile) / 100.0f)]};
}

bool was_frozen(const Graph& graph, const std::string& name) {
  return graph.find(name + "/frozen_min").has_value() && graph.find(name + "/frozen_max").has_value();
}

// By the names of the nodes. Errors: no file, nothing in it, nodes that are none.
Result<std::map<std::string, Range>> logged_ranges(const Graph& graph, const PassArgs& args) {
  std::string path = args.text("min_max_log_file");
  double min_percentile = args.real("min_percentile"), max_percentile = args.real("max_percentile");
  Problems problems;
  for (auto [name, value] :
       {std::pair("min_percentile", min_percentile), std::pair("max_percentile", max_percentile)}) {
    if (!(value >= 0 && value <= 100))
      problems.add(invalid_argument("freeze_requantization_ranges: ", name, " is ", value, ", expected 0 to 100"));
  }
  TARN_RETURN_IF_ERROR(problems.to_status(""));
  TARN_ASSIGN_OR_RETURN(std::string log, read_file(path));
  std::map<std::string, Logged> logged = read_log(log);
  if (logged.empty()) {
    return invalid_argument(path, ": no line is like 'name__print__;__requant_min_max:[min][max]'; ",
                            "insert_logging(op=RequantizationRange, show_name=true, message=\"__requant_min_max:\") ",
                            "makes a graph print them");
  }
  std::map<std::string, Range> ranges;
  for (auto& [name, values] : logged) {
    Result<NodeId> id = graph.find_node(name);
    // A first run took it out.
    if (was_frozen(graph, name)) continue;
    if (!id.ok()) {
      problems.add(id.status().with_context(path));
    } else if (!graph.node(*id).is("RequantizationRange")) {
      problems.add(invalid_argument(path, ": node ", quoted(name), " is a ", graph.node(*id).op,
                                    ", expected a RequantizationRange"));
    } else {
      ranges[name] = range_of(std::move(values), min_percentile, max_percentile);
    }
  }
  TARN_RETURN_IF_ERROR(problems.to_status(""));
  return ranges;
}

bool is_read(const Graph& graph, NodeId id) {
  const std::vector<Use>& uses = graph.uses(id);
  return std::any_of(uses.begin(), uses.end(), [](const Use& use) { return use.input != Use::kControl; });
}

Status freeze_ranges(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(auto ranges, logged_ranges(graph, context.args));
  TARN_ASSIGN_OR_RETURN(WaitingNodes waiting, WaitingNodes::of(graph));
  return rewrite(graph, context, [&](Rewriter& r, NodeId id) -> Status {
    const Node& node = r.node(id);
    auto found = ranges.find(node.name);
    if (found == ranges.end() || r.is_public(id) || !is_read(r.graph(), id)) return {};
    // A constant in a loop or a branch is where what it waits for is.
    std::vector<NodeId> controls;
    if (waiting.has(id)) controls.push_back(node.inputs[0].node);
    Patch patch = r.patch();
    auto constant = [&](std::string_view suffix, float value) {
      return patch.add({.name = str_cat(node.name, suffix),
                        .op = "Const",
                        .attrs = {{"value", Tensor::scalar<float>(value)}, {"dtype", DType::kFloat}},
                        .controls = controls});
    };
    const Range& range = found->second;
    patch.replace({id, 0}, constant("/frozen_min", range.min));
    patch.replace({id, 1}, constant("/frozen_max", range.max));
    patch.remove_if_unused(id);
    return r.commit(patch, id, str_cat("its range is ", range.min, " to ", range.max));
  });
}

constexpr std::string_view kDoc = R"(Ranges that were measured while the graph ran become constants.
  Before:  lo, hi = RequantizationRange(q, q_min, q_max);   y = Requantize(q, q_min, q_max, lo, hi)
  After:   y = Requantize(q, q_min, q_max, n/frozen_min, n/frozen_max),  n the name of the RequantizationRange
  When:    the file min_max_log_file holds lines "...;n__print__;__requant_min_max:[lo][hi]", which insert_logging
           makes a graph print; n is no input, no output, and something reads it
  Math:    lo = mins[round(count * min_percentile / 100)], hi = maxs[round(count * (1 - max_percentile / 100))] of
           the sorted mins and maxs of n (both percentiles 5 by default), the indices clamped to what is there
  Keeps:   the name of y. Values beyond the range are clamped.
  TensorFlow's: read behind the last minimum at a percentile of 100; put constants outside of the loops that read
           them.)";

}  // namespace

extern const PassDef pass_freeze_requantization_ranges;
const PassDef pass_freeze_requantization_ranges = {
    .name = "freeze_requantization_ranges", .doc = kDoc, .contract = as_told(), .run = freeze_ranges, .args = kArgs};

}  // namespace tarn
