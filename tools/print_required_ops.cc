// print_required_ops: the ops and element types that models need, for a lean engine.
#include <gflags/gflags.h>

#include <algorithm>

#include "core/file.h"
#include "core/json_text.h"
#include "graph/all_ops.h"
#include "graph/graph_source.h"
#include "runtime/required_ops.h"
#include "runtime/wire_laid_out.h"
#include "tools/support/graph_file.h"
#include "tools/support/main.h"

DEFINE_string(graphs, "", "Frozen graphs, comma-separated: .pb, .pbtxt or Tarn's text, told by their content");
DEFINE_string(input_names, "", "Inputs, comma-separated, as the app names them; by default every Placeholder");
DEFINE_string(output_names, "", "Outputs, comma-separated, as the app names them; by default every node nobody uses");
DEFINE_string(format, "table", "table, list (for cmake -DTARN_OPS_FROM=FILE) or json");

namespace {

using tarn::RequiredOp;

// f("T", {"float", "int32"}) for each type attr.
template <class F>
void each_types(const RequiredOp& op, const F& f) {
  for (const RequiredOp::Types& types : op.types) {
    std::vector<std::string_view> names;
    for (tarn::DType dtype : types.dtypes) names.push_back(tarn::dtype_name(dtype));
    if (!names.empty()) f(types.attr, names);
  }
}

void print_table(const tarn::RequiredOps& required) {
  size_t width = 2;
  for (const RequiredOp& op : required.ops()) width = std::max(width, op.op.size());
  auto row = [&](std::string_view op, std::string_view nodes, std::string_view types) {
    std::string line = tarn::str_cat(op, std::string(width - op.size(), ' '), "  ",
                                     std::string(nodes.size() < 5 ? 5 - nodes.size() : 0, ' '), nodes);
    tarn::print(line, types.empty() ? "" : "  ", types, "\n");
  };
  row("op", "nodes", "types");
  for (const RequiredOp& op : required.ops()) {
    std::vector<std::string> types;
    each_types(op, [&](const std::string& attr, const auto& names) {
      types.push_back(tarn::str_cat(attr, ": ", tarn::str_join(names)));
    });
    row(op.op, tarn::str_cat(op.nodes), tarn::str_join(types, "; "));
  }
}

void print_json(const tarn::RequiredOps& required) {
  std::vector<std::string> rows;
  for (const RequiredOp& op : required.ops()) {
    std::vector<std::string> types;
    each_types(op, [&](const std::string& attr, const auto& names) {
      std::vector<std::string> quoted;
      for (std::string_view name : names) quoted.push_back(tarn::json_text(name));
      types.push_back(tarn::str_cat(tarn::json_text(attr), ": [", tarn::str_join(quoted), "]"));
    });
    rows.push_back(tarn::str_cat("  {\"op\": ", tarn::json_text(op.op), ", \"nodes\": ", op.nodes, ", \"types\": {",
                                 tarn::str_join(types), "}}"));
  }
  tarn::print("[\n", tarn::str_join(rows, ",\n"), "\n]\n");
}

tarn::Status run() {
  if (FLAGS_format != "table" && FLAGS_format != "list" && FLAGS_format != "json") {
    return tarn::invalid_argument("--format: there is no ", tarn::quoted(FLAGS_format),
                                  "; there are table, list and json");
  }
  tarn::RequiredOpsOptions options{.inputs = tarn::str_split(FLAGS_input_names, ','),
                                   .outputs = tarn::str_split(FLAGS_output_names, ',')};
  tarn::RequiredOps required;
  for (const std::string& path : tarn::str_split(FLAGS_graphs, ',')) {
    TARN_ASSIGN_OR_RETURN(tarn::AnyGraph input, tarn::load_graph_file(path, {.allow_unknown_ops = true}));
    tarn::Result<tarn::RequiredOps> found =
        tarn::required_ops(tarn::GraphSource(input.graph), tarn::all_ops(), options);
    if (!found.ok()) return found.status().with_context(path);
    required.add(*found);
    if (input.form != tarn::AnyGraph::Form::kGraph) continue;
    TARN_ASSIGN_OR_RETURN(tarn::MappedFile file, tarn::map_file(path));
    if (tarn::has_laid_out(file.bytes())) required.set_has_laid_out();
  }
  if (FLAGS_format == "table") print_table(required);
  if (FLAGS_format == "list") tarn::print("# Ops and types of ", FLAGS_graphs, "\n", tarn::list_text(required));
  if (FLAGS_format == "json") print_json(required);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = "print_required_ops",
       .summary =
           "Prints which ops models need from the engine, and for which element types: as the compiler has them, "
           "functions and control flow written out.",
       .example = "print_required_ops --graphs=digits.pb\n"
                  "print_required_ops --graphs=digits.pb,photos.pb --format=list > ops.txt\n"
                  "cmake --preset lean -DTARN_OPS_FROM=$PWD/ops.txt",
       .required = {"graphs"}},
      run);
}
