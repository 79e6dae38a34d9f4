// In place of support/adapted_kernel.cc where no model of the build has images with the channels first, or half or
// bfloat16 (cmake/ops_from.cmake): kernels run as they are, and such images are refused.
#include "ops/adapted_kernel.h"

#include <algorithm>

namespace tarn {
namespace {

class ChannelsLastKernel : public Kernel {
 public:
  explicit ChannelsLastKernel(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}
  Status prepare(PrepareContext& c) override {
    const AttrValue* format = c.attrs().find("data_format");
    if (format == nullptr || !format->is<std::string>() || !format->as<std::string>().starts_with("NC"))
      return kernel_->prepare(c);
    return unimplemented("data_format ", format->as<std::string>(), kLeftOutAdvice);
  }
  Status run(RunContext& c) const override { return kernel_->run(c); }
  RowKernel* by_rows() override { return kernel_->by_rows(); }

 private:
  std::unique_ptr<Kernel> kernel_;
};

}  // namespace

std::unique_ptr<Kernel> adapt(std::unique_ptr<Kernel> kernel, DType, const Layout& layout) {
  auto is_plain = [](Operand operand) { return operand == Operand::kPlain; };
  if (std::all_of(std::begin(layout.inputs), std::end(layout.inputs), is_plain) &&
      std::all_of(std::begin(layout.outputs), std::end(layout.outputs), is_plain))
    return kernel;  // it looks at data_format itself, or has none
  return std::make_unique<ChannelsLastKernel>(std::move(kernel));
}

}  // namespace tarn
