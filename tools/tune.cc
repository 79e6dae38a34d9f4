// tune: measures on this machine which way of computing each convolution is the fastest, and writes that into the
// model's file.
#include <gflags/gflags.h>

#include <algorithm>
#include <map>
#include <memory>

#include "core/file.h"
#include "core/machine.h"
#include "core/thread_pool.h"
#include "graph/model_info.h"
#include "graph/model_info_file.h"
#include "tools/support/benchmark_inputs.h"
#include "tools/support/benchmark_runner.h"
#include "tools/support/columns.h"
#include "tools/support/graph_file.h"
#include "tools/support/main.h"
#include "tools/support/pass_run.h"
#include "tools/support/progress.h"

DEFINE_string(graph, "", "Frozen graph, as optimize_for_mobile writes it");
DEFINE_string(output, "", "File to write; by default the model itself is changed");
DEFINE_string(input_layer, "", "Inputs, comma-separated; by default every Placeholder");
DEFINE_string(
    input_layer_shape, "",
    "Their shapes, apart by ':', as 1,224,224,3:1; by default the graph's, with an open first dimension as 1");
DEFINE_string(input_layer_type, "", "Their types, comma-separated, as float,int32; by default the graph's");
DEFINE_string(output_layer, "", "Outputs to compute, comma-separated; by default what nothing uses");
DEFINE_int32(num_threads, 1, "Threads of the runs; 0: one per core");
DEFINE_double(max_layer_error, tarn::kMaxLayerError,
              "Transforms may move an output by this part of the range of a layer's outputs");
DEFINE_bool(keep, false,
            "Also try filters that are kept transformed though they take more than 1.5 times their bytes then");
DEFINE_int32(rounds, 15, "Runs of each way, all ways by turns");
DEFINE_double(least_gain, 0.03, "A way is chosen if it is faster than the kernel's own choice by this part of it");

namespace {

constexpr std::string_view kKept = ", kept";

// Has every layer that knows a number `way_` computed in that way, and notes what ways there are.
class OneWay : public tarn::LayerWays {
 public:
  using Known = std::map<std::string, std::vector<std::string>, std::less<>>;
  OneWay(int way, Known& known) : way_(way), known_(known) {}

  int choose(std::string_view node, std::span<const std::string> ways) const override {
    std::vector<int> tried;
    for (size_t i = 0; i < ways.size(); ++i) {
      if (FLAGS_keep || !ways[i].ends_with(kKept)) tried.push_back(static_cast<int>(i));
    }
    std::vector<std::string>& names = known_[std::string(node)];
    names.clear();
    for (int i : tried) names.push_back(ways[static_cast<size_t>(i)]);
    if (way_ < 0 || static_cast<size_t>(way_) >= tried.size()) return -1;
    return tried[static_cast<size_t>(way_)];
  }

 private:
  int way_;
  Known& known_;
};

// An engine that computes layers in the same way, and what each of its steps took.
struct Variant {
  explicit Variant(int way, OneWay::Known& known) : ways(way, known) {}

  OneWay ways;
  std::unique_ptr<tarn::BenchmarkRunner> runner;
  std::vector<std::vector<int64_t>> nanoseconds;  // by step, by round

  tarn::Status load(tarn::BenchmarkOptions options) {
    options.ways = &ways;
    TARN_ASSIGN_OR_RETURN(tarn::BenchmarkRunner loaded, tarn::BenchmarkRunner::load(FLAGS_graph, options));
    runner = std::make_unique<tarn::BenchmarkRunner>(std::move(loaded));
    nanoseconds.resize(runner->program()->steps.size());
    return {};
  }
  tarn::Status run() {
    std::vector<int64_t> steps;
    TARN_RETURN_IF_ERROR(runner->run_profiled(steps));
    for (size_t s = 0; s < steps.size(); ++s) nanoseconds[s].push_back(steps[s]);
    return {};
  }
  double median(size_t step) const {
    std::vector<int64_t> times = nanoseconds[step];
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
    return static_cast<double>(times[times.size() / 2]);
  }
};

tarn::Result<tarn::BenchmarkOptions> options_of_flags() {
  tarn::BenchmarkOptions options;
  options.threads = FLAGS_num_threads;
  options.max_layer_error = FLAGS_max_layer_error;
  tarn::BenchmarkInputTexts texts{.names = FLAGS_input_layer, .types = FLAGS_input_layer_type};
  if (tarn::flag_was_given("input_layer_shape")) texts.shapes = FLAGS_input_layer_shape;
  TARN_ASSIGN_OR_RETURN(options.inputs, tarn::parse_benchmark_inputs(texts));
  TARN_ASSIGN_OR_RETURN(options.outputs, tarn::list_flag("output_layer", FLAGS_output_layer));
  return options;
}

tarn::Status measure(std::vector<std::unique_ptr<Variant>>& variants) {
  // Memory is touched and clocks are up.
  for (const std::unique_ptr<Variant>& variant : variants) TARN_RETURN_IF_ERROR(variant->runner->run());
  tarn::Progress progress({.total = FLAGS_rounds, .label = "measuring", .unit = "rounds"});
  for (int round = 0; round < FLAGS_rounds; ++round) {
    // Whoever runs after another finds other caches: turns are turned round.
    for (size_t i = 0; i < variants.size(); ++i) {
      const size_t at = round % 2 == 0 ? i : variants.size() - 1 - i;
      TARN_RETURN_IF_ERROR(variants[at]->run());
    }
    progress.update(round + 1);
  }
  progress.finish("");
  return {};
}

struct Chosen {
  tarn::Tuning tuning;
  double before = 0, after = 0;  // nanoseconds of all steps
};

std::string milliseconds(double nanoseconds) {
  return tarn::fixed_text(nanoseconds / 1e6, 3);
}

// Prints a line for each layer that has ways.
Chosen choose(const std::vector<std::unique_ptr<Variant>>& variants, const OneWay::Known& known) {
  Chosen chosen;
  tarn::print(tarn::right("own", 9), tarn::right("best", 9), "  way, of a layer\n");
  const Variant& own = *variants[0];
  const tarn::Program& program = *own.runner->program();
  for (size_t s = 0; s < program.steps.size(); ++s) {
    const tarn::Step& step = program.steps[s];
    const std::string& node = step.head.empty() ? step.node : step.head;
    const double before = own.median(s);
    double best = before;
    std::string way;
    const auto ways = known.find(node);
    for (size_t w = 0; ways != known.end() && w < ways->second.size(); ++w) {
      const double time = variants[w + 1]->median(s);
      if (time >= best || time > before * (1 - FLAGS_least_gain)) continue;
      best = time;
      way = ways->second[w];
    }
    chosen.before += before;
    chosen.after += best;
    if (ways == known.end()) continue;
    tarn::print(tarn::right(milliseconds(before), 9), tarn::right(milliseconds(best), 9), "  ",
                way.empty() ? "its own" : way, ", ", tarn::printable(node), "\n");
    if (!way.empty()) chosen.tuning.choices.push_back({.node = node, .way = way});
  }
  return chosen;
}

// In place of what the file has for this processor, instruction set and number of threads.
tarn::Status write(tarn::Tuning tuning, const std::string& path) {
  TARN_ASSIGN_OR_RETURN(tarn::AnyGraph any, tarn::load_graph_file(FLAGS_graph, {.allow_unknown_ops = true}));
  tarn::Result<tarn::ModelInfo> info = tarn::parse_model_info(any.graph.model_info);
  if (!info.ok()) return info.status().with_context(tarn::printable(FLAGS_graph));
  std::erase_if(info->tunings, [&](const tarn::Tuning& other) {
    return other.cpu == tuning.cpu && other.isa == tuning.isa && other.threads == tuning.threads;
  });
  if (!tuning.choices.empty()) info->tunings.push_back(std::move(tuning));
  TARN_ASSIGN_OR_RETURN(std::string bytes, tarn::read_file(FLAGS_graph));
  tarn::Result<std::string> changed = tarn::with_model_info(bytes, tarn::serialize_model_info(*info));
  if (!changed.ok()) return changed.status().with_context(tarn::printable(FLAGS_graph));
  TARN_RETURN_IF_ERROR(tarn::write_file_atomically(path, *changed));
  tarn::print(path, ": ", bytes.size(), " -> ", changed->size(), " bytes\n");
  return {};
}

tarn::Status run() {
  const bool is_copy = !FLAGS_output.empty();
  const std::string& path = is_copy ? FLAGS_output : FLAGS_graph;
  TARN_RETURN_IF_ERROR(
      tarn::check_output_path(is_copy ? "output" : "graph", path,
                              is_copy ? std::vector<std::string>{FLAGS_graph} : std::vector<std::string>()));
  TARN_RETURN_IF_ERROR(tarn::check_folder_of(path));
  TARN_ASSIGN_OR_RETURN(tarn::BenchmarkOptions options, options_of_flags());
  OneWay::Known known;
  std::vector<std::unique_ptr<Variant>> variants;
  size_t most_ways = 0;
  for (size_t way = 0; way <= most_ways; ++way) {
    variants.push_back(std::make_unique<Variant>(static_cast<int>(way) - 1, known));
    TARN_RETURN_IF_ERROR(variants.back()->load(options));
    for (const auto& [node, ways] : known) most_ways = std::max(most_ways, ways.size());
  }
  if (known.empty()) {
    return tarn::failed_precondition(tarn::printable(FLAGS_graph),
                                     ": no layer of it has several ways to be computed (convolutions of constant float "
                                     "filters have)");
  }
  TARN_RETURN_IF_ERROR(measure(variants));
  Chosen chosen = choose(variants, known);
  chosen.tuning.cpu = tarn::cpu_name();
  chosen.tuning.isa = tarn::widest_isa();
  chosen.tuning.threads = tarn::ThreadPool::resolve(FLAGS_num_threads);
  tarn::print(chosen.tuning.cpu, ", ", chosen.tuning.isa, ", ", chosen.tuning.threads,
              chosen.tuning.threads == 1 ? " thread: " : " threads: ", chosen.tuning.choices.size(), " of ",
              known.size(), " layers in another way; a run ", milliseconds(chosen.before), " -> ",
              milliseconds(chosen.after), " ms\n");
  variants.clear();  // the file may be mapped
  return write(std::move(chosen.tuning), path);
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = "tune",
       .summary =
           "Measures on this machine which way of computing each convolution is the fastest (directly, or by one "
           "of the transforms), and writes that into the model, for engines on processors of the same name.",
       .example = "tune --graph=mobile.pb\n"
                  "tune --graph=mobile.pb --num_threads=4 --output=tuned.pb",
       .required = {"graph"},
       .ranges = {{"num_threads", 0, 1024}, {"max_layer_error", 0, 1}, {"rounds", 1, 1e6}, {"least_gain", 0, 1}}},
      run);
}
