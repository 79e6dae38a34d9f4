// Models with golden outputs, as a manifest.json lists them: runs each and compares.
//
//   TARN_ASSIGN_OR_RETURN(std::vector<ModelCase> cases, read_manifest("data"));
//   CaseResult result = check_case(cases[0], ExecutorKind::kSession);
//   result.line();      // "mnist_softmax ok, 1.2e-07"
//
// Of a checkpoint every tensor must have the value that TensorFlow reads; a graph with variables must give the goldens,
// its freeze must give what TensorFlow's freeze gives, and training must go on as it did in TensorFlow. A wrong output
// is reported with the first recorded tensor on the way that differs. A case never fails the run: whatever goes wrong
// with it becomes its result.
#pragma once

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
  std::string reason;  // the first op in the way and what else there is to say
  std::string line() const;
};

CaseResult check_case(const ModelCase& model, ExecutorKind executor);
// Both must pass; the worse one's reason, under its name.
CaseResult worse_of(const CaseResult& session, const CaseResult& engine);

// The parts of check_case(); "" or what differs. `largest` grows to the largest difference of a loss.
Result<std::string> check_hashes(const ModelCase& model);
Result<std::string> check_training(const ModelCase& model, double& largest);

// Compares one tensor. `largest` grows to the largest difference.
struct Tolerance {
  double atol, rtol;
};
bool within_tolerance(const Tensor& got, const Tensor& expected, Tolerance tolerance, double& largest,
                      std::string& difference);

}  // namespace tarn
