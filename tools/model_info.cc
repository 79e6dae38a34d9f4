// model_info: what an app gets to know of a model, and whether it still gives what it gave when it was made.
#include <gflags/gflags.h>

#include "core/file.h"
#include "core/image_codec.h"
#include "core/regex.h"
#include "graph/graph_source.h"
#include "graph/model_info.h"
#include "graph/model_info_file.h"
#include "runtime/self_test.h"
#include "tools/support/graph_file.h"
#include "tools/support/main.h"
#include "tools/support/metadata_flags.h"
#include "tools/support/pass_run.h"

DEFINE_string(model, "", "Frozen graph, as optimize_for_mobile writes it");
DEFINE_bool(self_test, false,
            "Run the model on the made-up inputs that it was stored with, and compare: exit code 1 if it differs");
DEFINE_int32(threads, 1, "Threads of the self-test");
DEFINE_bool(json, false, "Print the metadata as JSON, as --metadata takes it");
DEFINE_string(set, "",
              "KEY=VALUE to write into the model, and so are all that follow it: name, description, author, license, "
              "version; mean, std, range, kind, layout, color_order, sample_rate of an input, labels and kind of an "
              "output, as inputs/NAME/mean and outputs/NAME/labels, or alone if there is one");
DEFINE_string(labels, "", "Text file with a label a line, in the order of the scores, to write into the model");
DEFINE_string(metadata, "", "JSON file as --json prints it, to write into the model");
DEFINE_string(unset, "", "Keys to take out of the model, comma-separated; inputs/NAME is all of it");
DEFINE_string(output, "", "File to write; by default the model itself is changed");

namespace {

template <class T>
std::vector<std::string> names_of(const std::vector<T>& tensors) {
  std::vector<std::string> names;
  for (const T& tensor : tensors) names.push_back(tensor.name);
  return names;
}

template <class Record>
void print_tensors(std::string_view what, const std::vector<tarn::EngineTensorInfo>& tensors,
                   std::vector<Record>& records) {
  for (const tarn::EngineTensorInfo& tensor : tensors) {
    tarn::print(what, ": ", tarn::quoted(tensor.name), " (", tarn::dtype_short_name(tensor.dtype), tensor.shape, ")\n");
    for (Record& record : records) {
      if (record.name != tensor.name && record.name != tensor.name + ":0") continue;
      std::vector<tarn::MetadataField> fields = tarn::metadata_fields(record);
      std::erase_if(fields, [&](const tarn::MetadataField& field) { return field.text == &record.name; });
      tarn::print(tarn::metadata_lines(fields, "  "));
    }
  }
}

tarn::Result<tarn::MetadataChanges> changes_of_flags(const tarn::Arguments& arguments) {
  tarn::MetadataChanges changes{.json = FLAGS_metadata, .labels = FLAGS_labels};
  TARN_ASSIGN_OR_RETURN(changes.unset, tarn::list_flag("unset", FLAGS_unset));
  std::vector<std::string> items = arguments;
  if (!FLAGS_set.empty()) items.insert(items.begin(), FLAGS_set);
  if (FLAGS_set.empty() && !items.empty())
    return tarn::invalid_argument("--set: it comes before what is to be set; found ", tarn::quoted(items[0]));
  for (const std::string& item : items) {
    size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == item.size())
      return tarn::invalid_argument("--set: expected KEY=VALUE, found ", tarn::quoted(item));
    changes.set.emplace_back(item.substr(0, equals), item.substr(equals + 1));
    TARN_RETURN_IF_ERROR(tarn::parse_metadata_key(changes.set.back().first).status().with_context("--set"));
  }
  return changes;
}

// Changes what the file tells, and no other byte of it.
tarn::Status write_changes(const tarn::MetadataChanges& changes) {
  bool is_copy = !FLAGS_output.empty();
  const std::string& path = is_copy ? FLAGS_output : FLAGS_model;
  TARN_RETURN_IF_ERROR(
      tarn::check_output_path(is_copy ? "output" : "model", path,
                              is_copy ? std::vector<std::string>{FLAGS_model} : std::vector<std::string>()));
  TARN_RETURN_IF_ERROR(tarn::check_folder_of(path));
  TARN_ASSIGN_OR_RETURN(tarn::AnyGraph any, tarn::load_graph_file(FLAGS_model, {.allow_unknown_ops = true}));
  if (any.form != tarn::AnyGraph::Form::kGraph)
    return tarn::unimplemented(tarn::printable(FLAGS_model),
                               ": only frozen graphs tell of themselves; freeze it with freeze_graph first");
  tarn::Result<tarn::Metadata> metadata = tarn::metadata_of(any.graph);
  if (!metadata.ok()) return metadata.status().with_context(tarn::printable(FLAGS_model));
  TARN_RETURN_IF_ERROR(tarn::change_metadata(*metadata, changes, any.graph, FLAGS_model));
  TARN_RETURN_IF_ERROR(tarn::store_metadata(any.graph, *std::move(metadata)));
  TARN_ASSIGN_OR_RETURN(std::string bytes, tarn::read_file(FLAGS_model));
  tarn::Result<std::string> changed = tarn::with_model_info(bytes, any.graph.model_info);
  if (!changed.ok()) return changed.status().with_context(tarn::printable(FLAGS_model));
  TARN_RETURN_IF_ERROR(tarn::write_file_atomically(path, *changed));
  tarn::print(path, ": ", bytes.size(), " -> ", changed->size(), " bytes\n");
  return {};
}

tarn::Status run(const tarn::Arguments& arguments) {
  TARN_ASSIGN_OR_RETURN(tarn::MetadataChanges changes, changes_of_flags(arguments));
  if (!changes.empty()) return write_changes(changes);
  if (!FLAGS_output.empty()) return tarn::invalid_argument("--output: nothing is to be changed");
  tarn::EngineOptions options{
      .threads = FLAGS_threads, .images = &tarn::image_codec(), .regex = &tarn::regex_compiler()};
  // Mapped as by an app if it is what an app can map; text is read.
  TARN_ASSIGN_OR_RETURN(tarn::AnyGraph text, tarn::load_graph_file(FLAGS_model, {.allow_unknown_ops = true}));
  tarn::Result<tarn::ModelInfo> info = tarn::parse_model_info(text.graph.model_info);
  if (!info.ok()) return info.status().with_context(tarn::printable(FLAGS_model));
  tarn::Metadata metadata = info->metadata.value_or(tarn::Metadata());
  if (FLAGS_json) {
    tarn::print(tarn::metadata_json(metadata), "\n");
    return {};
  }
  auto load = [&]() -> tarn::Result<std::shared_ptr<const tarn::Engine>> {
    tarn::Result<std::shared_ptr<const tarn::Engine>> mapped = tarn::Engine::load_file(FLAGS_model, options);
    if (mapped.ok() || mapped.status().code() != tarn::Code::kDataLoss) return mapped;
    return tarn::Engine::load_source(std::make_unique<tarn::GraphSource>(text.graph), FLAGS_model, options);
  };
  if (info->self_test) {  // it knows the model's ends, also where one output is on the way to another
    options.inputs = names_of(info->self_test->inputs);
    options.outputs = names_of(info->self_test->outputs);
  }
  TARN_ASSIGN_OR_RETURN(std::shared_ptr<const tarn::Engine> engine, load());
  tarn::print(tarn::metadata_lines(tarn::metadata_fields(metadata), ""));
  print_tensors("input", engine->inputs(), metadata.inputs);
  print_tensors("output", engine->outputs(), metadata.outputs);
  if (!FLAGS_self_test) {
    tarn::print("self-test: ", info->self_test ? "stored" : "none", "\n");
    return {};
  }
  TARN_ASSIGN_OR_RETURN(tarn::SelfTestReport report, tarn::run_self_test(engine));
  tarn::print("self-test: passed, ", report.values, " values of ", report.outputs,
              report.outputs == 1 ? " output" : " outputs", ", the largest difference is ",
              tarn::difference_text(report.max_relative_difference), " of an output's range\n");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = "model_info",
       .summary = "Prints what an app gets to know of a model: inputs, outputs, who made it, what its scores are "
                  "called, and the self-test that optimize_for_mobile stored with it, which it can run. Changes what "
                  "the model tells, without changing any other byte of the file.",
       .example = "model_info --model=mobile.pb\nmodel_info --model=mobile.pb --self_test\n"
                  "model_info --model=mobile.pb --labels=labels.txt --set mean=127.5 std=127.5 author='A. Z.' "
                  "license=MIT",
       .required = {"model"},
       .ranges = {{"threads", 1, 1024}},
       .arguments = "KEY=VALUE…"},
      run);
}
