#include "tools/support/strip_run.h"

#include <charconv>

#include "core/file.h"
#include "tools/support/graph_ends.h"
#include "tools/support/graph_file.h"
#include "tools/support/main.h"
#include "tools/support/metadata_flags.h"
#include "tools/support/pass_run.h"

namespace tarn {
namespace {

constexpr std::string_view kTypes = "placeholder_type_enum";

Result<std::vector<DType>> read_types(const std::string& text) {
  std::vector<DType> types;
  Problems problems;
  for (const std::string& item : text.empty() ? std::vector<std::string>() : str_split(text, ',', true)) {
    int number = 0;
    auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), number);
    bool is_number = error == std::errc() && end == item.data() + item.size();
    std::optional<DType> type = dtype_from_name(item);
    if (is_number && dtype_is_known(number)) type = static_cast<DType>(number);
    if (type) {
      types.push_back(*type);
    } else {
      problems.add(invalid_argument("--", kTypes, ": ", quoted(item),
                                    " is no dtype; TensorFlow's numbers are 1 float, 2 double, 3 int32, 4 uint8, 7 "
                                    "string, 9 int64, 10 bool, 19 half"));
    }
  }
  TARN_RETURN_IF_ERROR(problems.to_status(""));
  return types;
}

// Tells strip_unused_nodes the dtype of each input, if there are any.
Status tell_types(PipelineStep& strip, const std::vector<std::string>& inputs, const std::vector<DType>& types) {
  if (types.empty()) return {};
  if (types.size() != 1 && types.size() != inputs.size()) {
    return invalid_argument("--", kTypes, ": there are ", types.size(), " dtypes for ", inputs.size(), " inputs (",
                            str_join(inputs), "); expected one for each, or one for all");
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    strip.args.add("name", inputs[i]);
    strip.args.add("type_for_name", std::string(dtype_name(types[types.size() == 1 ? 0 : i])));
  }
  return {};
}

// The pass speaks of its own arguments.
Status blame_types(const Status& status) {
  constexpr std::string_view kAdvice = "with type=";
  std::string text(status.message());
  if (size_t at = text.find(kAdvice); at != std::string::npos)
    text.replace(at, kAdvice.size(), str_cat("with --", kTypes));
  return status.ok() ? status : Status(status.code(), text);
}

}  // namespace

Result<StripRun> strip_file(const StripOptions& options) {
  PassManagerOptions passes;
  TARN_ASSIGN_OR_RETURN(passes.inputs, list_flag(options.inputs.flag, options.inputs.value));
  TARN_ASSIGN_OR_RETURN(passes.outputs, list_flag(options.outputs.flag, options.outputs.value));
  TARN_ASSIGN_OR_RETURN(std::vector<DType> types, read_types(options.placeholder_types));
  TARN_ASSIGN_OR_RETURN(std::vector<PipelineStep> pipeline,
                        parse_pipeline(str_cat("strip_unused_nodes ", options.more_passes)));
  passes.after_pass = options.after_pass;

  TARN_RETURN_IF_ERROR(check_output_path(options.output.flag, options.output.value, {options.input}));
  ReadOptions read{.allow_unknown_ops = true};
  TARN_ASSIGN_OR_RETURN(AnyGraph input, load_graph_file(options.input, read));
  TARN_RETURN_IF_ERROR(check_output_path(options.output.flag, options.output.value, files_of(input)));
  TARN_ASSIGN_OR_RETURN(std::string bytes, read_unpacked(input.file, read.max_bytes));
  StripRun run{.graph = std::move(input.graph), .bytes_before = bytes.size()};
  run.nodes_before = run.graph.node_count();
  Problems problems;
  problems.add(check_nodes(options.outputs.flag, passes.outputs, run.graph, options.input));
  problems.add(check_nodes(options.inputs.flag, passes.inputs, run.graph, options.input));
  TARN_RETURN_IF_ERROR(problems.to_status(""));
  if (options.must_be_frozen) TARN_RETURN_IF_ERROR(check_frozen(run.graph, passes.outputs));

  std::vector<std::string> named = passes.inputs.empty() ? likely_inputs(run.graph, passes.outputs) : passes.inputs;
  TARN_RETURN_IF_ERROR(tell_types(pipeline[0], named, types));
  TARN_RETURN_IF_ERROR(blame_types(PassManager(passes).run(run.graph, pipeline).status()));
  warn_of_inputs(options.tool, options.inputs.flag, run.graph, passes.inputs, passes.outputs);
  for (const std::string& lost : drop_untrue_metadata(run.graph, options.output.value, options.format))
    warn(options.tool, lost);
  TARN_RETURN_IF_ERROR(write_graph(run.graph, options.output.value, options.format));
  TARN_ASSIGN_OR_RETURN(run.bytes_after, file_size(options.output.value));
  return run;
}

}  // namespace tarn
