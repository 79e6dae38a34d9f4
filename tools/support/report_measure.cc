// measure_report (declared in tools/support/report_page.h).
#include <algorithm>
#include <chrono>

#include "core/image_codec.h"
#include "core/regex.h"
#include "core/sample_tensor.h"
#include "runtime/executor.h"
#include "tools/support/report_page.h"

namespace tarn {
namespace {

// Any numbers do.
class FixedSeeds : public RandomSeeds {
 public:
  uint64_t next_seed() override { return ++drawn_; }

 private:
  uint64_t drawn_ = 0;
};

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

Status measure(ReportSide& side, int runs) {
  std::shared_ptr<const Program> program = side.cost->program;
  if (program == nullptr) return failed_precondition(side.cost->no_program);
  std::vector<Tensor> tensors;
  std::vector<TensorView> feeds;
  for (const Fact& feed : program->feeds) {
    TARN_ASSIGN_OR_RETURN(Tensor tensor, sample_tensor(feed.dtype, feed.shape, 1 + tensors.size()));
    tensors.push_back(std::move(tensor));
  }
  for (const Tensor& tensor : tensors)
    feeds.push_back({tensor.dtype(), &tensor.shape(), const_cast<void*>(tensor.data()), tensor.element_count()});

  ResourceMap resources;
  FixedSeeds seeds;
  Services services;
  services.set_resources(&resources);
  services.set<RandomSeeds>(&seeds);
  services.set<ImageCodec>(&image_codec());
  services.set<RegexCompiler>(&regex_compiler());
  ThreadPool pool(1);
  std::vector<std::vector<double>> times(program->steps.size());
  bool warm = false;
  auto on_step = [&](int step, int64_t nanoseconds) {
    if (warm) times[static_cast<size_t>(step)].push_back(static_cast<double>(nanoseconds) / 1000);
  };
  RunEnvironment environment{.pool = &pool, .services = &services};
  environment.on_step = [](void* user, int step, int64_t nanoseconds) {
    (*static_cast<decltype(on_step)*>(user))(step, nanoseconds);
  };
  environment.user = &on_step;
  Context context(program);
  TARN_RETURN_IF_ERROR(context.allocate());
  std::vector<double> totals;
  for (int run = 0; run <= runs; ++run) {
    auto start = std::chrono::steady_clock::now();
    TARN_RETURN_IF_ERROR(context.run(feeds, {}, environment));
    std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    if (warm) totals.push_back(took.count());
    warm = true;  // the first run is not like the others
  }
  side.run_ms = median(std::move(totals));
  for (size_t s = 0; s < times.size(); ++s) {
    const Step& step = program->steps[s];
    if (times[s].empty() || step.op.empty() || step.kind == StepKind::kFetch) continue;
    side.times.push_back({step.node, step.op, median(std::move(times[s]))});
  }
  return {};
}

void measure_side(ReportSide& side, const Report& report, int runs) {
  if (side.graph == nullptr) return;
  side.cost =
      std::make_shared<const GraphCost>(graph_cost(*side.graph, {.inputs = report.inputs, .outputs = report.outputs}));
  Status status = runs > 0 ? measure(side, runs) : Status();
  if (!status.ok()) side.no_times = std::string(status.message());
}

}  // namespace

void measure_report(Report& report, int runs) {
  measure_side(report.before, report, runs);
  measure_side(report.after, report, runs);
}

}  // namespace tarn
