#include "tools/support/case_optimize.h"

#include <algorithm>
#include <cstdio>
#include <exception>

#include "graph/graph_io.h"
#include "graph/npy.h"
#include "passes/support/mobile.h"
#include "tools/support/freeze_files.h"
#include "tools/support/graph_ends.h"
#include "tools/support/graph_file.h"
#include "tools/support/report_page.h"

namespace tarn {
namespace {

// Of the unoptimized graph's range, in our own engine: folding batch norms into weights rounds each weight once more.
constexpr double kMostDifference = 1e-5;

std::string node_of(const std::string& tensor) {
  return tensor.substr(0, tensor.rfind(':'));
}

std::string tensor_of(const std::string& name) {
  return name.ends_with(":0") ? name.substr(0, name.size() - 2) : name;
}

class OptimizedChecker {
 public:
  OptimizedChecker(const ModelCase& model, int runs) : model_(model), runs_(runs) {
    result_.verdict.name = model.name;
    for (const CaseTensor& output : model.sets.empty() ? std::vector<CaseTensor>() : model.sets[0].outputs)
      recorded_outputs_.push_back(tensor_of(output.name));
  }

  OptimizedCase check() {
    if (model_.sets.empty()) {
      result_.verdict.judge(Verdict::kSkipped, "no golden");
      return result_;
    }
    Status status = run();
    if (!status.ok()) result_.verdict.fail(status);
    if (result_.verdict.verdict == Verdict::kOk) result_.verdict.reason = summary_;
    return result_;
  }

 private:
  Status run() {
    TARN_ASSIGN_OR_RETURN(original_, frozen_graph());
    MobileOptions options;
    Graph optimized = original_;
    Result<std::vector<OutputCandidate>> found = find_outputs(optimized, options);
    if (found.ok()) TARN_RETURN_IF_ERROR(find_inputs(optimized, options).status());
    result_.ends_found = found.ok() && outputs_are_recorded(options.outputs);
    if (result_.ends_found) TARN_RETURN_IF_ERROR(optimize(optimized, options));
    if (result_.ends_found) result_.ends_found = inputs_are_recorded(optimized, options);
    if (!result_.ends_found) {
      found_instead_ = found.ok() ? str_cat("found ", str_join(likely_inputs(optimized, options.outputs)), " -> ",
                                            str_join(options.outputs))
                                  : std::string(found.status().message());
      options = {.outputs = recorded_outputs_};
      for (const CaseTensor& input : model_.sets[0].inputs) options.inputs.push_back(node_of(input.name));
      optimized = original_;
      TARN_RETURN_IF_ERROR(optimize(optimized, options));
    }
    Status stored = store_self_test(optimized, options);
    TARN_RETURN_IF_ERROR(check_outputs(optimized, options));
    if (result_.verdict.verdict != Verdict::kOk) return {};
    TARN_RETURN_IF_ERROR(check_again(optimized, options));
    TARN_RETURN_IF_ERROR(measure(optimized, options));
    std::string self_test = stored.ok() ? "self-test stored" : str_cat("no self-test: ", stored.message());
    summary_ =
        str_cat(found_instead_, found_instead_.empty() ? "" : "; ", result_.before.nodes, " -> ", result_.after.nodes,
                " nodes, against the graph as it was ", number(against_itself_), ", ", self_test);
    return {};
  }

  // Each pass held to its promise on the recorded inputs.
  Status optimize(Graph& graph, MobileOptions options) const {
    options.verify = true;
    TARN_ASSIGN_OR_RETURN(options.feeds, read_feeds_of(model_.sets[0], &graph));
    return optimize_for_mobile(graph, options).status();
  }

  Result<Graph> frozen_graph() const {
    if (model_.kind == "frozen") {
      TARN_ASSIGN_OR_RETURN(AnyGraph any, load_graph_file(model_.graph, {.allow_unknown_ops = true}));
      return std::move(any.graph);
    }
    FreezeFiles files;
    files.graph = model_.graph;
    files.checkpoint = model_.checkpoint;
    files.tags = model_.tags;
    files.options.outputs = recorded_outputs_;
    TARN_ASSIGN_OR_RETURN(FrozenGraph frozen, freeze_files(files));
    return std::move(frozen.graph);
  }

  // Each was recorded, and no recorded one was left out but those on the way to one that was found.
  bool outputs_are_recorded(const std::vector<std::string>& outputs) const {
    std::vector<NodeId> ends;
    for (const std::string& output : outputs) {
      if (std::find(recorded_outputs_.begin(), recorded_outputs_.end(), output) == recorded_outputs_.end())
        return false;
      Result<NodeId> id = original_.find_node(output);
      if (id.ok()) ends.push_back(*id);
    }
    std::vector<bool> reached = ancestors(original_, ends);
    return std::all_of(recorded_outputs_.begin(), recorded_outputs_.end(), [&](const std::string& output) {
      Result<NodeId> id = original_.find_node(output);
      return id.ok() && reached[static_cast<size_t>(*id)];
    });
  }

  // What is left to feed was recorded. Of what was recorded only modes are gone, for their values are as assumed: else
  // the outputs would not be the recorded ones.
  bool inputs_are_recorded(const Graph& optimized, const MobileOptions& options) const {
    std::vector<std::string> inputs = likely_inputs(optimized, options.outputs);
    return std::all_of(inputs.begin(), inputs.end(), [&](const std::string& input) {
      return std::any_of(model_.sets[0].inputs.begin(), model_.sets[0].inputs.end(),
                         [&](const CaseTensor& recorded) { return node_of(recorded.name) == input; });
    });
  }

  Status check_outputs(const Graph& optimized, const MobileOptions& options) {
    TARN_ASSIGN_OR_RETURN(GraphRunner before, GraphRunner::of_graph(original_, "as it was", {ExecutorKind::kEngine}));
    TARN_ASSIGN_OR_RETURN(GraphRunner after, GraphRunner::of_graph(optimized, "optimized", {ExecutorKind::kEngine}));
    for (const CaseSet& set : model_.sets) {
      TARN_ASSIGN_OR_RETURN(std::vector<NamedFeed> feeds, read_feeds_of(set, &original_));
      TARN_ASSIGN_OR_RETURN(std::vector<NamedFeed> feeds_left, read_feeds_of(set, &optimized));
      TARN_ASSIGN_OR_RETURN(std::vector<Tensor> expected, before.run(feeds, options.outputs));
      TARN_ASSIGN_OR_RETURN(std::vector<Tensor> got, after.run(feeds_left, options.outputs));
      for (size_t i = 0; i < options.outputs.size(); ++i) {
        TARN_RETURN_IF_ERROR(compare_with_golden(set, options.outputs[i], got[i]));
        double difference = relative_difference(expected[i], got[i]);
        against_itself_ = std::max(against_itself_, difference);
        if (difference <= kMostDifference || result_.verdict.verdict != Verdict::kOk) continue;
        result_.verdict.judge(Verdict::kDiffers,
                              str_cat(quoted(options.outputs[i]), " differs from the graph as it was by ",
                                      number(difference), " of its range"));
      }
    }
    return {};
  }

  Status compare_with_golden(const CaseSet& set, const std::string& output, const Tensor& got) {
    for (const CaseTensor& recorded : set.outputs) {
      if (tensor_of(recorded.name) != output) continue;
      TARN_ASSIGN_OR_RETURN(Tensor expected, read_tensor_file(recorded.path));
      std::string difference;
      bool is_within =
          within_tolerance(got, expected, {model_.atol, model_.rtol}, result_.verdict.largest_difference, difference);
      if (!is_within && result_.verdict.verdict == Verdict::kOk)
        result_.verdict.judge(Verdict::kDiffers, str_cat(quoted(output), ": ", difference));
    }
    return {};
  }

  // The same bytes from the same graph, and from what came out.
  Status check_again(const Graph& optimized, const MobileOptions& told) {
    TARN_ASSIGN_OR_RETURN(std::string bytes, graph_bytes(optimized, GraphFormat::kBinary));
    result_.after.bytes = bytes.size();
    MobileOptions options = told;
    options.verify = false;
    options.feeds.clear();
    Graph second = original_;
    if (result_.ends_found) TARN_RETURN_IF_ERROR(find_inputs(second, options).status());
    TARN_RETURN_IF_ERROR(optimize_for_mobile(second, options).status());
    (void)store_self_test(second, options);  // where none can be made, the first has none either
    TARN_ASSIGN_OR_RETURN(std::string again, graph_bytes(second, GraphFormat::kBinary));
    if (again != bytes) result_.verdict.judge(Verdict::kDiffers, "a second run gives other bytes");
    TARN_ASSIGN_OR_RETURN(AnyGraph read, parse_any_graph(bytes, "optimized"));
    Graph third = std::move(read.graph);
    TARN_ASSIGN_OR_RETURN(std::vector<PassReport> reports, optimize_for_mobile(third, options));
    std::vector<std::string> changes;
    for (const PassReport& report : reports) {
      if (report.changes > 0)
        changes.push_back(str_cat(report.pass, " (", report.notes.empty() ? "" : report.notes[0], ")"));
    }
    if (!changes.empty())
      result_.verdict.judge(Verdict::kDiffers, str_cat("what was optimized is changed again by ", str_join(changes)));
    (void)store_self_test(third, options);
    TARN_ASSIGN_OR_RETURN(again, graph_bytes(third, GraphFormat::kBinary));
    if (again != bytes && result_.verdict.verdict == Verdict::kOk)
      result_.verdict.judge(Verdict::kDiffers, "optimizing what was optimized gives other bytes");
    return {};
  }

  Status measure(const Graph& optimized, const MobileOptions& options) {
    TARN_ASSIGN_OR_RETURN(std::string bytes, graph_bytes(original_, GraphFormat::kBinary));
    result_.before.bytes = bytes.size();
    result_.before.nodes = original_.node_count();
    result_.after.nodes = optimized.node_count();
    TARN_ASSIGN_OR_RETURN(Graph before, with_recorded_shapes(original_));
    TARN_ASSIGN_OR_RETURN(Graph after, with_recorded_shapes(optimized));
    Report report{.tool = "check_cases",
                  .before = {.path = "", .graph = &before},
                  .after = {.path = "", .graph = &after},
                  .inputs = options.inputs,
                  .outputs = options.outputs};
    measure_report(report, runs_);
    for (auto [side, measured] : {std::pair{&result_.before, &report.before}, {&result_.after, &report.after}}) {
      side->macs = measured->cost->macs;
      side->milliseconds = measured->run_ms;
    }
    return {};
  }

  // So that costs are those of the recorded inputs, however open the file leaves their sizes.
  Result<Graph> with_recorded_shapes(Graph graph) const {
    for (const CaseTensor& input : model_.sets[0].inputs) {
      Result<NodeId> id = graph.find_node(node_of(input.name));
      if (!id.ok() || !graph.node(*id).is("Placeholder")) continue;
      TARN_ASSIGN_OR_RETURN(Tensor tensor, read_tensor_file(input.path));
      graph.set_attr(*id, "shape", tensor.shape());
    }
    TARN_RETURN_IF_ERROR(refresh_facts(graph));
    return graph;
  }

  static std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.2g", value);
    return text;
  }

  const ModelCase& model_;
  int runs_;
  Graph original_;
  std::vector<std::string> recorded_outputs_;
  OptimizedCase result_;
  std::string summary_;
  std::string found_instead_;
  double against_itself_ = 0;
};

std::string count_text(double value) {
  constexpr std::pair<double, const char*> kUnits[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
  char text[32];
  for (auto [unit, name] : kUnits) {
    if (value < unit) continue;
    std::snprintf(text, sizeof(text), "%.3g%s", value / unit, name);
    return text;
  }
  std::snprintf(text, sizeof(text), "%.3g", value);
  return text;
}

}  // namespace

OptimizedCase check_optimized(const ModelCase& model, int runs) {
  // As in check_case(): memory may run out, and libraries below us throw.
  try {
    return OptimizedChecker(model, runs).check();
  } catch (const std::exception& error) {
    OptimizedCase result;
    result.verdict.name = model.name;
    result.verdict.judge(Verdict::kError, str_cat("unexpected: ", printable(error.what())));
    return result;
  }
}

std::string ends_found_text(const std::vector<OptimizedCase>& cases) {
  std::vector<std::string> others;
  size_t models = 0;
  for (const OptimizedCase& one : cases) {
    if (one.verdict.verdict == Verdict::kSkipped) continue;
    ++models;
    if (!one.ends_found) others.push_back(one.verdict.name);
  }
  return str_cat("inputs and outputs found: ", models - others.size(), " of ", models, " models",
                 others.empty() ? "" : "; not of " + str_join(others));
}

std::string optimized_table(const std::vector<OptimizedCase>& cases) {
  std::string text =
      "| model | nodes | | bytes | | MACs | | ms | |\n| --- | --: | --: | --: | --: | --: | --: | --: | --: |\n";
  auto pair_text = [](double before, double after) { return str_cat(count_text(before), " | ", count_text(after)); };
  auto times_text = [](double before, double after) {
    return before > 0 && after > 0 ? str_cat(count_text(before), " | ", count_text(after)) : std::string("- | -");
  };
  for (const OptimizedCase& one : cases) {
    if (one.after.nodes == 0) continue;
    str_append(text, "| ", one.verdict.name, " | ", one.before.nodes, " | ", one.after.nodes, " | ",
               pair_text(static_cast<double>(one.before.bytes), static_cast<double>(one.after.bytes)), " | ",
               pair_text(static_cast<double>(one.before.macs), static_cast<double>(one.after.macs)), " | ",
               times_text(one.before.milliseconds, one.after.milliseconds), " |\n");
  }
  return text;
}

}  // namespace tarn
