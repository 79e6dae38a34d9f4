// Every oneDNN kernel on the op table's cases: against the reference and against the portable kernel.
#include <gtest/gtest.h>

#include <limits>

#include "core/backend_kernel.h"
#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

std::vector<const BackendKernel*> all_kernels() {
  std::vector<const BackendKernel*> kernels;
  for (const BackendKernelFile* file : dnnl_files) {
    for (const BackendKernel& kernel : *file) kernels.push_back(&kernel);
  }
  return kernels;
}

class DnnlKernels : public ::testing::TestWithParam<const BackendKernel*> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DnnlKernels);

// As for the op table's own kernels: sums of n terms in any order, a factor 4 for cancellation. oneDNN cuts sums by
// threads, so other numbers of threads give other bits, all within this.
double tolerance_of(const OpCase& op_case) {
  return 2 * (op_case.sum_length + 3) * static_cast<double>(std::numeric_limits<float>::epsilon()) *
         op_case.tolerance_factor;
}

TEST_P(DnnlKernels, MatchTheReferenceAndThePortableKernel) {
  const BackendKernel& kernel = *GetParam();
  const OpRegistry::Op* op = op_table().find(kernel.op);
  ASSERT_NE(op, nullptr) << kernel.op;
  int ran = 0;
  std::string why;
  for (const OpCase* op_case : cases_of(std::string(kernel.op))) {
    Result<BoundCase> bound = bind_case(*op, *op_case, kernel.def.dtype);
    if (!bound.ok() || bound->dtype != kernel.def.dtype) continue;
    Tensors want = expected_outputs(*op, *bound);
    Outcome portable = run_op(*op, *bound);
    for (int threads : {1, 2, 3}) {
      SCOPED_TRACE(str_cat(kernel.op, " '", op_case->label, "' on ", threads, " threads"));
      // Another fill shows elements that were never written.
      const uint8_t fill = threads == 1 ? 0xA5 : 0x5A;
      // Sizes given as values (Conv2DBackpropInput) have to be known: they are, in a session.
      Outcome got =
          run_op(*op, *bound, {.known = Known::kValues, .kernel = &kernel.def, .threads = threads, .fill = fill});
      if (got.status.code() == Code::kUnimplemented) {  // declined: the portable kernel runs it
        why = got.status.message();
        break;
      }
      ASSERT_TRUE(got.status.ok()) << got.status.to_string();
      EXPECT_TRUE(got.violations.empty()) << str_join(got.violations, "; ");
      for (size_t i = 0; i < want.size(); ++i) {
        EXPECT_EQ(difference(got.outputs[i], want[i], tolerance_of(*op_case)), "") << "output " << i;
        EXPECT_EQ(difference(got.outputs[i], portable.outputs[i], 2 * tolerance_of(*op_case)), "")
            << "output " << i << " against the portable kernel";
      }
      ++ran;
    }
  }
  EXPECT_GT(ran, 0) << kernel.op << " declines every case; the last one: " << why;
}

INSTANTIATE_TEST_SUITE_P(All, DnnlKernels, ::testing::ValuesIn(all_kernels()),
                         [](const auto& info) { return std::string(info.param->op); });

TEST(Dnnl, IsBuiltIn) {
  if (dnnl_files.empty()) GTEST_SKIP() << "built without oneDNN (TARN_DNNL=OFF)";

  EXPECT_GE(all_kernels().size(), 14u);
}

// bench/README.md has the figures. On more threads OpenMP's would spin beside the session's.
TEST(Dnnl, IsTheFasterForMeasuredShapesOnOneThreadAlone) {
  struct Row {
    const char* op;
    Shape first, second;
    bool faster;
  };
  const Row rows[] = {
      {"Conv2D", {8, 56, 56, 64}, {1, 1, 64, 256}, true}, {"Conv2D", {8, 56, 56, 64}, {3, 3, 64, 64}, false},
      {"Conv2D", {1, 7, 7, 64}, {1, 1, 64, 256}, false},  {"MatMul", {128, 9216}, {9216, 128}, true},
      {"MatMul", {50, 3136}, {3136, 1024}, false},        {"MaxPool", {128, 24, 24, 64}, {}, false},
      {"MaxPool", {50, 28, 28, 32}, {}, false},           {"Conv2D", Shape::unknown(), {1, 1, 64, 256}, false},
      {"MaxPoolGrad", {128, 24, 24, 64}, {}, false},
  };
  for (const BackendKernel* kernel : all_kernels()) {
    for (const Row& row : rows) {
      if (kernel->op != row.op) continue;
      const AttrMap attrs{{"transpose_a", false}, {"transpose_b", false}};
      const Fact inputs[] = {{DType::kFloat, row.first, {}, false}, {DType::kFloat, row.second, {}, false}};
      for (int threads : {1, 2}) {
        const KernelSettings settings{.threads = threads};
        PrepareContext context(row.op, "node", attrs, inputs, {}, {}, settings);
        const bool faster = kernel->is_faster != nullptr && kernel->is_faster(context);
        EXPECT_EQ(faster, row.faster && threads == 1) << row.op << " " << row.first.to_string() << ", " << threads;
      }
    }
  }
}

TEST(Dnnl, DeclinesUnknownShapes) {
  for (const BackendKernel* kernel : all_kernels()) {
    const OpRegistry::Op* op = op_table().find(kernel->op);
    const OpCase* op_case = cases_of(std::string(kernel->op)).front();
    Result<BoundCase> bound = bind_case(*op, *op_case, kernel->def.dtype);
    ASSERT_TRUE(bound.ok()) << kernel->op;

    Outcome got = run_op(*op, *bound, {.known = Known::kNothing, .kernel = &kernel->def});

    EXPECT_EQ(got.status.code(), Code::kUnimplemented) << kernel->op << ": " << got.status.to_string();
  }
}

}  // namespace
}  // namespace tarn::testing
