#include "tools/support/keyword_model.h"

#include <algorithm>

#include "graph/model_info.h"
#include "graph/text.h"
#include "passes/support/sample_inputs.h"
#include "tools/support/graph_ends.h"
#include "tools/support/graph_file.h"
#include "tools/support/scores.h"
#include "tools/support/sound.h"

namespace tarn {
namespace {

constexpr int kDefaultRate = 16000, kDefaultClipMs = 1000;  // of TensorFlow's speech commands

NodeId node_of_op(const Graph& graph, std::string_view op) {
  for (NodeId id : graph.ids()) {
    if (graph.node(id).is(op)) return id;
  }
  return -1;
}

int64_t samples_of(int64_t milliseconds, int rate) {
  return milliseconds * rate / 1000;
}

Result<Tensor> text_tensor(std::string text) {
  TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(DType::kString, Shape()));
  tensor.mutable_flat<std::string>()[0] = std::move(text);
  return tensor;
}

Result<Tensor> sample_tensor(std::span<const float> samples, const Shape& shape) {
  TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(DType::kFloat, shape));
  std::copy(samples.begin(), samples.end(), tensor.mutable_flat<float>().begin());
  return tensor;
}

}  // namespace

Result<KeywordModel> KeywordModel::load(const std::string& path, const KeywordOptions& options) {
  TARN_ASSIGN_OR_RETURN(GraphRunner runner,
                        GraphRunner::load(path, "", {.executor = options.executor, .threads = options.threads}));
  KeywordModel model(std::move(runner), path);
  TARN_RETURN_IF_ERROR(model.find_ends(options));
  Status status = model.judge_input(options);
  if (!status.ok() && !status.message().starts_with("--")) return status.with_context(printable(path));
  if (!status.ok()) return status;
  return model;
}

Status KeywordModel::find_ends(const KeywordOptions& options) {
  const Graph& graph = runner_.graph();
  Result<Metadata> metadata = metadata_of(graph);
  if (!metadata.ok()) return metadata.status().with_context(printable(path_));
  output_ = options.output;
  for (const Metadata::Output& output : metadata->outputs) {
    if (output_.empty() && !output.labels.empty()) output_ = output.name;
  }
  if (output_.empty()) {
    TARN_ASSIGN_OR_RETURN(output_, only_output(graph, path_, "output_name"));
  }
  input_ = options.input;
  if (NodeId decoder = node_of_op(graph, "DecodeWav"); input_.empty() && decoder >= 0) {
    NodeId file = graph.node(decoder).inputs[0].node;
    // A graph that reads the file itself takes what it decodes.
    input_ = graph.node(graph.node(file).is("Placeholder") ? file : decoder).name;
  }
  if (input_.empty()) {
    TARN_ASSIGN_OR_RETURN(input_, only_input(graph, output_, path_, "input_name"));
  }
  TARN_RETURN_IF_ERROR(check_nodes("output_name", {output_}, graph, path_));
  TARN_RETURN_IF_ERROR(check_nodes("input_name", {input_}, graph, path_));
  for (const Metadata::Output& output : metadata->outputs) {
    if (output.name == output_ || output.name + ":0" == output_) labels_ = output.labels;
  }
  sample_rate_ = options.sample_rate;
  for (const Metadata::Input& input : metadata->inputs) {
    if (sample_rate_ == 0 && input.name == input_) sample_rate_ = static_cast<int>(input.sample_rate);
  }
  if (sample_rate_ == 0) sample_rate_ = kDefaultRate;
  return {};
}

Status KeywordModel::judge_input(const KeywordOptions& options) {
  const Graph& graph = runner_.graph();
  int64_t clip = samples_of(options.clip_duration_ms > 0 ? options.clip_duration_ms : kDefaultClipMs, sample_rate_);
  TARN_ASSIGN_OR_RETURN(Wire wire, graph.find_wire(input_));
  const Fact& fact = graph.fact(wire);
  NodeId decoder = node_of_op(graph, "DecodeWav");
  if (decoder >= 0) {
    auto desired = graph.node(decoder).attrs.get_or<int64_t>("desired_samples", -1);
    if (desired > 0 && options.clip_duration_ms == 0) clip = desired;
  }
  if (fact.dtype == DType::kString) {
    takes_ = Takes::kFile;
  } else if (graph.node(wire.node).is("DecodeWav")) {
    takes_ = Takes::kDecoded;
  } else if (fact.dtype == DType::kFloat) {
    shape_ = fact.shape.has_rank() ? fact.shape : guess_shape(graph, wire);
    int64_t values = 1;
    std::vector<int64_t> dims;
    for (int d = 0; shape_.has_rank() && d < shape_.rank(); ++d) {
      bool is_open = shape_.dim(d) < 0;
      // [?,1]: as many samples as there are.
      int64_t dim = !is_open ? shape_.dim(d) : d == 0 && shape_.rank() == 2 && shape_.dim(1) == 1 ? clip : 1;
      dims.push_back(dim);
      values *= dim;
    }
    if (values <= 1)
      return invalid_argument("input ", tarn::quoted(input_), " takes ", fact.shape,
                              "; a keyword model takes a WAV file's bytes (a string), [?,SAMPLES] or a spectrum of "
                              "known size");
    shape_ = Shape(dims);
    bool has_own_front_end = node_of_op(graph, "AudioSpectrogram") >= 0;
    takes_ = has_own_front_end || values == clip ? Takes::kSamples : Takes::kSpectrum;
    if (takes_ == Takes::kSamples) clip = values;
    if (takes_ == Takes::kSpectrum) {
      clip_samples_ = static_cast<size_t>(clip);
      TARN_RETURN_IF_ERROR(make_front_end(options, values));
    }
  } else {
    return invalid_argument("input ", tarn::quoted(input_), " takes ", dtype_name(fact.dtype),
                            "; a keyword model takes a WAV file's bytes (a string) or floats");
  }
  clip_samples_ = static_cast<size_t>(clip);
  return {};
}

// TensorFlow's input_data.py: AudioSpectrogram of windows, squared, then Mfcc.
Status KeywordModel::make_front_end(const KeywordOptions& options, int64_t values) {
  constexpr int kStrides[] = {10, 20, 40, 30, 25};  // ms; TensorFlow's own first, then what others trained with
  constexpr int kCounts[] = {40, 10, 13, 20, 26};
  int64_t window = samples_of(options.window_size_ms, sample_rate_);
  int found_stride = 0, found_count = 0;
  for (int count : kCounts) {
    if (options.dct_coefficient_count != 0) count = options.dct_coefficient_count;
    for (int stride_ms : kStrides) {
      if (options.window_stride_ms != 0) stride_ms = options.window_stride_ms;
      int64_t rows = 1 + (static_cast<int64_t>(clip_samples_) - window) / samples_of(stride_ms, sample_rate_);
      if (found_stride == 0 && window <= static_cast<int64_t>(clip_samples_) && rows * count == values) {
        found_stride = stride_ms;
        found_count = count;
      }
    }
  }
  if (found_stride == 0) {
    return invalid_argument(
        "input ", tarn::quoted(input_), " takes ", values, " numbers of sound: as many as no spectrum of ",
        clip_samples_, " samples in windows of ", options.window_size_ms,
        " ms has; say what the model was trained with: --clip_duration_ms, --sample_rate, --window_size_ms, "
        "--window_stride_ms, --dct_coefficient_count");
  }
  TARN_ASSIGN_OR_RETURN(
      Graph graph,
      graph_from_text(str_cat(
          "samples: f32[?,1] = Placeholder\nrate: i32[] = ", sample_rate_,
          "\nspectrum = AudioSpectrogram(samples) {window_size=", window,
          ", stride=", samples_of(found_stride, sample_rate_),
          ", magnitude_squared=true}\nmfcc = Mfcc(spectrum, rate) {dct_coefficient_count=", found_count, "}\n")));
  front_end_ = std::make_shared<Session>(std::make_shared<const Graph>(std::move(graph)), SessionOptions{.threads = 1});
  return {};
}

Result<Tensor> KeywordModel::spectrum(std::span<const float> clip) {
  TARN_ASSIGN_OR_RETURN(Tensor samples, sample_tensor(clip, Shape{static_cast<int64_t>(clip.size()), 1}));
  std::vector<Tensor> outputs;
  TARN_RETURN_IF_ERROR(front_end_->Run({{"samples", samples}}, {"mfcc"}, &outputs));
  return sample_tensor(outputs[0].flat<float>(), shape_);
}

Result<std::vector<float>> KeywordModel::scores(const std::vector<NamedFeed>& feeds) {
  Result<std::vector<Tensor>> outputs = runner_.run(feeds, {output_});
  if (!outputs.ok()) return graph_error(outputs.status(), path_);
  Result<std::vector<std::vector<float>>> rows = score_rows((*outputs)[0], output_, 1);
  if (!rows.ok()) return rows.status().with_context(printable(path_));
  return (*rows)[0];
}

Result<std::vector<float>> KeywordModel::run_file(std::string bytes) {
  TARN_ASSIGN_OR_RETURN(Tensor file, text_tensor(std::move(bytes)));
  return scores({{input_, file}});
}

Result<std::vector<float>> KeywordModel::run(std::span<const float> clip) {
  if (takes_ == Takes::kFile) return run_file(encode_wav(clip, sample_rate_));
  if (takes_ == Takes::kDecoded) {
    TARN_ASSIGN_OR_RETURN(Tensor samples, sample_tensor(clip, Shape{static_cast<int64_t>(clip.size()), 1}));
    TARN_ASSIGN_OR_RETURN(Tensor rate, Tensor::allocate(DType::kInt32, Shape()));
    rate.mutable_flat<int32_t>()[0] = sample_rate_;
    std::string node = input_.substr(0, input_.find(':'));
    return scores({{node + ":0", samples}, {node + ":1", rate}});
  }
  Result<Tensor> input = takes_ == Takes::kSamples ? sample_tensor(clip, shape_) : spectrum(clip);
  TARN_RETURN_IF_ERROR(input.status());
  return scores({{input_, *input}});
}

}  // namespace tarn
