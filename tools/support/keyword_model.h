// A model that hears keywords, whatever it takes: the bytes of a WAV file, samples, or the spectrum that its own front
// end would have made of them.
//
//   TARN_ASSIGN_OR_RETURN(KeywordModel model, KeywordModel::load("conv_actions.pb", {}));
//   TARN_ASSIGN_OR_RETURN(std::vector<float> scores, model.run(clip));   // model.clip_samples() at model.sample_rate()
//
// Thread-compatible.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/session.h"
#include "tools/support/graph_runner.h"

namespace tarn {

struct KeywordOptions {
  std::string input = {}, output = {};  // by default found
  int sample_rate = 0;                  // Hz; 0: what the model tells, else 16000
  int clip_duration_ms = 0;             // 0: what the model tells, else 1000
  // Of a model that takes the mel-frequency spectrum: how it was made of sound. The stride and the coefficients are
  // found if they are 0 and the size of the input leaves no choice.
  int window_size_ms = 30, window_stride_ms = 0, dct_coefficient_count = 0;
  ExecutorKind executor = ExecutorKind::kEngine;
  int threads = 0;
};

class KeywordModel {
 public:
  static Result<KeywordModel> load(const std::string& path, const KeywordOptions& options);

  int sample_rate() const { return sample_rate_; }
  size_t clip_samples() const { return clip_samples_; }
  bool takes_files() const { return takes_ == Takes::kFile; }
  const std::vector<std::string>& labels() const { return labels_; }  // that the model tells; may be empty

  Result<std::vector<float>> run(std::span<const float> clip);
  // The file as it is, as TensorFlow's label_wav feeds it; of a model that takes files.
  Result<std::vector<float>> run_file(std::string bytes);

 private:
  // kDecoded: what DecodeWav gives, samples and their rate.
  enum class Takes { kFile, kDecoded, kSamples, kSpectrum };
  KeywordModel(GraphRunner runner, std::string path) : runner_(std::move(runner)), path_(std::move(path)) {}
  Status find_ends(const KeywordOptions& options);
  Status judge_input(const KeywordOptions& options);
  Status make_front_end(const KeywordOptions& options, int64_t values);
  Result<Tensor> spectrum(std::span<const float> clip);
  Result<std::vector<float>> scores(const std::vector<NamedFeed>& feeds);

  GraphRunner runner_;
  std::string path_, input_, output_;
  Takes takes_ = Takes::kFile;
  Shape shape_;  // of samples or the spectrum
  int sample_rate_ = 0;
  size_t clip_samples_ = 0;
  std::vector<std::string> labels_;
  std::shared_ptr<Session> front_end_;
};

}  // namespace tarn
