// A regular file read from front to back, unpacked on the way if its first bytes are gzip's.
//
//   TARN_ASSIGN_OR_RETURN(ByteSource source, ByteSource::open(path));
//   TARN_ASSIGN_OR_RETURN(size_t got, source.read(buffer));       // less than buffer.size() only at the end
//
// Members of a concatenated gzip file follow each other, as with gunzip; checksums are verified. One per thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/status.h"

namespace tarn::examples {

class ByteSource {
 public:
  static Result<ByteSource> open(const std::string& path);
  ByteSource(ByteSource&&) noexcept;
  ByteSource& operator=(ByteSource&&) noexcept;
  ~ByteSource();

  // Fills `out`; returns fewer bytes only when the content ends. Errors: DataLoss for a truncated or damaged gzip file.
  Result<size_t> read(std::span<uint8_t> out);

  bool is_gzip() const;
  int64_t file_bytes() const;
  // No content of this file can be longer: the file's size, or for gzip what deflate can pack into it at best.
  int64_t most_content_bytes() const;

 private:
  struct State;
  explicit ByteSource(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tarn::examples
