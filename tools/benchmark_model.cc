// benchmark_model: TensorFlow's benchmark_model: how long a graph takes, and which of its nodes take it.
#include <gflags/gflags.h>

#include <algorithm>
#include <cmath>

#include "core/file.h"
#include "core/machine.h"
#include "graph/cost.h"
#include "graph/summarize.h"
#include "runtime/step_stats.h"
#include "tools/support/benchmark_inputs.h"
#include "tools/support/benchmark_timing.h"
#include "tools/support/chrome_trace.h"
#include "tools/support/columns.h"
#include "tools/support/graph_file.h"
#include "tools/support/main.h"
#include "tools/support/progress.h"

DEFINE_string(graph, "", "Graph: .pb, .pbtxt, .meta or Tarn's text, told by its content");
DEFINE_string(init_ops, "", "Nodes to run once at first, comma-separated (--executor=session)");
DEFINE_string(input_layer, "", "Inputs, comma-separated; by default every Placeholder");
DEFINE_string(
    input_layer_shape, "",
    "Their shapes, apart by ':', as 1,224,224,3:1; by default the graph's, with an open first dimension as 1");
DEFINE_string(input_layer_type, "", "Their types, comma-separated, as float,int32; by default the graph's");
DEFINE_string(input_layer_values, "",
              "Their values, apart by ':', as 1,2,3:0.5; an input without any gets made-up ones");
DEFINE_string(output_layer, "", "Outputs to compute, comma-separated; by default what nothing uses");
DEFINE_string(target_layer, "", "Nodes to run for their effect, comma-separated (--executor=session)");
DEFINE_string(checkpoint, "", "Values of variables (--executor=session)");
DEFINE_string(executor, "engine", "engine: what an app runs, or session");
DEFINE_int32(max_num_runs, 1000, "Runs of each kind, at most");
DEFINE_int32(num_runs, 1000, "Another name of --max_num_runs");
DEFINE_double(max_time, 10, "Seconds for runs of each kind, at most");
DEFINE_double(inference_delay, -1, "Seconds to wait between runs");
DEFINE_double(run_delay, -1, "Another name of --inference_delay");
DEFINE_double(inter_benchmark_delay, -1, "Seconds to wait between runs without and with a profile");
DEFINE_string(quantize, "",
              "none, or dynamic8: products with constant weights in 8 bits; by default as the model's metadata asks");
DEFINE_bool(streaming, true, "Steps that follow each other run together, by rows, where that saves memory");
DEFINE_double(max_layer_error, tarn::kMaxLayerError,
              "Transforms of convolutions may move an output by this part of the range of a layer's outputs; 0: none "
              "are used (--executor=engine)");
DEFINE_int32(num_threads, -1, "Threads; -1 or 0: one per core");
DEFINE_string(benchmark_name, "", "Name of the model in --json; by default the file's");
DEFINE_string(variant, "fp32", "What --json says of how the model computes: fp32, weights8, int8, …");
DEFINE_bool(show_sizes, false, "Print the shape that every node gives");
DEFINE_bool(show_run_order, true, "Print the time of every node, in the order they run");
DEFINE_int32(run_order_limit, 0, "Nodes in that table; 0: all");
DEFINE_bool(show_time, true, "Print the nodes that take most time");
DEFINE_int32(time_limit, 10, "Nodes in that table; 0: all");
DEFINE_bool(show_memory, true, "Print the nodes whose outputs take most memory");
DEFINE_int32(memory_limit, 10, "Nodes in that table; 0: all");
DEFINE_bool(show_type, true, "Print time and memory by type of node");
DEFINE_bool(show_summary, true, "Print time and memory of whole runs");
DEFINE_bool(show_flops, false,
            "Print the multiplications and additions of convolutions, matrix products and recurrent blocks");
DEFINE_string(isa, "", "Widest instruction set to use: portable, avx2 or avx512; by default the machine's widest");
DEFINE_string(trace, "", "Write the steps of three runs into this file, for chrome://tracing or ui.perfetto.dev");
DEFINE_int32(warmup_runs, 1, "Runs at first that do not count");
DEFINE_bool(
    json, false,
    "Print one line of JSON and nothing else; before the runs that count, a third of --max_time passes with runs "
    "that do not, and no profile is taken");

namespace {

tarn::BenchmarkLimits limits() {
  int runs = tarn::flag_was_given("num_runs") ? FLAGS_num_runs : FLAGS_max_num_runs;
  double delay = tarn::flag_was_given("run_delay") ? FLAGS_run_delay : FLAGS_inference_delay;
  return {.runs = runs, .seconds = FLAGS_max_time, .delay = delay};
}

// Says what it does in TensorFlow's words. Returns the average in microseconds.
tarn::Result<double> run_and_say(tarn::BenchmarkRunner& runner, const tarn::BenchmarkLimits& limits,
                                 tarn::StepStats* stats) {
  tarn::print("Running benchmark for max ", limits.runs, " iterations, max ", tarn::stream_text(limits.seconds),
              " seconds ", stats == nullptr ? "without" : "with", " detailed stat logging, with ",
              tarn::stream_text(limits.delay), "s sleep between inferences\n");
  TARN_ASSIGN_OR_RETURN(std::vector<double> times, tarn::run_often(runner, limits, stats));
  tarn::RunningStat stat;
  for (double milliseconds : times) stat.add(std::llround(milliseconds * 1e3));
  tarn::print(stat.to_string(), "\n\n");
  return stat.average();
}

tarn::Result<std::vector<tarn::BenchmarkInput>> inputs_of_flags() {
  tarn::BenchmarkInputTexts texts;
  texts.names = FLAGS_input_layer;
  texts.types = FLAGS_input_layer_type;
  if (tarn::flag_was_given("input_layer_shape")) texts.shapes = FLAGS_input_layer_shape;
  if (tarn::flag_was_given("input_layer_values")) texts.values = FLAGS_input_layer_values;
  return tarn::parse_benchmark_inputs(texts);
}

tarn::Result<tarn::BenchmarkOptions> options_of_flags() {
  tarn::BenchmarkOptions options;
  TARN_ASSIGN_OR_RETURN(options.executor, tarn::executor_kind_from_name(FLAGS_executor));
  options.threads = std::max(FLAGS_num_threads, 0);
  options.streaming = FLAGS_streaming;
  TARN_ASSIGN_OR_RETURN(options.quantize, tarn::quantize_from_name(FLAGS_quantize, options.executor));
  options.max_layer_error = FLAGS_max_layer_error;
  TARN_ASSIGN_OR_RETURN(options.inputs, inputs_of_flags());
  TARN_ASSIGN_OR_RETURN(options.outputs, tarn::list_flag("output_layer", FLAGS_output_layer));
  TARN_ASSIGN_OR_RETURN(options.initializers, tarn::list_flag("init_ops", FLAGS_init_ops));
  TARN_ASSIGN_OR_RETURN(options.targets, tarn::list_flag("target_layer", FLAGS_target_layer));
  options.checkpoint = FLAGS_checkpoint;
  if (options.executor == tarn::ExecutorKind::kSession) return options;
  for (std::string_view flag : {"init_ops", "target_layer", "checkpoint"}) {
    if (tarn::flag_was_given(flag)) {
      return tarn::invalid_argument("--", flag, ": the engine runs frozen graphs; give --executor=session too");
    }
  }
  return options;
}

void print_settings(const tarn::BenchmarkRunner& runner, const tarn::BenchmarkLimits& limits) {
  std::vector<std::string> names, shapes, types;
  for (const tarn::NamedFeed& feed : runner.feeds()) {
    names.push_back(feed.first);
    shapes.push_back(tarn::str_join(feed.second.shape().dims(), ","));
    types.emplace_back(tarn::dtype_name(feed.second.dtype()));
  }
  tarn::print("Graph: [", FLAGS_graph, "]\n");
  if (!FLAGS_init_ops.empty()) tarn::print("Init ops: [", FLAGS_init_ops, "]\n");
  tarn::print("Input layers: [", tarn::str_join(names, ","), "]\nInput shapes: [", tarn::str_join(shapes, ":"),
              "]\nInput types: [", tarn::str_join(types, ","), "]\nOutput layers: [",
              tarn::str_join(runner.outputs(), ","), "]\nTarget layers: [", FLAGS_target_layer, "]\nNum runs: [",
              limits.runs, "]\nInter-inference delay (seconds): [", limits.delay,
              "]\nInter-benchmark delay (seconds): [", FLAGS_inter_benchmark_delay, "]\nNum threads: [",
              FLAGS_num_threads, "]\nExecutor: [", FLAGS_executor, "]\nWarmup runs: [", FLAGS_warmup_runs,
              "]\nInitialized session in ", tarn::stream_text(runner.load_ms() / 1e3), "s\n");
}

void print_sizes(const tarn::Program& program) {
  for (const tarn::Step& step : program.steps) {
    if (step.kind == tarn::StepKind::kFetch) continue;
    for (int output : step.outputs)
      tarn::print(step.node, ": ", program.values[static_cast<size_t>(output)].fact.to_string(), "\n");
  }
  tarn::print("Arena: ", program.stats.arena_bytes, " bytes (at least ", program.stats.arena_lower_bound_bytes,
              "), constants: ", program.stats.constant_bytes, " bytes\n\n");
}

void print_stats(const tarn::StepStats& stats) {
  using Order = tarn::StepStats::Order;
  if (FLAGS_show_run_order) tarn::print(stats.table("Run Order", Order::kRun, FLAGS_run_order_limit));
  if (FLAGS_show_time) tarn::print(stats.table("Top by Computation Time", Order::kTime, FLAGS_time_limit));
  if (FLAGS_show_memory) tarn::print(stats.table("Top by Memory Use", Order::kMemory, FLAGS_memory_limit));
  if (FLAGS_show_type) tarn::print(stats.table_by_type());
  if (FLAGS_show_summary) tarn::print(stats.summary());
}

// TensorFlow's two lines, and what of the machine's peak that is: of it all, and of each step that multiplies.
void print_flops(const tarn::BenchmarkRunner& runner, double microseconds, const tarn::StepStats& stats) {
  const tarn::Program& program = *runner.program();
  int64_t flops = 2 * tarn::program_macs(program);
  double per_second = microseconds > 0 ? static_cast<double>(flops) / (microseconds / 1e6) : 0;
  tarn::print("FLOPs estimate: ", tarn::human_readable_number(flops),
              "\nFLOPs/second: ", tarn::human_readable_number(static_cast<int64_t>(per_second)), "\n");
  double peak = tarn::peak_gflops(std::max(FLAGS_num_threads, 0));
  tarn::print(tarn::fixed_text(per_second / peak / 1e7, 1), " % of this machine's ", tarn::fixed_text(peak, 1),
              " GFLOP/s (multiply-adds in ", tarn::widest_isa(), " registers)\n");
  std::vector<int64_t> macs = tarn::step_macs(program);
  tarn::print("     MMACs         ms  GFLOP/s   peak  step\n");
  for (size_t s = 0; s < macs.size(); ++s) {
    double nanoseconds = stats.average_nanoseconds(s);
    if (macs[s] == 0 || nanoseconds <= 0) continue;
    double gflops = 2 * static_cast<double>(macs[s]) / nanoseconds;
    tarn::print(tarn::right(tarn::fixed_text(static_cast<double>(macs[s]) / 1e6, 3), 10),
                tarn::right(tarn::fixed_text(nanoseconds / 1e6, 4), 11), tarn::right(tarn::fixed_text(gflops, 1), 9),
                tarn::right(tarn::fixed_text(100 * gflops / peak, 0), 6), "%  ", program.steps[s].op, " ",
                tarn::quoted(program.steps[s].node), "\n");
  }
}

tarn::Status write_trace(tarn::BenchmarkRunner& runner) {
  std::vector<std::vector<int64_t>> runs(3);
  for (std::vector<int64_t>& run : runs) TARN_RETURN_IF_ERROR(runner.run_profiled(run));
  TARN_RETURN_IF_ERROR(tarn::write_file_atomically(FLAGS_trace, tarn::chrome_trace(*runner.program(), runs)));
  tarn::print(FLAGS_trace, ": ", runs.size(), " runs, for chrome://tracing or ui.perfetto.dev\n");
  return {};
}

tarn::Status benchmark(tarn::BenchmarkRunner& runner) {
  const tarn::BenchmarkLimits limits = ::limits();
  print_settings(runner, limits);
  double warm_up = 0;
  if (FLAGS_warmup_runs > 0) {
    TARN_ASSIGN_OR_RETURN(warm_up, run_and_say(runner, {.runs = FLAGS_warmup_runs}, nullptr));
  }
  tarn::wait_seconds(FLAGS_inter_benchmark_delay);
  TARN_ASSIGN_OR_RETURN(double plain, run_and_say(runner, limits, nullptr));
  tarn::wait_seconds(FLAGS_inter_benchmark_delay);
  tarn::StepStats stats(*runner.program());
  TARN_ASSIGN_OR_RETURN(double profiled, run_and_say(runner, limits, &stats));
  tarn::print("Average inference timings in us: Warmup: ", tarn::stream_text(warm_up),
              ", no stats: ", tarn::stream_text(plain), ", with stats: ", tarn::stream_text(profiled), "\n");
  print_stats(stats);
  if (FLAGS_show_sizes) print_sizes(*runner.program());
  if (FLAGS_show_flops) print_flops(runner, plain, stats);
  if (!FLAGS_trace.empty()) TARN_RETURN_IF_ERROR(write_trace(runner));
  return {};
}

tarn::Status benchmark_as_json(tarn::BenchmarkRunner& runner) {
  tarn::BenchmarkLimits most = limits();
  // Time alone ends it, unless runs were counted on the command line.
  bool are_counted = tarn::flag_was_given("num_runs") || tarn::flag_was_given("max_num_runs");
  if (!are_counted) most.runs = tarn::BenchmarkLimits::kNoLimit;
  tarn::BenchmarkLabels labels{.graph = FLAGS_graph, .model = FLAGS_benchmark_name, .variant = FLAGS_variant};
  labels.executor = FLAGS_executor;
  labels.threads = FLAGS_num_threads;
  TARN_ASSIGN_OR_RETURN(std::string line, tarn::benchmark_json(runner, most, labels));
  tarn::print(line, "\n");
  return {};
}

tarn::Status run() {
  if (!FLAGS_isa.empty()) TARN_RETURN_IF_ERROR(tarn::limit_isa(FLAGS_isa).with_context("--isa"));
  if (!FLAGS_trace.empty()) {
    if (FLAGS_json) return tarn::invalid_argument("--trace: --json prints one line and takes no profile");
    TARN_RETURN_IF_ERROR(tarn::check_output_path("trace", FLAGS_trace, {FLAGS_graph}));
  }
  TARN_ASSIGN_OR_RETURN(tarn::BenchmarkOptions options, options_of_flags());
  TARN_ASSIGN_OR_RETURN(tarn::BenchmarkRunner runner, tarn::BenchmarkRunner::load(FLAGS_graph, options));
  return FLAGS_json ? benchmark_as_json(runner) : benchmark(runner);
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = "benchmark_model",
       .summary = "Times a graph, as a whole and node by node, and prints TensorFlow's lines about it.",
       .example = "benchmark_model --graph=mobile.pb --num_threads=1\n"
                  "benchmark_model --graph=mobilenet.pb --input_layer=input --input_layer_shape=1,224,224,3 "
                  "--input_layer_type=float --output_layer=output --show_flops\n"
                  "benchmark_model --graph=mobile.pb --json --max_time=3 --num_threads=1",
       .required = {"graph"},
       .ranges = {{"max_num_runs", 1, 1e9},
                  {"num_runs", 1, 1e9},
                  {"max_time", 1e-3, 1e6},
                  {"inference_delay", -1, 3600},
                  {"run_delay", -1, 3600},
                  {"inter_benchmark_delay", -1, 3600},
                  {"num_threads", -1, 1024},
                  {"max_layer_error", 0, 1},
                  {"run_order_limit", 0, 1e9},
                  {"time_limit", 0, 1e9},
                  {"memory_limit", 0, 1e9},
                  {"warmup_runs", 0, 1e9}}},
      run);
}
