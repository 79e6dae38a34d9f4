// Op suites: small graphs, each in a folder of its own with what goes in and what comes out, listed in an index.json.
//
//   TARN_ASSIGN_OR_RETURN(std::vector<OpSuiteCase> cases, read_op_suite("opsuite"));
//   CaseResult result = check_op_case(cases[0], ExecutorKind::kEngine);
//   result.line();      // "abs~rank2_float16 ok, 0"
//
// A folder holds graph.pb and the .npy files that the index names. As in manifests, whatever goes wrong with a case
// becomes its result.
#pragma once

#include <string>
#include <vector>

#include "tools/support/case_check.h"

namespace tarn {

struct OpSuiteTensor {
  std::string name;               // "Abs:0"
  std::string path;               // of its .npy file
  DType dtype = DType::kInvalid;  // NumPy has no bfloat16: such a file holds float32
};

struct OpSuiteCase {
  std::string name, graph;
  std::vector<OpSuiteTensor> inputs, outputs;
};

// `dir`/index.json. Errors name what is missing or of the wrong type, and where.
Result<std::vector<OpSuiteCase>> read_op_suite(const std::string& dir);

// How far an output may be from the golden if its graph computes in this dtype: a few hundred roundings of its width.
Tolerance op_suite_tolerance(DType dtype);

CaseResult check_op_case(const OpSuiteCase& op_case, ExecutorKind executor);

}  // namespace tarn
