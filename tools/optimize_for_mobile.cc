// optimize_for_mobile: makes a frozen graph small and fast, of an input and an output path alone.
#include <gflags/gflags.h>

#include "core/file.h"
#include "graph/image_metadata.h"
#include "graph/laid_out_file.h"
#include "graph/model_info.h"
#include "passes/support/mobile.h"
#include "passes/support/modes.h"
#include "runtime/quantize.h"
#include "tools/support/graph_ends.h"
#include "tools/support/graph_file.h"
#include "tools/support/graph_runner.h"
#include "tools/support/main.h"
#include "tools/support/metadata_flags.h"
#include "tools/support/pass_run.h"
#include "tools/support/report_page.h"

DEFINE_string(input, "", "Frozen graph: .pb, .pbtxt or Tarn's text, told by its content");
DEFINE_string(output, "", "File to write: .pb, or text if it ends in .pbtxt (TensorFlow's) or .txt (Tarn's)");
DEFINE_string(input_names, "",
              "Inputs, comma-separated; one that is no Placeholder becomes one. By default every Placeholder that the "
              "outputs need and that does not merely say whether this is training");
DEFINE_string(output_names, "",
              "Outputs, comma-separated: NAME or NAME:OUTPUT. By default what the model looks to be run for");
DEFINE_string(freeze_placeholder, "",
              "NAME=VALUE, comma-separated: what mode placeholders (is_training, keep_prob) are; by default what they "
              "are when the model is used");
DEFINE_string(
    quantize, "none",
    "none; weights8: weights as 8-bit constants; dynamic8: those, and Tarn's engine computes with them in 8 bits");
DEFINE_string(for_runtime, "tarn", "tarn, tensorflow or opencv: what will run the file, and so which ops it may have");
DEFINE_bool(allow_custom_ops, false, "Let ops stay that nothing is known of here: whoever runs the file brings them");
DEFINE_string(passes, "", "Other passes instead, once, separated by spaces: docs/passes.md lists them");
DEFINE_bool(verify, false,
            "Run the graph before and after each pass on the same inputs, with modes as folded, and print the largest "
            "difference");
DEFINE_string(verify_feed, "", "Inputs for --verify, NAME=FILE.npy,…; by default made-up ones");
DEFINE_bool(print_passes, false, "Print the pipeline and each change of each pass");
DEFINE_bool(self_test, true,
            "Store with the model what it gives for made-up inputs, for model_info --self_test and for apps");
DEFINE_string(prepack, "",
              "avx512,avx2,portable,neon: what an engine of these would make of weights when it loads is made now and "
              "goes into the file behind the graph, which takes as much again for each, but neon and portable as one");
DEFINE_string(labels, "", "Text file with a label a line, in the order of the scores, to tell with the model");
DEFINE_string(mean, "", "To tell with the model: value fed = (pixel - mean) / std of pixels from 0 to 255…");
DEFINE_string(std, "", "…numbers a channel, comma-separated, or one for all");
DEFINE_string(author, "", "To tell with the model: who made it");
DEFINE_string(license, "", "To tell with the model: how it may be used");
DEFINE_string(metadata, "", "JSON file with what else is to be told, as model_info --json prints it");
DEFINE_string(report, "",
              "HTML page to write: both graphs, what each pass did, sizes, costs, memory plan, time per op");

namespace {

constexpr std::string_view kTool = "optimize_for_mobile";

tarn::Result<tarn::MobileOptions> options_of_flags() {
  tarn::MobileOptions options;
  std::optional<tarn::TargetRuntime> runtime = tarn::target_runtime_from_name(FLAGS_for_runtime);
  if (!runtime) {
    return tarn::invalid_argument("--for_runtime: there is no ", tarn::quoted(FLAGS_for_runtime),
                                  "; there are tarn, tensorflow and opencv");
  }
  options.runtime = *runtime;
  if (FLAGS_quantize != "none" && FLAGS_quantize != "weights8" && FLAGS_quantize != tarn::kDynamic8Name) {
    return tarn::invalid_argument("--quantize: there is no ", tarn::quoted(FLAGS_quantize),
                                  "; there are none, weights8 and dynamic8");
  }
  options.quantize_weights = FLAGS_quantize != "none";
  options.passes = FLAGS_passes;
  options.allow_custom_ops = FLAGS_allow_custom_ops;
  TARN_ASSIGN_OR_RETURN(options.mode_values, tarn::list_flag("freeze_placeholder", FLAGS_freeze_placeholder));
  if (!FLAGS_passes.empty() && options.quantize_weights)
    return tarn::invalid_argument("--passes and --quantize exclude each other: add quantize_weights to the passes");
  if (!FLAGS_passes.empty() && !options.mode_values.empty()) {
    return tarn::invalid_argument("--passes and --freeze_placeholder exclude each other: add ",
                                  "fold_mode_placeholders(name=\"NAME=VALUE\") to the passes");
  }
  TARN_RETURN_IF_ERROR(tarn::parse_pipeline(FLAGS_passes).status().with_context("--passes"));
  TARN_ASSIGN_OR_RETURN(options.inputs, tarn::list_flag("input_names", FLAGS_input_names));
  TARN_ASSIGN_OR_RETURN(options.outputs, tarn::list_flag("output_names", FLAGS_output_names));
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> feeds, tarn::list_flag("verify_feed", FLAGS_verify_feed));
  TARN_ASSIGN_OR_RETURN(options.feeds, tarn::read_feeds("verify_feed", feeds));
  options.verify = FLAGS_verify || !options.feeds.empty();
  options.after_pass = [](const tarn::PassReport& report, const tarn::Graph&) {
    // What was left alone is told of once.
    bool says_something =
        report.changes > 0 || !report.ignored_error.empty() || (report.round == 0 && !report.notes.empty());
    if (says_something)
      tarn::print_pass(kTool, report, FLAGS_print_passes ? tarn::NotesShown::kAll : tarn::NotesShown::kFew);
    return tarn::Status();
  };
  return options;
}

tarn::Result<tarn::MetadataChanges> metadata_of_flags() {
  tarn::MetadataChanges changes{.json = FLAGS_metadata, .labels = FLAGS_labels};
  const std::pair<std::string_view, const std::string&> kTexts[] = {
      {"mean", FLAGS_mean}, {"std", FLAGS_std}, {"author", FLAGS_author}, {"license", FLAGS_license}};
  for (const auto& [key, value] : kTexts) {
    if (!value.empty()) changes.set.emplace_back(key, value);
  }
  if (FLAGS_quantize == tarn::kDynamic8Name) changes.set.emplace_back("quantize", FLAGS_quantize);
  if (!changes.empty() && tarn::graph_format_of(FLAGS_output) == tarn::GraphFormat::kPbtxt)
    return tarn::invalid_argument("--output: text for TensorFlow has no place for metadata; name a .pb file");
  TARN_RETURN_IF_ERROR(changes.check_files());
  return changes;
}

// What the graph's file told stays, but where flags say otherwise.
tarn::Status tell_metadata(tarn::Graph& graph, const tarn::MetadataChanges& changes,
                           const tarn::MobileOptions& options) {
  if (!changes.empty()) {
    TARN_ASSIGN_OR_RETURN(tarn::Metadata metadata, tarn::metadata_of(graph));
    TARN_RETURN_IF_ERROR(tarn::change_metadata(metadata, changes, graph, FLAGS_output, options.outputs));
    TARN_RETURN_IF_ERROR(tarn::store_metadata(graph, std::move(metadata)));
  }
  tarn::Result<tarn::Metadata> told = tarn::metadata_of(graph);
  std::vector<std::string> keys = told.ok() ? tarn::metadata_keys(*told) : std::vector<std::string>();
  if (!keys.empty()) tarn::print("metadata: ", tarn::str_join(keys), "\n");
  return {};
}

// Before anything is done.
tarn::Status check_prepack(const std::vector<std::string>& isas) {
  if (isas.empty()) return {};
  if (tarn::graph_format_of(FLAGS_output) != tarn::GraphFormat::kBinary)
    return tarn::invalid_argument("--output: text has no place for packed weights; name a .pb file");
  if (FLAGS_for_runtime != "tarn")
    return tarn::invalid_argument("--prepack: packed weights are for Tarn's engine, not for ", FLAGS_for_runtime);
  return tarn::LaidOutFile::check_isas(isas).with_context("--prepack");
}

void print_tensor(std::string_view what, const tarn::Graph& graph, const std::string& name) {
  tarn::Result<tarn::Wire> wire = graph.find_wire(name);
  if (!wire.ok()) return;
  const tarn::Fact& fact = graph.fact(*wire);
  tarn::print(what, ": ", tarn::quoted(name), " (", tarn::dtype_short_name(fact.dtype), fact.shape, ")\n");
}

void print_ends(const tarn::Graph& graph, const tarn::MobileOptions& options) {
  std::vector<std::string> inputs = options.inputs;
  if (inputs.empty()) inputs = tarn::likely_inputs(graph, options.outputs);
  for (const std::string& name : inputs) print_tensor("input", graph, name);
  for (const std::string& name : options.outputs) print_tensor("output", graph, name);
}

tarn::Status run() {
  TARN_ASSIGN_OR_RETURN(tarn::MobileOptions options, options_of_flags());
  TARN_ASSIGN_OR_RETURN(tarn::MetadataChanges changes, metadata_of_flags());
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> isas, tarn::list_flag("prepack", FLAGS_prepack));
  TARN_RETURN_IF_ERROR(check_prepack(isas));
  tarn::PassFiles files{.tool = kTool,
                        .in_path = FLAGS_input,
                        .out_path = FLAGS_output,
                        .out_flag = "output",
                        .inputs_flag = "input_names",
                        .outputs_flag = "output_names"};
  if (!FLAGS_report.empty()) {
    TARN_RETURN_IF_ERROR(tarn::check_output_path("report", FLAGS_report, {FLAGS_input, FLAGS_output}));
    TARN_RETURN_IF_ERROR(tarn::check_folder_of(FLAGS_report));
  }
  TARN_ASSIGN_OR_RETURN(tarn::PassGraph before,
                        tarn::load_for_passes(files, options.inputs, options.outputs, options.feeds));
  tarn::Graph graph = std::move(before.graph);
  if (!FLAGS_report.empty()) before.graph = graph;
  for (const std::string& note : tarn::take_metadata_of_preparations(graph)) tarn::print("input found: ", note, "\n");
  tarn::Result<std::vector<tarn::OutputCandidate>> outputs = tarn::find_outputs(graph, options);
  // The flag settles it.
  if (!outputs.ok()) return tarn::invalid_argument("--output_names: ", outputs.status().message());
  for (const tarn::OutputCandidate& output : *outputs)
    tarn::print("output found: ", tarn::candidates_text({output}), "\n");
  tarn::Result<std::vector<std::string>> inputs = tarn::find_inputs(graph, options);
  if (!inputs.ok()) return inputs.status().with_context(tarn::str_cat(tarn::printable(FLAGS_input), ": --input_names"));
  for (const std::string& note : *inputs) tarn::print("input found: ", note, "\n");
  TARN_RETURN_IF_ERROR(tarn::check_frozen(graph, options.outputs));
  tarn::GraphView view(graph, options.inputs, options.outputs);
  TARN_RETURN_IF_ERROR(tarn::read_mode_values(view, options.mode_values, "--freeze_placeholder")
                           .status()
                           .with_context(tarn::printable(FLAGS_input)));
  if (FLAGS_print_passes)
    tarn::print("pipeline: ", FLAGS_passes.empty() ? tarn::mobile_pipeline(options) : FLAGS_passes, "\n");

  tarn::Result<std::vector<tarn::PassReport>> reports = tarn::optimize_for_mobile(graph, options);
  if (!reports.ok()) return tarn::ask_for_feeds(reports.status());
  tarn::warn_of_inputs(kTool, "input_names", graph, options.inputs, options.outputs);
  print_ends(graph, options);
  TARN_RETURN_IF_ERROR(tell_metadata(graph, changes, options));
  if (FLAGS_self_test) {
    tarn::Status stored = tarn::graph_format_of(FLAGS_output) == tarn::GraphFormat::kPbtxt
                              ? tarn::failed_precondition("text for TensorFlow has no place for it")
                              : tarn::store_self_test(graph, options);
    tarn::print("self-test: ", stored.ok() ? "stored" : tarn::str_cat("none, ", stored.message()), "\n");
  }
  if (!isas.empty()) {
    files.append = [&](tarn::AtomicFile& file) -> tarn::Status {
      TARN_ASSIGN_OR_RETURN(
          tarn::LaidOutFile made,
          tarn::LaidOutFile::make(graph, {.isas = isas, .inputs = options.inputs, .outputs = options.outputs}));
      TARN_RETURN_IF_ERROR(made.append_to(file));
      tarn::print("prepacked: ", made.pieces().size(), " constants, ", made.bytes(), " bytes\n");
      return {};
    };
  }
  TARN_ASSIGN_OR_RETURN(uint64_t bytes, tarn::write_after_passes(graph, before, files));
  if (FLAGS_report.empty()) return {};
  tarn::Report report{.tool = std::string(kTool),
                      .before = {.path = FLAGS_input, .graph = &before.graph, .file_bytes = before.bytes},
                      .after = {.path = FLAGS_output, .graph = &graph, .file_bytes = bytes},
                      .passes = *std::move(reports),
                      .inputs = options.inputs,
                      .outputs = options.outputs};
  tarn::measure_report(report);
  TARN_RETURN_IF_ERROR(tarn::write_file_atomically(FLAGS_report, tarn::report_page(report)));
  tarn::print(FLAGS_report, ": the report\n");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = kTool,
       .summary =
           "Makes a frozen graph small and fast: drops what only training needs, computes what is constant, folds "
           "batch norms into weights, simplifies what is left until nothing changes, stores weights in 8 bits if "
           "asked.",
       .example = "optimize_for_mobile --input=frozen.pb --output=mobile.pb\n"
                  "optimize_for_mobile --input=frozen.pb --output=mobile.pb --output_names=output_node "
                  "--freeze_placeholder=keep_prob=1 --quantize=weights8 --verify --report=report.html",
       .required = {"input", "output"}},
      run);
}
