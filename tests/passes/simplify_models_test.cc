// The simplifying passes on real models: each verified by running the graph before and after it on the model's own
// inputs; and nothing is left to do when they run again.
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/file.h"
#include "graph/graph_io.h"
#include "graph/npy.h"
#include "passes/support/pass_manager.h"

namespace tarn {
namespace {

struct Model {
  const char *name, *inputs, *outputs;
};
void PrintTo(const Model& model, std::ostream* out) {
  *out << model.name;
}

constexpr Model kModels[] = {
    {"nepali_digits_cnn", "conv2d_3_input:0", "activation_8/Softmax:0"},
    {"drawtext_numbers_switch", "input_1:0,dropout_1/keras_learning_phase:0", "dense_2/Softmax:0"},
    {"mnist_gru_tf2onnx", "X:0,keep_prob:0", "output:0"},
    {"kws_ds_cnn_s", "wav_data:0", "labels_softmax:0"},
    {"kws_basic_lstm_s", "wav_data:0", "labels_softmax:0"},
    {"kws_gru_s", "wav_data:0", "labels_softmax:0"},
    {"mobilenet_v1_025_128", "input:0", "MobilenetV1/Predictions/Reshape_1:0"},
    {"mtcnn_blaueck", "input:0,min_size:0,thresholds:0,factor:0", "prob:0,landmarks:0,box:0"},
    {"espcn_superres_alexandra", "images:0", "pixel_shuffle:0"},
    {"captcha_ctc_ss22219", "input:0", "output/transpose:0"},
    {"deepsense_stemlab", "I:0", "O:0"},
    {"ntm_binary_sum_v1", "root/Placeholder:0,root/Placeholder_1:0", "root/Sigmoid:0"},
    {"charrnn_zaneoliver", "input_data:0", "probs:0"},
    {"cms_track_qcd2020", "x:0,y:0", "Identity:0"},
    {"hey_snips_wavenet", "inputs:0", "logits:0"},
    {"keras_cnn_prnan4", "conv2d_3_input:0", "out_0:0"},
    {"bn_cond_hanhan", "Placeholder:0,training:0", "final:0"},
};

Result<Tensor> read_recorded(const std::string& folder, std::string_view kind, const std::string& tensor) {
  std::string stem = path_join(folder, str_cat(kind, "_", tensor_file_stem(tensor)));
  Result<Tensor> value = read_tensor_file(stem + ".npy");
  return value.ok() ? std::move(value) : read_tensor_file(stem + ".bin");
}

class SimplifiedModels : public ::testing::TestWithParam<Model> {};

TEST_P(SimplifiedModels, ComputeWhatTheyDid) {
  const char* data = std::getenv("TARN_DATA");
  if (data == nullptr) GTEST_SKIP() << "TARN_DATA is not set: no real models here";
  const std::string folder = path_join(data, str_cat("models/", GetParam().name));
  Result<Graph> graph = read_graph(path_join(folder, "graph.pb"));
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  PassManagerOptions options;
  options.inputs = str_split(GetParam().inputs, ',', true);
  options.outputs = str_split(GetParam().outputs, ',', true);
  options.verify = true;
  for (const std::string& input : options.inputs) {
    Result<Tensor> value = read_recorded(folder, "input", input);
    ASSERT_TRUE(value.ok()) << value.status().to_string();
    options.feeds.emplace_back(input, *value);
  }
  auto pipeline = [](std::string_view text) { return parse_pipeline(text).value_or({}); };
  ASSERT_TRUE(PassManager(options).run(*graph, pipeline("strip fold_constants strip")).ok());
  const int nodes = graph->node_count();

  // Most of what a round opens up for the next is constants to fold.
  options.most_rounds = 4;
  const std::string_view kAll =
      "unroll_loops hoist_loop_invariants fold_constants simplify_shapes simplify_arithmetic "
      "simplify_arithmetic_rounding order_fusible merge_duplicates compress_constants";
  Result<std::vector<PassReport>> reports = PassManager(options).run(*graph, pipeline(kAll));

  ASSERT_TRUE(reports.ok()) << reports.status().to_string();
  EXPECT_LE(graph->node_count(), nodes);
  options.most_rounds = 1;
  Result<std::vector<PassReport>> again = PassManager(options).run(*graph, pipeline(kAll));
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  for (const PassReport& report : *again) EXPECT_EQ(report.changes, 0) << report.pass << ": " << report.notes[0];
  std::string summary = str_cat(GetParam().name, ": ", nodes, " nodes, then ", graph->node_count());
  for (const PassReport& report : *reports) {
    if (report.changes > 0) str_append(summary, "; ", report.pass, " ", report.changes);
  }
  RecordProperty("summary", summary);
}

INSTANTIATE_TEST_SUITE_P(Real, SimplifiedModels, ::testing::ValuesIn(kModels),
                         [](const ::testing::TestParamInfo<Model>& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace tarn
