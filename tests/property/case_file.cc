#include "tests/property/case_file.h"

#include "graph/text.h"

namespace tarn::testing {

std::string regression_text(const RegressionCase& regression) {
  const GraphCase& of = regression.graph_case;
  std::string text;
  for (const std::string& remark : regression.remarks) str_append(text, "# ", printable(remark), "\n");
  str_append(text, "# pipeline: ", regression.pipeline, "\n");
  if (!of.inputs.empty()) str_append(text, "# inputs: ", str_join(of.inputs), "\n");
  str_append(text, "# outputs: ", str_join(of.outputs), "\n");
  for (const auto& [name, tensor] : of.feeds) str_append(text, "# feed: ", name, " ", tensor_to_text(tensor), "\n");
  return str_cat(text, "\n", graph_to_text(of.graph));
}

Result<RegressionCase> parse_regression(const std::string& text, const std::string& source) {
  RegressionCase result;
  for (const std::string& line : str_split(text, '\n')) {
    if (!line.starts_with("# ")) continue;
    auto value = [&](std::string_view name) -> std::optional<std::string> {
      std::string start = str_cat("# ", name, ": ");
      if (!line.starts_with(start)) return std::nullopt;
      return line.substr(start.size());
    };
    if (auto pipeline = value("pipeline")) result.pipeline = *pipeline;
    if (auto inputs = value("inputs")) result.graph_case.inputs = str_split(*inputs, ',', true);
    if (auto outputs = value("outputs")) result.graph_case.outputs = str_split(*outputs, ',', true);
    if (auto feed = value("feed")) {
      size_t space = feed->find(' ');
      if (space == std::string::npos) return invalid_argument(source, ": '", line, "' has no value");
      Result<Tensor> tensor = tensor_from_text(feed->substr(space + 1));
      if (!tensor.ok()) return tensor.status().with_context(str_cat(source, ": ", printable(line)));
      result.graph_case.feeds.emplace_back(feed->substr(0, space), *std::move(tensor));
    }
  }
  if (result.pipeline.empty() || result.graph_case.outputs.empty()) {
    return invalid_argument(source, ": '# pipeline:' and '# outputs:' must be given");
  }
  TextReadOptions read;
  read.source = source;
  TARN_ASSIGN_OR_RETURN(result.graph_case.graph, graph_from_text(text, read));
  return result;
}

}  // namespace tarn::testing
