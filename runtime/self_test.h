// A model's test of itself: made-up inputs (core/sample_tensor) and what they gave when the file was written, so that
// an app can tell on the user's device whether file, kernels and processor do what they did then.
//
//   Result<SelfTestReport> report = run_self_test(engine);
//   if (!report.ok()) log(report.status().message());   // "output 'softmax': element 17 is 0.4, expected 0.1 …"
#pragma once

#include <memory>

#include "runtime/engine.h"
#include "runtime/model_info.h"

namespace tarn {

struct SelfTestReport {
  int outputs = 0;
  int64_t values = 0;                  // that were compared
  double max_relative_difference = 0;  // of floating-point outputs, relative to their range
};

// NotFound: none is stored. DataLoss: it is damaged. FailedPrecondition: the engine was opened for other inputs or
// outputs. Internal: an output differs, or the model does not run; says where and both values.
Result<SelfTestReport> run_self_test(const std::shared_ptr<const Engine>& engine);

// The same of a test at hand.
Result<SelfTestReport> run_self_test(const std::shared_ptr<const Engine>& engine, const SelfTest& test);

// Makes one: `shapes` are the inputs', in the engine's order. Errors are those of running it. FailedPrecondition where
// a second run gives other values: what draws random numbers cannot be tested so.
Result<SelfTest> make_self_test(const std::shared_ptr<const Engine>& engine, std::span<const Shape> shapes);

}  // namespace tarn
