#include "graph/image_metadata.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "graph/model_info.h"

namespace tarn {
namespace {

// value = pixel * scale + offset, a number a channel or one for all.
struct Affine {
  std::vector<double> scale{1}, offset{0};
};

// "128" or "[123.68, 116.78, 103.94]".
std::optional<std::vector<double>> numbers_of(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  std::vector<double> numbers;
  for (const std::string& item : str_split(text, ',', /*trim=*/true)) {
    double number = 0;
    auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), number);
    if (error != std::errc() || end != item.data() + item.size()) return std::nullopt;
    numbers.push_back(number);
  }
  if (numbers.empty()) return std::nullopt;
  return numbers;
}

// Applies op(value, number) to each channel of both; one of them may have a number for all.
template <class Op>
bool apply(std::vector<double>& values, const std::vector<double>& numbers, const Op& op) {
  if (values.size() == 1) values.resize(numbers.size(), values[0]);
  if (numbers.size() != 1 && numbers.size() != values.size()) return false;
  for (size_t i = 0; i < values.size(); ++i) values[i] = op(values[i], numbers[numbers.size() == 1 ? 0 : i]);
  return true;
}

bool add_step(Affine& affine, std::string_view op, const std::vector<double>& numbers) {
  if (op == "Sub") return apply(affine.offset, numbers, [](double a, double b) { return a - b; });
  if (op == "Add" || op == "AddV2") return apply(affine.offset, numbers, [](double a, double b) { return a + b; });
  bool is_product = op == "Mul";
  if (!is_product && op != "Div" && op != "RealDiv") return false;
  auto scaled = [&](double a, double b) { return is_product ? a * b : a / b; };
  return apply(affine.scale, numbers, scaled) && apply(affine.offset, numbers, scaled);
}

// The graph's numbers are floats, and what is computed from them has their seven digits: 127.5, not 127.499999.
double float_digits(double number) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.7g", number);
  double rounded = 0;
  std::from_chars(text, text + sizeof(text), rounded);
  return rounded == 0 ? 0 : rounded;  // not -0
}

// One number if all are the same.
void simplify(std::vector<double>& numbers) {
  bool are_same = std::all_of(numbers.begin(), numbers.end(), [&](double number) { return number == numbers[0]; });
  if (are_same) numbers.resize(1);
}

bool set_mean_and_std(Metadata::Input& input, Affine affine) {
  // (pixel - mean) / std = pixel * scale + offset
  for (double scale : affine.scale) {
    if (!(scale > 0) || !std::isfinite(scale)) return false;
  }
  input.mean = affine.offset;
  if (!apply(input.mean, affine.scale, [](double offset, double scale) { return float_digits(-offset / scale); }))
    return false;
  for (double scale : affine.scale) input.std.push_back(float_digits(1 / scale));
  simplify(input.mean);
  simplify(input.std);
  double low = 0, high = 0;
  for (size_t i = 0; i < std::max(input.mean.size(), input.std.size()); ++i) {
    double mean = input.mean[std::min(i, input.mean.size() - 1)], std = input.std[std::min(i, input.std.size() - 1)];
    low = i == 0 ? (0 - mean) / std : std::min(low, (0 - mean) / std);
    high = i == 0 ? (255 - mean) / std : std::max(high, (255 - mean) / std);
  }
  input.range = {float_digits(low), float_digits(high)};
  return true;
}

}  // namespace

std::optional<Metadata::Input> metadata_of_preparation(std::string_view text) {
  std::vector<std::string> steps = str_split(text, ';', /*trim=*/true);
  if (steps.empty()) return std::nullopt;
  Metadata::Input input{.kind = "image"};
  const std::string& decoder = steps[0];
  if (decoder.find("channels=3") != std::string::npos) input.color_order = "RGB";
  if (decoder.find("channels=1") != std::string::npos) input.color_order = "gray";
  Affine affine;
  if (decoder.ends_with(" float")) {
    affine.scale = {1.0 / 255};  // such decoders give 0 to 1
  } else if (decoder.ends_with(" uint16")) {
    return std::nullopt;
  }
  int batch_dims = 0;
  bool has_other_dims = false;
  for (size_t i = 1; i < steps.size(); ++i) {
    const std::string& step = steps[i];
    size_t blank = step.find(' ');
    std::string_view op = std::string_view(step).substr(0, blank);
    std::string_view argument = blank == std::string::npos ? "" : std::string_view(step).substr(blank + 1);
    if (op == "ExpandDims" && argument == "0") {
      ++batch_dims;
    } else if (op == "ExpandDims" || op == "Squeeze") {
      has_other_dims = true;
    } else if (op != "Cast" && !op.starts_with("Resize")) {
      std::optional<std::vector<double>> numbers = numbers_of(argument);
      if (!numbers || !add_step(affine, op, *numbers)) return std::nullopt;
    }
  }
  if (!has_other_dims && batch_dims <= 1) input.layout = batch_dims == 1 ? "NHWC" : "HWC";
  if (!set_mean_and_std(input, std::move(affine))) return std::nullopt;
  return input;
}

std::vector<std::string> take_metadata_of_preparations(Graph& graph) {
  std::vector<std::string> notes;
  Metadata found;
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    if (!node.is("Placeholder")) continue;
    std::string text = node.attrs.get_or<std::string>("_preprocessing", "");
    std::optional<Metadata::Input> input = metadata_of_preparation(text);
    if (!input) continue;
    input->name = node.name;
    notes.push_back(str_cat(quoted(node.name), " takes (pixel - mean) / std with mean ", str_join(input->mean),
                            " and std ", str_join(input->std), ", as metadata tells"));
    found.inputs.push_back(*std::move(input));
  }
  if (notes.empty()) return notes;
  Result<Metadata> told = metadata_of(graph);
  if (!told.ok()) return {};
  for (const Metadata::Input& input : told->inputs) {
    // Means that somebody wrote down do not mix with stds that were found.
    bool tells_values = !input.mean.empty() || !input.std.empty() || !input.range.empty();
    for (Metadata::Input& other : found.inputs) {
      if (!tells_values || other.name != input.name) continue;
      other.mean.clear();
      other.std.clear();
      other.range.clear();
    }
  }
  merge_metadata(found, *told);
  if (!store_metadata(graph, std::move(found)).ok()) return {};
  return notes;
}

}  // namespace tarn
