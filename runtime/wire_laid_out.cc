#include "runtime/wire_laid_out.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/proto_reader.h"

namespace tarn {
namespace {

class WireLaidOut : public LaidOutConstants {
 public:
  Status add(std::string_view message) {
    Piece piece;
    ProtoReader reader(message);
    while (reader.next()) {
      switch (reader.field()) {
        case kLaidOutNode: piece.node = reader.bytes(); break;
        case kLaidOutInput: piece.input = reader.as_int32(); break;
        case kLaidOutLayout: piece.layout = reader.bytes(); break;
        case kLaidOutCrc:
          if (reader.is_fixed32()) piece.crc = reader.as_fixed32();
          break;
        case kLaidOutData: piece.data = reader.bytes(); break;
        default: break;
      }
    }
    if (!reader.ok()) return data_loss("what is laid out of constants is damaged: ", reader.problem());
    // They are written by node: nothing moves.
    const auto at = std::upper_bound(pieces_.begin(), pieces_.end(), piece.node,
                                     [](std::string_view node, const Piece& other) { return node < other.node; });
    pieces_.insert(at, piece);
    return {};
  }

  const void* find(const LaidOutKey& key, std::string_view constant) const override {
    auto at = std::lower_bound(pieces_.begin(), pieces_.end(), key.node,
                               [](const Piece& piece, std::string_view node) { return piece.node < node; });
    for (; at != pieces_.end() && at->node == key.node; ++at) {
      const bool is_it = at->input == key.input && at->layout == key.layout && at->data.size() == key.bytes &&
                         reinterpret_cast<uintptr_t>(at->data.data()) % kAlignment == 0;
      if (is_it && at->crc == sampled_crc32c(constant)) return at->data.data();
    }
    return nullptr;
  }

 private:
  static constexpr uintptr_t kAlignment = 64;
  struct Piece {
    std::string_view node, layout, data;
    int32_t input = 0;
    uint32_t crc = 0;
  };
  std::vector<Piece> pieces_;  // by node
};

}  // namespace

Status add_laid_out(std::unique_ptr<LaidOutConstants>& all, std::string_view message) {
  if (all == nullptr) all = std::make_unique<WireLaidOut>();
  return static_cast<WireLaidOut&>(*all).add(message);
}

}  // namespace tarn
