// Sound from WAV files, as keyword models take it.
//
//   TARN_ASSIGN_OR_RETURN(Sound sound, read_sound("yes.wav"));
//   TARN_ASSIGN_OR_RETURN(Sound at_16k, resampled(sound, 16000));
//
// Files are read by the op DecodeWav, so that what a graph would refuse is refused here with the same words.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace tarn {

struct Sound {
  int sample_rate = 0;  // Hz
  int channels = 1;     // of the file; `samples` are the first one's, as DecodeWav with desired_channels=1 has them
  std::vector<float> samples;  // -1 to 1
};

Result<Sound> decode_sound(std::string_view bytes);
Result<Sound> read_sound(const std::string& path);

// By libsamplerate's band-limited interpolation.
Result<Sound> resampled(const Sound& sound, int sample_rate);

// A WAV file: one channel, 16 bits.
std::string encode_wav(std::span<const float> samples, int sample_rate);

}  // namespace tarn
