// MNIST for the examples: from files, from the network, or, failing both, synthetic digits that say they are not MNIST.
//
//   Result<Mnist> data = load_mnist({.data_dir = FLAGS_data_dir});
//   Dataset digits = Dataset::FromTensorSlices({data->train_images, data->train_labels});      // graph/dataset.h
//   Tensor targets = *one_hot(data->test_labels, 10);                                          // f32[10000,10]
//
// Where it looks, in this order: `data_dir`, $TARN_DATA/mnist, data/mnist, public mirrors, the generator.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace tarn::examples {

struct Mnist {
  Tensor train_images;  // f32[N,784], 0 = black to 1 = white
  Tensor train_labels;  // i64[N], 0 to 9
  Tensor test_images;
  Tensor test_labels;
  bool synthetic = false;
  std::string source;  // "/data/mnist", "generator, seed 1"

  // What to call the data on every line printed: "MNIST", or "synthetic digits (NOT MNIST)".
  std::string_view name() const { return synthetic ? "synthetic digits (NOT MNIST)" : "MNIST"; }
  // To append to a line: "" for MNIST, else " [synthetic digits, NOT MNIST]".
  std::string_view note() const { return synthetic ? " [synthetic digits, NOT MNIST]" : ""; }
};

// The four files' names, with ".gz"; without it they are found too.
constexpr std::string_view kMnistFiles[] = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                                            "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"};

struct MnistOptions {
  // If given, the files must be there: nothing else is tried.
  std::string data_dir = {};
  // Where downloads go, and the folder looked into before downloading.
  std::string download_dir = "data/mnist";
  bool use_environment = true;  // $TARN_DATA/mnist
  bool download = true;
  bool synthesize = true;
  // Go straight to the generator.
  bool only_synthetic = false;
  int64_t synthetic_train_count = 60000;
  int64_t synthetic_test_count = 10000;
  uint64_t synthetic_seed = 1;
  // Folders with the four files, tried in turn for each file; empty means the built-in public ones.
  std::vector<std::string> mirrors = {};
  // Called with a line at a time about what is done; null is silent.
  std::function<void(std::string_view line)> log = {};
};

// Errors: those of the files found (a damaged file is an error, never a reason to look elsewhere), or NotFound listing
// every place tried.
Result<Mnist> load_mnist(const MnistOptions& options = {});

// f32[N, classes] with a 1 at each label.  labels i64[N] or u8[N].  Errors: InvalidArgument naming a label out of
// range.
Result<Tensor> one_hot(const Tensor& labels, int64_t classes);

// Rows [begin, end) of the first dimension: a view that keeps `tensor`'s memory alive.
Result<Tensor> rows(const Tensor& tensor, int64_t begin, int64_t end);

}  // namespace tarn::examples
