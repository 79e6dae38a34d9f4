// What the tools that run passes share: what they check before and after, and the lines that they print.
//
//   options.after_pass = [](const PassReport& report, const Graph&) { print_pass(kTool, report, FLAGS_print_passes); …
//   }; TARN_RETURN_IF_ERROR(ask_for_feeds(PassManager(options).run(graph, pipeline).status()));
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "passes/support/pass_manager.h"

namespace tarn {

// "15 -> 7 nodes".
std::string nodes_text(int before, int after);
// "0.00361": three digits say enough.
std::string difference_text(double difference);

// One line, and with `notes` one more for each change. A large difference is warned of on standard error.
void print_pass(std::string_view tool, const PassReport& report, bool notes);

// Every feed must be one of the graph; errors open with `path`, for it is the file that has no such input.
Status check_feeds(const Graph& graph, const std::vector<Session::Feed>& feeds, std::string_view path);

// Of an error because the graph does not run on made-up inputs: where to give real ones, if these would help.
Status ask_for_feeds(const Status& status);

// Warns of inputs that no output needs, and of Placeholders that the outputs need besides the inputs, which `flag` has
// not. No inputs: nothing to warn of.
void warn_of_inputs(std::string_view tool, std::string_view flag, const Graph& graph,
                    const std::vector<std::string>& inputs, const std::vector<std::string>& outputs);

}  // namespace tarn
