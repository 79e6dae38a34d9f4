// recognize_digits: reads handwritten digits off a photograph or scan.
#include <gflags/gflags.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/file.h"
#include "tools/support/digit_sheet.h"
#include "tools/support/graph_file.h"
#include "tools/support/image_classifier.h"
#include "tools/support/main.h"
#include "tools/support/pass_run.h"
#include "tools/support/scores.h"

DEFINE_string(image, "", "Photograph or scan: PNG, JPEG, BMP, GIF, PGM or PPM, told by its content");
DEFINE_string(graph, "",
              "Frozen graph of a classifier of MNIST's digits; by default the one that ./quickstart leaves in out/");
DEFINE_string(input_layer, "", "Input for the digits; by default the only Placeholder");
DEFINE_string(output_layer, "", "Output with the scores; by default the only node that nothing uses");
DEFINE_string(output, "", "PNG to write: the picture with a frame and its number around each digit");
DEFINE_string(sheet, "", "PNG to write: what the network sees, 28 x 28 a digit");
DEFINE_double(doubt, 0.6, "Digits less probable than this are pointed out");
DEFINE_string(executor, "engine", "engine: what an app runs, or session");
DEFINE_int32(threads, 0, "Threads; by default one per core");

namespace {

struct Reading {
  std::string text;
  double probability = 0;
};

// Some networks give probabilities, some what Softmax makes them of.
Reading reading_of(const std::vector<float>& scores, const std::vector<std::string>& labels) {
  double sum = 0;
  bool are_probabilities = true;
  for (float score : scores) {
    sum += static_cast<double>(score);
    are_probabilities &= score >= 0 && score <= 1.001f;
  }
  are_probabilities &= std::abs(sum - 1) < 0.01;
  size_t best = tarn::best_scores(scores, 1)[0];
  double probability = static_cast<double>(scores[best]);
  if (!are_probabilities) {
    double total = 0;
    for (float score : scores) total += std::exp(static_cast<double>(score - scores[best]));
    probability = 1 / total;
  }
  return {labels[best], probability};
}

// What the network is fed, as a gray picture again.
tarn::Image tile_of(const tarn::Tensor& input, const tarn::ImageClassifier& classifier) {
  const tarn::ImageOptions& options = classifier.image_options();
  tarn::Image tile;
  tile.width = classifier.form().width;
  tile.height = classifier.form().height;
  tile.channels = 1;
  for (float value : input.flat<float>()) {
    double pixel = static_cast<double>(value) * options.std[0] + options.mean[0];
    tile.pixels.push_back(static_cast<uint8_t>(std::lround(std::clamp(pixel, 0.0, 255.0))));
  }
  for (uint8_t value : input.flat<uint8_t>()) tile.pixels.push_back(value);
  for (int32_t value : input.flat<int32_t>()) tile.pixels.push_back(static_cast<uint8_t>(std::clamp(value, 0, 255)));
  return tile;
}

// "7210 41  (0.99 0.98 …)", a line for each of the sheet's.
void print_lines(const tarn::DigitSheet& sheet, const std::vector<Reading>& readings) {
  for (int line = 0; line < sheet.lines; ++line) {
    std::string text, probabilities;
    for (size_t i = 0; i < readings.size(); ++i) {
      if (sheet.digits[i].line != line) continue;
      if (sheet.digits[i].after_gap && !text.empty()) text += ' ';
      text += readings[i].text;
      char number[16];
      std::snprintf(number, sizeof(number), "%s%.2f", probabilities.empty() ? "" : " ", readings[i].probability);
      probabilities += number;
    }
    tarn::print(tarn::printable(text), "  (", probabilities, ")\n");
  }
}

tarn::Result<tarn::ImageClassifier> load_classifier() {
  tarn::ClassifierOptions options{.input = FLAGS_input_layer, .output = FLAGS_output_layer, .threads = FLAGS_threads};
  TARN_ASSIGN_OR_RETURN(options.executor, tarn::executor_kind_from_name(FLAGS_executor));
  options.image.invert = false;  // the digits that are found are light on black
  std::string path = FLAGS_graph;
  if (path.empty()) {
    TARN_ASSIGN_OR_RETURN(path, tarn::quickstart_model());
  }
  TARN_ASSIGN_OR_RETURN(tarn::ImageClassifier classifier, tarn::ImageClassifier::load(path, options));
  if (!classifier.form().is_digit()) {
    return tarn::invalid_argument(path, ": takes pictures of ", classifier.form().width, " x ",
                                  classifier.form().height, " with ", classifier.form().channels,
                                  " channels; digits are 28 x 28, gray");
  }
  return classifier;
}

tarn::Status check_outputs() {
  if (!FLAGS_output.empty() && FLAGS_output == FLAGS_sheet)
    return tarn::invalid_argument("--sheet: ", tarn::quoted(FLAGS_sheet), " is --output's; name another file");
  for (const auto& [flag, path] : {std::pair<std::string_view, const std::string&>{"output", FLAGS_output},
                                   std::pair<std::string_view, const std::string&>{"sheet", FLAGS_sheet}}) {
    if (path.empty()) continue;
    TARN_RETURN_IF_ERROR(tarn::check_output_path(flag, path, {FLAGS_image, FLAGS_graph}));
    TARN_RETURN_IF_ERROR(tarn::check_folder_of(path));
  }
  return {};
}

tarn::Status run() {
  TARN_RETURN_IF_ERROR(check_outputs());
  TARN_ASSIGN_OR_RETURN(tarn::Image image, tarn::read_image(FLAGS_image));
  TARN_ASSIGN_OR_RETURN(tarn::ImageClassifier classifier, load_classifier());
  tarn::Result<tarn::DigitSheet> sheet = tarn::find_digits(image);
  if (!sheet.ok()) return sheet.status().with_context(tarn::printable(FLAGS_image));
  std::vector<std::string> done = sheet->done;
  done.push_back(tarn::str_cat(sheet->digits.size(), sheet->digits.size() == 1 ? " digit" : " digits", " in ",
                               sheet->lines, sheet->lines == 1 ? " line" : " lines"));
  std::fprintf(stderr, "recognize_digits: %s (%d x %d): %s\n", tarn::printable(FLAGS_image).c_str(), image.width,
               image.height, tarn::str_join(done).c_str());

  std::vector<tarn::Tensor> inputs;
  std::vector<tarn::Image> tiles;
  for (const tarn::FoundDigit& digit : sheet->digits) {
    TARN_ASSIGN_OR_RETURN(tarn::ImageInput input,
                          tarn::make_image_input(digit.image, classifier.form(), classifier.image_options()));
    tiles.push_back(tile_of(input.tensor, classifier));
    inputs.push_back(std::move(input.tensor));
  }
  std::vector<Reading> readings;
  for (size_t at = 0; at < inputs.size(); at += classifier.batch()) {
    size_t count = std::min(classifier.batch(), inputs.size() - at);
    TARN_ASSIGN_OR_RETURN(std::vector<std::vector<float>> scores, classifier.run({inputs.data() + at, count}));
    for (const std::vector<float>& row : scores) readings.push_back(reading_of(row, classifier.labels()));
  }
  print_lines(*sheet, readings);
  std::vector<std::string> texts;
  std::vector<bool> doubtful;
  for (const Reading& reading : readings) {
    texts.push_back(reading.text);
    doubtful.push_back(reading.probability < FLAGS_doubt);
  }
  if (auto count = std::count(doubtful.begin(), doubtful.end(), true); count > 0)
    std::fprintf(stderr, "recognize_digits: %d of them doubtful\n", static_cast<int>(count));
  if (!FLAGS_output.empty()) TARN_RETURN_IF_ERROR(tarn::draw_reading(image, *sheet, texts, doubtful, FLAGS_output));
  if (!FLAGS_sheet.empty()) TARN_RETURN_IF_ERROR(tarn::draw_tiles(tiles, *sheet, FLAGS_sheet));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = "recognize_digits",
       .summary = "Reads handwritten digits off a photograph or scan: finds them, cuts each out and centers it as "
                  "MNIST's digits are, and prints what the network reads, line by line, with the probabilities.",
       .example = "recognize_digits --image=photo.jpg --output=annotated.png\n"
                  "recognize_digits --image=scan.png --graph=digits.pb --sheet=seen.png",
       .required = {"image"},
       .ranges = {{"doubt", 0, 1}, {"threads", 1, 1024}}},
      run);
}
