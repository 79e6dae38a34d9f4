// The end of ./quickstart: every stage of one model on the 10,000 test digits, side by side, and pictures to look at.
//
//   quickstart_report --dir=out --spent=build=31.5,train=93.2
//
// In --dir: the training's graph.pbtxt and checkpoint, frozen.pb (freeze_graph), optimized.pb and weights8.pb
// (optimize_for_mobile). Each runs in a session; the three .pb files run in the engine too, as in an app. Leaves
// wrong_digits.png there.
#include <gflags/gflags.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>

#include "core/file.h"
#include "examples/mnist/training.h"
#include "examples/support/pictures.h"
#include "graph/checkpoint.h"
#include "graph/graph_io.h"
#include "graph/saver.h"
#include "runtime/engine.h"
#include "tools/support/main.h"
#include "tools/support/progress.h"

DEFINE_string(dir, "out", "Folder with graph.pbtxt, the checkpoint, frozen.pb, optimized.pb and weights8.pb");
DEFINE_string(data_dir, "", "Folder with MNIST's four files; by default $TARN_DATA/mnist, data/mnist or the network");
DEFINE_int32(threads, 0, "Threads that test the 10,000 digits; 0: one per core. Latency is always that of one thread");
DEFINE_string(spent, "", "Seconds spent before, as name=seconds,…; shown with the report's own");
DEFINE_double(min_accuracy, 0,
              "Fail if a stage is below this many percent (on MNIST; other digits have no such bound)");
DEFINE_bool(strict, false,
            "Fail unless the stages agree as they should: frozen = session, engine = session, optimized "
            "differs on at most 1 digit, weights8 within 0.05 points and --max_weights8_bytes");
DEFINE_bool(print_data, false, "Only print which digits those are, and end");
DEFINE_double(max_weights8_bytes, 26, "With --strict: percent of optimized.pb's bytes that weights8.pb may have");

namespace tarn::examples {
namespace {

constexpr int64_t kBatch = 500;
constexpr int kLatencyRuns = 200;
constexpr int kWarmUpRuns = 20;
constexpr double kMostDigitsOptimizedMayDiffer = 1;
constexpr double kMostPointsWeights8MayLose = 0.05;

using Recognizer = std::function<Result<Tensor>(const Tensor& images)>;

struct Stage {
  std::string name, file;
  int nodes = 0;
  uint64_t bytes = 0;
  TestResult test = {};
  double latency_ms = 0;
  int compared_with = -1;  // stage
  int differs = 0;         // digits read otherwise than there
};

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Recognizer in_session(std::shared_ptr<Session> session) {
  return [session](const Tensor& images) -> Result<Tensor> {
    std::vector<Tensor> out;
    TARN_RETURN_IF_ERROR(session->Run({{kInput, images}}, {kOutput}, &out));
    return out[0];
  };
}

Result<Recognizer> in_engine(const std::string& path, int threads) {
  EngineOptions options;
  options.threads = threads;
  TARN_ASSIGN_OR_RETURN(std::shared_ptr<const Engine> engine, Engine::load_file(path, options));
  auto context = std::make_shared<EngineContext>(engine);
  return Recognizer([context](const Tensor& images) -> Result<Tensor> {
    TARN_RETURN_IF_ERROR(context->set_input(kInput, images));
    TARN_RETURN_IF_ERROR(context->run());
    TARN_ASSIGN_OR_RETURN(const TensorView* scores, context->output(kOutput));
    return Tensor::from<float>(*scores->shape, std::span<const float>(scores->flat<float>()));
  });
}

// The training graph with the checkpoint's variables.
Result<Recognizer> trained(const MetaGraph& meta, const std::string& checkpoint, int threads) {
  auto session = std::make_shared<Session>(meta.graph, SessionOptions{.threads = threads});
  TARN_ASSIGN_OR_RETURN(Saver saver, Saver::FromMetaGraph(meta));
  TARN_RETURN_IF_ERROR(saver.Restore(*session, checkpoint));
  return in_session(std::move(session));
}

// Median time of one digit.
Result<double> latency_ms(const Recognizer& recognize, const Mnist& data) {
  std::vector<double> times;
  for (int run = -kWarmUpRuns; run < kLatencyRuns; ++run) {
    const int64_t digit = (run + kWarmUpRuns) % data.test_images.shape()[0];
    TARN_ASSIGN_OR_RETURN(Tensor image, rows(data.test_images, digit, digit + 1));
    const double begin = now_seconds();
    TARN_RETURN_IF_ERROR(recognize(image).status());
    if (run >= 0) times.push_back(now_seconds() - begin);
  }
  std::nth_element(times.begin(), times.begin() + kLatencyRuns / 2, times.end());
  return times[kLatencyRuns / 2] * 1e3;
}

class Report {
 public:
  explicit Report(const Mnist& data) : data_(data) {}

  // `make(threads)` gives what recognizes digits at this stage.
  Status add(Stage stage, const std::function<Result<Recognizer>(int threads)>& make) {
    std::fprintf(stderr, "testing %s %s%s\n", stage.name.c_str(), stage.file.c_str(),
                 std::string(data_.note()).c_str());
    auto run = [&]() -> Status {
      TARN_ASSIGN_OR_RETURN(Recognizer recognize, make(FLAGS_threads));
      const int64_t count = data_.test_images.shape()[0];
      for (int64_t begin = 0; begin < count; begin += kBatch) {
        TARN_ASSIGN_OR_RETURN(Tensor images, rows(data_.test_images, begin, std::min(count, begin + kBatch)));
        TARN_ASSIGN_OR_RETURN(Tensor scores, recognize(images));
        add_predictions(scores, data_.test_labels, stage.test);
      }
      TARN_ASSIGN_OR_RETURN(Recognizer alone, make(1));
      TARN_ASSIGN_OR_RETURN(stage.latency_ms, latency_ms(alone, data_));
      return {};
    };
    TARN_RETURN_IF_ERROR(run().with_context(str_cat(stage.name, " ", stage.file)));
    if (stage.compared_with >= 0) {
      const std::vector<int>& other = stages_[static_cast<size_t>(stage.compared_with)].test.predicted;
      for (size_t i = 0; i < other.size(); ++i) stage.differs += other[i] != stage.test.predicted[i];
    }
    stages_.push_back(std::move(stage));
    return {};
  }

  const std::vector<Stage>& stages() const { return stages_; }
  void print_table() const;
  Status check() const;

 private:
  const Mnist& data_;
  std::vector<Stage> stages_;
};

std::string padded(const std::string& text, size_t width, bool right = true) {
  std::string space(text.size() < width ? width - text.size() : 0, ' ');
  return right ? space + text : text + space;
}

std::string with_commas(uint64_t number) {
  std::string text = str_cat(number);
  for (size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

void Report::print_table() const {
  print("\n", padded("stage", 9, false), padded("file", 26, false), padded("accuracy", 10), padded("bytes", 13),
        padded("nodes", 7), padded("1 digit", 11), "  answers", data_.note(), "\n");
  for (const Stage& stage : stages_) {
    std::string answers;
    if (stage.compared_with >= 0) {
      const Stage& other = stages_[static_cast<size_t>(stage.compared_with)];
      answers = stage.differs == 0 ? str_cat("as ", other.name, " ", other.file)
                                   : str_cat(stage.differs, " other than ", other.name, " ", other.file);
    }
    print(padded(stage.name, 9, false), padded(stage.file, 26, false), padded(percent(stage.test.accuracy()), 10),
          padded(with_commas(stage.bytes), 13), padded(str_cat(stage.nodes), 7),
          padded(fixed_text(stage.latency_ms, 3) + " ms", 11), "  ", answers, data_.note(), "\n");
  }
}

// In the order in which run() adds them.
enum StageIndex { kSession, kFrozen, kOptimized, kWeights8, kEngineFrozen, kEngineOptimized, kEngineWeights8 };

Status Report::check() const {
  Problems problems;
  auto at = [&](StageIndex index) -> const Stage& { return stages_[index]; };
  for (const Stage& stage : stages_) {
    if (!data_.synthetic && 100 * stage.test.accuracy() < FLAGS_min_accuracy) {
      problems.add(str_cat(stage.name, " ", stage.file, " reads ", percent(stage.test.accuracy()),
                           " of the test digits, expected at least ", fixed_text(FLAGS_min_accuracy, 2), " %"));
    }
  }
  if (FLAGS_strict) {
    for (StageIndex index : {kFrozen, kOptimized, kEngineFrozen, kEngineOptimized, kEngineWeights8}) {
      const Stage& stage = at(index);
      const double most = index == kOptimized ? kMostDigitsOptimizedMayDiffer : 0;
      if (stage.differs > most) {
        problems.add(str_cat(stage.name, " ", stage.file, " reads ", stage.differs, " digits otherwise than ",
                             stages_[static_cast<size_t>(stage.compared_with)].name, " ",
                             stages_[static_cast<size_t>(stage.compared_with)].file, ", at most ", most,
                             " may differ"));
      }
    }
    const double lost = 100 * std::abs(at(kFrozen).test.accuracy() - at(kWeights8).test.accuracy());
    if (lost > kMostPointsWeights8MayLose + 1e-9)
      problems.add(str_cat("weights8.pb is ", fixed_text(lost, 2), " points from frozen.pb, at most 0.05 are allowed"));
    const double share = static_cast<double>(at(kWeights8).bytes) / static_cast<double>(at(kOptimized).bytes);
    if (100 * share > FLAGS_max_weights8_bytes)
      problems.add(str_cat("weights8.pb has ", percent(share), " of the bytes of optimized.pb, at most ",
                           fixed_text(FLAGS_max_weights8_bytes, 2), " % are allowed"));
  }
  return problems.to_status("the stages are not as they should be");
}

Status write_pictures(const Stage& stage, const Mnist& data) {
  std::vector<SheetDigit> wrong;
  std::span<const int64_t> truth = data.test_labels.flat<int64_t>();
  for (size_t i = 0; i < stage.test.predicted.size(); ++i) {
    if (stage.test.predicted[i] == truth[i]) continue;
    wrong.push_back({.pixels = digit_pixels(data.test_images, static_cast<int64_t>(i)),
                     .truth = static_cast<int>(truth[i]),
                     .predicted = stage.test.predicted[i],
                     .probability = stage.test.probability[i]});
  }
  const std::string title = str_cat(wrong.size(), " of ", with_commas(truth.size()), " digits read wrongly");
  return write_digit_sheet(path_join(FLAGS_dir, "wrong_digits.png"), wrong,
                           {.title = title, .subtitle = str_cat(stage.file, " on ", data.name())});
}

// "build=31.5,train=93.2" -> "build 31.5 s, train 93.2 s".
Result<std::string> spent_text() {
  std::string text;
  for (const std::string& item : str_split(FLAGS_spent, ',', true)) {
    size_t equals = item.find('=');
    if (equals == std::string::npos) return invalid_argument("--spent: ", quoted(item), " is not name=seconds");
    str_append(text, item.substr(0, equals), " ", item.substr(equals + 1), " s, ");
  }
  return text;
}

Status run() {
  const double begin = now_seconds();
  TARN_ASSIGN_OR_RETURN(std::string spent, spent_text());
  TARN_ASSIGN_OR_RETURN(Mnist data, load_digits(FLAGS_data_dir));
  if (FLAGS_print_data) {
    print(data.name(), "\n");
    return {};
  }
  TARN_ASSIGN_OR_RETURN(std::string checkpoint, latest_checkpoint(FLAGS_dir));
  TARN_ASSIGN_OR_RETURN(MetaGraph meta, read_meta_graph(checkpoint + ".meta"));

  Report report(data);
  Stage training{.name = "session", .file = "graph.pbtxt + checkpoint", .nodes = meta.graph.node_count()};
  for (const std::string& path : {path_join(FLAGS_dir, "graph.pbtxt"), checkpoint_index_path(checkpoint),
                                  checkpoint_data_path(checkpoint, 0, 1)}) {
    TARN_ASSIGN_OR_RETURN(uint64_t bytes, file_size(path));
    training.bytes += bytes;
  }
  TARN_RETURN_IF_ERROR(report.add(training, [&](int threads) { return trained(meta, checkpoint, threads); }));
  const struct {
    const char* file;
    int compared_with;
  } kFiles[] = {{"frozen.pb", kSession}, {"optimized.pb", kFrozen}, {"weights8.pb", kOptimized}};
  for (const auto& [file, compared_with] : kFiles) {
    const std::string path = path_join(FLAGS_dir, file);
    TARN_ASSIGN_OR_RETURN(Graph graph, read_graph(path));
    TARN_ASSIGN_OR_RETURN(uint64_t bytes, file_size(path));
    Stage stage{
        .name = "session", .file = file, .nodes = graph.node_count(), .bytes = bytes, .compared_with = compared_with};
    TARN_RETURN_IF_ERROR(report.add(stage, [&](int threads) -> Result<Recognizer> {
      return in_session(std::make_shared<Session>(graph, SessionOptions{.threads = threads}));
    }));
  }
  for (int same : {kFrozen, kOptimized, kWeights8}) {
    Stage stage = report.stages()[static_cast<size_t>(same)];
    stage = {.name = "engine", .file = stage.file, .nodes = stage.nodes, .bytes = stage.bytes, .compared_with = same};
    const std::string path = path_join(FLAGS_dir, stage.file);
    TARN_RETURN_IF_ERROR(report.add(stage, [&](int threads) { return in_engine(path, threads); }));
  }
  TARN_RETURN_IF_ERROR(write_pictures(report.stages()[kEngineOptimized], data));

  report.print_table();
  print("\n1 digit: median of ", kLatencyRuns, " runs of one digit on one thread.", data.note(), "\n");
  print("time: ", spent, "report ", fixed_text(now_seconds() - begin, 1), " s", data.note(), "\n");
  return report.check();
}

}  // namespace
}  // namespace tarn::examples

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "quickstart_report",
                          .summary = "Runs every stage of a digit classifier on the test digits and compares them.",
                          .example = "quickstart_report --dir=out",
                          .ranges = {{"threads", 0, 1024}, {"min_accuracy", 0, 100}, {"max_weights8_bytes", 0, 100}}},
                         tarn::examples::run);
}
