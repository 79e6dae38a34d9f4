// Models with golden outputs, as a manifest.json lists them: runs each and compares.
//
//   TARN_ASSIGN_OR_RETURN(std::vector<ModelCase> cases, read_manifest("data"));
//   CaseResult result = check_case(cases[0], ExecutorKind::kSession);
//   result.line();      // "mnist_softmax ok, 1.2e-07"
//
// Of a checkpoint every tensor must have the value that TensorFlow reads; a graph with variables must give the goldens,
// its freeze must give them too, and what TensorFlow's freeze gives, and training must go on as it did in TensorFlow.
// Recorded tensors on the way to an output must be right as well. A wrong output is reported with the first node on the
// way that differs. A case never fails the run: whatever goes wrong with it becomes its result.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/support/graph_runner.h"

namespace tarn {

struct CaseTensor {
  std::string name;  // "input:0"
  std::string path;  // of its .npy or .bin file
};

struct CaseSet {
  std::vector<CaseTensor> inputs, outputs;
};

// Training that TensorFlow did from the case's checkpoint.
struct TrainCase {
  std::string train_op, loss;
  std::vector<double> losses;  // before the first step, and after each
  std::vector<CaseTensor> feeds, variables_after;
};

struct ModelCase {
  std::string name, kind;         // kind: frozen, ckpt_v2, ckpt_v1, saved_model
  std::string graph, checkpoint;  // paths; the checkpoint may be empty, and the graph of a checkpoint alone
  std::string golden_frozen;      // TensorFlow's own freeze; may be empty
  std::string taps;               // .npz of tensors on the way to the first set's outputs; may be empty
  std::vector<std::string> tags;  // of a SavedModel
  // Tensors of the checkpoint: the beginning of the SHA-256 of their bytes, in hexadecimal.
  std::vector<std::pair<std::string, std::string>> hashes;
  std::optional<TrainCase> train;
  double atol = 0, rtol = 0;  // |got - expected| <= atol + rtol * |expected|; of integers <= atol
  std::vector<CaseSet> sets;  // none: there is no golden
};

// `dir`/manifest.json and the files beside it. Errors name what is missing or of the wrong type, and where.
Result<std::vector<ModelCase>> read_manifest(const std::string& dir);

enum class Verdict { kOk, kDiffers, kUnsupported, kError, kSkipped };
std::string_view verdict_name(Verdict verdict);

struct CaseResult {
  std::string name;
  Verdict verdict = Verdict::kOk;
  // Largest |got - expected| of any output; below 0 if nothing could be compared.
  double largest_difference = -1;
  // What differs, or the first op in the way; of a case that passes, what else than the outputs was compared.
  std::string reason;
  std::string line() const;
  CaseResult& judge(Verdict why, std::string what);
  // kUnsupported where it is Unimplemented, else kError.
  CaseResult& fail(const Status& status);
};

CaseResult check_case(const ModelCase& model, ExecutorKind executor);
// Both must pass; the worse one's reason, under its name.
CaseResult worse_of(const CaseResult& session, const CaseResult& engine);

// The parts of check_case(). A status is what kept a part from being compared.
struct PartResult {
  std::string difference;  // "" if nothing differs
  std::string summary;     // what was compared and how close it is, for the reports
};
Result<PartResult> check_hashes(const ModelCase& model);
Result<PartResult> check_training(const ModelCase& model);
// Our freeze of every set's outputs, beside the goldens and what TensorFlow's freeze gives, both run by `executor`.
Result<PartResult> check_freeze(const ModelCase& model, ExecutorKind executor);
// The recorded tensors on the way to the first set's outputs.
Result<PartResult> check_taps(const ModelCase& model, GraphRunner& runner, const std::vector<NamedFeed>& feeds);

// The first node of `runner` that differs from the one of the same name in TensorFlow's freeze, run the same way.
Result<std::string> first_difference_from_golden_frozen(const ModelCase& model, GraphRunner& runner,
                                                        const std::vector<NamedFeed>& feeds, ExecutorKind executor);

// What a set feeds; inputs that `graph` does not have are left out, if asked: a freeze drops what no output needs.
Result<std::vector<NamedFeed>> read_feeds_of(const CaseSet& set, const Graph* only_those_of = nullptr);

// Compares one tensor. `largest` grows to the largest difference.
struct Tolerance {
  double atol, rtol;
};
bool within_tolerance(const Tensor& got, const Tensor& expected, Tolerance tolerance, double& largest,
                      std::string& difference);

// The same on the way to an output, where small elements are differences of large ones: what is allowed grows with the
// largest expected element.
Tolerance tolerance_within(const Tensor& expected, Tolerance tolerance);

// The first node, in the order of the data's way, whose value differs by more than tolerance_within() from what
// `expected` says of it: "Relu 'conv1/Relu': 3 of 9 elements differ, …"; "" if none does. `expected` gives null for
// what it does not know; nodes that cannot be fetched (within loops) or that follow from random numbers are passed
// over.
using ExpectedTensor = std::function<std::optional<Tensor>(const std::string& tensor)>;
std::string first_difference(GraphRunner& got, const std::vector<NamedFeed>& feeds, const ExpectedTensor& expected,
                             Tolerance tolerance);

}  // namespace tarn
