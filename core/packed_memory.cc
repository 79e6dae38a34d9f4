#include "core/packed_memory.h"

#include <mutex>

#include "core/resident.h"
#include "core/tensor.h"

namespace tarn {
namespace {

constexpr size_t kChunkBytes = 4 * kHugePageBytes;
// Of all pieces together: a small network's own pages are smaller than a huge one.
constexpr size_t kPlainBytes = kHugePageBytes;

struct Chunks {
  std::mutex mutex;
  std::weak_ptr<Buffer> last;
  size_t used = 0;  // of the last
  size_t plain = 0;
};

Chunks& chunks() {
  static Chunks& all = *new Chunks;  // for as long as anybody may give memory back
  return all;
}

Result<std::shared_ptr<Buffer>> new_buffer(size_t bytes) {
  return Buffer::allocate(DType::kUInt8, static_cast<int64_t>(bytes));
}

Result<std::shared_ptr<void>> own_memory(size_t bytes) {
  TARN_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer, new_buffer(bytes));
  void* data = buffer->data();
  return std::shared_ptr<void>(std::move(buffer), data);
}

}  // namespace

Result<std::shared_ptr<void>> packed_memory(size_t bytes) {
  if (!kHasHugePages || bytes >= kHugePageBytes) return own_memory(bytes);
  Chunks& all = chunks();
  std::lock_guard lock(all.mutex);
  if (all.plain + bytes <= kPlainBytes) {
    TARN_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer, new_buffer(bytes));
    all.plain += bytes;
    void* data = buffer->data();
    return std::shared_ptr<void>(data, [buffer = std::move(buffer), bytes](void*) {
      std::lock_guard lock(chunks().mutex);
      chunks().plain -= bytes;
    });
  }
  const size_t rounded = (bytes + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
  std::shared_ptr<Buffer> chunk = all.last.lock();
  if (chunk == nullptr || all.used + rounded > kChunkBytes) {
    TARN_ASSIGN_OR_RETURN(chunk, new_buffer(kChunkBytes));
    all.last = chunk;
    all.used = 0;
  }
  void* data = static_cast<char*>(chunk->data()) + all.used;
  all.used += rounded;
  return std::shared_ptr<void>(std::move(chunk), data);
}

}  // namespace tarn
