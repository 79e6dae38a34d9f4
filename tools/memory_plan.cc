// memory_plan: where a frozen graph's values lie while the engine runs it: the arena beside the least it could be, what
// fills it, and a picture of it.
#include <gflags/gflags.h>

#include <algorithm>

#include "core/file.h"
#include "tools/support/benchmark_inputs.h"
#include "tools/support/columns.h"
#include "tools/support/graph_file.h"
#include "tools/support/main.h"
#include "tools/support/memory_timeline.h"
#include "tools/support/progress.h"

DEFINE_string(graph, "", "Frozen graph: .pb, .pbtxt, .meta or Tarn's text, told by its content");
DEFINE_string(input_layer, "", "Inputs, comma-separated; by default every Placeholder");
DEFINE_string(
    input_layer_shape, "",
    "Their shapes, apart by ':', as 1,224,224,3:1; by default the graph's, with an open first dimension as 1");
DEFINE_string(input_layer_type, "", "Their types, comma-separated, as float,int32; by default the graph's");
DEFINE_string(output_layer, "", "Outputs to compute, comma-separated; by default what nothing uses");
DEFINE_int32(num_threads, 1, "Threads of the runs: each has scratch memory of its own; 0: one per core");
DEFINE_bool(streaming, true, "Steps that follow each other run together, by rows, where that saves memory");
DEFINE_int32(limit, 20, "Buffers in the table; 0: all");
DEFINE_string(svg, "", "Draw the plan into this file: steps to the right, addresses upwards");

namespace {

tarn::Result<tarn::BenchmarkOptions> options_of_flags() {
  tarn::BenchmarkOptions options;
  options.threads = FLAGS_num_threads;
  options.streaming = FLAGS_streaming;
  tarn::BenchmarkInputTexts texts{.names = FLAGS_input_layer, .types = FLAGS_input_layer_type};
  if (tarn::flag_was_given("input_layer_shape")) texts.shapes = FLAGS_input_layer_shape;
  TARN_ASSIGN_OR_RETURN(options.inputs, tarn::parse_benchmark_inputs(texts));
  TARN_ASSIGN_OR_RETURN(options.outputs, tarn::list_flag("output_layer", FLAGS_output_layer));
  return options;
}

// What is alive at the fullest step, the largest first.
void print_fullest(const tarn::Program& program) {
  tarn::FullestStep fullest = tarn::fullest_step(program);
  if (fullest.step < 0) {
    tarn::print("no arena: nothing is computed between inputs and outputs\n");
    return;
  }
  std::vector<tarn::PlannedBuffer> alive = tarn::memory_timeline(program);
  std::erase_if(alive, [&](const tarn::PlannedBuffer& buffer) {
    return fullest.step < buffer.first || buffer.last < fullest.step || buffer.bytes == 0;
  });
  std::stable_sort(alive.begin(), alive.end(),
                   [](const tarn::PlannedBuffer& a, const tarn::PlannedBuffer& b) { return a.bytes > b.bytes; });
  const tarn::Step& step = program.steps[static_cast<size_t>(fullest.step)];
  tarn::print("fullest at step ", fullest.step, " of ", program.steps.size(), ", ", step.op, " ",
              tarn::quoted(step.node), ": ", fullest.bytes, " bytes in use\n");
  tarn::print(tarn::right("bytes", 12), tarn::right("at", 12), tarn::right("steps", 12), "  made by\n");
  size_t shown = FLAGS_limit == 0 ? alive.size() : std::min(alive.size(), static_cast<size_t>(FLAGS_limit));
  for (size_t i = 0; i < shown; ++i) {
    const tarn::PlannedBuffer& buffer = alive[i];
    tarn::print(tarn::right(tarn::str_cat(buffer.bytes), 12), tarn::right(tarn::str_cat(buffer.offset), 12),
                tarn::right(tarn::str_cat(buffer.first, "-", buffer.last), 12), "  ", buffer.op, " ",
                tarn::quoted(buffer.node), tarn::kind_text(buffer), "\n");
  }
  if (shown < alive.size()) tarn::print(tarn::right("", 12), "and ", alive.size() - shown, " more (--limit=0)\n");
}

tarn::Status run() {
  if (!FLAGS_svg.empty()) TARN_RETURN_IF_ERROR(tarn::check_output_path("svg", FLAGS_svg, {FLAGS_graph}));
  TARN_ASSIGN_OR_RETURN(tarn::BenchmarkOptions options, options_of_flags());
  TARN_ASSIGN_OR_RETURN(tarn::BenchmarkRunner runner, tarn::BenchmarkRunner::load(FLAGS_graph, options));
  const tarn::Program& program = *runner.program();
  const tarn::ProgramStats& stats = program.stats;
  double over =
      stats.arena_lower_bound_bytes == 0
          ? 0
          : 100.0 * (static_cast<double>(stats.arena_bytes) / static_cast<double>(stats.arena_lower_bound_bytes) - 1.0);
  tarn::print(FLAGS_graph, ": arena ", stats.arena_bytes, " bytes, lower bound ", stats.arena_lower_bound_bytes,
              " bytes (", tarn::fixed_text(over, 2), " % above it), constants ", stats.constant_bytes, " bytes\n");
  for (const tarn::NamedFeed& feed : runner.feeds())
    tarn::print("input ", feed.first, ": ", feed.second.shape().to_string(), "\n");
  if (stats.streamed_steps > 0) {
    tarn::print(stats.streamed_steps, " steps run together with others, by rows");
    if (stats.streamed_kept_bytes > 0)
      tarn::print("; their filters are kept transformed, ", stats.streamed_kept_bytes, " bytes beside the arena");
    tarn::print("\n");
  }
  print_fullest(program);
  if (FLAGS_svg.empty()) return {};
  TARN_RETURN_IF_ERROR(tarn::write_file_atomically(FLAGS_svg, tarn::memory_svg_file(program)));
  tarn::print(FLAGS_svg, ": the plan as a picture\n");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = "memory_plan",
       .summary = "Prints and draws where a frozen graph's values lie in the engine's one block of memory, beside the "
                  "least that any plan needs.",
       .example = "memory_plan --graph=mobile.pb --svg=plan.svg\n"
                  "memory_plan --graph=mobilenet.pb --input_layer=input --input_layer_shape=8,224,224,3",
       .required = {"graph"},
       .ranges = {{"num_threads", 0, 1024}, {"limit", 0, 1e9}}},
      run);
}
