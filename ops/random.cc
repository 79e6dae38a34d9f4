// RandomUniform, RandomUniformInt, RandomStandardNormal, TruncatedNormal: TensorFlow's numbers for the same seeds. How
// they are drawn is told in tests/goldens/README.md.
#include <cmath>
#include <numbers>

#include "core/bit_cast.h"
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/kernels/random_uniform.h"
#include "ops/support/array.h"
#include "ops/support/half.h"
#include "ops/support/philox.h"
#include "ops/support/random_stream.h"

namespace tarn {
namespace {

// The low 23 bits are the mantissa of a number in [1, 2).
float uniform_float(uint32_t word) {
  return bit_cast<float>(0x3F800000u | (word & 0x7FFFFFu)) - 1.0f;
}

// Likewise of the low 10 or 7 bits.
float uniform_narrow(uint32_t word, Half) {
  return half_to_float(static_cast<uint16_t>(0x3C00u | (word & 0x3FFu))) - 1.0f;
}
float uniform_narrow(uint32_t word, BFloat16) {
  return bfloat16_to_float(static_cast<uint16_t>(0x3F80u | (word & 0x7Fu))) - 1.0f;
}

double uniform_double(uint32_t high, uint32_t low) {
  uint64_t mantissa = uint64_t{high & 0xFFFFFu} << 32 | low;
  return bit_cast<double>(uint64_t{1023} << 52 | mantissa) - 1.0;
}

// Box-Muller: r = sqrt(-2 log u1), angle 2 pi u2; the sine first. 1e-7 keeps the logarithm finite.
void normal_pair(uint32_t a, uint32_t b, float* out) {
  float u1 = std::max(uniform_float(a), 1.0e-7f);
  auto angle = static_cast<float>(2 * std::numbers::pi * static_cast<double>(uniform_float(b)));
  float r = std::sqrt(-2.0f * std::log(u1));
  out[0] = std::sin(angle) * r;
  out[1] = std::cos(angle) * r;
}

void normal_pair(uint32_t a, uint32_t b, uint32_t c, uint32_t d, double* out) {
  double u1 = std::max(uniform_double(a, b), 1.0e-7);
  double angle = 2 * std::numbers::pi * uniform_double(c, d);
  double r = std::sqrt(-2.0 * std::log(u1));
  out[0] = std::sin(angle) * r;
  out[1] = std::cos(angle) * r;
}

// A distribution fills a group of kGroup elements; group g of a run begins `g * kBlocks` blocks after the run's first.
template <class T>
struct Uniform {
  using Element = T;
  static constexpr int kGroup = sizeof(T) <= 4 ? 4 : 2;
  static constexpr uint64_t kBlocks = 1;
  void operator()(Philox& random, T* out) const {
    Philox::Block w = random.next();
    if constexpr (kIsNarrow<T>) {  // exact
      for (int i = 0; i < 4; ++i) out[i] = narrowed<T>(uniform_narrow(w[static_cast<size_t>(i)], T()));
    } else if constexpr (sizeof(T) == 4) {
      for (int i = 0; i < 4; ++i) out[i] = uniform_float(w[static_cast<size_t>(i)]);
    } else {
      out[0] = uniform_double(w[0], w[1]);
      out[1] = uniform_double(w[2], w[3]);
    }
  }
};

template <class T>
struct UniformInt {
  using Element = T;
  using Unsigned = std::make_unsigned_t<T>;
  static constexpr int kGroup = sizeof(T) <= 4 ? 4 : 2;
  static constexpr uint64_t kBlocks = 1;
  Unsigned low, range;
  void operator()(Philox& random, T* out) const {
    Philox::Block w = random.next();
    if constexpr (sizeof(T) == 4) {
      for (int i = 0; i < 4; ++i) out[i] = static_cast<T>(low + w[static_cast<size_t>(i)] % range);
    } else {
      for (size_t i = 0; i < 2; ++i) out[i] = static_cast<T>(low + (w[2 * i] | uint64_t{w[2 * i + 1]} << 32) % range);
    }
  }
};

// Of half and bfloat16 they are floats, rounded.
template <class T>
struct Normal {
  using Element = T;
  static constexpr int kGroup = sizeof(T) <= 4 ? 4 : 2;
  static constexpr uint64_t kBlocks = 1;
  void operator()(Philox& random, T* out) const {
    Philox::Block w = random.next();
    Computed<T> drawn[kGroup];
    if constexpr (sizeof(T) <= 4) {
      normal_pair(w[0], w[1], drawn);
      normal_pair(w[2], w[3], drawn + 2);
    } else {
      normal_pair(w[0], w[1], w[2], w[3], drawn);
    }
    for (int i = 0; i < kGroup; ++i) out[i] = narrowed<T>(drawn[i]);
  }
};

// Normals of magnitude below 2; what is left of the last pair is dropped.
template <class T>
struct Truncated {
  using Element = T;
  static constexpr int kGroup = sizeof(T) <= 4 ? 4 : 2;
  static constexpr uint64_t kBlocks = kGroup * 256 / 4;  // far more than a group ever needs
  void operator()(Philox& random, T* out) const {
    int filled = 0;
    while (filled < kGroup) {
      Philox::Block w = random.next();
      for (int half = 0; half < 2 && filled < kGroup; ++half) {
        Computed<T> pair[2];
        if constexpr (sizeof(T) <= 4) {
          normal_pair(w[static_cast<size_t>(2 * half)], w[static_cast<size_t>(2 * half + 1)], pair);
        } else {
          if (half == 1) break;
          normal_pair(w[0], w[1], w[2], w[3], pair);
        }
        for (Computed<T> x : pair) {
          if (std::abs(x) < 2 && filled < kGroup) out[filled++] = narrowed<T>(x);
        }
      }
    }
  }
};

Status infer_random(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 1, "shape"));
  for (int i = 1; i < c.input_count(); ++i) TARN_RETURN_IF_ERROR(c.expect_rank(i, 0, i == 1 ? "minval" : "maxval"));
  return c.set_output(0, known_shape(c, 0, "shape"));
}

// Finds where this node stands in its stream and what shape is asked for.
class RandomKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    seed_ = static_cast<uint64_t>(c.attr<int64_t>("seed"));
    seed2_ = static_cast<uint64_t>(c.attr<int64_t>("seed2"));
    return {};
  }

 protected:
  static Result<TensorView> output(RunContext& c) {
    if (c.input(0).shape->rank() != 1) {
      return invalid_argument("input 'shape' must have rank 1, has shape ", c.input(0).shape->to_string());
    }
    TARN_ASSIGN_OR_RETURN(Shape shape, shape_from(IntList::of(c.input(0)), "shape"));
    return c.output(0, shape);
  }

  template <class Distribution>
  Status fill(RunContext& c, const TensorView& y, const Distribution& distribution) const {
    using T = typename Distribution::Element;
    constexpr int kGroup = Distribution::kGroup;
    // As TensorFlow: 256 blocks an element, however few are used.
    TARN_ASSIGN_OR_RETURN(RandomState * state, random_state(c, seed_, seed2_));
    RandomState::Position start = state->reserve(static_cast<uint64_t>(y.count) * 256);
    T* out = y.as<T>();
    int64_t groups = y.count / kGroup + (y.count % kGroup != 0 ? 1 : 0);
    c.threads().parallel_for(groups, kElementsPerRange / 16, [&](int64_t begin, int64_t end, int) {
      if constexpr (std::is_same_v<Distribution, Uniform<float>>) {  // dropout's
        fill_uniform(start, begin, std::min(end * kGroup, y.count) - begin * kGroup, out + begin * kGroup);
        return;
      }
      Philox random(start);
      random.skip(static_cast<uint64_t>(begin) * Distribution::kBlocks);
      for (int64_t g = begin; g < end; ++g) {
        if constexpr (Distribution::kBlocks != 1) {
          random = Philox(start);
          random.skip(static_cast<uint64_t>(g) * Distribution::kBlocks);
        }
        T group[kGroup];
        distribution(random, group);
        int64_t n = std::min<int64_t>(kGroup, y.count - g * kGroup);
        for (int64_t i = 0; i < n; ++i) out[g * kGroup + i] = group[i];
      }
    });
    return {};
  }

 private:
  static void fill_uniform(const RandomState::Position& start, int64_t block, int64_t count, float* out) {
    const RandomState::Position position = RandomState::advanced(start, static_cast<uint64_t>(block));
    const std::array<uint32_t, 4>& counter = position.counter;
    kernels::random_uniform(position.key, counter[0] | uint64_t{counter[1]} << 32,
                            counter[2] | uint64_t{counter[3]} << 32, count, out);
  }

  uint64_t seed_ = 0, seed2_ = 0;
};

template <class Distribution>
class DistributionKernel : public RandomKernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, output(c));
    return fill(c, y, Distribution());
  }
};

template <class T>
class UniformIntKernel : public RandomKernel {
 public:
  Status run(RunContext& c) const override {
    if (c.input(1).count != 1 || c.input(2).count != 1) {
      return invalid_argument("minval and maxval must be scalars, have shapes ", c.input(1).shape->to_string(), " and ",
                              c.input(2).shape->to_string());
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, output(c));
    if (y.count == 0) return {};
    T low = c.input(1).item<T>(), high = c.input(2).item<T>();
    if (low >= high) return invalid_argument("Need minval < maxval, got ", low, " >= ", high);
    using Unsigned = typename UniformInt<T>::Unsigned;
    auto range = static_cast<Unsigned>(static_cast<Unsigned>(high) - static_cast<Unsigned>(low));
    return fill(c, y, UniformInt<T>{static_cast<Unsigned>(low), range});
  }
};

constexpr KernelDef kUniformKernels[] = {
    portable_kernel<DistributionKernel<Uniform<float>>>(DType::kFloat),
    portable_kernel<DistributionKernel<Uniform<double>>>(DType::kDouble),
    portable_kernel<DistributionKernel<Uniform<Half>>>(DType::kHalf),
    portable_kernel<DistributionKernel<Uniform<BFloat16>>>(DType::kBFloat16),
};
constexpr KernelDef kUniformIntKernels[] = {
    portable_kernel<UniformIntKernel<int32_t>>(DType::kInt32),
    portable_kernel<UniformIntKernel<int64_t>>(DType::kInt64),
};
constexpr KernelDef kNormalKernels[] = {
    portable_kernel<DistributionKernel<Normal<float>>>(DType::kFloat),
    portable_kernel<DistributionKernel<Normal<double>>>(DType::kDouble),
    portable_kernel<DistributionKernel<Normal<Half>>>(DType::kHalf),
    portable_kernel<DistributionKernel<Normal<BFloat16>>>(DType::kBFloat16),
};
constexpr KernelDef kTruncatedKernels[] = {
    portable_kernel<DistributionKernel<Truncated<float>>>(DType::kFloat),
    portable_kernel<DistributionKernel<Truncated<double>>>(DType::kDouble),
    portable_kernel<DistributionKernel<Truncated<Half>>>(DType::kHalf),
    portable_kernel<DistributionKernel<Truncated<BFloat16>>>(DType::kBFloat16),
};

constexpr std::string_view kUniformDoc = R"(Random numbers, uniform in [0, 1).
  shape  T[rank]   returns  dtype[shape]
  The same numbers as TensorFlow's for the same seed and seed2, run after run, on any number of threads (Philox4x32-10).
  Both seeds 0: the session chooses them.   Source: TensorFlow random_ops RandomUniform.)";
constexpr std::string_view kUniformIntDoc = R"(Random integers, uniform in [minval, maxval).
  shape  T[rank]   minval, maxval  Tout, scalars   returns  Tout[shape]
  Errors: InvalidArgument if minval >= maxval and something is to be drawn.
  Source: TensorFlow random_ops RandomUniformInt.)";
constexpr std::string_view kNormalDoc = R"(Random numbers, normal with mean 0 and deviation 1.
  shape  T[rank]   returns  dtype[shape]
  Box-Muller on Philox's numbers; TensorFlow's values up to the rounding of log, sin and cos.
  Source: TensorFlow random_ops RandomStandardNormal.)";
constexpr std::string_view kTruncatedDoc = R"(Random numbers, normal with mean 0 and deviation 1, none beyond 2.
  shape  T[rank]   returns  dtype[shape]; numbers of magnitude 2 or more are drawn again
  Source: TensorFlow random_ops TruncatedNormal.)";
constexpr std::string_view kReason = "random numbers depend on no input";

}  // namespace

extern const OpDef op_RandomUniform, op_RandomUniformInt, op_RandomStandardNormal, op_TruncatedNormal;
const OpDef op_RandomUniform = {
    .name = "RandomUniform",
    .inputs = "shape: T",
    .outputs = "output: dtype",
    .attrs = "seed: int = 0; seed2: int = 0; dtype: {half, bfloat16, float, double}; T: {int32, int64}",
    .traits = kStateful,
    .infer = infer_random,
    .kernels = kUniformKernels,
    .needs = ServiceId::kResources,
};
const OpDef op_RandomUniformInt = {
    .name = "RandomUniformInt",
    .inputs = "shape: T, minval: Tout, maxval: Tout",
    .outputs = "output: Tout",
    .attrs = "seed: int = 0; seed2: int = 0; Tout: {int32, int64}; T: {int32, int64}",
    .traits = kStateful,
    .infer = infer_random,
    .kernels = kUniformIntKernels,
    .needs = ServiceId::kResources,
};
const OpDef op_RandomStandardNormal = {
    .name = "RandomStandardNormal",
    .inputs = "shape: T",
    .outputs = "output: dtype",
    .attrs = "seed: int = 0; seed2: int = 0; dtype: {half, bfloat16, float, double}; T: {int32, int64}",
    .traits = kStateful,
    .infer = infer_random,
    .kernels = kNormalKernels,
    .needs = ServiceId::kResources,
};
const OpDef op_TruncatedNormal = {
    .name = "TruncatedNormal",
    .inputs = "shape: T",
    .outputs = "output: dtype",
    .attrs = "seed: int = 0; seed2: int = 0; dtype: {half, bfloat16, float, double}; T: {int32, int64}",
    .traits = kStateful,
    .infer = infer_random,
    .kernels = kTruncatedKernels,
    .needs = ServiceId::kResources,
};

TARN_OP_FILE(random, {&op_RandomUniform, kUniformDoc, nullptr, kReason},
             {&op_RandomUniformInt, kUniformIntDoc, nullptr, kReason},
             {&op_RandomStandardNormal, kNormalDoc, nullptr, kReason},
             {&op_TruncatedNormal, kTruncatedDoc, nullptr, kReason})

}  // namespace tarn
