#include "tools/support/image_classifier.h"

#include <algorithm>
#include <filesystem>

#include "core/file.h"
#include "graph/model_info.h"
#include "passes/support/sample_inputs.h"
#include "tools/support/graph_ends.h"
#include "tools/support/graph_file.h"
#include "tools/support/metadata_flags.h"
#include "tools/support/scores.h"

namespace tarn {
namespace {

// The only one that matters of what the metadata tells: a model may have more outputs than scores.
template <class Record, class Matters>
std::string told_name(const std::vector<Record>& records, const Matters& matters) {
  std::string name;
  for (const Record& record : records) {
    if (!matters(record)) continue;
    if (!name.empty()) return {};
    name = record.name;
  }
  return name;
}

}  // namespace

Result<std::string> quickstart_model() {
  constexpr std::string_view kDigitModel = "out/optimized.pb";
  std::string here(kDigitModel);
  if (file_exists(here)) return here;
  std::error_code ignored;
  std::string program = std::filesystem::read_symlink("/proc/self/exe", ignored).string();
  std::string there = path_join(path_dir(program), str_cat("../../../", kDigitModel));
  if (!program.empty() && file_exists(there)) return std::filesystem::path(there).lexically_normal().string();
  return not_found("there is no ", kDigitModel,
                   " here: ./quickstart trains the digit classifier and leaves it there; or name a graph with --graph");
}

Result<ImageClassifier> ImageClassifier::load(const std::string& path, const ClassifierOptions& options) {
  TARN_ASSIGN_OR_RETURN(GraphRunner runner,
                        GraphRunner::load(path, "", {.executor = options.executor, .threads = options.threads}));
  ImageClassifier classifier(std::move(runner));
  classifier.path_ = path;
  classifier.image_ = options.image;
  TARN_RETURN_IF_ERROR(classifier.choose_ends(options));
  TARN_RETURN_IF_ERROR(classifier.choose_form(options));
  return classifier;
}

Status ImageClassifier::choose_ends(const ClassifierOptions& options) {
  const Graph& graph = runner_.graph();
  Result<Metadata> metadata = metadata_of(graph);
  if (!metadata.ok()) return metadata.status().with_context(printable(path_));
  output_ = options.output;
  input_ = options.input;
  if (output_.empty())
    output_ = told_name(metadata->outputs, [](const Metadata::Output& output) { return !output.labels.empty(); });
  if (input_.empty())
    input_ = told_name(metadata->inputs, [](const Metadata::Input& input) { return input.kind == "image"; });
  if (output_.empty()) {
    TARN_ASSIGN_OR_RETURN(output_, only_output(graph, path_, options.output_flag));
  }
  if (input_.empty()) {
    TARN_ASSIGN_OR_RETURN(input_, only_input(graph, output_, path_, options.input_flag));
  }
  TARN_RETURN_IF_ERROR(check_nodes(options.output_flag, {output_}, graph, path_));
  TARN_RETURN_IF_ERROR(check_nodes(options.input_flag, {input_}, graph, path_));
  for (const Metadata::Input& input : metadata->inputs) {
    if (input.name != input_) continue;
    if (!input.mean.empty()) image_.mean = input.mean;
    if (!input.std.empty()) image_.std = input.std;
    image_.is_bgr = input.color_order == "BGR";
  }
  labels_from_ = path_;
  for (const Metadata::Output& output : metadata->outputs) {
    if (output.name == output_) labels_ = output.labels;
  }
  if (options.mean) image_.mean = {*options.mean};
  if (options.std) image_.std = {*options.std};
  if (options.labels.empty()) return {};
  labels_from_ = options.labels;
  TARN_ASSIGN_OR_RETURN(labels_, read_labels(options.labels));
  return {};
}

Status ImageClassifier::choose_form(const ClassifierOptions& options) {
  const Graph& graph = runner_.graph();
  TARN_ASSIGN_OR_RETURN(Wire wire, graph.find_wire(input_));
  const Fact& fact = graph.fact(wire);
  Shape shape = fact.shape;
  if (!shape.has_rank()) shape = guess_shape(graph, wire);
  if (shape.is_scalar()) shape = Shape::unknown();
  Result<ImageForm> form = image_form(shape, fact.dtype, options.size);
  if (!form.ok()) return form.status().with_context(str_cat(path_, ": input ", tarn::quoted(input_)));
  form_ = *form;
  // Of three dims the first may be a height.
  int64_t declared = shape.has_rank() && (shape.rank() == 2 || shape.rank() == 4) ? shape.dim(0) : kUnknownDim;
  is_fixed_ = declared >= 1;
  batch_ = static_cast<size_t>(is_fixed_ ? declared : options.batch.value_or(1));
  if (is_fixed_ && options.batch && *options.batch != declared)
    return invalid_argument("--batch: ", path_, " takes ", declared, " at a time, not ", *options.batch);
  return {};
}

Result<std::vector<std::vector<float>>> ImageClassifier::run(std::span<const Tensor> pictures) {
  int64_t rows = std::max<int64_t>(static_cast<int64_t>(pictures.size()), is_fixed_ ? static_cast<int64_t>(batch_) : 1);
  TARN_ASSIGN_OR_RETURN(Tensor input, make_batch(pictures, rows));
  Result<std::vector<Tensor>> outputs = runner_.run({{input_, input}}, {output_});
  if (!outputs.ok()) return graph_error(outputs.status(), path_);
  Result<std::vector<std::vector<float>>> scores = score_rows((*outputs)[0], output_, rows);
  if (!scores.ok()) return scores.status().with_context(path_);
  scores->resize(pictures.size());
  size_t count = (*scores)[0].size();
  if (!labels_.empty() && labels_.size() != count)
    labels_problem_ = str_cat(labels_from_, " has ", labels_.size(), " labels for ", count, " scores");
  for (size_t i = labels_.size(); i < count; ++i) labels_.push_back(labels_problem_.empty() ? str_cat(i) : "");
  labels_.resize(count);
  return scores;
}

}  // namespace tarn
