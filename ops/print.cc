// PrintV2: what a graph says while it runs. Print, its ancestor, is not here: a graph from elsewhere writes to no log
// between its tensors, and the strip pass takes it out.
#include <algorithm>
#include <cstdio>
#include <string>

#include "core/op.h"
#include "ops/support/arguments.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

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

constexpr KernelDef kPrintV2Kernels[] = {portable_kernel<PrintV2Kernel>()};

constexpr std::string_view kPrintV2Doc = R"(Prints a string, and `end` after it.
  input  string, a scalar   output_stream: stdout, stderr, or one of TensorFlow's log(...), which is stderr here
  Errors: Unimplemented for file://..., since no graph writes files here.   Source: TensorFlow logging_ops PrintV2.)";

}  // namespace

extern const OpDef op_PrintV2;
const OpDef op_PrintV2 = {
    .name = "PrintV2",
    .inputs = "input: string",
    .attrs = "output_stream: string = 'stderr'; end: string = '\n'",
    .traits = kStateful,
    .infer = infer_print_v2,
    .kernels = kPrintV2Kernels,
};

TARN_OP_FILE(print, {&op_PrintV2, kPrintV2Doc, nullptr, "it has no outputs"})

}  // namespace tarn
