// What the tools that run passes share: what they check before and after, and the lines that they print.
//
//   options.after_pass = [](const PassReport& report, const Graph&) { print_pass(kTool, report, NotesShown::kAll); …
//   }; TARN_RETURN_IF_ERROR(ask_for_feeds(PassManager(options).run(graph, pipeline).status()));
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph_io.h"
#include "passes/support/pass_manager.h"

namespace tarn {

// The files of a run, and what the flags that name them and the graph's ends are called.
struct PassFiles {
  std::string_view tool;
  std::string in_path, out_path;
  std::string_view out_flag, inputs_flag, outputs_flag;
  bool writes = true;
  // What goes into the file behind the graph.
  std::function<Status(AtomicFile&)> append = nullptr;
};
// What there was before the passes.
struct PassGraph {
  Graph graph;
  uint64_t bytes = 0;  // of the file, unpacked
  int nodes = 0;
};
// An error if there is no folder for it: known before any work is done.
Status check_folder_of(const std::string& path);
// Reads the graph, once it is clear where its result may be written and that it has these inputs, outputs
// and feeds. Errors say everything that is wrong with these at once.
Result<PassGraph> load_for_passes(const PassFiles& files, const std::vector<std::string>& inputs,
                                  const std::vector<std::string>& outputs, const std::vector<Session::Feed>& feeds);
// Writes the result and prints what became of it: "mobile.pb: 15 -> 7 nodes, 616 -> 392 bytes". Returns its bytes.
// Warns of metadata that is no more true, or has no place in the file.
Result<uint64_t> write_after_passes(Graph& graph, const PassGraph& before, const PassFiles& files,
                                    GraphFormat format = GraphFormat::kByExtension);

// "15 -> 7 nodes".
std::string nodes_text(int before, int after);
// "0.00361": three digits say enough.
std::string difference_text(double difference);

// How many of a pass's changes are printed.
enum class NotesShown { kNone, kFew, kAll };
// One line, and one more for each change shown. A large difference is warned of on standard error.
void print_pass(std::string_view tool, const PassReport& report, NotesShown notes);

// Every feed must be one of the graph; errors open with `path`, for it is the file that has no such input.
Status check_feeds(const Graph& graph, const std::vector<Session::Feed>& feeds, std::string_view path);

// Of an error because the graph does not run on made-up inputs: where to give real ones, if these would help.
Status ask_for_feeds(const Status& status);

// Warns of inputs that no output needs, and of Placeholders that the outputs need besides the inputs, which `flag` has
// not. No inputs: nothing to warn of.
void warn_of_inputs(std::string_view tool, std::string_view flag, const Graph& graph,
                    const std::vector<std::string>& inputs, const std::vector<std::string>& outputs);

}  // namespace tarn
