#include "examples/mnist/training.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>

#include "core/file.h"
#include "examples/support/line_chart.h"
#include "tools/support/progress.h"

namespace tarn::examples {
namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Where the time went, by op, dearest first.
void print_profile(const std::vector<Session::StepTime>& times) {
  struct Total {
    std::string op, dearest;
    int64_t nanoseconds = 0, most = 0;
  };
  std::map<std::string, Total> by_op;
  int64_t all = 0, calls = 0;
  for (const Session::StepTime& time : times) {
    Total& total = by_op[time.op];
    total.op = time.op;
    total.nanoseconds += time.nanoseconds;
    if (time.nanoseconds > total.most) {
      total.most = time.nanoseconds;
      total.dearest = time.node;
    }
    all += time.nanoseconds;
    calls = std::max(calls, time.calls);
  }
  std::vector<Total> sorted;
  for (auto& [op, total] : by_op) sorted.push_back(total);
  std::sort(sorted.begin(), sorted.end(), [](const Total& a, const Total& b) { return a.nanoseconds > b.nanoseconds; });
  for (const Total& total : sorted) {
    auto ms = [&](int64_t nanoseconds) {
      return fixed_text(static_cast<double>(nanoseconds) / 1e6 / static_cast<double>(std::max<int64_t>(calls, 1)), 3);
    };
    std::fprintf(
        stderr, "%9s ms  %5s %%  %-36s dearest: %s ms %s\n", ms(total.nanoseconds).c_str(),
        fixed_text(100 * static_cast<double>(total.nanoseconds) / static_cast<double>(std::max<int64_t>(all, 1)), 1)
            .c_str(),
        total.op.c_str(), ms(total.most).c_str(), total.dearest.c_str());
  }
}

}  // namespace

std::string percent(double share) {
  return fixed_text(100 * share, 2) + " %";
}

Result<Mnist> load_digits(const std::string& data_dir) {
  auto log = [](std::string_view line) { std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data()); };
  return load_mnist({.data_dir = data_dir, .log = log});
}

int64_t steps_of(const Mnist& data, const TrainOptions& options) {
  if (options.steps > 0) return options.steps;
  const int64_t count = data.train_images.shape()[0];
  return options.epochs * ((count + options.batch - 1) / options.batch);
}

Result<History> train(Session& session, const Mnist& data, const TrainOptions& options) {
  TARN_ASSIGN_OR_RETURN(Batches batches, Batches::create(data.train_images, data.train_labels,
                                                         {.batch_size = options.batch, .seed = options.seed}));
  const int64_t steps = steps_of(data, options);
  const bool has_flag = session.graph().find(kTraining).has_value();
  Progress progress({.total = steps, .label = str_cat("training", data.note())});
  History history;
  std::vector<Tensor> out;
  std::vector<Session::StepTime> times;
  for (int64_t step = 1; step <= steps; ++step) {
    TARN_ASSIGN_OR_RETURN(Batch batch, batches.next());
    std::vector<Session::Feed> feeds = {{kInput, batch.images}, {kLabels, batch.labels}};
    if (has_flag) feeds.emplace_back(kTraining, Tensor::scalar(true));

    double begin = now_seconds();
    Status status = options.profile && step > 1  // the first one also compiles and takes memory
                        ? session.RunProfiled(feeds, {"loss", "accuracy"}, {options.train_op}, &out, &times)
                        : session.Run(feeds, {"loss", "accuracy"}, {options.train_op}, &out);
    TARN_RETURN_IF_ERROR(status);
    history.seconds += now_seconds() - begin;

    const double loss = out[0].item<float>(), accuracy = out[1].item<float>();
    history.step.push_back(static_cast<double>(step));
    history.loss.push_back(loss);
    history.accuracy.push_back(accuracy);
    progress.update(step, str_cat("loss ", fixed_text(loss, 3), "  acc ", fixed_text(100 * accuracy, 1), " %"));
    if (batch.ends_epoch || step == steps) {
      TARN_ASSIGN_OR_RETURN(history.test, test_digits(session, data));
      history.test_step.push_back(static_cast<double>(step));
      history.test_accuracy.push_back(history.test.accuracy());
      progress.print_above(
          str_cat("step ", step, ": ", percent(history.test.accuracy()), " of the test digits", data.note()));
    }
  }
  history.steps = steps;
  progress.finish(str_cat("loss ", fixed_text(history.loss.back(), 3)));
  if (options.profile) print_profile(times);
  return history;
}

void add_predictions(const Tensor& scores, const Tensor& labels, TestResult& result) {
  constexpr int kClasses = 10;
  std::span<const float> rows = scores.flat<float>();
  std::span<const int64_t> truth = labels.flat<int64_t>();
  for (size_t row = 0; row < rows.size(); row += kClasses) {
    auto best = std::max_element(rows.begin() + static_cast<ptrdiff_t>(row),
                                 rows.begin() + static_cast<ptrdiff_t>(row) + kClasses);
    auto digit = static_cast<int>(best - rows.begin() - static_cast<ptrdiff_t>(row));
    result.right += digit == truth[result.predicted.size()];
    result.predicted.push_back(digit);
    result.probability.push_back(*best);
  }
}

Result<TestResult> test_digits(Session& session, const Mnist& data, int64_t batch) {
  TestResult result;
  std::vector<Tensor> out;
  const int64_t count = data.test_images.shape()[0];
  for (int64_t begin = 0; begin < count; begin += batch) {
    TARN_ASSIGN_OR_RETURN(Tensor images, rows(data.test_images, begin, std::min(count, begin + batch)));
    TARN_RETURN_IF_ERROR(session.Run({{kInput, images}}, {kOutput}, &out));
    add_predictions(out[0], data.test_labels, result);
  }
  return result;
}

Status write_curve(const std::string& out_dir, const std::string& title, const History& history, const Mnist& data) {
  auto percents = [](std::vector<double> shares) {
    for (double& share : shares) share *= 100;
    return shares;
  };
  LineChart chart{.title = str_cat(title, " on ", data.name()),
                  .subtitle = str_cat(history.steps, " steps in ", duration_text(history.seconds)),
                  .x_label = "step"};
  chart.panels.push_back(
      {.title = "Loss", .series = {{.name = "training", .x = history.step, .y = history.loss, .smooth = true}}});
  Panel accuracy{.title = "Accuracy, %",
                 .series = {{.name = "training", .x = history.step, .y = percents(history.accuracy), .smooth = true}},
                 .y_high = 100};
  if (!history.test_step.empty())
    accuracy.series.push_back({.name = "test", .x = history.test_step, .y = percents(history.test_accuracy)});
  chart.panels.push_back(std::move(accuracy));
  TARN_RETURN_IF_ERROR(make_dirs(out_dir));
  TARN_RETURN_IF_ERROR(write_line_chart_svg(path_join(out_dir, "curve.svg"), chart));
  return write_line_chart_png(path_join(out_dir, "curve.png"), chart);
}

}  // namespace tarn::examples
