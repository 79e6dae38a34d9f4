// Constants as kernels of some instruction sets read them, stored behind a graph in its file: an engine of one of these
// makes nothing when it loads.
//
//   TARN_ASSIGN_OR_RETURN(LaidOutFile made, LaidOutFile::make(graph, {.isas = {"avx2", "avx512"}}));
//   TARN_RETURN_IF_ERROR(made.append_to(file));       // an AtomicFile that the graph was written to
//
// Whatever rewrites the graph leaves them out; what keeps them though it changes a weight (protobuf libraries keep
// fields that they do not know) is told by checksums, and the engine makes its own.
#pragma once

#include <string>
#include <vector>

#include "core/file.h"
#include "graph/graph.h"

namespace tarn {

struct LayOutOptions {
  // Names of core/machine.h of which this machine has the widest, or "neon", whose layout is that of "portable".
  std::vector<std::string> isas = {};
  std::vector<std::string> inputs = {}, outputs = {};  // as EngineOptions has them
};

class LaidOutFile {
 public:
  struct Piece {
    std::string node, layout, data;
    int input = 0;
    uint32_t crc = 0;
  };
  // InvalidArgument for an instruction set that there is none of, or that this machine has not.
  static Status check_isas(const std::vector<std::string>& isas);
  // As for the inputs' declared shapes, with open dimensions as 1. Errors: those of check_isas(); what keeps an
  // engine from loading the graph.
  static Result<LaidOutFile> make(const Graph& graph, const LayOutOptions& options);

  Status append_to(AtomicFile& file) const;
  const std::vector<Piece>& pieces() const { return pieces_; }
  uint64_t bytes() const;

 private:
  std::vector<Piece> pieces_;  // by node
};

}  // namespace tarn
