// label_image: TensorFlow's label_image: what a network sees in pictures.
#include <gflags/gflags.h>

#include <cstdio>

#include "core/file.h"
#include "tools/support/image_classifier.h"
#include "tools/support/main.h"
#include "tools/support/scores.h"

DEFINE_string(image, "", "Pictures, comma-separated: PNG, JPEG, BMP, GIF, PGM or PPM, told by their content");
DEFINE_string(graph, "", "Frozen graph; by default the digit classifier that ./quickstart leaves in out/");
DEFINE_string(labels, "",
              "Text file with a label a line, in the order of the scores; by default those that the model tells, else "
              "their numbers");
DEFINE_string(input_layer, "", "Input for the picture; by default the only Placeholder");
DEFINE_string(output_layer, "", "Output with the scores; by default the only node that nothing uses");
DEFINE_int32(input_width, 0, "Width of the input; by default the graph's, or 299 if that leaves it open");
DEFINE_int32(input_height, 0, "Height of the input; by default the graph's, or 299 if that leaves it open");
DEFINE_double(input_mean, 0, "Subtracted from every pixel (0 to 255); by default what the model tells…");
DEFINE_double(input_std, 255, "…which is then divided by this. 0 and 255 give 0 to 1; 127.5 and 127.5 give -1 to 1");
DEFINE_int32(top_k, 5, "Labels to print, best first");
DEFINE_int32(batch, 1, "Pictures to run at a time");
DEFINE_string(crop, "none", "none, or center: the largest part in the middle that has the network's proportions");
DEFINE_string(
    invert, "auto",
    "yes, no, or auto: swap black and white if the graph takes digits (28 x 28, gray: light strokes on black) "
    "and the picture's edge is light");
DEFINE_bool(self_test, false,
            "Fail unless label 653 comes first: the military uniform in TensorFlow's grace_hopper.jpg");
DEFINE_string(root_dir, "", "Folder that --image, --graph and --labels are in");
DEFINE_string(executor, "engine", "engine: what an app runs, or session");
DEFINE_int32(threads, 0, "Threads; by default one per core");

namespace {

std::string rooted(const std::string& path) {
  return FLAGS_root_dir.empty() || path.empty() ? path : tarn::path_join(FLAGS_root_dir, path);
}

tarn::Result<std::optional<bool>> invert_flag() {
  if (FLAGS_invert == "auto") return std::optional<bool>();
  if (FLAGS_invert == "yes" || FLAGS_invert == "no") return std::optional<bool>(FLAGS_invert == "yes");
  return tarn::invalid_argument("--invert: there is no ", tarn::quoted(FLAGS_invert), "; there are auto, yes and no");
}

tarn::Result<tarn::ClassifierOptions> options_of_flags() {
  tarn::ClassifierOptions options{.input = FLAGS_input_layer, .output = FLAGS_output_layer, .threads = FLAGS_threads};
  TARN_ASSIGN_OR_RETURN(options.executor, tarn::executor_kind_from_name(FLAGS_executor));
  TARN_ASSIGN_OR_RETURN(options.image.invert, invert_flag());
  if (FLAGS_crop != "none" && FLAGS_crop != "center")
    return tarn::invalid_argument("--crop: there is no ", tarn::quoted(FLAGS_crop), "; there are none and center");
  options.image.crop_center = FLAGS_crop == "center";
  options.labels = rooted(FLAGS_labels);
  if (tarn::flag_was_given("input_width")) options.size.width = FLAGS_input_width;
  if (tarn::flag_was_given("input_height")) options.size.height = FLAGS_input_height;
  if (tarn::flag_was_given("input_mean")) options.mean = FLAGS_input_mean;
  if (tarn::flag_was_given("input_std")) options.std = FLAGS_input_std;
  if (tarn::flag_was_given("batch")) options.batch = FLAGS_batch;
  return options;
}

tarn::Result<tarn::Tensor> read_picture(const std::string& name, const tarn::ImageClassifier& classifier) {
  TARN_ASSIGN_OR_RETURN(tarn::Image image, tarn::read_image(rooted(name)));
  TARN_ASSIGN_OR_RETURN(tarn::ImageInput made,
                        tarn::make_image_input(image, classifier.form(), classifier.image_options()));
  if (!made.done.empty()) {
    std::fprintf(stderr, "label_image: %s (%d x %d, %s): %s\n", tarn::printable(name).c_str(), image.width,
                 image.height, image.channels == 1 ? "gray" : "RGB", tarn::str_join(made.done).c_str());
  }
  return made.tensor;
}

// Runs some pictures and prints what is best of each, under its name if there are others.
tarn::Status label_batch(tarn::ImageClassifier& classifier, const std::vector<std::string>& names,
                         const std::vector<tarn::Tensor>& pictures, bool print_names) {
  bool is_told = !classifier.labels_problem().empty();
  TARN_ASSIGN_OR_RETURN(std::vector<std::vector<float>> scores, classifier.run(pictures));
  if (!is_told && !classifier.labels_problem().empty()) tarn::warn("label_image", classifier.labels_problem());
  for (size_t i = 0; i < names.size(); ++i) {
    if (print_names) tarn::print(tarn::printable(names[i]), ":\n");
    std::vector<size_t> best = tarn::best_scores(scores[i], static_cast<size_t>(FLAGS_top_k));
    for (size_t index : best) {
      tarn::print(tarn::printable(classifier.labels()[index]), " (", index, "): ", tarn::score_text(scores[i][index]),
                  "\n");
    }
    constexpr size_t kMilitaryUniform = 653;
    if (FLAGS_self_test && best[0] != kMilitaryUniform)
      return tarn::internal_error(tarn::printable(names[i]), ": self-test failed: the best is number ", best[0],
                                  ", expected ", kMilitaryUniform);
  }
  return {};
}

tarn::Status run(const tarn::Arguments& more) {
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> names, tarn::list_flag("image", FLAGS_image));
  names.insert(names.end(), more.begin(), more.end());
  if (names.empty()) return tarn::invalid_argument("--image: name a picture");
  TARN_ASSIGN_OR_RETURN(tarn::ClassifierOptions options, options_of_flags());
  std::string path = rooted(FLAGS_graph);
  if (path.empty()) {
    TARN_ASSIGN_OR_RETURN(path, tarn::quickstart_model());
  }
  TARN_ASSIGN_OR_RETURN(tarn::ImageClassifier classifier, tarn::ImageClassifier::load(path, options));
  // One that cannot be read does not keep the others from being labeled.
  tarn::Problems problems;
  std::vector<std::string> ready;
  std::vector<tarn::Tensor> pictures;
  for (size_t i = 0; i < names.size(); ++i) {
    tarn::Result<tarn::Tensor> picture = read_picture(names[i], classifier);
    problems.add(picture.status());
    if (picture.ok()) {
      ready.push_back(names[i]);
      pictures.push_back(*std::move(picture));
    }
    if (ready.empty() || (ready.size() < classifier.batch() && i + 1 < names.size())) continue;
    TARN_RETURN_IF_ERROR(label_batch(classifier, ready, pictures, names.size() > 1));
    ready.clear();
    pictures.clear();
  }
  return problems.to_status("");
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = "label_image",
       .summary = "Says what a network sees in pictures: the labels with the highest scores. What was done to a "
                  "picture to fit it to the network is said on standard error.",
       .example = "label_image --image=examples/freeze_and_run/seven.pgm\n"
                  "label_image --graph=mobilenet.pb --crop=center photos/*.jpg\n"
                  "label_image --image=cat.jpg --graph=mobilenet.pb --labels=labels.txt --input_mean=127.5 "
                  "--input_std=127.5",
       .ranges = {{"top_k", 1, 1e6},
                  {"batch", 1, 4096},
                  {"input_width", 1, 8192},
                  {"input_height", 1, 8192},
                  {"input_mean", -1e6, 1e6},
                  {"input_std", 1e-6, 1e6},
                  {"threads", 1, 1024}},
       .arguments = "PICTURE…"},
      run);
}
