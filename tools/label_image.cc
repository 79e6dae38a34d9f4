// label_image: TensorFlow's label_image: what a network sees in a picture.
#include <gflags/gflags.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <numeric>

#include "core/file.h"
#include "passes/support/sample_inputs.h"
#include "tools/support/graph_ends.h"
#include "tools/support/graph_file.h"
#include "tools/support/graph_runner.h"
#include "tools/support/image_input.h"
#include "tools/support/main.h"

DEFINE_string(image, "", "Picture: PNG, JPEG, PGM or PPM, told by its content");
DEFINE_string(graph, "", "Frozen graph; by default the digit classifier that ./quickstart leaves in out/");
DEFINE_string(labels, "", "Text file with a label a line, in the order of the scores; by default their numbers");
DEFINE_string(input_layer, "", "Input for the picture; by default the only Placeholder");
DEFINE_string(output_layer, "", "Output with the scores; by default the only node that nothing uses");
DEFINE_int32(input_width, 0, "Width of the input; by default the graph's, or 299 if that leaves it open");
DEFINE_int32(input_height, 0, "Height of the input; by default the graph's, or 299 if that leaves it open");
DEFINE_double(input_mean, 0, "Subtracted from every pixel (0 to 255)…");
DEFINE_double(input_std, 255, "…which is then divided by this. 0 and 255 give 0 to 1; 127.5 and 127.5 give -1 to 1");
DEFINE_int32(top_k, 5, "Labels to print, best first");
DEFINE_string(
    invert, "auto",
    "yes, no, or auto: swap black and white if the graph takes digits (28 x 28, gray: light strokes on black) "
    "and the picture's edge is light");
DEFINE_string(root_dir, "", "Folder that --image, --graph and --labels are in");
DEFINE_string(executor, "engine", "engine: what an app runs, or session");
DEFINE_int32(threads, 0, "Threads; by default one per core");

namespace {

constexpr std::string_view kDigitModel = "out/optimized.pb";

std::string rooted(const std::string& path) {
  return FLAGS_root_dir.empty() || path.empty() ? path : tarn::path_join(FLAGS_root_dir, path);
}

// What ./quickstart made: below the current folder, or in the repository that this program was built in.
tarn::Result<std::string> graph_path() {
  if (!FLAGS_graph.empty()) return rooted(FLAGS_graph);
  std::string here(kDigitModel);
  if (tarn::file_exists(here)) return here;
  std::error_code ignored;
  std::string program = std::filesystem::read_symlink("/proc/self/exe", ignored).string();
  std::string there = tarn::path_join(tarn::path_dir(program), tarn::str_cat("../../../", kDigitModel));
  if (!program.empty() && tarn::file_exists(there)) return std::filesystem::path(there).lexically_normal().string();
  return tarn::not_found("there is no ", kDigitModel,
                         " here: ./quickstart trains the digit classifier and leaves it there; or name a graph with "
                         "--graph");
}

tarn::Result<std::optional<bool>> invert_flag() {
  if (FLAGS_invert == "auto") return std::optional<bool>();
  if (FLAGS_invert == "yes" || FLAGS_invert == "no") return std::optional<bool>(FLAGS_invert == "yes");
  return tarn::invalid_argument("--invert: there is no ", tarn::quoted(FLAGS_invert), "; there are auto, yes and no");
}

tarn::Result<std::vector<std::string>> read_labels(size_t scores) {
  std::vector<std::string> labels;
  if (FLAGS_labels.empty()) {
    for (size_t i = 0; i < scores; ++i) labels.push_back(tarn::str_cat(i));
    return labels;
  }
  TARN_ASSIGN_OR_RETURN(std::string text, tarn::read_file(rooted(FLAGS_labels)));
  labels = tarn::str_split(text, '\n', /*trim=*/true);
  for (std::string& label : labels) {
    while (label.ends_with('\r')) label.pop_back();
  }
  if (!labels.empty() && labels.back().empty()) labels.pop_back();
  if (labels.size() != scores) {
    tarn::warn("label_image", tarn::str_cat(FLAGS_labels, " has ", labels.size(), " labels for ", scores, " scores"));
  }
  labels.resize(std::max(labels.size(), scores));
  return labels;
}

tarn::Result<std::vector<float>> scores_of(const tarn::Tensor& output, const std::string& name) {
  std::vector<float> scores;
  for (float score : output.flat<float>()) scores.push_back(score);
  for (double score : output.flat<double>()) scores.push_back(static_cast<float>(score));
  bool one_row = output.shape().rank() <= 1 || output.element_count() == output.shape().dim(-1);
  if (scores.empty() || !one_row) {
    return tarn::invalid_argument("output ", tarn::quoted(name), " is ", tarn::dtype_short_name(output.dtype()),
                                  output.shape(), "; scores are one row of floats");
  }
  return scores;
}

tarn::Status print_best(const std::vector<float>& scores) {
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> labels, read_labels(scores.size()));
  std::vector<size_t> best(scores.size());
  std::iota(best.begin(), best.end(), size_t{0});
  std::stable_sort(best.begin(), best.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  best.resize(std::min(best.size(), static_cast<size_t>(FLAGS_top_k)));
  for (size_t index : best) {
    char score[32];  // as a C++ stream writes it, which TensorFlow's tool uses
    std::snprintf(score, sizeof(score), "%g", static_cast<double>(scores[index]));
    tarn::print(tarn::printable(labels[index]), " (", index, "): ", score, "\n");
  }
  return {};
}

tarn::Result<tarn::ImageForm> form_of(const tarn::Graph& graph, const std::string& input) {
  TARN_ASSIGN_OR_RETURN(tarn::Wire wire, graph.find_wire(input));
  const tarn::Fact& fact = graph.fact(wire);
  tarn::Shape shape = fact.shape;
  if (!shape.has_rank()) shape = tarn::guess_shape(graph, wire);
  if (shape.is_scalar()) shape = tarn::Shape::unknown();
  tarn::ImageSize size;
  if (tarn::flag_was_given("input_width")) size.width = FLAGS_input_width;
  if (tarn::flag_was_given("input_height")) size.height = FLAGS_input_height;
  return tarn::image_form(shape, fact.dtype, size);
}

tarn::Status run() {
  TARN_ASSIGN_OR_RETURN(tarn::ExecutorKind executor, tarn::executor_kind_from_name(FLAGS_executor));
  tarn::ImageOptions options{.mean = FLAGS_input_mean, .std = FLAGS_input_std};
  TARN_ASSIGN_OR_RETURN(options.invert, invert_flag());
  TARN_ASSIGN_OR_RETURN(tarn::Image image, tarn::read_image(rooted(FLAGS_image)));
  TARN_ASSIGN_OR_RETURN(std::string path, graph_path());
  TARN_ASSIGN_OR_RETURN(tarn::GraphRunner runner,
                        tarn::GraphRunner::load(path, "", {.executor = executor, .threads = FLAGS_threads}));
  std::string output = FLAGS_output_layer, input = FLAGS_input_layer;
  if (output.empty()) {
    TARN_ASSIGN_OR_RETURN(output, tarn::only_output(runner.graph(), path, "output_layer"));
  }
  if (input.empty()) {
    TARN_ASSIGN_OR_RETURN(input, tarn::only_input(runner.graph(), output, path, "input_layer"));
  }
  TARN_RETURN_IF_ERROR(tarn::check_nodes("output_layer", {output}, runner.graph(), path));
  TARN_RETURN_IF_ERROR(tarn::check_nodes("input_layer", {input}, runner.graph(), path));
  tarn::Result<tarn::ImageForm> form = form_of(runner.graph(), input);
  if (!form.ok()) return form.status().with_context(tarn::str_cat(path, ": input ", tarn::quoted(input)));
  TARN_ASSIGN_OR_RETURN(tarn::ImageInput made, tarn::make_image_input(image, *form, options));
  std::string colors = image.channels == 1 ? "gray" : "RGB";
  if (!made.done.empty()) {
    std::fprintf(stderr, "label_image: %s (%d x %d, %s): %s\n", FLAGS_image.c_str(), image.width, image.height,
                 colors.c_str(), tarn::str_join(made.done).c_str());
  }
  tarn::Result<std::vector<tarn::Tensor>> outputs = runner.run({{input, made.tensor}}, {output});
  if (!outputs.ok()) return tarn::graph_error(outputs.status(), path);
  tarn::Result<std::vector<float>> scores = scores_of((*outputs)[0], output);
  if (!scores.ok()) return scores.status().with_context(path);
  return print_best(*scores);
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = "label_image",
       .summary = "Says what a network sees in a picture: the labels with the highest scores. What was done to the "
                  "picture to fit it to the network is said on standard error.",
       .example = "label_image --image=examples/freeze_and_run/seven.pgm\n"
                  "label_image --image=cat.jpg --graph=mobilenet.pb --labels=labels.txt --input_mean=127.5 "
                  "--input_std=127.5",
       .required = {"image"},
       .ranges = {{"top_k", 1, 1e6},
                  {"input_width", 1, 8192},
                  {"input_height", 1, 8192},
                  {"input_mean", -1e6, 1e6},
                  {"input_std", 1e-6, 1e6},
                  {"threads", 1, 1024}}},
      run);
}
