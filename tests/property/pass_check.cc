#include "tests/property/pass_check.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/text.h"
#include "ops/support/half.h"
#include "passes/support/pass_manager.h"

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
  runs += other.runs;
  changed += other.changed;
  compared += other.compared;
  tipped += other.tipped;
  refused += other.refused;
}

std::vector<const PassDef*> passes_without_required_args() {
  std::vector<const PassDef*> passes;
  for (const PassDef* pass : pass_table) {
    bool must_be_told =
        std::any_of(pass->args.begin(), pass->args.end(), [](const PassArg& a) { return a.is_required; });
    if (!must_be_told) passes.push_back(pass);
  }
  return passes;
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
  for (const PassReport& report : once.reports) changes += report.changes;
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
    GraphCase right = graph_case;
    right.graph = once.stages[i];
    if (once.reports[i].changes > 0) {
      GraphCase fed = left;
      for (const auto& [name, value] : once.reports[i].assumptions) {
        std::erase_if(fed.feeds, [&](const Session::Feed& f) {
          return f.first == name || f.first + ":0" == name || f.first == name + ":0";
        });
        fed.feeds.emplace_back(name, value);
      }
      right.feeds = present(right.graph, fed.feeds);
      fed.feeds = present(fed.graph, fed.feeds);
      if (auto found = check_outputs(fed, right, {&steps[i], 1}, pipeline)) return found;
    }
    left = graph_case;
    left.graph = once.stages[i];
  }
  return std::nullopt;
}

namespace {

// Whether some float32 of the graph is an infinity or no number: eight bits have no level for those, and QuantizeV2
// says so, in TensorFlow too.
bool meets_what_is_not_finite(const GraphCase& graph_case) {
  for (NodeId id : graph_case.graph.ids()) {
    const Node& node = graph_case.graph.node(id);
    if (node.outputs.empty() || node.outputs[0].dtype != DType::kFloat || node.outputs[0].is_ref) continue;
    Result<std::vector<Tensor>> value = run_graph(graph_case.graph, graph_case.feeds, {node.name});
    if (!value.ok()) continue;  // within a loop
    std::span<const float> floats = (*value)[0].flat<float>();
    if (!std::all_of(floats.begin(), floats.end(), [](float v) { return std::isfinite(v); })) return true;
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
  if (!got.ok() && quantizes && meets_what_is_not_finite(before)) {
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

namespace {

// The pass, perhaps with a size or count of its arguments drawn: "quantize_weights(minimum_size=2)".
std::string drawn_step(const PassDef& pass, Random& random) {
  std::string args;
  for (const PassArg& arg : pass.args) {
    if (arg.kind != PassArg::kInteger || arg.is_list || !random.chance(0.3)) continue;
    str_append(args, args.empty() ? "" : ", ", arg.name, "=", random.pick({0, 1, 2, 16, 1000}));
  }
  return args.empty() ? std::string(pass.name) : str_cat(pass.name, "(", args, ")");
}

}  // namespace

std::vector<Finding> PassChecker::check_all(const GraphCase& graph_case, int pipelines, Random& random,
                                            const std::string& only) {
  std::vector<Finding> findings;
  std::vector<const PassDef*> passes = passes_without_required_args();
  auto add = [&](const std::string& pipeline) {
    std::optional<Finding> found = check(graph_case, pipeline);
    bool is_good = !found.has_value();
    if (found) findings.push_back(*std::move(found));
    return is_good;
  };
  std::vector<const PassDef*> good;
  for (const PassDef* pass : passes) {
    bool is_good = (!only.empty() && pass->name != only) || add(std::string(pass->name));
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
