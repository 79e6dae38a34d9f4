// A digit classifier in an app, in C++: load the optimized file, show it a digit, print what it says.
//
//   keras_cnn --batch_norm --epochs=2 --out_dir=out
//   freeze_graph --input_graph=out/graph.pbtxt --input_checkpoint=out --output_node_names=output_node
//     --output_graph=out/frozen.pb
//   optimize_for_mobile --input=out/frozen.pb --output=out/model.pb --input_names=input_node --output_names=output_node
//   freeze_and_run out/model.pb examples/freeze_and_run/seven.pgm
//
// Links the engine alone (tarn_engine): no protobuf, no flags library, nothing that trains. In C: freeze_and_run.c.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "runtime/engine.h"

namespace {

constexpr int kSide = 28;

// A PGM file ("P2", gray values as text) as numbers from 0, black, to 1, white. Empty if it is not 28 x 28.
std::vector<float> read_digit(const char* path) {
  std::ifstream in(path);
  std::string magic;
  int width = 0, height = 0, white = 0;
  if (!(in >> magic >> width >> height >> white) || magic != "P2" || width != kSide || height != kSide || white < 1)
    return {};
  std::vector<float> pixels(kSide * kSide);
  for (float& pixel : pixels) {
    int value = 0;
    if (!(in >> value)) return {};
    pixel = static_cast<float>(value) / static_cast<float>(white);
  }
  return pixels;
}

tarn::Status recognize(const char* model, const std::vector<float>& pixels) {
  TARN_ASSIGN_OR_RETURN(std::shared_ptr<const tarn::Engine> engine, tarn::Engine::load_file(model));
  tarn::EngineContext context(engine);
  TARN_RETURN_IF_ERROR(
      context.set_input("input_node", tarn::Tensor::from<float>({1, kSide * kSide}, std::span<const float>(pixels))));
  TARN_RETURN_IF_ERROR(context.run());
  TARN_ASSIGN_OR_RETURN(const tarn::TensorView* scores, context.output("output_node"));

  std::span<const float> probabilities = scores->flat<float>();
  for (size_t digit = 0; digit < probabilities.size(); ++digit)
    std::printf("%zu  %.4f\n", digit, static_cast<double>(probabilities[digit]));
  auto best = std::max_element(probabilities.begin(), probabilities.end());
  std::printf("It is a %d.\n", static_cast<int>(best - probabilities.begin()));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: freeze_and_run MODEL.pb DIGIT.pgm\n");
    return 2;
  }
  std::vector<float> pixels = read_digit(argv[2]);
  if (pixels.empty()) {
    std::fprintf(stderr, "freeze_and_run: cannot read %s as a text PGM (P2) of 28 x 28\n", argv[2]);
    return 1;
  }
  tarn::Status status = recognize(argv[1], pixels);
  if (!status.ok()) std::fprintf(stderr, "freeze_and_run: %s\n", status.to_string().c_str());
  return status.ok() ? 0 : 1;
}
