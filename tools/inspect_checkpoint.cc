// inspect_checkpoint: TensorFlow's inspect_checkpoint: which tensors a checkpoint holds, and their values.
#include <gflags/gflags.h>

#include <regex>

#include "graph/checkpoint.h"
#include "graph/variable_values.h"
#include "tools/support/array_text.h"
#include "tools/support/main.h"

DEFINE_string(file_name, "", "Checkpoint: its prefix, one of its files, or its folder");
DEFINE_string(tensor_name, "", "Print this tensor alone, with its values");
DEFINE_bool(all_tensors, false, "Print all tensors with their values");
DEFINE_bool(all_tensor_names, false, "Print all tensors' names, dtypes and shapes, in the form of --all_tensors");
DEFINE_string(count_exclude_pattern, "",
              "Regular expression; tensors with a match in their name are not counted (optimizers' slots, say)");
DEFINE_string(printoptions, "",
              "threshold=N,edgeitems=N,linewidth=N: as numpy.set_printoptions() has them. Above `threshold` elements "
              "(1000) only `edgeitems` (3) at each end of a dimension are printed");

namespace {

// "threshold=100,edgeitems=2".
tarn::Result<tarn::ArrayTextOptions> print_options() {
  tarn::ArrayTextOptions options;
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> items, tarn::list_flag("printoptions", FLAGS_printoptions));
  for (const std::string& item : items) {
    size_t equals = std::min(item.find('='), item.size());
    std::string name = item.substr(0, equals), value = item.substr(std::min(equals + 1, item.size()));
    bool is_number = !value.empty() && value.size() < 10 && value.find_first_not_of("0123456789") == std::string::npos;
    bool is_name = name == "threshold" || name == "edgeitems" || name == "linewidth";
    if (!is_name || !is_number) {
      return tarn::invalid_argument("--printoptions: expected threshold=N, edgeitems=N or linewidth=N, found ",
                                    tarn::quoted(item));
    }
    int number = std::stoi(value);
    if (name == "threshold") options.threshold = number;
    if (name == "edgeitems") options.edge_items = std::max(number, 1);
    if (name == "linewidth") options.line_width = std::max(number, 1);
  }
  return options;
}

// TensorFlow has two spellings besides its ops': "DT_FLOAT" and Python's "float32".
std::string enum_name(tarn::DType dtype) {
  std::string name = tarn::str_cat("DT_", tarn::dtype_name(dtype));
  for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

std::string_view python_name(tarn::DType dtype) {
  if (dtype == tarn::DType::kFloat) return "float32";
  if (dtype == tarn::DType::kDouble) return "float64";
  if (dtype == tarn::DType::kHalf) return "float16";
  return tarn::dtype_name(dtype);
}

tarn::Status check_pattern() {
  try {
    std::regex pattern(FLAGS_count_exclude_pattern);
  } catch (const std::regex_error&) {
    return tarn::invalid_argument("--count_exclude_pattern: ", tarn::quoted(FLAGS_count_exclude_pattern),
                                  " is no regular expression");
  }
  return {};
}

tarn::Status print_tensor(const tarn::CheckpointReader& reader, const tarn::CheckpointEntry& entry, bool values,
                          const tarn::ArrayTextOptions& options) {
  tarn::print("tensor: ", tarn::printable(entry.name), " (", python_name(entry.dtype), ") [",
              tarn::str_join(entry.shape.dims()), "]\n");
  if (!values) return {};
  TARN_ASSIGN_OR_RETURN(tarn::Tensor tensor, reader.read(entry.name));
  tarn::print(tarn::array_text(tensor, options), "\n");
  return {};
}

void print_count(const tarn::CheckpointReader& reader) {
  std::regex pattern(FLAGS_count_exclude_pattern);
  int64_t counted = 0, left_out = 0;
  int tensors_left_out = 0;
  for (const tarn::CheckpointEntry& entry : reader.entries()) {
    bool leave_out = !FLAGS_count_exclude_pattern.empty() && std::regex_search(entry.name, pattern);
    (leave_out ? left_out : counted) += entry.shape.elements();
    tensors_left_out += leave_out ? 1 : 0;
  }
  if (!FLAGS_count_exclude_pattern.empty()) {
    tarn::print("# Excluding ", tensors_left_out, " tensors (", left_out, " params) that match ",
                tarn::printable(FLAGS_count_exclude_pattern), " when counting.\n");
  }
  tarn::print("# Total number of params: ", counted, "\n");
}

tarn::Status run() {
  TARN_ASSIGN_OR_RETURN(tarn::ArrayTextOptions options, print_options());
  TARN_RETURN_IF_ERROR(check_pattern());
  TARN_ASSIGN_OR_RETURN(std::string prefix, tarn::find_checkpoint(FLAGS_file_name));
  TARN_ASSIGN_OR_RETURN(tarn::CheckpointReader reader, tarn::CheckpointReader::open(prefix));
  if (FLAGS_all_tensors || FLAGS_all_tensor_names) {
    for (const tarn::CheckpointEntry& entry : reader.entries())
      TARN_RETURN_IF_ERROR(print_tensor(reader, entry, FLAGS_all_tensors, options));
  } else if (!FLAGS_tensor_name.empty()) {
    const tarn::CheckpointEntry* entry = reader.find(FLAGS_tensor_name);
    if (entry == nullptr) return reader.read(FLAGS_tensor_name).status();
    TARN_RETURN_IF_ERROR(print_tensor(reader, *entry, true, options));
  } else {
    for (const tarn::CheckpointEntry& entry : reader.entries()) {
      tarn::print(tarn::printable(entry.name), " (", enum_name(entry.dtype), ") [",
                  tarn::str_join(entry.shape.dims(), ","), "]\n");
    }
    tarn::print("\n");
  }
  print_count(reader);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = "inspect_checkpoint",
       .summary = "Prints which tensors a checkpoint holds (TensorFlow's format, version 1 or 2), and their "
                  "values if asked.",
       .example = "inspect_checkpoint --file_name=train/model.ckpt-1000\n"
                  "inspect_checkpoint --file_name=train --tensor_name=conv1/weights",
       .required = {"file_name"}},
      run);
}
