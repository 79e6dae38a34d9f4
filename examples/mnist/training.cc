#include "examples/mnist/training.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>

#include "core/file.h"
#include "examples/support/line_chart.h"
#include "graph/dataset.h"
#include "graph/file_writer.h"
#include "graph/variables.h"
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

namespace {

// Events for TensorBoard, if a folder for them is given.
class Log {
 public:
  Status open(const std::string& folder, const Scope& root, int64_t first_step) {
    if (folder.empty()) return {};
    TARN_ASSIGN_OR_RETURN(writer_, FileWriter::Create(folder));
    for (const Output& variable : TrainableVariables(root)) variables_.push_back(variable.op().name());
    TARN_RETURN_IF_ERROR(writer_->AddSessionStart(first_step));
    return first_step > 1 ? Status() : writer_->AddGraph(root.graph());
  }
  Status scalar(std::string_view tag, double value, int64_t step) {
    return writer_ ? writer_->AddScalar(tag, value, step) : Status();
  }
  Status histograms(const Session& session, int64_t step) {
    if (!writer_) return {};
    for (const std::string& name : variables_) {
      TARN_ASSIGN_OR_RETURN(Tensor value, session.variable(name));
      TARN_RETURN_IF_ERROR(writer_->AddHistogram(name, value, step));
    }
    return {};
  }
  Status flush() { return writer_ ? writer_->Flush() : Status(); }

 private:
  std::optional<FileWriter> writer_;
  std::vector<std::string> variables_;
};

}  // namespace

Result<History> train(const Scope& root, Session& session, Saver& saver, const Mnist& data,
                      const TrainOptions& options) {
  const Dataset digits = Dataset::FromTensorSlices({data.train_images, data.train_labels})
                             .Shuffle({.seed = options.seed})
                             .Batch(options.batch);
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<DatasetIterator> batches, digits.Repeat().Prefetch(2).MakeIterator());
  const int64_t steps_per_epoch = digits.cardinality().value_or(1);
  const std::string path = path_join(options.out_dir, "model.ckpt");
  struct Tracked {
    ~Tracked() { saver.Track("reader", nullptr); }
    Saver& saver;
  } tracked{saver};
  saver.Track("reader", batches.get());

  if (options.resume) {
    TARN_ASSIGN_OR_RETURN(std::string from, saver.RestoreLatest(session, options.out_dir));
    const std::string what = from.empty() ? "nothing to resume" : str_cat("resumed from ", from);
    std::fprintf(stderr, "%s%s\n", what.c_str(), std::string(data.note()).c_str());
    for (const std::string& warning : saver.warnings()) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
  const int64_t first = batches->position() + 1, steps = std::max(steps_of(data, options), batches->position());
  const bool has_flag = session.graph().find(kTraining).has_value();
  Log log;
  TARN_RETURN_IF_ERROR(log.open(options.log_dir, root, first));
  Progress progress({.total = steps, .label = str_cat("training", data.note())});
  History history;
  Example batch;
  std::vector<Tensor> out;
  std::vector<Session::StepTime> times;
  auto test = [&](int64_t step) -> Status {
    TARN_ASSIGN_OR_RETURN(history.test, test_digits(session, data));
    const double accuracy = history.test.accuracy();
    history.test_step.push_back(static_cast<double>(step));
    history.test_accuracy.push_back(accuracy);
    progress.print_above(str_cat("step ", step, ": ", percent(accuracy), " of the test digits", data.note()));
    TARN_RETURN_IF_ERROR(log.scalar("test_accuracy", accuracy, step));
    return log.histograms(session, step);
  };
  for (int64_t step = first; step <= steps; ++step) {
    TARN_ASSIGN_OR_RETURN(bool more, batches->Next(&batch));
    if (!more) return invalid_argument("there are no training digits");
    std::vector<Session::Feed> feeds = {{kInput, batch[0]}, {kLabels, batch[1]}};
    if (has_flag) feeds.emplace_back(kTraining, Tensor::scalar(true));

    double begin = now_seconds();
    Status status = options.profile && step > first  // the first one also compiles and takes memory
                        ? session.RunProfiled(feeds, {"loss", "accuracy"}, {options.train_op}, &out, &times)
                        : session.Run(feeds, {"loss", "accuracy"}, {options.train_op}, &out);
    TARN_RETURN_IF_ERROR(status);
    history.seconds += now_seconds() - begin;

    const double loss = out[0].item<float>(), accuracy = out[1].item<float>();
    history.step.push_back(static_cast<double>(step));
    history.loss.push_back(loss);
    history.accuracy.push_back(accuracy);
    progress.update(step, str_cat("loss ", fixed_text(loss, 3), "  acc ", fixed_text(100 * accuracy, 1), " %"));
    TARN_RETURN_IF_ERROR(log.scalar("loss", loss, step));
    TARN_RETURN_IF_ERROR(log.scalar("accuracy", accuracy, step));
    if (step % steps_per_epoch == 0 && step < steps) TARN_RETURN_IF_ERROR(test(step));
    if (options.checkpoint_every > 0 && step % options.checkpoint_every == 0 && step < steps) {
      TARN_RETURN_IF_ERROR(log.flush());
      TARN_RETURN_IF_ERROR(saver.Save(session, path, step).status());
    }
  }
  TARN_RETURN_IF_ERROR(test(steps));
  TARN_RETURN_IF_ERROR(log.flush());
  TARN_ASSIGN_OR_RETURN(history.checkpoint, saver.Save(session, path, steps));
  history.steps = steps;
  progress.finish(history.loss.empty() ? "" : str_cat("loss ", fixed_text(history.loss.back(), 3)));
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
