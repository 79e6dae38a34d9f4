// TensorFlow's goldens (tests/goldens/ops) as cases of the op table: for ops of which they are the best reference there
// is. Each runs at the dtypes it was recorded with.
//
//   TARN_OP_CASES(images) { return golden_cases("images", {"CropAndResize", "ResizeArea"}); }
#pragma once

#include <string>
#include <vector>

#include "tests/ops/op_case.h"

namespace tarn::testing {

// The cases of `family`; those of `dynamic` ops have shapes that only a run knows.
OpCases golden_cases(const std::string& family, const std::vector<std::string>& dynamic = {});

}  // namespace tarn::testing
