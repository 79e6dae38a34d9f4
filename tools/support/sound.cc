#include "tools/support/sound.h"

#include <samplerate.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/file.h"
#include "graph/session.h"
#include "graph/text.h"

namespace tarn {
namespace {

constexpr uint64_t kMostBytes = uint64_t{1} << 30;
constexpr int kMostRate = 768'000;

}  // namespace

Result<Sound> decode_sound(std::string_view bytes) {
  TARN_ASSIGN_OR_RETURN(Graph graph, graph_from_text("file: str[] = Placeholder\n"
                                                     "sound = DecodeWav(file)\n"));
  Session session(std::make_shared<const Graph>(std::move(graph)), {.threads = 1});
  TARN_ASSIGN_OR_RETURN(Tensor file, Tensor::allocate(DType::kString, Shape()));
  file.mutable_flat<std::string>()[0] = bytes;
  std::vector<Tensor> outputs;
  TARN_RETURN_IF_ERROR(session.Run({{"file", file}}, {"sound:0", "sound:1"}, &outputs));
  Sound sound;
  sound.sample_rate = outputs[1].flat<int32_t>()[0];
  sound.channels = static_cast<int>(outputs[0].shape().dim(1));
  if (sound.sample_rate < 1 || sound.sample_rate > kMostRate)
    return invalid_argument("WAV: a sample rate of ", sound.sample_rate, " Hz; 1 to ", kMostRate, " are read");
  std::span<const float> samples = outputs[0].flat<float>();
  for (size_t i = 0; i < samples.size(); i += static_cast<size_t>(sound.channels)) sound.samples.push_back(samples[i]);
  return sound;
}

Result<Sound> read_sound(const std::string& path) {
  TARN_ASSIGN_OR_RETURN(std::string bytes, read_file(path, kMostBytes));
  if (bytes.empty()) return invalid_argument(path, ": the file is empty");
  Result<Sound> sound = decode_sound(bytes);
  if (!sound.ok())
    return Status(sound.status().code(),
                  str_cat(path, ": no WAV file with 16-bit samples: ", sound.status().message()));
  return sound;
}

Result<Sound> resampled(const Sound& sound, int sample_rate) {
  if (sample_rate == sound.sample_rate) return sound;
  double ratio = static_cast<double>(sample_rate) / sound.sample_rate;
  if (::src_is_valid_ratio(ratio) == 0)
    return invalid_argument("sound of ", sound.sample_rate, " Hz cannot be resampled to ", sample_rate, " Hz");
  Sound result{.sample_rate = sample_rate, .channels = sound.channels, .samples = {}};
  auto frames = static_cast<size_t>(std::ceil(static_cast<double>(sound.samples.size()) * ratio)) + 1;
  result.samples.resize(frames);
  SRC_DATA data{};
  data.data_in = sound.samples.data();
  data.input_frames = static_cast<long>(sound.samples.size());
  data.data_out = result.samples.data();
  data.output_frames = static_cast<long>(frames);
  data.src_ratio = ratio;
  if (int error = ::src_simple(&data, SRC_SINC_MEDIUM_QUALITY, /*channels=*/1); error != 0)
    return internal_error("resampling: ", ::src_strerror(error));
  result.samples.resize(static_cast<size_t>(data.output_frames_gen));
  return result;
}

std::string encode_wav(std::span<const float> samples, int sample_rate) {
  std::string out;
  auto put = [&](uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 255);
  };
  auto data_bytes = static_cast<uint32_t>(samples.size() * 2);
  auto rate = static_cast<uint32_t>(sample_rate);
  out += "RIFF";
  put(36 + data_bytes, 4);
  out += "WAVEfmt ";
  put(16, 4);  // of this chunk
  put(1, 2);   // PCM
  put(1, 2);   // channel
  put(rate, 4);
  put(2 * rate, 4);  // bytes a second
  put(2, 2);         // bytes a frame
  put(16, 2);        // bits
  out += "data";
  put(data_bytes, 4);
  for (float sample : samples) {
    // DecodeWav's samples are the file's / 32768: this gives the file's again.
    double value = std::clamp(std::round(static_cast<double>(sample) * 32768), -32768.0, 32767.0);
    put(static_cast<uint32_t>(static_cast<int32_t>(value)), 2);
  }
  return out;
}

}  // namespace tarn
