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

Status check_out_dir(const std::string& out_dir) {
  TARN_RETURN_IF_ERROR(make_dirs(out_dir));
  return AtomicFile::create(path_join(out_dir, "model.ckpt")).status();  // never committed, it leaves no trace
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

// Events for TensorBoard, if a folder for them is given. Once it is open, events that cannot be written (the disk is
// full) are worth a warning, not the training.
class Log {
 public:
  explicit Log(Progress& progress) : progress_(progress) {}
  Status open(const std::string& folder, const Scope& root, int64_t first_step) {
    if (folder.empty()) return {};
    TARN_ASSIGN_OR_RETURN(writer_, FileWriter::Create(folder));
    for (const Output& variable : TrainableVariables(root)) variables_.push_back(variable.op().name());
    check(writer_->AddSessionStart(first_step));
    if (writer_ && first_step == 1) check(writer_->AddGraph(root.graph()));
    return {};
  }
  void scalar(std::string_view tag, double value, int64_t step) {
    if (writer_) check(writer_->AddScalar(tag, value, step));
  }
  Status histograms(const Session& session, int64_t step) {
    for (const std::string& name : variables_) {
      if (!writer_) break;
      TARN_ASSIGN_OR_RETURN(Tensor value, session.variable(name));
      check(writer_->AddHistogram(name, value, step));
    }
    return {};
  }
  void flush() {
    if (writer_) check(writer_->Flush());
  }

 private:
  void check(const Status& status) {
    if (status.ok()) return;
    progress_.print_above(str_cat("warning: ", status.message(), "; training goes on without events"));
    writer_.reset();
  }
  Progress& progress_;
  std::optional<FileWriter> writer_;
  std::vector<std::string> variables_;
};

// The numbers by step, in checkpoints. Of the tests only those at epochs' ends: a run of more steps has no other.
class CurveState : public Checkpointable {
 public:
  CurveState(History& history, int64_t steps_per_epoch) : history_(history), steps_per_epoch_(steps_per_epoch) {}

  // f64[1 + 3 steps + 2 tests]: how many steps; step, loss, accuracy of each; step, accuracy of each test
  Result<Tensor> SaveState() const override {
    const History& h = history_;
    std::vector<double> numbers = {static_cast<double>(h.step.size())};
    for (size_t i = 0; i < h.step.size(); ++i) numbers.insert(numbers.end(), {h.step[i], h.loss[i], h.accuracy[i]});
    for (size_t i = 0; i < h.test_step.size(); ++i) {
      const bool epoch_end = static_cast<int64_t>(h.test_step[i]) % steps_per_epoch_ == 0;
      if (epoch_end) numbers.insert(numbers.end(), {h.test_step[i], h.test_accuracy[i]});
    }
    return Tensor::vector<double>(numbers);
  }

  Status RestoreState(const Tensor& state) override {
    std::span<const double> numbers = state.flat<double>();
    const double steps = numbers.empty() ? -1 : numbers[0];
    const bool fits = steps >= 0 && 1 + 3 * steps <= static_cast<double>(numbers.size());
    const size_t tests = fits ? 1 + 3 * static_cast<size_t>(steps) : 0;
    if (!fits || (numbers.size() - tests) % 2 != 0) return data_loss("expected a curve, got ", state.to_string());
    History& h = history_;
    h.step.clear(), h.loss.clear(), h.accuracy.clear(), h.test_step.clear(), h.test_accuracy.clear();
    for (size_t i = 1; i < tests; i += 3) {
      h.step.push_back(numbers[i]);
      h.loss.push_back(numbers[i + 1]);
      h.accuracy.push_back(numbers[i + 2]);
    }
    for (size_t i = tests; i < numbers.size(); i += 2) {
      h.test_step.push_back(numbers[i]);
      h.test_accuracy.push_back(numbers[i + 1]);
    }
    return {};
  }

 private:
  History& history_;
  int64_t steps_per_epoch_;
};

// The saver forgets at the end what lives no longer.
class Tracking {
 public:
  Tracking(Saver& saver, TrackedState tracked) : saver_(saver), tracked_(std::move(tracked)) {
    for (const auto& [name, object] : tracked_) saver_.Track(name, object);
  }
  ~Tracking() {
    for (const auto& [name, object] : tracked_) saver_.Track(name, nullptr);
  }
  Tracking(const Tracking&) = delete;
  Tracking& operator=(const Tracking&) = delete;

 private:
  Saver& saver_;
  TrackedState tracked_;
};

RunFlags flags_of(const TrainOptions& options) {
  std::vector<TrainFlag> flags = options.flags;
  flags.push_back({.name = "batch", .value = str_cat(options.batch), .fixed = true});
  flags.push_back({.name = "seed", .value = str_cat(options.seed), .fixed = true});
  return RunFlags(std::move(flags));
}

// On standard error, where this run begins.
void print_start(const std::string& from, int64_t done, int64_t wanted, const Mnist& data) {
  std::string text = from.empty() ? "nothing to resume" : str_cat("resumed from ", from);
  if (done > 0 && done < wanted) str_append(text, ": ", wanted - done, " of ", wanted, " steps are left");
  if (done > 0 && done == wanted) str_append(text, ": all ", wanted, " steps are done");
  if (done > wanted)
    str_append(text, ": nothing to train, for step ", wanted, " (--steps or --epochs) is already past");
  std::fprintf(stderr, "%s%s\n", text.c_str(), std::string(data.note()).c_str());
}

}  // namespace

Result<History> train(const Scope& root, Session& session, Saver& saver, const Mnist& data,
                      const TrainOptions& options) {
  const Dataset digits = Dataset::FromTensorSlices({data.train_images, data.train_labels})
                             .Shuffle({.seed = options.seed})
                             .Batch(options.batch);
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<DatasetIterator> batches, digits.Repeat().Prefetch(2).MakeIterator());
  const int64_t steps_per_epoch = digits.cardinality().value_or(1);
  const std::string path = path_join(options.out_dir, "model.ckpt");
  History history;
  CurveState curve(history, steps_per_epoch);
  RunFlags flags = flags_of(options);
  const Tracking tracking(saver, {{"curve", &curve}, {"flags", &flags}, {"reader", batches.get()}});
  if (options.resume) {
    TARN_ASSIGN_OR_RETURN(history.checkpoint, resume(session, saver, flags, options.out_dir));
    print_start(history.checkpoint, batches->position(), steps_of(data, options), data);
  }

  const int64_t done = batches->position(), steps = std::max(steps_of(data, options), done);
  const bool has_flag = session.graph().find(kTraining).has_value();
  history.resumed_at = done;
  Progress progress({.total = steps - done, .label = str_cat("training", data.note())});
  Log log(progress);
  TARN_RETURN_IF_ERROR(log.open(options.log_dir, root, done + 1));
  int64_t saved = done;
  auto save = [&](int64_t step) -> Status {
    log.flush();
    if (step == saved) return {};
    TARN_ASSIGN_OR_RETURN(history.checkpoint, saver.Save(session, path, step));
    saved = step;
    return {};
  };
  auto test = [&](int64_t step) -> Status {
    TARN_ASSIGN_OR_RETURN(history.test, test_digits(session, data));
    const double accuracy = history.test.accuracy();
    if (history.test_step.empty() || history.test_step.back() < static_cast<double>(step)) {
      history.test_step.push_back(static_cast<double>(step));
      history.test_accuracy.push_back(accuracy);
    }
    progress.print_above(str_cat("step ", step, ": ", percent(accuracy), " of the test digits", data.note()));
    log.scalar("test_accuracy", accuracy, step);
    return log.histograms(session, step);
  };
  Example batch;
  std::vector<Tensor> out;
  std::vector<Session::StepTime> times;
  const StopSignals signals;
  for (int64_t step = done + 1; step <= steps; ++step) {
    if (signals.asked()) {
      const std::string stopped = str_cat("stopped by a signal after ", step - 1, " steps");
      TARN_RETURN_IF_ERROR(save(step - 1).with_context(stopped));
      return Status(Code::kCancelled, str_cat(stopped, "; --resume goes on"));
    }
    TARN_ASSIGN_OR_RETURN(bool more, batches->Next(&batch));
    if (!more) return invalid_argument("there are no training digits");
    std::vector<Session::Feed> feeds = {{kInput, batch[0]}, {kLabels, batch[1]}};
    if (has_flag) feeds.emplace_back(kTraining, Tensor::scalar(true));

    double begin = now_seconds();
    Status status = options.profile && step > done + 1  // the first one also compiles and takes memory
                        ? session.RunProfiled(feeds, {"loss", "accuracy"}, {options.train_op}, &out, &times)
                        : session.Run(feeds, {"loss", "accuracy"}, {options.train_op}, &out);
    TARN_RETURN_IF_ERROR(status);
    history.seconds += now_seconds() - begin;

    const double loss = out[0].item<float>(), accuracy = out[1].item<float>();
    history.step.push_back(static_cast<double>(step));
    history.loss.push_back(loss);
    history.accuracy.push_back(accuracy);
    progress.update(step - done, str_cat("loss ", fixed_text(loss, 3), "  acc ", fixed_text(100 * accuracy, 1), " %"));
    log.scalar("loss", loss, step);
    log.scalar("accuracy", accuracy, step);
    if (step % steps_per_epoch == 0 && step < steps) TARN_RETURN_IF_ERROR(test(step));
    const bool due = options.checkpoint_every > 0 && step % options.checkpoint_every == 0;
    if (due && step < steps) TARN_RETURN_IF_ERROR(save(step));
  }
  TARN_RETURN_IF_ERROR(test(steps));
  TARN_RETURN_IF_ERROR(save(steps));
  history.steps = steps;
  if (steps > done) progress.finish(str_cat("loss ", fixed_text(history.loss.back(), 3)));
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
  if (history.step.empty()) return {};
  std::string steps = str_cat(history.steps, " steps");
  if (history.resumed_at > 0) str_append(steps, ", ", history.steps - history.resumed_at, " of them after a resume");
  LineChart chart{.title = str_cat(title, " on ", data.name()),
                  .subtitle = str_cat(steps, " in ", duration_text(history.seconds)),
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
