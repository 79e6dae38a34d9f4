// Print and PrintV2: what a graph says while it runs.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <string>

#include "core/op.h"
#include "ops/support/arguments.h"
#include "ops/support/array.h"
#include "ops/support/summarize.h"

namespace tarn {
namespace {

// How often a node has printed, for first_n. Thread-safe.
class PrintCount : public Resource {
 public:
  static constexpr char kKind[] = "print";
  const char* kind() const override { return kKind; }
  // True the first n times.
  bool take(int64_t n) { return count_.fetch_add(1, std::memory_order_relaxed) < n; }

 private:
  std::atomic<int64_t> count_ = 0;
};

Status infer_print(InferContext& c) {
  return c.set_output(0, c.shape(0));
}

class PrintKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    message_ = c.attr<std::string>("message");
    first_n_ = c.attr<int64_t>("first_n");
    summarize_ = c.attr<int64_t>("summarize");
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    if (is_due(c)) {
      std::string line = message_;
      for (int i = 1; i < c.input_count(); ++i) {
        str_append(line, "[", summarize_value(c.input(i), summarize_), "]");
      }
      line += '\n';
      std::fwrite(line.data(), 1, line.size(), stderr);  // one call: lines of several threads stay whole
    }
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    if (y.data != x.data) copy_elements(x.dtype, y.data, x.data, x.count);
    return {};
  }

 private:
  bool is_due(const RunContext& c) const {
    if (first_n_ < 0) return true;
    ResourceMap* resources = c.services().resources();
    if (resources == nullptr) return first_n_ > 0;  // a single run
    auto* count = resources->find_or_create<PrintCount>(c.node_name(), [] { return std::make_unique<PrintCount>(); });
    return count->take(first_n_);
  }

  std::string message_;
  int64_t first_n_ = -1, summarize_ = 3;
};

Status infer_print_v2(InferContext& c) {
  return c.expect_rank(0, 0, "input");
}

class PrintV2Kernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    constexpr std::string_view kToStderr[] = {"stderr", "log(info)", "log(warning)", "log(error)"};
    const auto& stream = c.attr<std::string>("output_stream");
    end_ = c.attr<std::string>("end");
    if (stream.starts_with("file://")) {
      return unimplemented("output_stream ", quoted(stream), ": a graph writes no files here, only stderr and stdout");
    }
    stream_ = stream == "stdout" ? stdout : stderr;
    if (stream == "stdout" || std::ranges::find(kToStderr, stream) != std::end(kToStderr)) return {};
    return invalid_argument("output_stream ", quoted(stream),
                            " is none of stderr, stdout, log(info), log(warning), log(error)");
  }
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(expect_scalar(c.input(0), "input"));
    std::string text = c.input(0).as<std::string>()[0] + end_;
    std::fwrite(text.data(), 1, text.size(), stream_);
    std::fflush(stream_);
    return {};
  }

 private:
  std::FILE* stream_ = nullptr;
  std::string end_;
};

constexpr KernelDef kPrintKernels[] = {portable_kernel<PrintKernel>()};
constexpr KernelDef kPrintV2Kernels[] = {portable_kernel<PrintV2Kernel>()};

Status print_gradient(GradContext& c) {
  c.set_grad(0, c.grad());
  return {};
}

constexpr std::string_view kPrintDoc = R"(Passes a tensor on, and prints others to the standard error output.
  input  T[...]   data  tensors to print after `message`, `summarize` elements of each (-1: all)   returns  T[...]
  first_n: how many runs print, for each session; -1: all.   Source: TensorFlow logging_ops Print.)";
constexpr std::string_view kPrintV2Doc = R"(Prints a string, and `end` after it.
  input  string, a scalar   output_stream: stdout, stderr, or one of TensorFlow's log(...), which is stderr here
  Errors: Unimplemented for file://..., since no graph writes files here.   Source: TensorFlow logging_ops PrintV2.)";

}  // namespace

extern const OpDef op_Print, op_PrintV2;
const OpDef op_Print = {
    .name = "Print",
    .inputs = "input: T, data: U",
    .outputs = "output: T",
    .attrs = "T: type; U: list(type) >= 0; message: string = ''; first_n: int = -1; summarize: int = 3",
    .traits = kStateful,
    .infer = infer_print,
    .kernels = kPrintKernels,
};
const OpDef op_PrintV2 = {
    .name = "PrintV2",
    .inputs = "input: string",
    .attrs = "output_stream: string = 'stderr'; end: string = '\n'",
    .traits = kStateful,
    .infer = infer_print_v2,
    .kernels = kPrintV2Kernels,
};

TARN_OP_FILE(print, {&op_Print, kPrintDoc, print_gradient}, {&op_PrintV2, kPrintV2Doc, nullptr, "it has no outputs"})

}  // namespace tarn
