// The parts of check_case() that are about more than the outputs of one graph: what our freeze gives beside
// TensorFlow's, and the tensors recorded on the way.
#include <algorithm>
#include <map>

#include "core/file.h"
#include "graph/npy.h"
#include "tools/support/case_check.h"
#include "tools/support/freeze_files.h"
#include "tools/support/npz.h"

namespace tarn {
namespace {

std::string number_text(double number) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", number);
  return text;
}

std::vector<std::string> names_of(const std::vector<CaseTensor>& tensors) {
  std::vector<std::string> names;
  for (const CaseTensor& tensor : tensors) names.push_back(tensor.name);
  return names;
}

// TensorFlow's frozen graph, run on whatever is asked for.
ExpectedTensor values_of(GraphRunner& runner, const std::vector<NamedFeed>& feeds) {
  return [&runner, &feeds](const std::string& name) -> std::optional<Tensor> {
    Result<std::vector<Tensor>> values = runner.run(feeds, {name});
    if (!values.ok()) return std::nullopt;
    return (*values)[0];
  };
}

class FreezeChecker {
 public:
  FreezeChecker(const ModelCase& model, GraphRunner& frozen) : model_(model), frozen_(frozen) {}

  Result<PartResult> check(GraphRunner* golden) {
    PartResult part;
    for (const CaseSet& set : model_.sets) {
      TARN_ASSIGN_OR_RETURN(std::vector<NamedFeed> feeds, read_feeds_of(set, &frozen_.graph()));
      std::vector<std::string> fetches = names_of(set.outputs);
      Result<std::vector<Tensor>> got = frozen_.run(feeds, fetches);
      if (!got.ok()) return got.status().with_context("our frozen graph");
      std::vector<Tensor> recorded;
      for (const CaseTensor& output : set.outputs) {
        TARN_ASSIGN_OR_RETURN(Tensor tensor, read_tensor_file(output.path));
        recorded.push_back(std::move(tensor));
      }
      part.difference = compare(fetches, *got, recorded, "the golden output", largest_recorded_);
      if (!part.difference.empty()) return part;
      if (golden == nullptr) continue;
      TARN_ASSIGN_OR_RETURN(std::vector<NamedFeed> golden_feeds, read_feeds_of(set, &golden->graph()));
      Result<std::vector<Tensor>> theirs = golden->run(golden_feeds, fetches);
      if (!theirs.ok()) return theirs.status().with_context("golden_frozen.pb");
      part.difference = compare(fetches, *got, *theirs, "what golden_frozen.pb gives", largest_);
      if (part.difference.empty()) continue;
      std::string node = first_difference(frozen_, feeds, values_of(*golden, golden_feeds), {model_.atol, model_.rtol});
      if (!node.empty()) str_append(part.difference, "; the first node that differs is ", node);
      return part;
    }
    part.summary = golden == nullptr ? str_cat("frozen: within ", number_text(largest_recorded_), " of the goldens")
                   : largest_ <= 0   ? "frozen: equal to golden_frozen.pb"
                                     : str_cat("frozen: within ", number_text(largest_), " of golden_frozen.pb");
    return part;
  }

 private:
  std::string compare(const std::vector<std::string>& fetches, const std::vector<Tensor>& got,
                      const std::vector<Tensor>& expected, std::string_view of_what, double& largest) const {
    for (size_t i = 0; i < fetches.size(); ++i) {
      std::string difference;
      if (!within_tolerance(got[i], expected[i], {model_.atol, model_.rtol}, largest, difference))
        return str_cat("frozen, ", quoted(fetches[i]), " is not ", of_what, ": ", difference);
    }
    return {};
  }

  const ModelCase& model_;
  GraphRunner& frozen_;
  double largest_ = 0, largest_recorded_ = 0;
};

}  // namespace

Result<PartResult> check_freeze(const ModelCase& model, ExecutorKind executor) {
  FreezeFiles files;
  files.graph = model.graph;
  files.checkpoint = model.checkpoint;
  files.tags = model.tags;
  files.options.outputs = names_of(model.sets[0].outputs);
  Result<FrozenGraph> frozen = freeze_files(files);
  if (!frozen.ok()) return frozen.status().with_context("freezing");
  TARN_ASSIGN_OR_RETURN(GraphRunner ours, GraphRunner::of_graph(frozen->graph, "frozen", {.executor = executor}));
  FreezeChecker checker(model, ours);
  if (model.golden_frozen.empty()) return checker.check(nullptr);
  TARN_ASSIGN_OR_RETURN(GraphRunner golden, GraphRunner::load(model.golden_frozen, "", {.executor = executor}));
  return checker.check(&golden);
}

Result<std::string> first_difference_from_golden_frozen(const ModelCase& model, GraphRunner& runner,
                                                        const std::vector<NamedFeed>& feeds, ExecutorKind executor) {
  if (model.golden_frozen.empty()) return std::string();
  TARN_ASSIGN_OR_RETURN(GraphRunner golden, GraphRunner::load(model.golden_frozen, "", {.executor = executor}));
  std::vector<NamedFeed> golden_feeds;
  for (const NamedFeed& feed : feeds) {
    if (golden.graph().find_node(feed.first).ok()) golden_feeds.push_back(feed);
  }
  return first_difference(runner, feeds, values_of(golden, golden_feeds), {model.atol, model.rtol});
}

Result<PartResult> check_taps(const ModelCase& model, GraphRunner& runner, const std::vector<NamedFeed>& feeds) {
  TARN_ASSIGN_OR_RETURN(std::vector<NamedTensor> taps, read_npz(model.taps));
  std::map<std::string, const Tensor*> by_name;
  std::vector<std::string> fetches;
  for (NamedTensor& tap : taps) {
    std::replace(tap.name.begin(), tap.name.end(), '|', '/');
    Result<Wire> wire = runner.graph().find_wire(tap.name);
    if (!wire.ok()) continue;  // of a function that was written out
    fetches.push_back(runner.graph().wire_name(*wire));
    by_name[fetches.back()] = &tap.tensor;
  }
  PartResult part;
  if (fetches.empty()) return part;
  Result<std::vector<Tensor>> values = runner.run(feeds, fetches);
  if (!values.ok()) return values.status().with_context("recorded nodes");
  const Tolerance tolerance{model.atol, model.rtol};
  double largest = 0;
  bool all_within = true;
  for (size_t i = 0; i < fetches.size(); ++i) {
    std::string difference;
    const Tensor& expected = *by_name[fetches[i]];
    Tolerance allowed = tolerance_within(expected, tolerance);
    all_within = within_tolerance((*values)[i], expected, allowed, largest, difference) && all_within;
  }
  if (all_within) {
    part.summary = str_cat(fetches.size(), " recorded nodes within ", number_text(largest));
    return part;
  }
  auto expected = [&](const std::string& name) -> std::optional<Tensor> {
    auto found = by_name.find(name);
    return found == by_name.end() ? std::nullopt : std::optional<Tensor>(*found->second);
  };
  part.difference = first_difference(runner, feeds, expected, tolerance);
  // Else only those differ that follow from random numbers.
  if (part.difference.empty()) part.summary = str_cat(fetches.size(), " recorded nodes, but for random ones");
  return part;
}

}  // namespace tarn
