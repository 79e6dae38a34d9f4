// Mfcc.
#include <cmath>
#include <numbers>
#include <vector>

#include "core/op.h"
#include "ops/support/arguments.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

constexpr int64_t kMostChannels = 1 << 16;  // of the filter bank; 40 are usual
constexpr int64_t kMostCosines = 1 << 22;   // of the transform, which are made when the graph is loaded: 32 MiB

struct MelAttrs {
  double upper = 0, lower = 0;  // Hz
  int64_t channels = 0, coefficients = 0;

  static MelAttrs of(const AttrMap& attrs) {
    return {attrs.get<float>("upper_frequency_limit"), attrs.get<float>("lower_frequency_limit"),
            attrs.get<int64_t>("filterbank_channel_count"), attrs.get<int64_t>("dct_coefficient_count")};
  }
  Status judge() const {
    if (channels < 1 || channels > kMostChannels) {
      return invalid_argument("Mfcc initialization failed: filterbank_channel_count must be in [1, ", kMostChannels,
                              "], not ", channels);
    }
    if (coefficients < 1 || coefficients > channels) {
      return invalid_argument("Mfcc initialization failed: dct_coefficient_count must be in [1, ", channels,
                              "], the number of filterbank channels, not ", coefficients);
    }
    if (coefficients > kMostCosines / channels) {
      return invalid_argument("Mfcc initialization failed: filterbank_channel_count ", channels,
                              " times dct_coefficient_count ", coefficients, " is above ", kMostCosines);
    }
    if (!(lower >= 0) || !(upper > lower)) {
      return invalid_argument("Mfcc initialization failed: frequency limits must be 0 <= lower < upper, not ", lower,
                              " and ", upper);
    }
    return {};
  }
};

Status judge_width(int64_t width) {
  if (width >= 2) return {};
  return invalid_argument("Mfcc initialization failed: a spectrogram has 2 frequencies or more, not ", width);
}

Status infer_mfcc(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 3, "spectrogram"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 0, "sample_rate"));
  MelAttrs attrs = MelAttrs::of(c.attrs());
  TARN_RETURN_IF_ERROR(attrs.judge());
  Shape output = c.shape(0).has_rank() ? c.shape(0) : Shape::unknown_of_rank(3);
  if (output.dim(2) != kUnknownDim) TARN_RETURN_IF_ERROR(judge_width(output.dim(2)));
  output.set_dim(2, attrs.coefficients);
  return c.set_output(0, output);
}

double mel_of(double hertz) {
  return 1127.0 * std::log1p(hertz / 700.0);
}

// Triangles over the frequencies, evenly spread in mel; HTK's way, without the constant part. Each frequency counts
// for two neighbouring triangles: by `weight` on the falling side of channel `band`, by the rest on the rising side of
// the next.
struct MelBank {
  int64_t begin = 0, end = 0;  // frequencies that count: [begin, end)
  std::vector<int64_t> band;
  std::vector<double> weight;
  bool is_silent = false;  // the upper limit is beyond what the spectrogram has: TensorFlow gives zeros

  MelBank(const MelAttrs& attrs, int64_t width, int32_t sample_rate) {
    double hertz = 0.5 * sample_rate / static_cast<double>(width - 1);  // from one frequency to the next
    double first = 1.5 + attrs.lower / hertz, last = attrs.upper / hertz;
    is_silent = !(last < static_cast<double>(width));
    if (is_silent) return;
    end = static_cast<int64_t>(last) + 1;
    begin = first < static_cast<double>(end) ? static_cast<int64_t>(first) : end;
    double mel_low = mel_of(attrs.lower);
    double spacing = (mel_of(attrs.upper) - mel_low) / static_cast<double>(attrs.channels + 1);
    auto center = [&](int64_t channel) { return mel_low + spacing * static_cast<double>(channel + 1); };
    int64_t channel = 0;
    for (int64_t i = begin; i < end; ++i) {
      double mel = mel_of(static_cast<double>(i) * hertz);
      while (channel < attrs.channels && center(channel) < mel) ++channel;
      double from = channel > 0 ? center(channel - 1) : mel_low;
      band.push_back(channel - 1);
      weight.push_back((center(channel) - mel) / (center(channel) - from));
    }
  }

  void apply(const float* spectrum, std::vector<double>& channels) const {
    std::fill(channels.begin(), channels.end(), 0.0);
    for (int64_t i = begin; i < end; ++i) {
      auto k = static_cast<size_t>(i - begin);
      double value = std::sqrt(static_cast<double>(spectrum[i])), falling = value * weight[k];
      auto next = static_cast<size_t>(band[k] + 1);
      if (next > 0) channels[next - 1] += falling;
      if (next < channels.size()) channels[next] += value - falling;
    }
  }
};

class MfccKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    attrs_ = MelAttrs::of(c.attrs());
    TARN_RETURN_IF_ERROR(attrs_.judge());
    // y[i] = sqrt(2 / n) sum_j cos(pi i (j + 1/2) / n) x[j]: the DCT of type 2
    auto n = static_cast<double>(attrs_.channels);
    cosines_.reserve(static_cast<size_t>(attrs_.coefficients * attrs_.channels));
    for (int64_t i = 0; i < attrs_.coefficients; ++i) {
      for (int64_t j = 0; j < attrs_.channels; ++j) {
        double angle = static_cast<double>(i) * (std::numbers::pi / n) * (static_cast<double>(j) + 0.5);
        cosines_.push_back(std::sqrt(2.0 / n) * std::cos(angle));
      }
    }
    return {};
  }

  Status run(RunContext& c) const override {
    const TensorView& spectrogram = c.input(0);
    TARN_RETURN_IF_ERROR(expect_rank(spectrogram, 3, "spectrogram"));
    TARN_RETURN_IF_ERROR(expect_scalar(c.input(1), "sample_rate"));
    int64_t width = spectrogram.shape->dim(2);
    TARN_RETURN_IF_ERROR(judge_width(width));
    auto sample_rate = c.input(1).item<int32_t>();
    if (sample_rate <= 0) {
      return invalid_argument("Mfcc initialization failed: sample_rate must be above 0, not ", sample_rate);
    }
    Shape shape = *spectrogram.shape;
    shape.set_dim(2, attrs_.coefficients);
    TARN_ASSIGN_OR_RETURN(TensorView output, c.output(0, shape));
    MelBank bank(attrs_, width, sample_rate);
    float* to = output.as<float>();
    if (bank.is_silent) {
      std::fill_n(to, output.count, 0.0f);
      return {};
    }
    std::vector<double> channels(static_cast<size_t>(attrs_.channels));
    int64_t slices = spectrogram.shape->dim(0) * spectrogram.shape->dim(1);
    for (int64_t slice = 0; slice < slices; ++slice) {
      bank.apply(spectrogram.as<float>() + slice * width, channels);
      constexpr double kFloor = 1e-12;  // silence has no logarithm
      for (double& value : channels) value = std::log(value < kFloor ? kFloor : value);
      for (int64_t i = 0; i < attrs_.coefficients; ++i) {
        const double* row = cosines_.data() + i * attrs_.channels;
        double sum = 0;
        for (size_t j = 0; j < channels.size(); ++j) sum += row[j] * channels[j];
        *to++ = static_cast<float>(sum);
      }
    }
    return {};
  }

 private:
  MelAttrs attrs_;
  std::vector<double> cosines_;  // [coefficients, channels]
};

constexpr KernelDef kKernels[] = {portable_kernel<MfccKernel>()};

constexpr std::string_view kDoc = R"(Mel-frequency cepstral coefficients: a spectrogram made small as ears hear it.
  spectrogram  float[channels, slices, width], squared magnitudes (AudioSpectrogram)   sample_rate  int32, Hz
  returns  float[channels, slices, dct_coefficient_count]
  Square roots are summed in filterbank_channel_count triangles, evenly spread in mel between the two limits;
  logarithms of the sums (of 1e-12 at least) go through a DCT. Computed in double.
  An upper limit above half the sample rate gives zeros, as in TensorFlow.
  Errors: InvalidArgument for a sample rate that is not above 0, limits that are no range, more coefficients than
  triangles.   Source: TensorFlow audio_ops Mfcc.)";

}  // namespace

extern const OpDef op_Mfcc;
const OpDef op_Mfcc = {
    .name = "Mfcc",
    .inputs = "spectrogram: float, sample_rate: int32",
    .outputs = "output: float",
    .attrs =
        "upper_frequency_limit: float = 4000; lower_frequency_limit: float = 20; "
        "filterbank_channel_count: int = 40; dct_coefficient_count: int = 13",
    .infer = infer_mfcc,
    .kernels = kKernels,
};

TARN_OP_FILE(mfcc, {&op_Mfcc, kDoc, nullptr, "TensorFlow has none: sound is prepared outside of what is trained"})

}  // namespace tarn
