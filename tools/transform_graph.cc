// transform_graph: runs the passes that it is told over a graph, as TensorFlow's tool of that name.
#include <gflags/gflags.h>

#include <cstdio>
#include <cstdlib>

#include "core/file.h"
#include "graph/algorithms.h"
#include "graph/text.h"
#include "tools/support/graph_ends.h"
#include "tools/support/graph_file.h"
#include "tools/support/graph_runner.h"
#include "tools/support/graphviz.h"
#include "tools/support/main.h"
#include "tools/support/pass_run.h"

DEFINE_string(in_graph, "", "Graph: .pb, .pbtxt, .meta or Tarn's text, told by its content");
DEFINE_string(out_graph, "", "File to write: .pb, or text if it ends in .pbtxt (TensorFlow's) or .txt (Tarn's)");
DEFINE_string(inputs, "", "Inputs, comma-separated: NAME or NAME:OUTPUT. By default every Placeholder");
DEFINE_string(outputs, "", "Outputs, comma-separated: NAME or NAME:OUTPUT. By default what nobody reads, and printed");
DEFINE_string(transforms, "",
              "The passes, in their order, separated by spaces: strip_unused_nodes(type=float, shape=\"1,299,299,3\") "
              "fold_constants(ignore_errors=true); --list_transforms lists them");
DEFINE_bool(output_as_text, false, "Write TensorFlow's text, whatever the ending of --out_graph");
DEFINE_bool(verify, false, "Run the graph before and after each pass on the same inputs; print the largest difference");
DEFINE_string(verify_feed, "", "Inputs for --verify and --bisect, NAME=FILE.npy,…; by default made-up ones");
DEFINE_bool(print_passes, false, "Print each change of each pass");
DEFINE_string(stop_after, "", "Run nothing after this pass: its name, or NAME#2 for the second of that name");
DEFINE_string(disable, "", "Passes to leave out, comma-separated");
DEFINE_double(bisect, 0,
              "Find the pass, and the change it makes, that moves an output by more than this part of its range, and "
              "write nothing");
DEFINE_string(dump_dir, "",
              "Folder for the graph before and after each pass: NNN_pass.txt (Tarn's text, large constants left out), "
              ".dot, and .svg where Graphviz is installed");
DEFINE_bool(list_transforms, false, "Print all passes with their arguments, and do nothing else");

namespace {

constexpr std::string_view kTool = "transform_graph";

// "remove_nodes(op=…, max_inputs=1)": what must be given, or may be several times, has no value here.
std::string signature(const tarn::PassDef& pass) {
  std::vector<std::string> args;
  for (const tarn::PassArg& arg : pass.args) {
    args.push_back(tarn::str_cat(arg.name, "=", arg.fallback.empty() ? std::string_view("…") : arg.fallback));
  }
  return args.empty() ? std::string(pass.name) : tarn::str_cat(pass.name, "(", tarn::str_join(args), ")");
}

void list_transforms() {
  for (const tarn::PassDef* pass : tarn::pass_table) {
    tarn::print(signature(*pass), "\n    ", pass->doc.substr(0, pass->doc.find('\n')), "\n");
    for (const tarn::PassArg& arg : pass->args) {
      std::string_view how = arg.is_required ? " (required)" : "";
      tarn::print("    ", arg.name, how, arg.doc.empty() ? "" : ": ", arg.doc, "\n");
    }
    for (std::string_view name : pass->other_names) tarn::print("    also called ", name, "\n");
  }
}

// As TensorFlow's tool: the shell puts nothing in the place of "~" after "=".
std::string expand_home(const std::string& path) {
  const char* home = std::getenv("HOME");
  return path.starts_with("~/") && home != nullptr ? home + path.substr(1) : path;
}

// Writes what the graph looks like between passes.
class Dump {
 public:
  explicit Dump(std::string dir) : dir_(std::move(dir)) {}

  tarn::Status write(const tarn::Graph& graph, std::string_view what) {
    if (dir_.empty()) return {};
    if (number_ == 0) TARN_RETURN_IF_ERROR(tarn::make_dirs(dir_));
    char number[16];
    std::snprintf(number, sizeof(number), "%03d", number_++);
    std::string name = tarn::str_cat(number, "_", what);
    std::string path = tarn::path_join(dir_, name);
    std::string dot = tarn::graph_to_dot(graph, {.title = name});
    TARN_RETURN_IF_ERROR(
        tarn::write_file_atomically(path + ".txt", tarn::graph_to_text(graph, {.elide_constants = true})));
    TARN_RETURN_IF_ERROR(tarn::write_file_atomically(path + ".dot", dot));
    // Its time grows faster than the graph: minutes for some thousand nodes.
    constexpr int kMostNodesDrawn = 1500;
    if (graph.node_count() > kMostNodesDrawn || !draws_) return {};
    tarn::Result<std::string> svg = tarn::dot_to_svg(dot);
    if (svg.ok()) return tarn::write_file_atomically(path + ".svg", *svg);
    draws_ = false;
    tarn::warn(kTool, tarn::str_cat("no pictures in --dump_dir: ", svg.status().message()));
    return {};
  }

 private:
  std::string dir_;
  int number_ = 0;
  bool draws_ = true;
};

tarn::Status check_flags() {
  tarn::Problems problems;
  auto require = [&](std::string_view flag, const std::string& value) {
    if (value.empty()) problems.add(tarn::invalid_argument("--", flag, " is missing"));
  };
  bool bisects = tarn::flag_was_given("bisect");
  require("in_graph", FLAGS_in_graph);
  if (!bisects) require("out_graph", FLAGS_out_graph);
  require("transforms", FLAGS_transforms);
  if (bisects && !(FLAGS_bisect >= 0)) problems.add(tarn::invalid_argument("--bisect must be 0 or more"));
  return problems.to_status("");
}

// What a graph is run for, where nobody said it.
std::vector<std::string> find_outputs(const tarn::Graph& graph) {
  std::vector<std::string> outputs = tarn::likely_outputs(graph);
  if (outputs.empty()) {
    tarn::warn(kTool, "no --outputs, and nothing that looks like one");
  } else {
    tarn::print("outputs, for --outputs names none: ", tarn::str_join(outputs), "\n");
  }
  return outputs;
}

tarn::Status bisect(const tarn::Graph& graph, const std::vector<tarn::PipelineStep>& pipeline,
                    const tarn::PassManagerOptions& options) {
  tarn::Result<std::optional<tarn::Culprit>> found = tarn::PassManager(options).bisect(graph, pipeline, FLAGS_bisect);
  if (!found.ok()) return tarn::ask_for_feeds(found.status());
  if (!*found) {
    tarn::print("no output moves by more than ", tarn::difference_text(FLAGS_bisect), " of its range\n");
    return {};
  }
  const tarn::Culprit& culprit = **found;
  tarn::print("step ", culprit.step + 1, ": ", tarn::pipeline_text({pipeline[culprit.step]}), "\n");
  if (!culprit.change.empty()) tarn::print("change: ", culprit.change, "\n");
  tarn::print("output: ", culprit.output, "\ndifference: ", tarn::difference_text(culprit.difference),
              " of its range\n");
  return {};
}

tarn::Status run() {
  if (FLAGS_list_transforms) {
    list_transforms();
    return {};
  }
  TARN_RETURN_IF_ERROR(check_flags());
  tarn::Result<std::vector<tarn::PipelineStep>> parsed = tarn::parse_pipeline(FLAGS_transforms);
  if (!parsed.ok()) return parsed.status().with_context("--transforms");
  const std::vector<tarn::PipelineStep>& pipeline = *parsed;
  bool bisects = tarn::flag_was_given("bisect");
  tarn::PassFiles files{.tool = kTool,
                        .in_path = expand_home(FLAGS_in_graph),
                        .out_path = expand_home(FLAGS_out_graph),
                        .out_flag = "out_graph",
                        .inputs_flag = "inputs",
                        .outputs_flag = "outputs",
                        .writes = !bisects};
  tarn::PassManagerOptions options;
  TARN_ASSIGN_OR_RETURN(options.inputs, tarn::list_flag("inputs", FLAGS_inputs));
  TARN_ASSIGN_OR_RETURN(options.outputs, tarn::list_flag("outputs", FLAGS_outputs));
  TARN_ASSIGN_OR_RETURN(options.disabled, tarn::list_flag("disable", FLAGS_disable));
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> feed_items, tarn::list_flag("verify_feed", FLAGS_verify_feed));
  TARN_ASSIGN_OR_RETURN(options.feeds, tarn::read_feeds("verify_feed", feed_items));
  options.stop_after = FLAGS_stop_after;
  options.verify = FLAGS_verify || (!options.feeds.empty() && !bisects);

  TARN_ASSIGN_OR_RETURN(tarn::PassGraph before,
                        tarn::load_for_passes(files, options.inputs, options.outputs, options.feeds));
  tarn::Graph graph = std::move(before.graph);
  if (options.outputs.empty()) options.outputs = find_outputs(graph);
  if (options.verify || bisects) TARN_RETURN_IF_ERROR(tarn::check_frozen(graph, options.outputs));

  if (bisects) return bisect(graph, pipeline, options);
  Dump dump(expand_home(FLAGS_dump_dir));
  TARN_RETURN_IF_ERROR(dump.write(graph, "before"));
  options.after_pass = [&](const tarn::PassReport& report, const tarn::Graph& now) {
    tarn::print_pass(kTool, report, FLAGS_print_passes ? tarn::NotesShown::kAll : tarn::NotesShown::kNone);
    return dump.write(now, report.pass);
  };
  if (FLAGS_print_passes) tarn::print("pipeline: ", tarn::pipeline_text(pipeline), "\n");
  TARN_RETURN_IF_ERROR(tarn::ask_for_feeds(tarn::PassManager(options).run(graph, pipeline).status()));
  auto format = FLAGS_output_as_text ? tarn::GraphFormat::kPbtxt : tarn::GraphFormat::kByExtension;
  return tarn::write_after_passes(graph, before, files, format).status();
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = kTool,
       .summary = "Runs passes over a graph, in the order given, and writes what they make of it: TensorFlow's "
                  "transform_graph, whose flags and transforms it takes. After each pass the graph is checked.",
       .example = "transform_graph --in_graph=frozen.pb --out_graph=optimized.pb --inputs=input_node "
                  "--outputs=output_node --transforms='strip_unused_nodes remove_nodes(op=Identity) fold_constants "
                  "fold_batch_norms'"},
      run);
}
