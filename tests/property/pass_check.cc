#include "tests/property/pass_check.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/text.h"
#include "ops/support/half.h"
#include "passes/support/pass_manager.h"
#include "tests/property/drawn_args.h"

namespace tarn::testing {
namespace {

using Kind = PassContract::Kind;

bool has_arguments(const std::vector<PipelineStep>& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const PipelineStep& s) { return !s.args.given().empty(); });
}
bool any_of_kind(std::span<const PipelineStep> steps, Kind kind) {
  return std::any_of(steps.begin(), steps.end(), [&](const PipelineStep& s) { return s.pass->contract.kind == kind; });
}

// The elements as doubles; empty for what is no float.
std::vector<double> as_doubles(const Tensor& tensor) {
  std::vector<double> values;
  values.reserve(static_cast<size_t>(tensor.element_count()));
  switch (tensor.dtype()) {
    case DType::kFloat:
      for (float v : tensor.flat<float>()) values.push_back(v);
      break;
    case DType::kDouble:
      for (double v : tensor.flat<double>()) values.push_back(v);
      break;
    case DType::kHalf:
      for (uint16_t v : tensor.flat<uint16_t>()) values.push_back(half_to_float(v));
      break;
    case DType::kBFloat16:
      for (uint16_t v : tensor.flat<uint16_t>()) values.push_back(bfloat16_to_float(v));
      break;
    default: break;
  }
  return values;
}

double largest_magnitude(const Tensor& tensor) {
  double largest = 0;
  for (double v : as_doubles(tensor)) {
    if (std::isfinite(v)) largest = std::max(largest, std::abs(v));
  }
  return largest;
}

// Largest |a - b|; infinity where dtype, shape or finiteness differ, or what is no float.
double distance(const Tensor& a, const Tensor& b) {
  constexpr double kFar = std::numeric_limits<double>::infinity();
  if (a.dtype() != b.dtype() || !(a.shape() == b.shape())) return kFar;
  if (!dtype_is_floating(a.dtype())) return same_bits(a, b) ? 0 : kFar;
  std::vector<double> x = as_doubles(a), y = as_doubles(b);
  double largest = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) return kFar;
    largest = std::max(largest, std::abs(x[i] - y[i]));
  }
  return largest;
}

// How much one rounding is, of a dtype's numbers.
double epsilon_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat: return 0x1p-23;
    case DType::kDouble: return 0x1p-52;
    case DType::kHalf: return 0x1p-10;
    case DType::kBFloat16: return 0x1p-7;
    default: return 0;
  }
}

// The graph with every float tensor off by up to `epsilon` of its range: what roundings anywhere make of the outputs is
// what no pass that rounds can be blamed for. Tensors that cannot be fetched (loops, branches not taken) stay.
Graph with_noise(const GraphCase& of, double epsilon, Random& random) {
  Graph noisy = of.graph;
  for (NodeId id : of.graph.ids()) {
    const Node& node = of.graph.node(id);
    if (node.def == nullptr || node.def->def->control != Control::kNone || node.is("Const")) continue;
    for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
      Wire wire{id, static_cast<int>(slot)};
      const Fact& fact = node.outputs[slot];
      if (!dtype_is_floating(fact.dtype) || fact.is_ref || of.graph.use_count(wire) == 0) continue;
      Result<std::vector<Tensor>> value = run_graph(of.graph, of.feeds, {of.graph.wire_name(wire)});
      if (!value.ok() || (*value)[0].element_count() == 0) continue;
      Tensor noise = random_value(fact.dtype, (*value)[0].shape(), random);
      // |noise| <= 2 is brought to epsilon * range.
      double factor = std::max(epsilon, epsilon_of(fact.dtype)) * largest_magnitude((*value)[0]) / 2;
      for (float& v : noise.mutable_flat<float>()) v = static_cast<float>(v * factor);
      for (double& v : noise.mutable_flat<double>()) v *= factor;
      if (dtype_size(fact.dtype) == 2) {
        bool is_half = fact.dtype == DType::kHalf;
        for (uint16_t& v : noise.mutable_flat<uint16_t>()) {
          v = is_half ? float_to_half(static_cast<float>(half_to_float(v) * factor))
                      : float_to_bfloat16(static_cast<float>(bfloat16_to_float(v) * factor));
        }
      }
      std::vector<Use> uses = noisy.uses(id);
      Result<NodeId> constant = noisy.add(
          {.name = noisy.unique_name("noise"), .op = "Const", .attrs = {{"dtype", fact.dtype}, {"value", noise}}});
      if (!constant.ok()) continue;
      Result<NodeId> sum =
          noisy.add({.name = noisy.unique_name("noisy"), .op = "AddV2", .inputs = {wire, {*constant, 0}}});
      if (!sum.ok()) continue;
      for (const Use& use : uses) {
        if (use.input != Use::kControl && use.slot == wire.slot) noisy.set_input(use.node, use.input, {*sum, 0});
      }
    }
  }
  return noisy;
}

// What a graph is: its text. Names, attrs, order, every bit of the constants; not what is known of shapes.
std::string text_of(const Graph& graph) {
  TextWriteOptions no_types;
  no_types.types = false;
  return graph_to_text(graph, no_types);
}

// Whether every node is as it would be judged anew, and the graph the same again once written and read.
Status judge(const Graph& graph) {
  Result<std::vector<NodeId>> order = topological_order(graph);
  if (!order.ok()) return order.status();
  TextReadOptions read;
  read.allow_unknown_ops = true;
  Result<Graph> again = graph_from_text(graph_to_text(graph), read);
  if (!again.ok()) return again.status();
  if (text_of(*again) != text_of(graph)) return internal_error("the graph written and read again is another");
  for (NodeId id : graph.ids()) {
    for (const Use& use : graph.uses(id)) {
      bool is_used = graph.is_alive(use.node);
      const Node& user = graph.node(use.node);
      if (is_used && use.input == Use::kControl) {
        is_used = std::find(user.controls.begin(), user.controls.end(), id) != user.controls.end();
      } else if (is_used) {
        is_used = user.inputs[static_cast<size_t>(use.input)] == Wire{id, use.slot};
      }
      if (!is_used) return internal_error("'", graph.node(id).name, "' has a user that does not use it");
    }
  }
  return {};
}

struct Rewritten {
  Status status;
  Graph graph;
  std::vector<PassReport> reports;
  std::vector<Graph> stages;  // after each step
};

Rewritten rewrite(const Graph& graph, const GraphCase& of, const std::vector<PipelineStep>& steps) {
  PassManagerOptions options;
  options.inputs = of.inputs;
  options.outputs = of.outputs;
  Rewritten result{{}, graph, {}, {}};
  options.after_pass = [&](const PassReport&, const Graph& stage) {
    result.stages.push_back(stage);
    return Status();
  };
  Result<std::vector<PassReport>> reports = PassManager(options).run(result.graph, steps);
  if (!reports.ok()) {
    result.status = reports.status();
  } else {
    result.reports = *std::move(reports);
  }
  return result;
}

bool is_same_tensor(const std::string& a, const std::string& b) {
  return a == b || a == b + ":0" || a + ":0" == b;
}
bool is_fed(const std::vector<Session::Feed>& feeds, const std::string& name) {
  return std::any_of(feeds.begin(), feeds.end(), [&](const Session::Feed& f) { return is_same_tensor(f.first, name); });
}
void feed_instead(std::vector<Session::Feed>& feeds, const std::string& name, const Tensor& value) {
  std::erase_if(feeds, [&](const Session::Feed& f) { return is_same_tensor(f.first, name); });
  feeds.emplace_back(name, value);
}

// The feeds that the graph has a place for.
std::vector<Session::Feed> present(const Graph& graph, const std::vector<Session::Feed>& feeds) {
  std::vector<Session::Feed> kept;
  for (const Session::Feed& feed : feeds) {
    if (graph.find_wire(feed.first).ok()) kept.push_back(feed);
  }
  return kept;
}

std::string first_change(const std::vector<PassReport>& reports) {
  for (const PassReport& report : reports) {
    if (!report.notes.empty()) return str_cat(report.pass, ": ", report.notes[0]);
  }
  return "no note";
}

}  // namespace

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || !(a.shape() == b.shape())) return false;
  if (a.identical_to(b)) return true;
  if (!dtype_is_floating(a.dtype())) return false;
  std::vector<double> x = as_doubles(a), y = as_doubles(b);
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) && std::isnan(y[i])) continue;
    if (x[i] != y[i] || std::signbit(x[i]) != std::signbit(y[i])) return false;
  }
  return true;
}

void CheckCounts::add(const CheckCounts& other) {
  for (const auto& [name, count] : other.passes) {
    passes[name].runs += count.runs;
    passes[name].fired += count.fired;
  }
  runs += other.runs;
  changed += other.changed;
  compared += other.compared;
  tipped += other.tipped;
  refused += other.refused;
}

std::optional<Finding> PassChecker::check(const GraphCase& graph_case, const std::string& pipeline) {
  if (on_start) on_start(pipeline);
  Result<std::vector<PipelineStep>> parsed = parse_pipeline(pipeline);
  if (!parsed.ok()) return Finding{"error", pipeline, parsed.status().to_string()};
  const std::vector<PipelineStep>& steps = *parsed;
  bool as_told = any_of_kind(steps, Kind::kAsTold);
  ++counts.runs;
  Rewritten once = rewrite(graph_case.graph, graph_case, steps);
  if (!once.status.ok()) {
    if (as_told || has_arguments(steps)) {
      ++counts.refused;
      return std::nullopt;
    }
    // Not the pass's doing, and a kind of its own: else a reducer would go from an error to a broken graph.
    bool before_any = once.status.message().find("the graph before any pass") != std::string_view::npos;
    return Finding{before_any ? "not accepted" : "error", pipeline, once.status.to_string()};
  }
  std::string before = text_of(graph_case.graph), after = text_of(once.graph);
  int changes = 0;
  for (const PassReport& report : once.reports) {
    changes += report.changes;
    PassCount& count = counts.passes[report.pass];
    ++count.runs;
    count.fired += report.changes > 0 ? 1 : 0;
  }
  if (changes == 0 && before != after) return Finding{"invalid", pipeline, "says that it changed nothing, but did"};
  if (changes != 0) ++counts.changed;
  if (Status status = judge(once.graph); !status.ok()) return Finding{"invalid", pipeline, status.to_string()};
  if (changes == 0) return std::nullopt;

  Rewritten twin = rewrite(graph_case.graph, graph_case, steps);
  if (!twin.status.ok() || text_of(twin.graph) != after) {
    return Finding{"not repeatable", pipeline, "the same pass on the same graph made another graph"};
  }
  if (steps.size() == 1 && !as_told) {
    Rewritten again = rewrite(once.graph, graph_case, steps);
    if (!again.status.ok()) return Finding{"not settled", pipeline, again.status.to_string()};
    if (again.reports[0].changes != 0 || text_of(again.graph) != after) {
      return Finding{"not settled", pipeline, "a second run changes: " + first_change(again.reports)};
    }
  }
  if (as_told) return std::nullopt;

  // Step by step, each under its own contract. What a pass assumes is fed to both; the names it says are those of the
  // graph it got, where another pass may have made one constant of two.
  GraphCase left = graph_case;
  for (size_t i = 0; i < steps.size(); ++i) {
    GraphCase fed = left;
    for (const auto& [name, value] : once.reports[i].assumptions) feed_instead(fed.feeds, name, value);
    if (once.reports[i].changes > 0) {
      GraphCase right = fed;
      right.graph = once.stages[i];
      right.feeds = present(right.graph, fed.feeds);
      fed.feeds = present(fed.graph, fed.feeds);
      if (auto found = check_outputs(fed, right, {&steps[i], 1}, pipeline)) return found;
    }
    left.graph = once.stages[i];
    // What is left of a fed Placeholder by that name is a constant, which the steps to come may compute with: to feed
    // it something else would be another graph.
    for (const auto& [name, value] : once.reports[i].assumptions) {
      if (is_fed(left.feeds, name)) feed_instead(left.feeds, name, value);
    }
  }
  return std::nullopt;
}

namespace {

// Whether eight bits have no level for some float32 of the graph, before the pass or after it, where what was rounded
// made it so: an infinity, what is no number, and the range of what turned out to be nothing, though no shape says so.
// QuantizeV2 refuses those, in TensorFlow too. (Of the graph's own tensors: a range that the pass measured is its own
// affair.)
bool has_no_levels(const GraphCase& before, const GraphCase& after) {
  auto is_known_empty = [](const Shape& shape) {
    return std::find(shape.dims().begin(), shape.dims().end(), 0) != shape.dims().end();
  };
  for (NodeId id : before.graph.ids()) {
    const Node& node = before.graph.node(id);
    for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
      const Fact& fact = node.outputs[slot];
      if (fact.dtype != DType::kFloat || fact.is_ref) continue;
      std::string name = before.graph.wire_name({id, static_cast<int>(slot)});
      for (const GraphCase* of : {&before, &after}) {
        Result<std::vector<Tensor>> value = run_graph(of->graph, of->feeds, {name});
        if (!value.ok() || (*value)[0].dtype() != DType::kFloat) continue;  // within a loop, gone, behind what fails
        std::span<const float> floats = (*value)[0].flat<float>();
        if (floats.empty() && !is_known_empty(fact.shape)) return true;
        if (!std::all_of(floats.begin(), floats.end(), [](float v) { return std::isfinite(v); })) return true;
      }
    }
  }
  return false;
}

}  // namespace

std::optional<Finding> PassChecker::check_outputs(const GraphCase& before, const GraphCase& after,
                                                  std::span<const PipelineStep> steps, const std::string& pipeline) {
  Result<std::vector<Tensor>> wanted = run_case(before);
  if (!wanted.ok()) {  // with what was assumed (a shape that is fed …)
    ++counts.tipped;
    return std::nullopt;
  }
  Result<std::vector<Tensor>> got = run_case(after);
  bool quantizes = any_of_kind(steps, Kind::kQuantizing), rounds = any_of_kind(steps, Kind::kRounding);
  if (!got.ok() && quantizes && has_no_levels(before, after)) {
    ++counts.tipped;
    return std::nullopt;
  }
  if (!got.ok()) return Finding{"does not run", pipeline, got.status().to_string()};
  double epsilon = 0;
  for (const PipelineStep& step : steps) epsilon += step.pass->contract.max_relative_difference;
  ++counts.compared;
  for (size_t i = 0; i < wanted->size(); ++i) {
    const Tensor &x = (*wanted)[i], &y = (*got)[i];
    if (same_bits(x, y) || (quantizes && x.dtype() == y.dtype())) continue;
    std::string detail =
        str_cat("output '", before.outputs[i], "' is ", y.to_string(12), ", before the pass it was ", x.to_string(12));
    if (!rounds) return Finding{"differs", pipeline, detail};
    double off = distance(x, y), range = largest_magnitude(x);
    double allowed = std::max(epsilon, 4 * epsilon_of(x.dtype())) * range;
    if (off <= allowed) continue;
    // What does the graph make of roundings of that size? The worst of a few draws, and some room.
    constexpr int kDraws = 4;
    constexpr double kRoom = 8;
    Random random(1);
    double own = 0;
    for (int draw = 0; draw < kDraws; ++draw) {
      Result<std::vector<Tensor>> noisy =
          run_graph(with_noise(before, epsilon, random), before.feeds, {before.outputs[i]});
      own = std::max(own, noisy.ok() ? distance(x, (*noisy)[0]) : std::numeric_limits<double>::infinity());
    }
    if (off <= allowed + kRoom * own) {
      ++counts.tipped;
      continue;
    }
    return Finding{"differs", pipeline,
                   str_cat(detail, ": off by ", off, " where ", allowed, " is promised and ", own, " the graph's own")};
  }
  return std::nullopt;
}

std::vector<Finding> PassChecker::check_all(const GraphCase& graph_case, int pipelines, Random& random,
                                            const std::string& only) {
  std::vector<Finding> findings;
  auto add = [&](const std::string& pipeline) {
    std::optional<Finding> found = check(graph_case, pipeline);
    bool is_good = !found.has_value();
    if (found) findings.push_back(*std::move(found));
    return is_good;
  };
  std::vector<const PassDef*> good;
  for (const PassDef* pass : pass_table) {
    std::optional<std::string> step = told_step(*pass, graph_case.graph, scratch_folder, random);
    if (!step) continue;
    bool is_good = (!only.empty() && pass->name != only) || add(*step);
    // What fails alone would fail again in most pipelines; and after what does as told nothing can be compared.
    if (is_good && pass->contract.kind != Kind::kAsTold) good.push_back(pass);
  }
  for (int i = 0; i < pipelines && !good.empty(); ++i) {
    std::string pipeline;
    bool has_it = only.empty();
    for (int steps = 2 + random.below(5); steps > 0; --steps) {
      const PassDef* pass = random.pick(good);
      if (!has_it && steps == 1 && find_pass(only) != nullptr) pass = find_pass(only);
      has_it = has_it || pass->name == only;
      str_append(pipeline, pipeline.empty() ? "" : " ", drawn_step(*pass, random));
    }
    add(pipeline);
  }
  return findings;
}

}  // namespace tarn::testing
