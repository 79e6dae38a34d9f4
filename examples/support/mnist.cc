#include "examples/support/mnist.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "core/file.h"
#include "core/random.h"
#include "examples/support/download.h"
#include "examples/support/idx.h"
#include "examples/support/synthetic_digits.h"

namespace tarn::examples {
namespace {

// SHA-256 of kMnistFiles, as first published at yann.lecun.com/exdb/mnist.
constexpr std::string_view kChecksums[] = {
    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
};
constexpr std::string_view kMirrors[] = {
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://systemds.apache.org/assets/datasets/mnist",
};
constexpr size_t kFileCount = std::size(kMnistFiles);

// The files' paths in a folder: each with or without ".gz"; empty where neither exists.
std::array<std::string, kFileCount> files_in(const std::string& folder) {
  std::array<std::string, kFileCount> paths;
  for (size_t i = 0; i < kFileCount; ++i) {
    std::string packed = str_cat(folder, "/", kMnistFiles[i]);
    std::string plain = packed.substr(0, packed.size() - 3);
    paths[i] = ::access(packed.c_str(), F_OK) == 0 ? packed : ::access(plain.c_str(), F_OK) == 0 ? plain : "";
  }
  return paths;
}

bool has_any(const std::string& folder) {
  for (const std::string& path : files_in(folder)) {
    if (!path.empty()) return true;
  }
  return false;
}

bool has_all(const std::string& folder) {
  for (const std::string& path : files_in(folder)) {
    if (path.empty()) return false;
  }
  return true;
}

// u8[N,28,28] -> f32[N,784] in 0 to 1.
Result<Tensor> scaled(const Tensor& images) {
  TARN_ASSIGN_OR_RETURN(Tensor out, Tensor::allocate(DType::kFloat, Shape{images.shape().dim(0), 784}));
  std::span<const uint8_t> from = images.flat<uint8_t>();
  std::span<float> to = out.mutable_flat<float>();
  for (size_t i = 0; i < from.size(); ++i) to[i] = static_cast<float>(from[i]) / 255.0f;
  return out;
}

Result<Tensor> widened(const Tensor& labels) {
  TARN_ASSIGN_OR_RETURN(Tensor out, Tensor::allocate(DType::kInt64, labels.shape()));
  std::span<const uint8_t> from = labels.flat<uint8_t>();
  std::span<int64_t> to = out.mutable_flat<int64_t>();
  for (size_t i = 0; i < from.size(); ++i) to[i] = from[i];
  return out;
}

Status fill(Mnist& mnist, const LabelledImages& train, const LabelledImages& test) {
  TARN_ASSIGN_OR_RETURN(mnist.train_images, scaled(train.images));
  TARN_ASSIGN_OR_RETURN(mnist.train_labels, widened(train.labels));
  TARN_ASSIGN_OR_RETURN(mnist.test_images, scaled(test.images));
  TARN_ASSIGN_OR_RETURN(mnist.test_labels, widened(test.labels));
  return {};
}

Result<LabelledImages> read_pair(const std::string& images_path, const std::string& labels_path) {
  TARN_ASSIGN_OR_RETURN(LabelledImages pair, read_idx_pair(images_path, labels_path));
  if (pair.images.shape().dim(1) != kDigitSize || pair.images.shape().dim(2) != kDigitSize) {
    return invalid_argument(tarn::quoted(images_path), " has images of ", pair.images.shape().dim(1), " x ",
                            pair.images.shape().dim(2), " pixels, expected 28 x 28");
  }
  return pair;
}

Result<Mnist> read_folder(const std::string& folder) {
  struct stat info;
  if (::stat(folder.c_str(), &info) != 0) return file_error("open MNIST's folder", folder, errno);
  if (!S_ISDIR(info.st_mode)) return file_error("open MNIST's folder", folder, ENOTDIR);
  if (::access(folder.c_str(), X_OK) != 0) return file_error("open MNIST's folder", folder, errno);
  std::array<std::string, kFileCount> paths = files_in(folder);
  std::string missing;
  for (size_t i = 0; i < kFileCount; ++i) {
    if (paths[i].empty()) str_append(missing, missing.empty() ? "" : ", ", kMnistFiles[i]);
  }
  if (!missing.empty()) return not_found("MNIST's folder ", tarn::quoted(folder), " has no ", missing);

  Mnist mnist;
  mnist.source = folder;
  TARN_ASSIGN_OR_RETURN(LabelledImages train, read_pair(paths[0], paths[1]));
  TARN_ASSIGN_OR_RETURN(LabelledImages test, read_pair(paths[2], paths[3]));
  TARN_RETURN_IF_ERROR(fill(mnist, train, test));
  return mnist;
}

Status download_all(const MnistOptions& options) {
  TARN_RETURN_IF_ERROR(make_dirs(options.download_dir));
  std::vector<std::string> mirrors = options.mirrors;
  if (mirrors.empty()) mirrors.assign(std::begin(kMirrors), std::end(kMirrors));
  std::array<std::string, kFileCount> present = files_in(options.download_dir);
  for (size_t i = 0; i < kFileCount; ++i) {
    if (!present[i].empty()) continue;
    std::vector<std::string> urls;
    for (const std::string& mirror : mirrors) urls.push_back(str_cat(mirror, "/", kMnistFiles[i]));
    TARN_RETURN_IF_ERROR(
        download(urls, str_cat(options.download_dir, "/", kMnistFiles[i]), kChecksums[i], options.log));
  }
  return {};
}

// As download_all(), but no empty folders stay where there were none.
Status download_or_nothing(const MnistOptions& options) {
  const std::string parent(path_dir(options.download_dir));
  const bool had_parent = parent.empty() || dir_exists(parent), had_folder = dir_exists(options.download_dir);
  Status status = download_all(options);
  if (!status.ok() && !had_folder && ::rmdir(options.download_dir.c_str()) == 0 && !had_parent) ::rmdir(parent.c_str());
  return status;
}

Result<Mnist> synthesize(const MnistOptions& options) {
  Mnist mnist;
  mnist.synthetic = true;
  mnist.source = str_cat("generator, seed ", options.synthetic_seed);
  // The sets' seeds differ in a way that no other pair of seeds does by accident.
  SyntheticDigitsOptions train_options{options.synthetic_train_count, options.synthetic_seed, 0};
  SyntheticDigitsOptions test_options{options.synthetic_test_count, ~options.synthetic_seed, 0};
  TARN_ASSIGN_OR_RETURN(LabelledImages train, synthetic_digits(train_options));
  TARN_ASSIGN_OR_RETURN(LabelledImages test, synthetic_digits(test_options));
  TARN_RETURN_IF_ERROR(fill(mnist, train, test));
  return mnist;
}

// The data without the announcement.
Result<Mnist> find_mnist(const MnistOptions& options) {
  if (options.only_synthetic) return synthesize(options);
  if (!options.data_dir.empty()) return read_folder(options.data_dir);

  std::vector<std::string> tried;
  const char* root = options.use_environment ? std::getenv("TARN_DATA") : nullptr;
  if (root != nullptr && *root != '\0') {
    std::string folder = str_cat(root, "/mnist");
    if (has_any(folder)) return read_folder(folder);
    tried.push_back(str_cat(tarn::quoted(folder), " ($TARN_DATA): no such files"));
  }
  // An interrupted download leaves some of the files: with a network the others are fetched.
  if (has_all(options.download_dir)) return read_folder(options.download_dir);
  if (!options.download) {
    tried.push_back(str_cat(tarn::quoted(options.download_dir), ": not all four files"));
  } else if (Status status = download_or_nothing(options); status.ok()) {
    return read_folder(options.download_dir);
  } else {
    tried.emplace_back(status.message());
  }
  if (!options.synthesize) return not_found("MNIST was not found; tried ", str_join(tried, "; "));
  if (options.log) {
    for (const std::string& place : tried) options.log(str_cat("no MNIST: ", place));
  }
  return synthesize(options);
}

}  // namespace

Result<Mnist> load_mnist(const MnistOptions& options) {
  TARN_ASSIGN_OR_RETURN(Mnist mnist, find_mnist(options));
  if (options.log) {
    options.log(str_cat("data: ", mnist.name(), " from ", printable(mnist.source), ", ",
                        mnist.train_images.shape().dim(0), " training and ", mnist.test_images.shape().dim(0),
                        " test digits"));
  }
  return mnist;
}

Result<Tensor> one_hot(const Tensor& labels, int64_t classes) {
  bool bytes = labels.dtype() == DType::kUInt8;
  if ((!bytes && labels.dtype() != DType::kInt64) || labels.shape().rank() != 1) {
    return invalid_argument("one_hot: expected labels i64[N] or u8[N], got ", dtype_short_name(labels.dtype()),
                            labels.shape());
  }
  TARN_ASSIGN_OR_RETURN(Tensor out, Tensor::zeros(DType::kFloat, Shape{labels.element_count(), classes}));
  std::span<float> values = out.mutable_flat<float>();
  for (int64_t i = 0; i < labels.element_count(); ++i) {
    auto index = static_cast<size_t>(i);
    int64_t label = bytes ? labels.flat<uint8_t>()[index] : labels.flat<int64_t>()[index];
    if (label < 0 || label >= classes) {
      return invalid_argument("one_hot: label ", label, " at index ", i, ", expected 0 to ", classes - 1);
    }
    values[static_cast<size_t>(i * classes + label)] = 1;
  }
  return out;
}

Result<Tensor> rows(const Tensor& tensor, int64_t begin, int64_t end) {
  if (tensor.shape().rank() < 1) return invalid_argument("rows: expected at least 1 dimension, got a scalar");
  int64_t count = tensor.shape().dim(0);
  if (begin < 0 || begin > end || end > count) {
    return out_of_range("rows ", begin, " to ", end, " of a tensor with ", count);
  }
  Shape shape = tensor.shape();
  shape.set_dim(0, end - begin);
  size_t row_bytes = count == 0 ? 0 : tensor.byte_size() / static_cast<size_t>(count);
  const auto* data = static_cast<const std::byte*>(tensor.data()) + static_cast<size_t>(begin) * row_bytes;
  return Tensor::view(tensor.dtype(), shape, data, std::make_shared<const Tensor>(tensor));
}

}  // namespace tarn::examples
