// The example programs with a few steps each, and the whole way from a training program to the engine.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <set>

#include "examples/support/mnist.h"
#include "graph/checkpoint.h"
#include "graph/checkpoint_state.h"
#include "graph/graph_io.h"
#include "graph/saver.h"
#include "graph/session.h"
#include "runtime/engine.h"
#include "tests/examples/temp_folder.h"

namespace tarn::examples {
namespace {

struct Outcome {
  int exit_code = -1;
  std::string out;  // standard output and error
};

Outcome run_command(const std::string& command) {
  Outcome outcome;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return outcome;
  char buffer[4096];
  for (size_t count; (count = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;) outcome.out.append(buffer, count);
  const int status = ::pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

Outcome run(const std::string& program, const std::string& arguments) {
  return run_command(std::string(TARN_BIN_DIR) + "/" + program + " " + arguments);
}

// The number behind `label` in a program's output.
double number_after(const std::string& text, const std::string& label) {
  const size_t at = text.rfind(label);
  EXPECT_NE(at, std::string::npos) << "no '" << label << "' in\n" << text;
  return at == std::string::npos ? 0 : std::strtod(text.c_str() + at + label.size(), nullptr);
}

// 200 training and 50 test digits of MNIST's form: the generator's, without its name on them.
class SmallMnist {
 public:
  SmallMnist() {
    const Mnist data = *load_mnist({.only_synthetic = true, .synthetic_train_count = 200, .synthetic_test_count = 50});
    write(0, data.train_images, data.train_labels);
    write(2, data.test_images, data.test_labels);
    test_images = data.test_images;
  }
  const std::string& path() const { return folder_.path(); }
  Tensor test_images;

 private:
  void write(size_t first, const Tensor& images, const Tensor& labels) {
    const auto count = static_cast<uint32_t>(labels.element_count());
    std::string image_bytes = big_endian(0x803) + big_endian(count) + big_endian(28) + big_endian(28);
    for (float value : images.flat<float>()) image_bytes += static_cast<char>(static_cast<uint8_t>(value * 255 + 0.5f));
    std::string label_bytes = big_endian(0x801) + big_endian(count);
    for (int64_t label : labels.flat<int64_t>()) label_bytes += static_cast<char>(label);
    folder_.write(std::string(kMnistFiles[first]), gzip(image_bytes));
    folder_.write(std::string(kMnistFiles[first + 1]), gzip(label_bytes));
  }
  TempFolder folder_;
};

TEST(LinearRegression, FindsTheLineOfLeastSquares) {
  const double feet[] = {2104, 1600, 2400}, dollars[] = {399'900, 329'900, 369'000};
  double mean_x = 0, mean_y = 0, xy = 0, xx = 0;
  for (int i = 0; i < 3; ++i) {
    mean_x += feet[i] / 3;
    mean_y += dollars[i] / 3;
  }
  for (int i = 0; i < 3; ++i) {
    xy += (feet[i] - mean_x) * (dollars[i] - mean_y);
    xx += (feet[i] - mean_x) * (feet[i] - mean_x);
  }

  const Outcome outcome = run("linear_regression", "--square_feet=1850");

  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  // 3,000 steps leave exp(-0.0041 * 3000) of the error; float32 and the printed decimals leave more.
  EXPECT_NEAR(number_after(outcome.out, "slope: $"), xy / xx, 0.05);
  EXPECT_NEAR(number_after(outcome.out, "square feet: $"), mean_y + xy / xx * (1850 - mean_x), 50);
  EXPECT_LT(number_after(outcome.out, "step 3000  loss "), number_after(outcome.out, "step 300  loss "));
}

// Each MNIST program as a command line without --steps, --data_dir and --out_dir.
class MnistPrograms : public testing::TestWithParam<const char*> {};

TEST_P(MnistPrograms, TheSameSeedGivesTheSameTraining) {
  const SmallMnist mnist;
  const std::string command = GetParam();
  std::string graphs[2];
  Tensor biases[2];
  for (int i = 0; i < 2; ++i) {
    TempFolder out;
    const Outcome outcome =
        run(command.substr(0, command.find(' ')), command.substr(command.find(' ')) +
                                                      " --steps=3 --batch=20 --threads=1 --data_dir=" + mnist.path() +
                                                      " --out_dir=" + out.path());
    ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
    EXPECT_NE(outcome.out.find("accuracy on the 50 test digits: "), std::string::npos) << outcome.out;
    graphs[i] = read_bytes(out.file("graph.pbtxt"));
    Result<CheckpointReader> reader = CheckpointReader::open(out.file("model.ckpt-3"));
    ASSERT_TRUE(reader.ok()) << reader.status().to_string();
    Result<Tensor> bias = reader->read(command.starts_with("beginners") ? "b" : "fc2/bias");
    ASSERT_TRUE(bias.ok()) << bias.status().to_string();
    biases[i] = *bias;
    EXPECT_EQ(*latest_checkpoint(out.path()), out.file("model.ckpt-3"));
    EXPECT_NE(read_bytes(out.file("curve.svg")).find("</svg>"), std::string::npos);
  }

  EXPECT_EQ(graphs[0], graphs[1]);
  EXPECT_TRUE(biases[0].identical_to(biases[1])) << biases[0].to_string() << " and " << biases[1].to_string();
}

TEST_P(MnistPrograms, GoOnFromACheckpointToTheSameBytes) {
  const SmallMnist mnist;
  const std::string command = GetParam();
  const std::string program = command.substr(0, command.find(' '));
  TempFolder out;
  const std::string arguments = command.substr(command.find(' ')) +
                                " --steps=6 --batch=60 --threads=1 --checkpoint_every=2 --data_dir=" + mnist.path() +
                                " --out_dir=" + out.path() + " --log_dir=" + out.file("logs");
  const Outcome whole = run(program, arguments);  // reaches into the second epoch of 200 digits
  ASSERT_EQ(whole.exit_code, 0) << whole.out;
  std::vector<std::string> files, bytes;
  for (const char* end : {".data-00000-of-00001", ".index", ".meta"}) files.push_back(out.file("model.ckpt-6") + end);
  for (const std::string& file : files) bytes.push_back(read_bytes(file));
  ASSERT_TRUE(remove_checkpoint(out.file("model.ckpt-6")).ok());
  // As if it had been killed in its last step.
  ASSERT_TRUE(write_checkpoint_state(out.path(), {out.file("model.ckpt-4"), {out.file("model.ckpt-2")}}).ok());

  const Outcome resumed = run(program, arguments + " --resume");

  ASSERT_EQ(resumed.exit_code, 0) << resumed.out;
  EXPECT_NE(resumed.out.find("resumed from " + out.file("model.ckpt-4")), std::string::npos) << resumed.out;
  EXPECT_EQ(resumed.out.find("warning"), std::string::npos) << resumed.out;
  for (size_t i = 0; i < files.size(); ++i) EXPECT_TRUE(read_bytes(files[i]) == bytes[i]) << files[i];
  EXPECT_EQ(*latest_checkpoint(out.path()), out.file("model.ckpt-6"));
  size_t logs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(out.file("logs"))) logs += entry.file_size() > 1000;
  EXPECT_EQ(logs, 2u);
}

// Wrong usage, said before any data are asked for.
TEST(MnistProgramsBackend, AWrongNameIsWrongUsage) {
  TempFolder out;
  for (const char* program : {"beginners", "experts", "keras_cnn"}) {
    const Outcome outcome = run_command(std::string(TARN_BIN_DIR) + "/" + program +
                                        " --backend=dnn --data_dir=/none --out_dir=" + out.path());

    EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
    EXPECT_EQ(outcome.out, str_cat(program, ": --backend: backend 'dnn' is none of portable, dnnl and auto; did you ",
                                   "mean 'dnnl'?\n"));
  }
}

INSTANTIATE_TEST_SUITE_P(All, MnistPrograms,
                         testing::Values("beginners --seed=3", "experts --seed=3", "experts --batch_norm",
                                         "keras_cnn --batch_norm --seed=3", "keras_cnn "),
                         [](const auto& test) {
                           std::string name = test.param;
                           for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

TEST(MnistProgramsOnOtherDigits, EveryLineAboutThemSaysThatTheyAreNotMnist) {
  TempFolder out;  // also the working folder: no data/mnist there
  const std::string no_network = "http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 ";

  const Outcome outcome = run_command("env -u TARN_DATA -C " + out.path() + " " + no_network + TARN_BIN_DIR +
                                      "/beginners --steps=5 --out_dir=" + out.path());

  ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
  const size_t start = outcome.out.find("data: ");
  ASSERT_NE(start, std::string::npos) << outcome.out;
  int lines = 0;
  for (const std::string& line : str_split(outcome.out.substr(start), '\n')) {
    if (line.empty()) continue;
    EXPECT_NE(line.find("NOT MNIST"), std::string::npos) << line;
    ++lines;
  }
  EXPECT_GE(lines, 4);
}

// The names that the whole way relies on: at each stage the graph has them and runs by them.
class WholeWay : public testing::Test {
 protected:
  static constexpr int kDigits = 50;

  std::string file(const std::string& name) const { return out_.file(name); }
  void step(const std::string& program, const std::string& arguments) {
    const Outcome outcome = run(program, arguments);
    ASSERT_EQ(outcome.exit_code, 0) << program << " " << arguments << "\n" << outcome.out;
  }
  static Tensor scores(Session& session, const Tensor& images) {
    std::vector<Tensor> out;
    Status status = session.Run({{"input_node", images}}, {"output_node"}, &out);
    EXPECT_TRUE(status.ok()) << status.to_string();
    return status.ok() ? out[0] : Tensor();
  }
  Tensor scores(const std::string& graph_file, const Tensor& images) {
    Result<Graph> graph = read_graph(file(graph_file));
    EXPECT_TRUE(graph.ok()) << graph.status().to_string();
    if (!graph.ok()) return Tensor();
    Session session(*graph, {.threads = 1});
    return scores(session, images);
  }
  Tensor engine_scores(const std::string& graph_file, const Tensor& images) {
    Result<std::shared_ptr<const Engine>> engine = Engine::load_file(file(graph_file));
    EXPECT_TRUE(engine.ok()) << engine.status().to_string();
    if (!engine.ok()) return Tensor();
    EXPECT_EQ((*engine)->inputs().size(), 1u);
    EXPECT_EQ((*engine)->outputs().size(), 1u);
    EngineContext context(*engine);
    EXPECT_TRUE(context.set_input("input_node", images).ok());
    Status status = context.run();
    EXPECT_TRUE(status.ok()) << status.to_string();
    Result<const TensorView*> out = context.output("output_node");
    EXPECT_TRUE(out.ok()) << out.status().to_string();
    return out.ok() ? Tensor::from<float>(*(*out)->shape, std::span<const float>((*out)->flat<float>())) : Tensor();
  }
  static double difference(const Tensor& a, const Tensor& b) {
    if (a.element_count() != b.element_count() || a.element_count() == 0) return 1e30;
    double most = 0;
    for (int64_t i = 0; i < a.element_count(); ++i) {
      const auto at = static_cast<size_t>(i);
      most =
          std::max(most, std::abs(static_cast<double>(a.flat<float>()[at]) - static_cast<double>(b.flat<float>()[at])));
    }
    return most;
  }

  TempFolder out_;
};

TEST_F(WholeWay, TrainedFrozenOptimizedQuantizedAndInTheEngineTheNamesAndAnswersStay) {
  const SmallMnist mnist;
  const Tensor& images = mnist.test_images;
  ASSERT_NO_FATAL_FAILURE(
      step("keras_cnn", "--batch_norm --steps=4 --batch=20 --data_dir=" + mnist.path() + " --out_dir=" + out_.path()));
  ASSERT_NO_FATAL_FAILURE(
      step("freeze_graph", "--input_graph=" + file("graph.pbtxt") + " --input_checkpoint=" + file("model.ckpt-4") +
                               " --output_node_names=output_node --output_graph=" + file("frozen.pb")));
  const std::string optimize =
      "--input=" + file("frozen.pb") + " --input_names=input_node --output_names=output_node --output=";
  ASSERT_NO_FATAL_FAILURE(step("optimize_for_mobile", optimize + file("optimized.pb")));
  ASSERT_NO_FATAL_FAILURE(step("optimize_for_mobile", optimize + file("weights8.pb") + " --quantize=weights8"));

  Result<MetaGraph> meta = read_meta_graph(file("model.ckpt-4.meta"));
  ASSERT_TRUE(meta.ok()) << meta.status().to_string();
  Session session(meta->graph, {.threads = 1});
  ASSERT_TRUE(Saver::FromMetaGraph(*meta)->Restore(session, file("model.ckpt-4")).ok());
  const Tensor trained = scores(session, images);
  const Tensor frozen = scores("frozen.pb", images), optimized = scores("optimized.pb", images);
  const Tensor weights8 = scores("weights8.pb", images);

  EXPECT_EQ(trained.shape().to_string(), "[50,10]");
  EXPECT_EQ(difference(trained, frozen), 0);
  EXPECT_LT(difference(frozen, optimized), 1e-5);  // folding batch norm rounds the weights once more
  EXPECT_LT(difference(optimized, weights8), 0.05);
  EXPECT_EQ(difference(frozen, engine_scores("frozen.pb", images)), 0);
  EXPECT_EQ(difference(optimized, engine_scores("optimized.pb", images)), 0);
  EXPECT_EQ(difference(weights8, engine_scores("weights8.pb", images)), 0);

  for (const char* stage : {"frozen.pb", "optimized.pb", "weights8.pb"}) {
    const Graph graph = *read_graph(file(stage));
    const Node& input = graph.node(*graph.find_node("input_node"));
    EXPECT_EQ(input.op, "Placeholder") << stage;
    EXPECT_EQ(input.outputs[0].to_string(), "f32[?,784]") << stage;
    EXPECT_EQ(graph.node(*graph.find_node("output_node")).op, "Softmax") << stage;
  }
  const Graph mobile = *read_graph(file("optimized.pb"));
  for (NodeId id : mobile.ids()) {
    EXPECT_FALSE(std::set<std::string>({"Switch", "Merge", "FusedBatchNorm", "VariableV2", "RandomUniform"})
                     .count(mobile.node(id).op))
        << mobile.node(id).name;
  }
  ASSERT_NO_FATAL_FAILURE(
      step("quickstart_report", "--strict=false --data_dir=" + mnist.path() + " --dir=" + out_.path()));
  EXPECT_TRUE(read_bytes(file("wrong_digits.png")).starts_with("\x89PNG"));
  ASSERT_NO_FATAL_FAILURE(
      step("convert_graph", "--input=" + file("optimized.pb") + " --output=" + file("graph_after.dot")));
  EXPECT_NE(read_bytes(file("graph_after.dot")).find("output_node"), std::string::npos);

  const std::string digit = std::string(TARN_SOURCE_DIR) + "/examples/freeze_and_run/seven.pgm";
  for (const char* program : {"freeze_and_run", "freeze_and_run_c"}) {
    const Outcome outcome = run(program, file("optimized.pb") + " " + digit);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
    EXPECT_NE(outcome.out.find("It is a "), std::string::npos) << outcome.out;
    double sum = 0;
    for (int i = 0; i < 10; ++i) sum += number_after("\n" + outcome.out, "\n" + std::to_string(i) + "  ");
    EXPECT_NEAR(sum, 1, 10 * 0.5e-4);  // ten numbers printed with four decimals
  }
}

TEST(FreezeAndRun, SaysWhatIsWrong) {
  TempFolder folder;
  const std::string digit = folder.write("digit.pgm", "P5 28 28 255\n");
  const std::string model = folder.write("model.pb", "");
  for (const char* program : {"freeze_and_run", "freeze_and_run_c"}) {
    EXPECT_EQ(run(program, "").exit_code, 2);
    const Outcome no_digit = run(program, model + " " + digit);
    EXPECT_EQ(no_digit.exit_code, 1);
    EXPECT_NE(no_digit.out.find("digit.pgm as a text PGM"), std::string::npos) << no_digit.out;
    const Outcome no_model =
        run(program, model + " " + std::string(TARN_SOURCE_DIR) + "/examples/freeze_and_run/seven.pgm");
    EXPECT_EQ(no_model.exit_code, 1);
    EXPECT_NE(no_model.out.find("model.pb"), std::string::npos) << no_model.out;
  }
}

}  // namespace
}  // namespace tarn::examples
