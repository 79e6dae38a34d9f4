// A network that gives scores for pictures, with all that a file or flags say of feeding it: label_image and
// recognize_digits.
//
//   TARN_ASSIGN_OR_RETURN(ImageClassifier classifier, ImageClassifier::load("mobilenet.pb", {}));
//   TARN_ASSIGN_OR_RETURN(ImageInput input, make_image_input(image, classifier.form(), classifier.image_options()));
//   TARN_ASSIGN_OR_RETURN(std::vector<std::vector<float>> scores, classifier.run({&input.tensor, 1}));
//
// Thread-compatible.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/support/graph_runner.h"
#include "tools/support/image_input.h"

namespace tarn {

struct ClassifierOptions {
  // By default what the model's metadata tells, else the only ones there are.
  std::string input = {}, output = {};
  std::string_view input_flag = "input_layer", output_flag = "output_layer";  // for messages
  ImageSize size = {};                                                        // where the graph leaves it open
  std::optional<double> mean = std::nullopt, std = std::nullopt;              // in place of what the model tells
  std::optional<int> batch = std::nullopt;
  std::string labels = {};  // a file with a label a line; by default those that the model tells
  ImageOptions image = {};  // but mean, std and is_bgr
  ExecutorKind executor = ExecutorKind::kEngine;
  int threads = 0;
};

// The digit classifier that ./quickstart makes: below the current folder, or in the repository that this program was
// built in.
Result<std::string> quickstart_model();

class ImageClassifier {
 public:
  static Result<ImageClassifier> load(const std::string& path, const ClassifierOptions& options);

  const ImageForm& form() const { return form_; }
  const ImageOptions& image_options() const { return image_; }
  // Pictures to run at a time: what the graph insists on, else what was asked for.
  size_t batch() const { return batch_; }
  // As many as there are scores, once it has run; else empty, or what the model tells.
  const std::vector<std::string>& labels() const { return labels_; }
  // "" or a sentence: labels and scores are not as many.
  const std::string& labels_problem() const { return labels_problem_; }

  // A row of scores for each picture, up to batch() of them.
  Result<std::vector<std::vector<float>>> run(std::span<const Tensor> pictures);

 private:
  explicit ImageClassifier(GraphRunner runner) : runner_(std::move(runner)) {}
  Status choose_ends(const ClassifierOptions& options);
  Status choose_form(const ClassifierOptions& options);

  GraphRunner runner_;
  std::string path_, input_, output_, labels_from_, labels_problem_;
  ImageForm form_;
  ImageOptions image_;
  std::vector<std::string> labels_;
  size_t batch_ = 1;
  bool is_fixed_ = false;  // the graph takes no fewer
};

}  // namespace tarn
