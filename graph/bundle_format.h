// What the reader and the writer of checkpoints share; no header for others.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "core/tensor.h"

namespace tarn::bundle {

constexpr int kVersion = 1;         // of the format: ours, and TensorFlow's
constexpr int kMaxShards = 4096;    // one open file each
constexpr int kMaxSlices = 10'000;  // of one tensor: they are compared pairwise
constexpr uint64_t kMaxIndexBytes = uint64_t{1} << 30;

// Names that a checkpoint may hold: not empty, no NUL (slice keys begin with it), no ".." component.
Status check_name(std::string_view name);

// A string tensor's bytes: the lengths as varints, the masked checksum of the lengths, the texts. The checksum of all
// counts each length as a fixed 32-bit number (64-bit from 4 GiB on).
struct EncodedStrings {
  std::string head;  // lengths and their checksum
  uint32_t crc = 0;  // of all, not masked
  uint64_t bytes = 0;
};
EncodedStrings encode_strings(const Tensor& tensor);
// Reads them back; `crc` is set to the checksum of all, not masked.
Status decode_strings(std::string_view bytes, Tensor& tensor, uint32_t& crc);

std::string hex32(uint32_t value);

}  // namespace tarn::bundle
