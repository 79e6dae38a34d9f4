// Speed of ops/kernels on the shapes of the MNIST networks (and a few of MobileNet's), in GFLOP/s or GB/s, beside the
// machine's own peak: a loop of multiply-adds in registers.
//
//   taskset -c 1 kernels_bench --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
//   TARN_ISA=avx2 kernels_bench --benchmark_filter=Conv2D      # another instruction set
//   TARN_BENCH_THREADS=2 kernels_bench                         # threads of the pool; 1 unless told
//
// Convolutions count every tap, also those on padding, and Winograd's (…/winograd) as many as the direct path's.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/machine.h"
#include "core/strings.h"
#include "core/thread_pool.h"
#include "ops/kernels/batch_norm.h"
#include "ops/kernels/conv2d.h"
#include "ops/kernels/depthwise.h"
#include "ops/kernels/dynamic8.h"
#include "ops/kernels/elementwise.h"
#include "ops/kernels/gemm.h"
#include "ops/kernels/pool.h"
#include "ops/kernels/softmax.h"
#include "ops/kernels/winograd.h"

namespace tarn::kernels {
namespace {

// 64-byte aligned floats in [-1, 1], or scratch.
class Buffer {
 public:
  explicit Buffer(int64_t count)
      : data_(
            static_cast<float*>(std::aligned_alloc(64, (static_cast<size_t>(count) * sizeof(float) + 127) / 64 * 64))) {
    std::minstd_rand generator(7);
    std::uniform_real_distribution<float> distribution(-1, 1);
    for (int64_t i = 0; i < count; ++i) data_[i] = distribution(generator);
  }
  ~Buffer() { std::free(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  operator float*() const { return data_; }

 private:
  float* data_;
};

std::unique_ptr<Buffer> scratch(size_t bytes) {
  return std::make_unique<Buffer>(static_cast<int64_t>(bytes / 4 + 16));
}

int threads() {
  const char* text = std::getenv("TARN_BENCH_THREADS");
  return text == nullptr ? 1 : std::max(1, std::atoi(text));
}

// One thread is timed by its own CPU time, which a busy machine disturbs less.
void add(const std::string& name, const char* unit, double giga, const std::function<void()>& run) {
  auto* registered = benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    for (auto _ : state) {
      run();
      benchmark::ClobberMemory();
    }
    state.counters[unit] = benchmark::Counter(giga, benchmark::Counter::kIsIterationInvariantRate);
  });
  registered->Unit(benchmark::kMicrosecond);
  if (threads() > 1) registered->UseRealTime();
}

class Suite {
 public:
  Suite() : pool_(threads()) {
    benchmark::AddCustomContext(str_cat("peak of ", widest_isa(), ", GFLOP/s"), str_cat(peak_gflops(threads())));
  }

  void gemm(const char* name, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k) {
    float *a = floats(m * k), *b = floats(k * n), *c = floats(m * n);
    float* work = bytes(gemm_scratch_bytes<float>(m, n, k, pool_.threads()));
    add(std::string("Gemm/") + name, "GFLOP/s", 2e-9 * double(m) * double(n) * double(k), [=, this] {
      kernels::gemm<float>(pool_, transpose_a, transpose_b, m, n, k, a, transpose_a ? m : k, b, transpose_b ? k : n,
                           false, c, n, {}, work);
    });
  }

  // The three products of a fully connected layer.
  void dense(const std::string& name, int64_t batch, int64_t in, int64_t out) {
    gemm((name + "/forward").c_str(), false, false, batch, out, in);
    gemm((name + "/backward_input").c_str(), false, true, batch, in, out);
    gemm((name + "/backward_weights").c_str(), true, false, in, out, batch);
    float *x = floats(batch * in), *w = floats(in * out), *y = floats(batch * out);
    const PackedMatrix<float> packed =
        pack_matrix<float>(false, in, out, w, out, bytes(packed_matrix_bytes<float>(in, out)));
    float* work = bytes(gemm_packed_scratch_bytes<float>(batch, out, in, pool_.threads()));
    add("Gemm/" + name + "/forward_packed", "GFLOP/s", 2e-9 * double(batch * in) * double(out),
        [=, this] { gemm_packed<float>(pool_, batch, packed, x, in, false, y, out, {}, work); });
  }

  // Layers of networks with constant filters, which come from beyond L2 as those of a whole network do: each run takes
  // others. Random numbers stand in for packed ones.
  void constant_conv2d(const std::string& name, const Conv2DGeometry& g) {
    constexpr int64_t kWeightBytes = 96 << 20, kWeights = kWeightBytes / 4;
    if (weights_ == nullptr) weights_ = floats(kWeights);
    float *x = floats(g.batch * g.in_h * g.in_w * g.in_c), *y = floats(g.batch * g.out_h * g.out_w * g.out_c);
    const Epilogue<float> epilogue{floats(g.out_c), Activation::kRelu};
    const double giga = 2e-9 * double(g.multiply_adds());
    const std::string prefix = "Conv2DConstant/" + name;
    const auto add_rotating = [&](const std::string& path, size_t filter_bytes, const auto& run) {
      const auto elements = static_cast<int64_t>((filter_bytes / 4 + 15) / 16 * 16);
      add(prefix + path, "GFLOP/s", giga, [=, this, at = int64_t{0}]() mutable {
        at = at + 2 * elements <= kWeights ? at + elements : 0;
        run(weights_ + at);
      });
    };
    float* work = bytes(conv2d_forward_packed_scratch_bytes<float>(g, pool_.threads()));
    add_rotating("/direct", packed_matrix_bytes<float>(g.filter_depth(), g.out_c), [=, this](const float* weights) {
      const PackedMatrix<float> filter{weights, g.filter_depth(), g.out_c, best_isa()};
      conv2d_forward_packed<float>(pool_, g, x, filter, y, epilogue, work);
    });
    for (const WinogradForm& form : winograd_forms()) {
      const WinogradBlock block = form.block_of(g);
      if (!block) continue;
      const std::string path = "/" + std::to_string(block.h) + "x" + std::to_string(block.w);
      work = bytes(winograd_forward_packed_scratch_bytes<float>(g, block, pool_.threads()));
      add_rotating(path, winograd_filter_bytes<float>(g, block), [=, this](const float* weights) {
        winograd_forward_packed<float>(pool_, g, x, {weights, block, best_isa()}, y, epilogue, work);
      });
      work = bytes(winograd_forward_scratch_bytes<float>(g, block, pool_.threads()));
      add_rotating(
          path + "_in_run", static_cast<size_t>(g.filter_depth() * g.out_c * 4),
          [=, this](const float* weights) { winograd_forward<float>(pool_, g, block, x, weights, y, epilogue, work); });
    }
  }

  void conv2d(const std::string& name, const Conv2DGeometry& g) {
    float* x = floats(g.batch * g.in_h * g.in_w * g.in_c);
    float* filter = floats(g.filter_depth() * g.out_c);
    float* y = floats(g.batch * g.out_h * g.out_w * g.out_c);
    float *dx = floats(g.batch * g.in_h * g.in_w * g.in_c), *dfilter = floats(g.filter_depth() * g.out_c);
    const Epilogue<float> epilogue{floats(g.out_c), Activation::kRelu};
    const double giga = 2e-9 * double(g.multiply_adds());
    const std::string prefix = "Conv2D/" + name;
    for (ConvAlgorithm algorithm : {ConvAlgorithm::kDirect, ConvAlgorithm::kWinograd}) {
      if (algorithm == ConvAlgorithm::kWinograd && !winograd_supports(g)) continue;
      const char* suffix = algorithm == ConvAlgorithm::kWinograd ? "/winograd" : "";
      float* work = bytes(conv2d_forward_scratch_bytes<float>(g, pool_.threads(), algorithm));
      add(prefix + "/forward" + suffix, "GFLOP/s", giga,
          [=, this] { conv2d_forward<float>(pool_, g, x, filter, y, epilogue, work, best_isa(), algorithm); });
      work = bytes(conv2d_backward_input_scratch_bytes<float>(g, pool_.threads(), algorithm));
      add(prefix + "/backward_input" + suffix, "GFLOP/s", giga,
          [=, this] { conv2d_backward_input<float>(pool_, g, filter, y, dx, work, best_isa(), algorithm); });
      work = bytes(conv2d_backward_filter_scratch_bytes<float>(g, pool_.threads(), algorithm));
      add(prefix + "/backward_filter" + suffix, "GFLOP/s", giga,
          [=, this] { conv2d_backward_filter<float>(pool_, g, x, y, dfilter, work, best_isa(), algorithm); });
    }
  }

  // In 8 bits, from floats to floats; operations a second.
  void matmul8(const std::string& name, int64_t m, int64_t k, int64_t n) {
    float *x = floats(m * k), *y = floats(m * n);
    const Weights8 w =
        pack_weights8({.values = floats(k * n), .k_step = n, .n_step = 1}, 1, k, n, bytes(weights8_bytes(1, k, n)));
    float* work = bytes(dynamic8_matmul_scratch_bytes(m, w));
    add("Dynamic8/MatMul/" + name, "GOP/s", 2e-9 * double(m * k) * double(n),
        [=, this] { dynamic8_matmul(pool_, m, w, x, y, {}, work); });
  }

  void conv2d8(const std::string& name, const Conv2DGeometry& g) {
    float* x = floats(g.batch * g.in_h * g.in_w * g.in_c);
    float* y = floats(g.batch * g.out_h * g.out_w * g.out_c);
    const Weights8 w = pack_filter8(g, {.values = floats(g.filter_depth() * g.out_c), .k_step = g.out_c, .n_step = 1},
                                    bytes(filter8_bytes(g)));
    const Epilogue<float> epilogue{floats(g.out_c), Activation::kRelu};
    float* work = bytes(dynamic8_conv2d_scratch_bytes(g, w));
    add("Dynamic8/Conv2D/" + name, "GOP/s", 2e-9 * double(g.multiply_adds()),
        [=, this] { dynamic8_conv2d(pool_, g, w, x, y, epilogue, work); });
  }

  void depthwise(const std::string& name, const DepthwiseGeometry& g) {
    float *x = floats(g.batch * g.in_h * g.in_w * g.in_c), *filter = floats(g.filter_h * g.filter_w * g.in_c);
    float* y = floats(g.batch * g.out_h * g.out_w * g.in_c);
    const Epilogue<float> epilogue{floats(g.in_c), Activation::kRelu6};
    const double giga = 2e-9 * double(g.batch * g.out_h * g.out_w * g.in_c * g.filter_h * g.filter_w);
    add("Depthwise/" + name, "GFLOP/s", giga, [=, this] { depthwise_conv2d<float>(pool_, g, x, filter, y, epilogue); });
  }

  void pool2d(const std::string& name, const Pool2DGeometry& g) {
    const int64_t in = g.batch * g.in_h * g.in_w * g.channels, out = g.batch * g.out_h * g.out_w * g.channels;
    float *x = floats(in), *y = floats(out), *dy = floats(out), *dx = floats(in);
    max_pool<float>(pool_, g, x, y);
    add("MaxPool/" + name + "/forward", "GB/s", 4e-9 * double(in + out),
        [=, this] { max_pool<float>(pool_, g, x, y); });
    add("MaxPool/" + name + "/backward", "GB/s", 4e-9 * double(2 * in + 2 * out),
        [=, this] { max_pool_backward<float>(pool_, g, x, y, dy, dx); });
  }

  void rows(const std::string& name, int64_t rows, int64_t columns) {
    const int64_t n = rows * columns;
    float *x = floats(n), *y = floats(n), *sums = floats(columns), *loss = floats(rows), *scale = floats(columns);
    float *mean = floats(columns), *variance = floats(columns);
    float* work =
        bytes(column_sums_scratch_bytes<float>(rows, columns) + batch_norm_scratch_bytes<float>(rows, columns));
    add("Relu/" + name, "GB/s", 8e-9 * double(n), [=, this] { activate<float>(pool_, Activation::kRelu, n, x, y); });
    add("ColumnSums/" + name, "GB/s", 4e-9 * double(n),
        [=, this] { column_sums<float>(pool_, rows, columns, x, sums, work); });
    add("SoftmaxCrossEntropy/" + name, "GB/s", 12e-9 * double(n),
        [=, this] { softmax_cross_entropy<float>(pool_, rows, columns, x, x, loss, y); });
    add("BatchNormTrain/" + name, "GB/s", 16e-9 * double(n),
        [=, this] { batch_norm_train<float>(pool_, rows, columns, x, scale, sums, 1e-3f, y, mean, variance, work); });
  }

  void adam(const std::string& name, int64_t n) {
    float *grad = floats(n), *m = floats(n), *v = floats(n), *var = floats(n);
    for (int64_t i = 0; i < n; ++i) v[i] = v[i] * v[i];
    add("Adam/" + name, "GB/s", 28e-9 * double(n),
        [=, this] { adam_update<float>(pool_, n, AdamOptions<float>{}, grad, m, v, var); });
  }

 private:
  float* floats(int64_t count) { return *keep_.emplace_back(std::make_unique<Buffer>(count)); }
  float* bytes(size_t count) { return *keep_.emplace_back(scratch(count)); }

  ThreadPool pool_;
  std::vector<std::unique_ptr<Buffer>> keep_;
  float* weights_ = nullptr;  // of constant filters
};

Conv2DGeometry square(int64_t batch, int64_t size, int64_t in_c, int64_t filter, int64_t out_c, bool same) {
  Conv2DGeometry g;
  g.batch = batch, g.in_h = g.in_w = size, g.in_c = in_c;
  g.filter_h = g.filter_w = filter, g.out_c = out_c;
  g.pad_top = g.pad_left = same ? (filter - 1) / 2 : 0;
  g.out_h = g.out_w = same ? size : size - filter + 1;
  return g;
}

Conv2DGeometry line(int64_t size, int64_t in_c, int64_t filter_h, int64_t filter_w, int64_t out_c) {
  Conv2DGeometry g;
  g.in_h = g.in_w = g.out_h = g.out_w = size, g.in_c = in_c;
  g.filter_h = filter_h, g.filter_w = filter_w, g.out_c = out_c;
  g.pad_top = filter_h / 2, g.pad_left = filter_w / 2;
  return g;
}

Pool2DGeometry halving(int64_t batch, int64_t size, int64_t channels) {
  Pool2DGeometry g;
  g.batch = batch, g.in_h = g.in_w = size, g.channels = channels;
  g.window_h = g.window_w = g.stride_h = g.stride_w = 2;
  g.out_h = g.out_w = size / 2;
  return g;
}

DepthwiseGeometry depthwise3x3(int64_t size, int64_t channels, int64_t stride) {
  DepthwiseGeometry g;
  g.in_h = g.in_w = size, g.in_c = channels;
  g.filter_h = g.filter_w = 3;
  g.stride_h = g.stride_w = stride;
  g.pad_top = g.pad_left = stride == 1 ? 1 : 0;
  g.out_h = g.out_w = size / stride;
  return g;
}

}  // namespace
}  // namespace tarn::kernels

int main(int argc, char** argv) {
  using namespace tarn::kernels;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("isa", isa_name(best_isa()));
  benchmark::AddCustomContext("isa of 8 bits", dot8_isa_name(best_dot8_isa()));
  benchmark::AddCustomContext("pool threads", std::to_string(threads()));

  Suite suite;
  suite.dense("keras_fc1_128x9216x128", 128, 9216, 128);
  suite.dense("deep_fc1_50x3136x1024", 50, 3136, 1024);
  suite.dense("softmax_regression_100x784x10", 100, 784, 10);
  suite.dense("batch1_3136x1024", 1, 3136, 1024);
  suite.gemm("square_512", false, false, 512, 512, 512);
  suite.gemm("square_1024", false, false, 1024, 1024, 1024);
  suite.conv2d("keras_conv1_28x28x1_k3_32_b128", square(128, 28, 1, 3, 32, false));
  suite.conv2d("keras_conv2_26x26x32_k3_64_b128", square(128, 26, 32, 3, 64, false));
  suite.conv2d("keras_same_28x28x32_k3_64_b128", square(128, 28, 32, 3, 64, true));
  suite.conv2d("deep_conv1_28x28x1_k5_32_b50", square(50, 28, 1, 5, 32, true));
  suite.conv2d("deep_conv2_14x14x32_k5_64_b50", square(50, 14, 32, 5, 64, true));
  suite.conv2d("resnet_56x56x64_k3_64_b1", square(1, 56, 64, 3, 64, true));
  suite.conv2d("vgg_112x112x64_k3_128_b1", square(1, 112, 64, 3, 128, true));
  suite.conv2d("vgg_56x56x256_k3_256_b1", square(1, 56, 256, 3, 256, true));
  suite.conv2d("resnet_28x28x128_k3_128_b1", square(1, 28, 128, 3, 128, true));
  suite.conv2d("resnet_14x14x256_k3_256_b8", square(8, 14, 256, 3, 256, true));
  suite.conv2d("mobilenet_ssd_head_19x19x512_k3_24_b1", square(1, 19, 512, 3, 24, true));
  suite.conv2d("resnet_7x7x512_k3_512_b1", square(1, 7, 512, 3, 512, true));
  suite.conv2d("mobilenet_28x28x256_k1_256_b1", square(1, 28, 256, 1, 256, true));
  suite.constant_conv2d("inception_149x149x32_k3_32", square(1, 149, 32, 3, 32, false));
  suite.constant_conv2d("inception_147x147x32_k3_64", square(1, 147, 32, 3, 64, true));
  suite.constant_conv2d("inception_73x73x80_k3_192", square(1, 73, 80, 3, 192, false));
  suite.constant_conv2d("inception_35x35x64_k3_96", square(1, 35, 64, 3, 96, true));
  suite.constant_conv2d("inception_35x35x96_k3_96", square(1, 35, 96, 3, 96, true));
  suite.constant_conv2d("inception_35x35x48_k5_64", square(1, 35, 48, 5, 64, true));
  suite.constant_conv2d("inception_17x17x128_k1x7_128", line(17, 128, 1, 7, 128));
  suite.constant_conv2d("inception_17x17x128_k7x1_192", line(17, 128, 7, 1, 192));
  suite.constant_conv2d("inception_17x17x160_k1x7_160", line(17, 160, 1, 7, 160));
  suite.constant_conv2d("inception_17x17x160_k7x1_192", line(17, 160, 7, 1, 192));
  suite.constant_conv2d("inception_17x17x192_k1x7_192", line(17, 192, 1, 7, 192));
  suite.constant_conv2d("inception_17x17x192_k7x1_192", line(17, 192, 7, 1, 192));
  suite.constant_conv2d("inception_8x8x384_k1x3_384", line(8, 384, 1, 3, 384));
  suite.constant_conv2d("inception_8x8x384_k3x1_384", line(8, 384, 3, 1, 384));
  suite.constant_conv2d("inception_8x8x448_k3_384", square(1, 8, 448, 3, 384, true));
  suite.constant_conv2d("resnet_56x56x64_k3_64", square(1, 56, 64, 3, 64, true));
  suite.constant_conv2d("resnet_28x28x128_k3_128", square(1, 28, 128, 3, 128, true));
  suite.constant_conv2d("resnet_14x14x256_k3_256", square(1, 14, 256, 3, 256, true));
  suite.constant_conv2d("resnet_7x7x512_k3_512", square(1, 7, 512, 3, 512, true));
  suite.matmul8("batch1_3136x1024", 1, 3136, 1024);
  suite.matmul8("deep_fc1_50x3136x1024", 50, 3136, 1024);
  suite.conv2d8("deep_conv2_14x14x32_k5_64_b1", square(1, 14, 32, 5, 64, true));
  suite.conv2d8("mobilenet_112x112x32_k1_64_b1", square(1, 112, 32, 1, 64, true));
  suite.conv2d8("mobilenet_28x28x256_k1_256_b1", square(1, 28, 256, 1, 256, true));
  suite.conv2d8("mobilenet_7x7x1024_k1_1024_b1", square(1, 7, 1024, 1, 1024, true));
  suite.conv2d8("resnet_56x56x64_k3_64_b1", square(1, 56, 64, 3, 64, true));
  suite.conv2d8("resnet_14x14x256_k3_256_b1", square(1, 14, 256, 3, 256, true));
  suite.conv2d8("resnet_7x7x512_k3_512_b1", square(1, 7, 512, 3, 512, true));
  suite.depthwise("112x112x32_s1", depthwise3x3(112, 32, 1));
  suite.depthwise("112x112x64_s2", depthwise3x3(112, 64, 2));
  suite.depthwise("14x14x512_s1", depthwise3x3(14, 512, 1));
  suite.pool2d("deep_28x28x32_b50", halving(50, 28, 32));
  suite.pool2d("keras_24x24x64_b128", halving(128, 24, 64));
  suite.rows("100x10", 100, 10);
  suite.rows("39200x32", 39200, 32);
  suite.rows("73728x64", 73728, 64);
  suite.adam("3211264", 3136 * 1024);
  benchmark::RunSpecifiedBenchmarks();
}
