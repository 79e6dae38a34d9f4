// NumPy's .npz: several arrays in one zip archive.
//
//   TARN_ASSIGN_OR_RETURN(std::vector<NamedTensor> arrays, read_npz("taps.npz"));
//   arrays[0].name == "conv1|Relu:0"; arrays[0].tensor.shape() …
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graph/checkpoint.h"

namespace tarn {

// In the archive's order, names without ".npy". Members are stored or deflated; sizes, of each and of all together, are
// checked before they are believed, and each member's checksum too. Errors name the member.
struct NpzLimits {
  uint64_t member_bytes = uint64_t{1} << 30, total_bytes = uint64_t{4} << 30;
};
Result<std::vector<NamedTensor>> parse_npz(std::string_view bytes, const NpzLimits& limits = {});
Result<std::vector<NamedTensor>> read_npz(const std::string& path);

}  // namespace tarn
