// AudioSpectrogram.
#include <cmath>
#include <complex>
#include <numbers>
#include <optional>
#include <vector>

#include "core/op.h"
#include "ops/support/arguments.h"

namespace tarn {
namespace {

constexpr int64_t kMostWindow = int64_t{1} << 22;  // samples; a minute and a half at 48 kHz

Status judge_attrs(int64_t window_size, int64_t stride) {
  // TensorFlow's words, but for the limit.
  if (window_size >= 2 && stride >= 1 && window_size <= kMostWindow) return {};
  return invalid_argument("Spectrogram initialization failed for window size ", window_size, " and stride ", stride,
                          ": a window has 2 to ", kMostWindow, " samples, a stride is 1 or more");
}

int64_t fft_size(int64_t window_size) {
  int64_t size = 1;
  while (size < window_size) size *= 2;
  return size;
}

int64_t slice_count(int64_t samples, int64_t window_size, int64_t stride) {
  return samples < window_size ? 0 : 1 + (samples - window_size) / stride;
}

Status infer_spectrogram(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 2, "input"));
  int64_t window_size = c.attr<int64_t>("window_size"), stride = c.attr<int64_t>("stride");
  TARN_RETURN_IF_ERROR(judge_attrs(window_size, stride));
  Shape output{kUnknownDim, kUnknownDim, 1 + fft_size(window_size) / 2};
  if (c.shape(0).has_rank()) {
    int64_t samples = c.shape(0).dim(0);
    output.set_dim(0, c.shape(0).dim(1));
    if (samples != kUnknownDim) output.set_dim(1, slice_count(samples, window_size, stride));
  }
  return c.set_output(0, output);
}

// The squared magnitudes of a real signal's spectrum, in double as in TensorFlow. A real signal of N samples is a
// complex one of N / 2, z[k] = x[2k] + i x[2k + 1]; from its spectrum Z follows that of x:
//   X[k] = (Z[k] + conj Z[N/2 - k]) / 2 - i/2 e^(-2 pi i k / N) (Z[k] - conj Z[N/2 - k])
class RealSpectrum {
 public:
  explicit RealSpectrum(int64_t size) : half_(static_cast<size_t>(size / 2)) {
    for (size_t k = 0; k < half_; ++k) {
      double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(size);
      roots_.emplace_back(std::cos(angle), std::sin(angle));
    }
    for (size_t k = 0; k < half_; ++k) {
      size_t reversed = 0;
      for (size_t bit = 1; bit < half_; bit *= 2) reversed = reversed * 2 + ((k & bit) != 0 ? 1 : 0);
      reversed_.push_back(reversed);
    }
  }

  size_t half() const { return half_; }

  // `z` holds half() complex numbers, the samples in pairs; half() + 1 magnitudes are written.
  template <class F>
  void squared_magnitudes(std::complex<double>* z, const F& write) const {
    transform(z);
    for (size_t k = 0; k <= half_; ++k) {
      std::complex<double> a = z[k % half_], b = std::conj(z[(half_ - k) % half_]);
      std::complex<double> root = k < half_ ? roots_[k] : std::complex<double>(-1, 0);
      std::complex<double> even = 0.5 * (a + b), d = 0.5 * (a - b);
      std::complex<double> odd(root.real() * d.imag() + root.imag() * d.real(),
                               root.imag() * d.imag() - root.real() * d.real());  // -i root d
      std::complex<double> x = even + odd;
      write(k, x.real() * x.real() + x.imag() * x.imag());
    }
  }

 private:
  // Cooley and Tukey, in place, radix 2.
  void transform(std::complex<double>* z) const {
    for (size_t k = 0; k < half_; ++k) {
      if (k < reversed_[k]) std::swap(z[k], z[reversed_[k]]);
    }
    for (size_t width = 1; width < half_; width *= 2) {
      size_t step = half_ / width;  // of roots of 2 half_: e^(-pi i j / width)
      for (size_t begin = 0; begin < half_; begin += 2 * width) {
        for (size_t j = 0; j < width; ++j) {
          std::complex<double> root = roots_[j * step], &low = z[begin + j], &high = z[begin + width + j];
          std::complex<double> turned(root.real() * high.real() - root.imag() * high.imag(),
                                      root.real() * high.imag() + root.imag() * high.real());
          high = low - turned;
          low = low + turned;
        }
      }
    }
  }

  size_t half_;
  std::vector<std::complex<double>> roots_;
  std::vector<size_t> reversed_;
};

class SpectrogramKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    window_size_ = c.attr<int64_t>("window_size");
    stride_ = c.attr<int64_t>("stride");
    squared_ = c.attr<bool>("magnitude_squared");
    TARN_RETURN_IF_ERROR(judge_attrs(window_size_, stride_));
    spectrum_.emplace(fft_size(window_size_));
    // Hann's window, periodic: the sample after the last would be the first again.
    for (int64_t i = 0; i < window_size_; ++i) {
      double angle = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(window_size_);
      window_.push_back(0.5 - 0.5 * std::cos(angle));
    }
    c.request_scratch(static_cast<size_t>(c.threads()) * work_bytes());
    return {};
  }

  Status run(RunContext& c) const override {
    const TensorView& input = c.input(0);
    TARN_RETURN_IF_ERROR(expect_rank(input, 2, "input"));
    int64_t samples = input.shape->dim(0), channels = input.shape->dim(1);
    int64_t slices = slice_count(samples, window_size_, stride_);
    auto width = static_cast<int64_t>(spectrum_->half()) + 1;
    TARN_ASSIGN_OR_RETURN(TensorView output, c.output(0, Shape{channels, slices, width}));
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(static_cast<size_t>(c.threads().threads()) * work_bytes()));
    c.threads().parallel_for(channels * slices, 1, [&](int64_t begin, int64_t end, int thread) {
      auto* z = reinterpret_cast<std::complex<double>*>(static_cast<char*>(scratch) +
                                                        static_cast<size_t>(thread) * work_bytes());
      for (int64_t i = begin; i < end; ++i) {
        slice(input.as<float>() + i % slices * stride_ * channels + i / slices, channels, z,
              output.as<float>() + i * width);
      }
    });
    return {};
  }

 private:
  size_t work_bytes() const { return std::max<size_t>(64, spectrum_->half() * sizeof(std::complex<double>)); }

  void slice(const float* from, int64_t step, std::complex<double>* z, float* to) const {
    auto windowed = [&](size_t i) {
      return i < window_.size() ? static_cast<double>(from[static_cast<int64_t>(i) * step]) * window_[i] : 0.0;
    };
    for (size_t k = 0; k < spectrum_->half(); ++k) z[k] = {windowed(2 * k), windowed(2 * k + 1)};
    spectrum_->squared_magnitudes(z, [&](size_t k, double value) {
      auto rounded = static_cast<float>(value);
      to[k] = squared_ ? rounded : std::sqrt(rounded);
    });
  }

  int64_t window_size_ = 0, stride_ = 0;
  bool squared_ = false;
  std::vector<double> window_;
  std::optional<RealSpectrum> spectrum_;
};

constexpr KernelDef kKernels[] = {portable_kernel<SpectrogramKernel>()};

constexpr std::string_view kDoc = R"(How strong each frequency is over time: magnitudes of short Fourier transforms.
  input  float[samples, channels]   returns  spectrogram  float[channels, slices, 1 + n / 2]
  Windows of window_size samples, stride apart, weighted by Hann's periodic window and padded with zeros to n, the next
  power of two. magnitude_squared leaves out the square root. Too few samples for a window: no slice.
  Computed in double, rounded once.   Errors: InvalidArgument for a window below 2, a stride below 1.
  Source: TensorFlow audio_ops AudioSpectrogram.)";

}  // namespace

extern const OpDef op_AudioSpectrogram;
const OpDef op_AudioSpectrogram = {
    .name = "AudioSpectrogram",
    .inputs = "input: float",
    .outputs = "spectrogram: float",
    .attrs = "window_size: int; stride: int; magnitude_squared: bool = false",
    .infer = infer_spectrogram,
    .kernels = kKernels,
};

TARN_OP_FILE(audio_spectrogram,
             {&op_AudioSpectrogram, kDoc, nullptr, "TensorFlow has none: sound is prepared outside of what is trained"})

}  // namespace tarn
