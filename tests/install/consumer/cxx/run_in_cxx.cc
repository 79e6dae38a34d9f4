// The engine's C++ interface, from an installed tree: prints the second class's probability of 1 0 0 0.
#include <cstdio>

#include "runtime/engine.h"

namespace {

tarn::Status run(const char* path) {
  TARN_ASSIGN_OR_RETURN(std::shared_ptr<const tarn::Engine> engine, tarn::Engine::load_file(path));
  tarn::EngineContext context(engine);
  TARN_RETURN_IF_ERROR(context.set_input("input_node", tarn::Tensor::from<float>({1, 4}, {1, 0, 0, 0})));
  TARN_RETURN_IF_ERROR(context.run());
  TARN_ASSIGN_OR_RETURN(const tarn::TensorView* output, context.output("output_node"));
  std::printf("%.6f\n", static_cast<double>(output->flat<float>()[1]));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  tarn::Status status = argc == 2 ? run(argv[1]) : tarn::invalid_argument("usage: run_in_cxx MODEL.pb");
  if (!status.ok()) std::fprintf(stderr, "run_in_cxx: %s\n", status.to_string().c_str());
  return status.ok() ? 0 : 1;
}
