// What a model's file has laid out of its constants (core/laid_out.h): fields of the GraphDef that every other reader
// skips, written by graph/laid_out_file.h. A message each:
//
//   string node = 1; int32 input = 2; string layout = 3; fixed32 sampled_crc32c = 4; bytes data = 6
//
// Private to runtime/; where no model of a lean build has such fields, left_out/laid_out.cc is in place of
// wire_laid_out.cc.
#pragma once

#include <memory>
#include <string_view>

#include "core/laid_out.h"
#include "core/status.h"

namespace tarn {

enum LaidOutField : uint32_t { kLaidOutNode = 1, kLaidOutInput, kLaidOutLayout, kLaidOutCrc, kLaidOutData = 6 };
constexpr uint32_t kLaidOutFieldOfGraph = 1002;

// One more of such fields; `all` is null before the first. DataLoss where it is damaged.
Status add_laid_out(std::unique_ptr<LaidOutConstants>& all, std::string_view message);

}  // namespace tarn
