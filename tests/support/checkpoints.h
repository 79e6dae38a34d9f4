// What tests of checkpoints share.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "graph/checkpoint.h"

namespace tarn {

inline bool says(const Status& status, std::initializer_list<std::string_view> parts) {
  for (std::string_view part : parts) {
    if (status.message().find(part) == std::string_view::npos) return false;
  }
  return !status.ok();
}
// The same for parts given one by one.
template <class... Parts>
bool says(const Status& status, std::string_view first, const Parts&... rest) {
  return says(status, {first, std::string_view(rest)...});
}

#define EXPECT_SAYS(status, ...) EXPECT_TRUE(says(status, __VA_ARGS__)) << (status).to_string()

// Opens the checkpoint and reads all of it.
inline Status read_everything(const std::string& prefix) {
  Result<CheckpointReader> reader = CheckpointReader::open(prefix);
  if (!reader.ok()) return reader.status();
  for (const CheckpointEntry& entry : reader->entries()) {
    Result<Tensor> tensor = reader->read(entry.name);
    if (!tensor.ok()) return tensor.status();
  }
  return {};
}

}  // namespace tarn
