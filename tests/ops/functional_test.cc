#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

constexpr const char* kWrittenOut = "a compiler writes its functions out; tests/runtime/functions_test.cc";
TARN_OP_WITHOUT_CASES(If, kWrittenOut);
TARN_OP_WITHOUT_CASES(StatelessIf, kWrittenOut);
TARN_OP_WITHOUT_CASES(Case, kWrittenOut);
TARN_OP_WITHOUT_CASES(StatelessCase, kWrittenOut);
TARN_OP_WITHOUT_CASES(While, kWrittenOut);
TARN_OP_WITHOUT_CASES(StatelessWhile, kWrittenOut);
TARN_OP_WITHOUT_CASES(PartitionedCall, kWrittenOut);
TARN_OP_WITHOUT_CASES(StatefulPartitionedCall, kWrittenOut);

}  // namespace
}  // namespace tarn::testing
