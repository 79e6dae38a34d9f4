// Golden tests of passes, as text: tests/passes/<pass>.graph.
//
//   # pass: strip
//   # keep: y
//
//   An Identity between two nodes goes.
//
//   x: f32[2] = Placeholder
//   i: f32[2] = Identity(x)
//   y: f32[2] = Relu(i)
//   =>
//   x: f32[2] = Placeholder
//   y: f32[2] = Relu(x)
//   -----
//   …
//
// A case is a sentence, a graph, and `=>` with the graph expected, or `=> unchanged`. Headers: `# pass:` a pass,
// perhaps with arguments ($here: the folder of these files); `# keep:` the outputs; `# inputs:` the inputs, if not
// every Placeholder; `# verify: no` for graphs that cannot be run, of ops that nobody here has. In a case, before its
// sentence, they hold for that case alone. The order of lines does not matter. `test_passes --update` rewrites what is
// expected.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "passes/support/pass_manager.h"

namespace tarn::testing {

struct PassCase {
  std::string pass;  // "quantize_weights(minimum_size=4)"
  std::vector<std::string> keep, inputs;
  bool verify = true;  // by running both graphs
  std::string sentence;
  std::string head;  // headers and sentence, as they stand in the file
  std::string before, after;
  bool is_unchanged = false;
  int line = 0;  // of the graph in the file
};

struct PassCaseFile {
  std::string path, name;  // name: "strip"
  std::string head;
  std::vector<PassCase> cases;
};

// Every tests/passes/*.graph. Errors name file and line.
Result<std::vector<PassCaseFile>> read_pass_cases(const std::string& dir);
// The file with these expectations.
std::string pass_case_text(const PassCaseFile& file);

// A graph's lines, constants that are random(seed=1…99) written so, sorted if asked.
std::string pass_graph_text(const Graph& graph, bool sorted);

// The graph before, the pass run on it (verified by running both, as the case asks), and what it reported.
struct PassOutcome {
  Graph before, after;
  PassReport report;
};
Result<PassOutcome> run_pass_case(const PassCase& pass_case, const std::string& source);

}  // namespace tarn::testing
