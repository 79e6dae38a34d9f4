// DecodeWav.
#include <cstring>
#include <limits>

#include "core/op.h"
#include "ops/support/arguments.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// What is read off the bytes, in TensorFlow's order and with its words, so that both refuse the same files.
class WavReader {
 public:
  explicit WavReader(std::string_view bytes) : bytes_(bytes) {}

  uint16_t channels = 0;
  uint32_t sample_rate = 0;
  int64_t frames = 0;
  std::string_view samples;  // int16, little-endian, channel after channel of each frame

  Status read() {
    TARN_RETURN_IF_ERROR(expect_text("RIFF"));
    TARN_RETURN_IF_ERROR(take(4).status());  // the file's size, which many writers leave wrong
    TARN_RETURN_IF_ERROR(expect_text("WAVE"));
    TARN_RETURN_IF_ERROR(skip_to_format());
    TARN_RETURN_IF_ERROR(read_format());
    bool has_data = false;
    while (at_ < bytes_.size()) TARN_RETURN_IF_ERROR(read_chunk(has_data));
    return has_data ? Status() : invalid_argument("No data chunk found in WAV");
  }

 private:
  Result<std::string_view> take(size_t size) {
    if (size > bytes_.size() - std::min(at_, bytes_.size())) {
      return invalid_argument("Data too short when trying to read string: ", size, " bytes at ", at_, " of ",
                              bytes_.size());
    }
    std::string_view piece = bytes_.substr(at_, size);
    at_ += size;
    return piece;
  }
  template <class T>
  Status number(T& value) {
    TARN_ASSIGN_OR_RETURN(std::string_view piece, take(sizeof(T)));
    value = 0;
    for (size_t i = sizeof(T); i-- > 0;) value = static_cast<T>(value << 8 | static_cast<unsigned char>(piece[i]));
    return {};
  }
  Status expect_text(std::string_view expected) {
    TARN_ASSIGN_OR_RETURN(std::string_view found, take(expected.size()));
    if (found == expected) return {};
    return invalid_argument("Header mismatch: Expected ", expected, " but found ", printable(found));
  }

  // Padding and a broadcaster's notes may stand before the format.
  Status skip_to_format() {
    constexpr std::string_view kSkipped[] = {"JUNK", "bext", "iXML", "qlty", "mext", "levl", "link", "axml"};
    while (true) {
      TARN_ASSIGN_OR_RETURN(std::string_view id, take(4));
      if (id == "fmt ") return {};
      if (std::find(std::begin(kSkipped), std::end(kSkipped), id) == std::end(kSkipped)) {
        return invalid_argument("Unexpected field ", printable(id));
      }
      uint32_t size = 0;
      TARN_RETURN_IF_ERROR(number(size));
      TARN_RETURN_IF_ERROR(take(size).status());
    }
  }

  Status read_format() {
    uint32_t chunk_size = 0, bytes_per_second = 0;
    uint16_t format = 0;
    TARN_RETURN_IF_ERROR(number(chunk_size));
    if (chunk_size != 16 && chunk_size != 18) {
      return invalid_argument("Bad format chunk size for WAV: Expected 16 or 18, but got ", chunk_size);
    }
    TARN_RETURN_IF_ERROR(number(format));
    if (format != 1) return invalid_argument("Bad audio format for WAV: Expected 1 (PCM), but got ", format);
    TARN_RETURN_IF_ERROR(number(channels));
    if (channels < 1) {
      return invalid_argument("Bad number of channels for WAV: Expected at least 1, but got ", channels);
    }
    TARN_RETURN_IF_ERROR(number(sample_rate));
    TARN_RETURN_IF_ERROR(number(bytes_per_second));
    TARN_RETURN_IF_ERROR(number(bytes_per_frame_));
    uint16_t bits = 0;
    TARN_RETURN_IF_ERROR(number(bits));
    if (bits != 16) return invalid_argument("Can only read 16-bit WAV files, but received ", bits);
    uint32_t frame_bytes = uint32_t{channels} * 2;
    if (bytes_per_frame_ != frame_bytes) {
      return invalid_argument("Bad bytes per sample in WAV header: Expected ", frame_bytes, " but got ",
                              bytes_per_frame_);
    }
    uint32_t expected = bytes_per_frame_ * sample_rate;  // modulo 2^32, as it is stored
    if (bytes_per_second != expected) {
      return invalid_argument("Bad bytes per second in WAV header: Expected ", expected, " but got ", bytes_per_second,
                              " (sample_rate=", sample_rate, ", bytes_per_sample=", bytes_per_frame_, ")");
    }
    if (chunk_size == 18) at_ += 2;  // the size of an extension that PCM does not have
    return {};
  }

  // Chunks follow each other without padding to even places: so TensorFlow reads them.
  Status read_chunk(bool& has_data) {
    TARN_ASSIGN_OR_RETURN(std::string_view id, take(4));
    uint32_t size = 0;
    TARN_RETURN_IF_ERROR(number(size));
    constexpr uint32_t kMostBytes = std::numeric_limits<int32_t>::max();
    if (size > kMostBytes) {
      return invalid_argument("WAV data chunk ", quoted(id), " is too large: ", size, " bytes, but the limit is ",
                              kMostBytes);
    }
    if (id != "data") {
      at_ += size;  // a last chunk that the file cuts short is no harm
      return {};
    }
    if (has_data) return invalid_argument("More than one data chunk found in WAV");
    has_data = true;
    frames = size / bytes_per_frame_;
    TARN_ASSIGN_OR_RETURN(samples, take(static_cast<size_t>(frames) * bytes_per_frame_));
    return {};
  }

  std::string_view bytes_;
  size_t at_ = 0;
  uint16_t bytes_per_frame_ = 0;
};

Status judge_desired(int64_t value, std::string_view name) {
  if (value >= -1 && value <= std::numeric_limits<int32_t>::max()) return {};
  return invalid_argument(name, " must be -1 (as the file has them) or up to 2147483647, not ", value);
}

Status infer_decode_wav(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 0, "contents"));
  int64_t channels = c.attr<int64_t>("desired_channels"), samples = c.attr<int64_t>("desired_samples");
  TARN_RETURN_IF_ERROR(judge_desired(channels, "desired_channels"));
  TARN_RETURN_IF_ERROR(judge_desired(samples, "desired_samples"));
  TARN_RETURN_IF_ERROR(c.set_output(1, Shape()));
  return set_output_checked(c, 0, Shape{samples, channels});
}

class DecodeWavKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    desired_channels_ = c.attr<int64_t>("desired_channels");
    desired_samples_ = c.attr<int64_t>("desired_samples");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(expect_scalar(c.input(0), "contents"));
    WavReader wav(c.input(0).as<std::string>()[0]);
    TARN_RETURN_IF_ERROR(wav.read());
    int64_t frames = desired_samples_ == -1 ? wav.frames : desired_samples_;
    int64_t channels = desired_channels_ == -1 ? wav.channels : desired_channels_;
    TARN_ASSIGN_OR_RETURN(TensorView audio, c.output(0, Shape{frames, channels}));
    TARN_ASSIGN_OR_RETURN(TensorView rate, c.output(1, Shape()));
    *rate.as<int32_t>() = static_cast<int32_t>(wav.sample_rate);
    // Missing channels repeat the last one; missing samples are silence.
    float* to = audio.as<float>();
    for (int64_t frame = 0; frame < frames; ++frame) {
      for (int64_t channel = 0; channel < channels; ++channel) {
        int64_t from = frame * wav.channels + std::min<int64_t>(channel, wav.channels - 1);
        *to++ = frame < wav.frames ? sample(wav.samples, from) : 0.0f;
      }
    }
    return {};
  }

 private:
  static float sample(std::string_view samples, int64_t i) {
    constexpr float kScale = 1.0f / 32768;
    const char* at = samples.data() + 2 * i;
    int low = static_cast<unsigned char>(at[0]), high = static_cast<unsigned char>(at[1]);
    return static_cast<float>(static_cast<int16_t>(high << 8 | low)) * kScale;
  }

  int64_t desired_channels_ = -1, desired_samples_ = -1;
};

constexpr KernelDef kKernels[] = {portable_kernel<DecodeWavKernel>()};

constexpr std::string_view kDoc = R"(The samples of a WAV file: 16-bit PCM, as numbers in [-1, 1).
  contents  string, a scalar: the file's bytes
  returns  audio  float[samples, channels], sample_rate  int32
  desired_channels and desired_samples cut, or fill up: with the last channel again, with silence. -1: as the file has
  them. A format chunk of 16 or 18 bytes; other chunks are skipped, without padding to even places; before the format
  they may be JUNK, bext, iXML, qlty, mext, levl, link or axml.
  Errors: InvalidArgument with TensorFlow's words for what is no such file.   Source: TensorFlow audio_ops DecodeWav.)";

}  // namespace

extern const OpDef op_DecodeWav;
const OpDef op_DecodeWav = {
    .name = "DecodeWav",
    .inputs = "contents: string",
    .outputs = "audio: float, sample_rate: int32",
    .attrs = "desired_channels: int = -1; desired_samples: int = -1",
    .infer = infer_decode_wav,
    .kernels = kKernels,
};

TARN_OP_FILE(decode_wav, {&op_DecodeWav, kDoc, nullptr, "the input is a file's bytes"})

}  // namespace tarn
