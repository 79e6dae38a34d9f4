#include "graph/laid_out_file.h"

#include <algorithm>
#include <tuple>

#include "core/machine.h"
#include "core/strings.h"
#include "graph/aligned_graph.h"
#include "graph/graph_source.h"
#include "runtime/engine.h"
#include "runtime/wire_laid_out.h"

namespace tarn {
namespace {

class Recorder : public LaidOutConstants {
 public:
  const void* find(const LaidOutKey&, std::string_view) const override { return nullptr; }
  void made(const LaidOutKey& key, std::string_view constant, const void* data) override {
    pieces.push_back({.node = std::string(key.node),
                      .layout = std::string(key.layout),
                      .data = std::string(static_cast<const char*>(data), key.bytes),
                      .input = key.input,
                      .crc = sampled_crc32c(constant)});
  }

  std::vector<LaidOutFile::Piece> pieces = {};
};

// Programs that are made meanwhile are for another instruction set.
class IsaLimit {
 public:
  // NEON's vectors are as long as portable ones.
  Status set(const std::string& name) { return limit_isa(name == "neon" ? "portable" : name); }
  ~IsaLimit() { (void)limit_isa(before_); }

 private:
  std::string before_ = widest_isa();
};

}  // namespace

Status LaidOutFile::check_isas(const std::vector<std::string>& isas) {
  Problems problems;
  for (const std::string& isa : isas) {
    IsaLimit limit;
    problems.add(limit.set(isa));
  }
  return problems.to_status("");
}

Result<LaidOutFile> LaidOutFile::make(const Graph& graph, const LayOutOptions& options) {
  Recorder recorder;
  for (const std::string& isa : options.isas) {
    IsaLimit limit;
    TARN_RETURN_IF_ERROR(limit.set(isa));
    EngineOptions engine_options{.inputs = options.inputs, .outputs = options.outputs, .laid_out = &recorder};
    TARN_ASSIGN_OR_RETURN(std::shared_ptr<const Engine> engine,
                          Engine::load_source(std::make_unique<GraphSource>(graph), "the graph", engine_options));
    TARN_RETURN_IF_ERROR(EngineContext(engine).prepare());
  }
  // Instruction sets may lay out alike.
  auto key = [](const Piece& piece) { return std::tie(piece.node, piece.input, piece.layout); };
  std::vector<Piece>& pieces = recorder.pieces;
  std::stable_sort(pieces.begin(), pieces.end(), [&](const Piece& a, const Piece& b) { return key(a) < key(b); });
  pieces.erase(
      std::unique(pieces.begin(), pieces.end(), [&](const Piece& a, const Piece& b) { return key(a) == key(b); }),
      pieces.end());
  LaidOutFile made;
  made.pieces_ = std::move(pieces);
  return made;
}

Status LaidOutFile::append_to(AtomicFile& file) const {
  for (const Piece& piece : pieces_) {
    std::string head;
    put_bytes_key(head, kLaidOutNode, piece.node.size());
    head += piece.node;
    put_varint(head, kLaidOutInput << 3);
    put_varint(head, static_cast<uint64_t>(piece.input));
    put_bytes_key(head, kLaidOutLayout, piece.layout.size());
    head += piece.layout;
    put_varint(head, kLaidOutCrc << 3 | 5);
    head.append(reinterpret_cast<const char*>(&piece.crc), sizeof piece.crc);  // little-endian, as all that we run on
    put_bytes_key(head, kLaidOutData, piece.data.size());
    TARN_RETURN_IF_ERROR(file.append(start_of_aligned(file.size(), kLaidOutFieldOfGraph, head, piece.data.size())));
    TARN_RETURN_IF_ERROR(file.append(piece.data));
  }
  return {};
}

uint64_t LaidOutFile::bytes() const {
  uint64_t bytes = 0;
  for (const Piece& piece : pieces_) bytes += piece.data.size();
  return bytes;
}

}  // namespace tarn
