// Trains one of the three networks that other frameworks are timed with, and prints one JSON line about its steps:
//
//   train_tarn --model=deepmnist --threads=1 --steps=60 --warmup=10 --backend=portable
//
// Models: softmax (784 -> 10, gradient descent), deepmnist (5x5x32, 5x5x64, 1024, Adam), kerascnn (3x3x32, 3x3x64, 128,
// Adam). A step is what a peer's is: a batch of MNIST fed, forward, backward, update; nothing fetched. The digits are
// $TARN_DATA/mnist, or random ones. --profile tells on stderr which ops took the time.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "bench/networks.h"
#include "examples/support/mnist.h"
#include "graph/session.h"

namespace tarn {
namespace {

struct Options {
  std::string model = "softmax", backend = "portable";
  int threads = 1, steps = 0, warmup = -1, batch = 0;
  bool profile = false;
};

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Since the process was started: by the driver's clock ($PEER_T0, monotonic seconds), else by the kernel's.
double age_seconds() {
  if (const char* start = std::getenv("PEER_T0")) return seconds() - std::atof(start);
  std::ifstream stat("/proc/self/stat"), uptime("/proc/uptime");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  text.erase(0, text.rfind(')') + 2);
  double up = 0, ticks = 0;
  uptime >> up;
  size_t at = 0;
  for (int field = 3; field < 22; ++field) at = text.find(' ', at) + 1;
  ticks = std::atof(text.c_str() + at);
  return up - ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double quantile(std::vector<double> sorted, double q) {
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(q * static_cast<double>(sorted.size())))];
}

void print_profile(const std::vector<Session::StepTime>& times) {
  std::map<std::string, double> by_op;
  double all = 0;
  for (const Session::StepTime& time : times) {
    const double ms =
        static_cast<double>(time.nanoseconds) / 1e6 / static_cast<double>(std::max<int64_t>(time.calls, 1));
    by_op[time.op] += ms;
    all += ms;
  }
  std::vector<std::pair<double, std::string>> sorted;
  for (const auto& [op, ms] : by_op) sorted.emplace_back(ms, op);
  std::sort(sorted.rbegin(), sorted.rend());
  for (const auto& [ms, op] : sorted) std::fprintf(stderr, "%9.4f ms %5.1f %%  %s\n", ms, 100 * ms / all, op.c_str());
}

Status run(const Options& options) {
  const bench::TrainingNetwork* model = bench::find_network(options.model);
  if (model == nullptr) {
    return invalid_argument("--model=", options.model, " is none of softmax, deepmnist and kerascnn");
  }
  const int batch = options.batch > 0 ? options.batch : model->batch;
  const int steps = options.steps > 0 ? options.steps : model->steps;
  const int warmup = std::min(options.warmup >= 0 ? options.warmup : model->warmup, steps - 1);

  TARN_ASSIGN_OR_RETURN(examples::Mnist data,
                        examples::load_mnist({.download = false, .synthetic_train_count = 10000}));

  const bench::TrainingGraph graph = bench::build_training(*model);
  SessionOptions session_options{.threads = options.threads};
  TARN_RETURN_IF_ERROR(choose_backend(options.backend, session_options));
  Session session(graph.root, session_options);
  TARN_RETURN_IF_ERROR(session.Run(graph.init));
  const bool has_flag = session.graph().find("training").has_value();  // dropout drops only while training

  const int64_t count = data.train_images.shape()[0];
  std::vector<double> ms;
  std::vector<Tensor> out;
  std::vector<Session::StepTime> times;
  const std::vector<std::string> targets = {graph.train};
  double thousandth_s = 0;
  for (int step = 0; step < steps; ++step) {
    const int64_t begin = int64_t{step} * batch % (count - batch + 1);
    const double start = seconds();
    TARN_ASSIGN_OR_RETURN(Tensor images, examples::rows(data.train_images, begin, begin + batch));
    TARN_ASSIGN_OR_RETURN(Tensor truth, examples::rows(data.train_labels, begin, begin + batch));
    std::vector<Session::Feed> feeds = {{"x", images}, {"labels", truth}};
    if (has_flag) feeds.emplace_back("training", Tensor::scalar(true));
    TARN_RETURN_IF_ERROR(options.profile && step >= warmup ? session.RunProfiled(feeds, {}, targets, &out, &times)
                                                           : session.Run(feeds, {}, targets, &out));
    if (step >= warmup) ms.push_back((seconds() - start) * 1e3);
    if (step == 999) thousandth_s = age_seconds();
  }
  if (options.profile) print_profile(times);

  double sum = 0;
  for (double one : ms) sum += one;
  std::sort(ms.begin(), ms.end());
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "{\"kind\": \"train\", \"peer\": \"tarn\", \"work\": \"%s\", \"model\": \"%s\", \"variant\": \"%s\", \"batch\": "
      "%d, "
      "\"threads\": %d, \"steps\": %d, \"min_ms\": %.4f, \"median_ms\": %.4f, \"p90_ms\": %.4f, \"mean_ms\": %.4f, "
      "\"steps_per_s\": %.1f, \"wall_s\": %.3f, \"rss_mb\": %.1f",
      options.model.c_str(), options.model.c_str(), options.backend.c_str(), batch, options.threads, steps, ms.front(),
      quantile(ms, 0.5), quantile(ms, 0.9), sum / static_cast<double>(ms.size()),
      1e3 * static_cast<double>(ms.size()) / sum, age_seconds(), static_cast<double>(usage.ru_maxrss) / 1024);
  if (thousandth_s > 0) std::printf(", \"step_1000_s\": %.3f", thousandth_s);
  std::printf(", \"digits\": \"%s\"}\n", data.synthetic ? "synthetic" : "mnist");
  return {};
}

bool parse(int argc, char** argv, Options& options) {
  const std::map<std::string, int*> numbers = {{"--threads", &options.threads},
                                               {"--steps", &options.steps},
                                               {"--warmup", &options.warmup},
                                               {"--batch", &options.batch}};
  const std::map<std::string, std::string*> texts = {{"--model", &options.model}, {"--backend", &options.backend}};
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i], value;
    if (name == "--profile") {
      options.profile = true;
      continue;
    }
    if (size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (i + 1 < argc) {
      value = argv[++i];
    }
    if (numbers.contains(name)) {
      *numbers.at(name) = std::atoi(value.c_str());
    } else if (texts.contains(name)) {
      *texts.at(name) = value;
    } else {
      std::fprintf(stderr,
                   "train_tarn: unknown flag %s; there are --model --backend --threads --steps --warmup --batch "
                   "--profile\n",
                   argv[i]);
      return false;
    }
  }
  return true;
}

}  // namespace
}  // namespace tarn

int main(int argc, char** argv) {
  tarn::Options options;
  if (!tarn::parse(argc, argv, options)) return 2;
  const tarn::Status status = tarn::run(options);
  if (!status.ok()) std::fprintf(stderr, "train_tarn: %s\n", status.to_string().c_str());
  return status.ok() ? 0 : 1;
}
