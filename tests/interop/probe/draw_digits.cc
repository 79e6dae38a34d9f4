// Writes the digits that the examples draw where there is no MNIST, as NumPy files for the interop tests.
//
//   draw_digits --train=2000 --test=1000 --out_dir=digits       # {train,test}_{images,labels}.npy
#include <gflags/gflags.h>

#include "core/file.h"
#include "examples/support/mnist.h"
#include "graph/npy.h"
#include "tools/support/main.h"

DEFINE_int32(train, 2000, "Training digits");
DEFINE_int32(test, 1000, "Test digits");
DEFINE_string(out_dir, "", "Where the files go");

namespace {

tarn::Status run() {
  TARN_ASSIGN_OR_RETURN(tarn::examples::Mnist digits, tarn::examples::load_mnist({.only_synthetic = true,
                                                                                  .synthetic_train_count = FLAGS_train,
                                                                                  .synthetic_test_count = FLAGS_test}));
  TARN_RETURN_IF_ERROR(tarn::make_dirs(FLAGS_out_dir));
  auto write = [](const char* name, const tarn::Tensor& tensor) {
    return tarn::write_npy(tarn::path_join(FLAGS_out_dir, name), tensor);
  };
  TARN_RETURN_IF_ERROR(write("train_images.npy", digits.train_images));
  TARN_RETURN_IF_ERROR(write("train_labels.npy", digits.train_labels));
  TARN_RETURN_IF_ERROR(write("test_images.npy", digits.test_images));
  return write("test_labels.npy", digits.test_labels);
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "draw_digits",
                          .summary = "Writes synthetic digits as NumPy files.",
                          .example = "draw_digits --train=2000 --test=1000 --out_dir=digits",
                          .required = {"out_dir"},
                          .ranges = {{"train", 1, 60000}, {"test", 1, 10000}}},
                         run);
}
