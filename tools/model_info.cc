// model_info: what an app gets to know of a model, and whether it still gives what it gave when it was made.
#include <gflags/gflags.h>

#include "core/file.h"
#include "core/image_codec.h"
#include "core/regex.h"
#include "graph/graph_source.h"
#include "runtime/self_test.h"
#include "tools/support/graph_file.h"
#include "tools/support/main.h"
#include "tools/support/pass_run.h"

DEFINE_string(model, "", "Frozen graph, as optimize_for_mobile writes it");
DEFINE_bool(self_test, false,
            "Run the model on the made-up inputs that it was stored with, and compare: exit code 1 if it differs");
DEFINE_int32(threads, 1, "Threads of the self-test");

namespace {

void print_tensors(std::string_view what, const std::vector<tarn::EngineTensorInfo>& tensors) {
  for (const tarn::EngineTensorInfo& tensor : tensors)
    tarn::print(what, ": ", tarn::quoted(tensor.name), " (", tarn::dtype_short_name(tensor.dtype), tensor.shape, ")\n");
}

template <class T>
std::vector<std::string> names_of(const std::vector<T>& tensors) {
  std::vector<std::string> names;
  for (const T& tensor : tensors) names.push_back(tensor.name);
  return names;
}

tarn::Status run() {
  tarn::EngineOptions options{
      .threads = FLAGS_threads, .images = &tarn::image_codec(), .regex = &tarn::regex_compiler()};
  // Mapped as by an app if it is what an app can map; text is read.
  TARN_ASSIGN_OR_RETURN(tarn::AnyGraph text, tarn::load_graph_file(FLAGS_model, {.allow_unknown_ops = true}));
  auto load = [&]() -> tarn::Result<std::shared_ptr<const tarn::Engine>> {
    tarn::Result<std::shared_ptr<const tarn::Engine>> mapped = tarn::Engine::load_file(FLAGS_model, options);
    if (mapped.ok() || mapped.status().code() != tarn::Code::kDataLoss) return mapped;
    return tarn::Engine::load_source(std::make_unique<tarn::GraphSource>(text.graph), FLAGS_model, options);
  };
  TARN_ASSIGN_OR_RETURN(std::shared_ptr<const tarn::Engine> engine, load());
  tarn::Result<tarn::ModelInfo> info = tarn::parse_model_info(engine->model_info());
  if (!info.ok()) return info.status().with_context(tarn::printable(FLAGS_model));
  if (info->self_test) {  // it knows the model's ends, also where one output is on the way to another
    options.inputs = names_of(info->self_test->inputs);
    options.outputs = names_of(info->self_test->outputs);
    TARN_ASSIGN_OR_RETURN(engine, load());
  }
  print_tensors("input", engine->inputs());
  print_tensors("output", engine->outputs());
  if (!FLAGS_self_test) {
    tarn::print("self-test: ", info->self_test ? "stored" : "none", "\n");
    return {};
  }
  TARN_ASSIGN_OR_RETURN(tarn::SelfTestReport report, tarn::run_self_test(engine));
  tarn::print("self-test: passed, ", report.values, " values of ", report.outputs,
              report.outputs == 1 ? " output" : " outputs", ", the largest difference is ",
              tarn::difference_text(report.max_relative_difference), " of an output's range\n");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "model_info",
                          .summary = "Prints what an app gets to know of a model: inputs, outputs, and the self-test "
                                     "that optimize_for_mobile stored with it, which it can run.",
                          .example = "model_info --model=mobile.pb\nmodel_info --model=mobile.pb --self_test",
                          .required = {"model"},
                          .ranges = {{"threads", 1, 1024}}},
                         run);
}
