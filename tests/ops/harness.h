// Runs one op as the executor would, but watched: outputs stand between guard bytes and start out as a given pattern,
// inputs may be shared with outputs, and shapes may be inferred with less than everything known.
//
//   std::vector<BoundCase> bound = bind_case(op, op_case);       // one per dtype the case runs with
//   Outcome out = run_op(op, bound[0], {.threads = 3});
//
// The table test and single tests use it; evaluate_op (runtime/evaluate.h) is the short way where nothing is watched.
#pragma once

#include <utility>
#include <vector>

#include "runtime/evaluate.h"
#include "tests/ops/op_case.h"

namespace tarn::testing {

// Every op of this binary.
const OpRegistry& op_table();

// A case at one dtype: inputs cast, attrs resolved.
struct BoundCase {
  const OpCase* source = nullptr;
  DType dtype = DType::kInvalid;  // of the kernel attr; kInvalid: the op has none
  AttrMap attrs;
  Tensors inputs;
  NodeTypes types;
};

// Whether input i of the op is a resource handle: in cases, on a variable.
bool takes_handle(const OpRegistry::Op& op, size_t i);
// The dtypes a case is run with: see op_case.h.
std::vector<DType> dtypes_of(const OpRegistry::Op& op, const OpCase& op_case);
Result<BoundCase> bind_case(const OpRegistry::Op& op, const OpCase& op_case, DType dtype);
// The reference on the bound inputs, its double outputs rounded to the dtypes the op gives.
Tensors expected_outputs(const OpRegistry::Op& op, const BoundCase& bound, Tensors* in_double = nullptr);

enum class Known { kValues, kShapes, kRanks, kNothing };

// What inference is told of these inputs. Shapes of Ref inputs are those of the variables.
std::vector<Fact> facts_of(const BoundCase& bound, Known known);

struct RunOptions {
  Known known = Known::kShapes;
  Backend backend = Backend::kPortable;
  const KernelDef* kernel = nullptr;  // this one instead of the op's own
  int threads = 1;
  const Services* services = nullptr;
  std::vector<std::pair<int, int>> reuse = {};  // (input, output) pairs that share memory, where sizes agree
  uint8_t fill = 0xA5;                          // what outputs hold before run(), and the memory behind inputs
  int64_t most_output_bytes = int64_t{1} << 26;
};

struct Outcome {
  Status status;
  bool has_kernel = true;      // false: no kernel for this backend, nothing ran
  Tensors outputs, variables;  // variables: those of ref_inputs, in order
  std::vector<Fact> inferred;
  PrepareContext::Request request;
  std::vector<std::string> violations;  // of what a kernel must keep to
};

Outcome run_op(const OpRegistry::Op& op, const BoundCase& bound, const RunOptions& options = {});

// A deep copy: no buffer shared.
Tensor copy_of(const Tensor& x);
// "" if `got` is `want` within the tolerance, else what differs most. Integers, bools and strings must be equal.
//   |got - want| <= tolerance * max |want|   (NaN equals NaN; infinities must be equal)
std::string difference(const Tensor& got, const Tensor& want, double tolerance);

}  // namespace tarn::testing
