// measure_report (declared in tools/support/report_page.h).
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <span>

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

constexpr int64_t kLongestRunMs = 5000;

// A side's program with all that it runs in.
class Runner {
 public:
  Status prepare(const ReportSide& side) {
    program_ = side.cost->program;
    if (program_ == nullptr) return failed_precondition(side.cost->no_program);
    for (const Fact& feed : program_->feeds) {
      TARN_ASSIGN_OR_RETURN(Tensor tensor, sample_tensor(feed.dtype, feed.shape, 1 + tensors_.size()));
      tensors_.push_back(std::move(tensor));
    }
    for (const Tensor& tensor : tensors_)
      feeds_.push_back({tensor.dtype(), &tensor.shape(), const_cast<void*>(tensor.data()), tensor.element_count()});
    services_.set_resources(&resources_);
    services_.set<RandomSeeds>(&seeds_);
    services_.set<ImageCodec>(&image_codec());
    services_.set<RegexCompiler>(&regex_compiler());
    environment_ = {.pool = &pool_, .services = &services_};
    // Made-up inputs may let a loop run without end.
    environment_.limits.timeout_ms = kLongestRunMs;
    environment_.on_step = [](void* user, int step, int64_t nanoseconds) {
      static_cast<Runner*>(user)->count(step, nanoseconds);
    };
    environment_.user = this;
    times_.resize(program_->steps.size());
    context_.emplace(program_);
    TARN_RETURN_IF_ERROR(context_->allocate());
    TARN_RETURN_IF_ERROR(run());  // the first run is not like the others
    totals_.clear();
    for (std::vector<double>& times : times_) times.clear();
    return {};
  }

  Status run() {
    auto start = std::chrono::steady_clock::now();
    TARN_RETURN_IF_ERROR(context_->run(feeds_, {}, environment_));
    std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    totals_.push_back(took.count());
    return {};
  }

  void write_to(ReportSide& side) {
    side.run_ms = median(std::move(totals_));
    for (size_t s = 0; s < times_.size(); ++s) {
      const Step& step = program_->steps[s];
      if (times_[s].empty() || step.op.empty() || step.kind == StepKind::kFetch) continue;
      side.times.push_back({step.node, step.op, median(std::move(times_[s]))});
    }
  }

 private:
  void count(int step, int64_t nanoseconds) {
    times_[static_cast<size_t>(step)].push_back(static_cast<double>(nanoseconds) / 1000);
  }

  std::shared_ptr<const Program> program_;
  std::vector<Tensor> tensors_;
  std::vector<TensorView> feeds_;
  ResourceMap resources_;
  FixedSeeds seeds_;
  Services services_;
  ThreadPool pool_{1};
  RunEnvironment environment_;
  std::optional<Context> context_;
  std::vector<std::vector<double>> times_;  // of each step
  std::vector<double> totals_;
};

// In turns, so that both meet the same machine.
void measure(std::span<ReportSide* const> sides, int runs) {
  std::vector<std::pair<ReportSide*, std::unique_ptr<Runner>>> runners;
  for (ReportSide* side : sides) {
    auto runner = std::make_unique<Runner>();
    Status status = runner->prepare(*side);
    if (status.ok()) {
      runners.emplace_back(side, std::move(runner));
    } else {
      side->no_times = std::string(status.message());
    }
  }
  for (int run = 0; run < runs; ++run) {
    for (auto& [side, runner] : runners) {
      if (Status status = runner->run(); !status.ok()) side->no_times = std::string(status.message());
    }
  }
  for (auto& [side, runner] : runners) {
    if (side->no_times.empty()) runner->write_to(*side);
  }
}

}  // namespace

void measure_report(Report& report, int runs) {
  std::vector<ReportSide*> sides;
  for (ReportSide* side : {&report.before, &report.after}) {
    if (side->graph == nullptr) continue;
    side->cost = std::make_shared<const GraphCost>(
        graph_cost(*side->graph, {.inputs = report.inputs, .outputs = report.outputs}));
    sides.push_back(side);
  }
  if (runs > 0) measure(sides, runs);
}

}  // namespace tarn
