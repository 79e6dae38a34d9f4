// Ops whose cases are TensorFlow's goldens: with sound, pictures, lists and strings. What the goldens cannot hold of
// them (errors, files, limits) is in the tests of their subject.
#include "tests/ops/golden_cases.h"

namespace tarn::testing {
namespace {

TARN_OP_CASES(audio_goldens) {
  return golden_cases("audio", {"DecodeWav"});
}

TARN_OP_CASES(image_goldens) {
  return golden_cases("images", {"NonMaxSuppression", "NonMaxSuppressionV2", "NonMaxSuppressionV3",
                                 "NonMaxSuppressionV4", "NonMaxSuppressionV5", "NonMaxSuppressionWithOverlaps"});
}

TARN_OP_CASES(list_goldens) {
  return golden_cases("lists", {"DynamicPartition", "Unique", "UniqueWithCounts", "UniqueV2", "UniqueWithCountsV2",
                                "ListDiff", "CTCGreedyDecoder", "CTCBeamSearchDecoder"});
}

TARN_OP_CASES(text_goldens) {
  return golden_cases(
      "text", {"StringSplit", "StringSplitV2", "DecodeRaw", "ParseExample", "ParseExampleV2", "ParseSingleExample"});
}

}  // namespace
}  // namespace tarn::testing
