// Stacks: what the iterations of a loop put down for its gradient, which takes it up last first. V2 has resource
// handles, the first version references to strings.
#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

constexpr int64_t kMostElements = 1 << 24;

class Stack : public Resource {
 public:
  static constexpr char kKind[] = "Stack";
  const char* kind() const override { return kKind; }

  static Result<Stack*> of(RunContext& c) {
    Resource* resource = c.resource(0);
    if (resource == nullptr || resource->kind() != kKind) return invalid_argument("the handle is on no stack");
    return static_cast<Stack*>(resource);
  }
  const std::string& name() const { return name_; }

  // Another run: empty, the memory of its elements is used again.
  void begin(const std::string& name, DType dtype, int64_t max_size) {
    if (dtype_ != dtype) elements_.clear();
    name_ = name;
    dtype_ = dtype;
    max_size_ = max_size < 0 ? kMostElements : std::min(max_size, kMostElements);
    size_ = 0;
    is_closed_ = false;
  }
  void close() {
    is_closed_ = true;
    elements_.clear();
    size_ = 0;
  }

  Status push(const TensorView& value) {
    TARN_RETURN_IF_ERROR(judge(value.dtype));
    if (size_ >= max_size_) {
      return resource_exhausted("stack ", quoted(name_), " is full: ", max_size_, " elements are the most it may have");
    }
    if (size_ == std::ssize(elements_)) elements_.emplace_back();
    Element& top = elements_[static_cast<size_t>(size_)];
    size_t element = dtype_ == DType::kString ? sizeof(std::string) : dtype_size(dtype_);
    if (top.buffer == nullptr || top.buffer->bytes() < static_cast<size_t>(value.count) * element) {
      TARN_ASSIGN_OR_RETURN(top.buffer, Buffer::allocate(dtype_, value.count));
    }
    top.shape = *value.shape;
    copy_elements(dtype_, top.buffer->data(), value.data, value.count);
    ++size_;
    return {};
  }

  // The shape of what pop() takes off.
  Result<Shape> top_shape(DType dtype) const {
    TARN_RETURN_IF_ERROR(judge(dtype));
    if (size_ == 0) return invalid_argument("stack ", quoted(name_), " is empty, there is nothing to pop");
    return elements_[static_cast<size_t>(size_ - 1)].shape;
  }
  void pop(void* to) {
    const Element& top = elements_[static_cast<size_t>(--size_)];
    copy_elements(dtype_, to, top.buffer->data(), top.shape.elements());
  }

 private:
  struct Element {
    Shape shape;
    std::shared_ptr<Buffer> buffer;
  };
  Status judge(DType dtype) const {
    if (is_closed_) return invalid_argument("stack ", quoted(name_), " has already been closed");
    if (dtype == dtype_) return {};
    return invalid_argument("stack ", quoted(name_), " holds ", dtype_name(dtype_), ", not ", dtype_name(dtype));
  }

  std::string name_;
  DType dtype_ = DType::kInvalid;
  int64_t max_size_ = kMostElements, size_ = 0;
  bool is_closed_ = false;
  std::vector<Element> elements_;
};

Status infer_stack(InferContext& c) {
  if (c.input_count() == 1) TARN_RETURN_IF_ERROR(c.expect_rank(0, 0, "max_size"));
  return c.set_output(0, c.output(0).dtype == DType::kString ? Shape{2} : Shape());
}

Status infer_push(InferContext& c) {
  if (c.input(0).contents != nullptr) c.input(0).contents->add(c.shape(1));
  return c.set_output(0, c.shape(1));
}

Status infer_pop(InferContext& c) {
  const Contents* contents = c.input(0).contents;
  return c.set_output(0, contents == nullptr ? Shape::unknown() : contents->element(Shape::unknown()));
}

class StackKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    name_ = c.attr<std::string>("stack_name");
    if (name_.empty()) name_ = c.node_name();
    dtype_ = c.attr<DType>("elem_type");
    handle_ = c.output(0).dtype;
    return {};
  }
  Status run(RunContext& c) const override {
    int64_t max_size = -1;
    if (c.input_count() == 1) {
      if (c.input(0).count != 1)
        return invalid_argument("max_size must be a scalar, has shape ", c.input(0).shape->to_string());
      max_size = c.input(0).item<int32_t>();
    }
    std::shared_ptr<Resource> before = c.take_resource(0);
    auto stack = before != nullptr ? std::static_pointer_cast<Stack>(before) : std::make_shared<Stack>();
    stack->begin(name_, dtype_, max_size);
    if (handle_ == DType::kString) {
      TARN_ASSIGN_OR_RETURN(TensorView handle, c.output(0, Shape{2}));
      handle.as<std::string>()[0] = "_stacks";
      handle.as<std::string>()[1] = name_;
    }
    c.set_resource(0, std::move(stack));
    return {};
  }

 private:
  std::string name_;
  DType dtype_ = DType::kInvalid, handle_ = DType::kResource;
};

class PushKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    c.may_reuse(1, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(Stack * stack, Stack::of(c));
    const TensorView& value = c.input(1);
    TARN_RETURN_IF_ERROR(stack->push(value));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *value.shape));
    if (y.data != value.data) copy_elements(value.dtype, y.data, value.data, value.count);
    return {};
  }
};

class PopKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    dtype_ = c.attr<DType>("elem_type");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(Stack * stack, Stack::of(c));
    TARN_ASSIGN_OR_RETURN(Shape shape, stack->top_shape(dtype_));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    stack->pop(y.data);
    return {};
  }

 private:
  DType dtype_ = DType::kInvalid;
};

class CloseKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(Stack * stack, Stack::of(c));
    stack->close();
    return {};
  }
};

constexpr KernelDef kStackKernels[] = {portable_kernel<StackKernel>()};
constexpr KernelDef kPushKernels[] = {portable_kernel<PushKernel>()};
constexpr KernelDef kPopKernels[] = {portable_kernel<PopKernel>()};
constexpr KernelDef kCloseKernels[] = {portable_kernel<CloseKernel>()};

constexpr std::string_view kStackDoc = R"(A stack of tensors of one type, for as long as the run.
  max_size  int32, a scalar: the most elements; below 0: as many as there may be, 16,777,216   returns  handle
  Source: TensorFlow data_flow_ops StackV2.)";
constexpr std::string_view kPushDoc = R"(Puts a tensor on a stack, and passes it on.
  handle   elem  T[...]   returns  T[...]
  Errors: ResourceExhausted if the stack is full.   Source: TensorFlow data_flow_ops StackPushV2.)";
constexpr std::string_view kPopDoc = R"(Takes the tensor off a stack that was put on it last.
  handle   returns  elem  elem_type[...]
  Errors: InvalidArgument if the stack is empty.   Source: TensorFlow data_flow_ops StackPopV2.)";
constexpr std::string_view kCloseDoc = R"(Lets go of what is on a stack, which can't be used any more.
  handle.   Source: TensorFlow data_flow_ops StackCloseV2.)";
constexpr std::string_view kReason = "gradients are made of stacks, not through them";

constexpr uint32_t kMakes = kStateful | kMakesContainer;
constexpr uint32_t kTakes = kStateful | kTakesContainer;

}  // namespace

extern const OpDef op_Stack, op_StackV2, op_StackPush, op_StackPushV2, op_StackPop, op_StackPopV2, op_StackClose,
    op_StackCloseV2;
const OpDef op_Stack = {
    .name = "Stack",
    .outputs = "handle: Ref(string)",
    .attrs = "elem_type: type; stack_name: string = ''",
    .traits = kMakes,
    .infer = infer_stack,
    .kernels = kStackKernels,
};
const OpDef op_StackV2 = {
    .name = "StackV2",
    .inputs = "max_size: int32",
    .outputs = "handle: resource",
    .attrs = "elem_type: type; stack_name: string = ''",
    .traits = kMakes,
    .infer = infer_stack,
    .kernels = kStackKernels,
};
const OpDef op_StackPush = {
    .name = "StackPush",
    .inputs = "handle: Ref(string), elem: T",
    .outputs = "output: T",
    .attrs = "T: type; swap_memory: bool = false",
    .traits = kTakes,
    .infer = infer_push,
    .kernels = kPushKernels,
};
const OpDef op_StackPushV2 = {
    .name = "StackPushV2",
    .inputs = "handle: resource, elem: T",
    .outputs = "output: T",
    .attrs = "T: type; swap_memory: bool = false",
    .traits = kTakes,
    .infer = infer_push,
    .kernels = kPushKernels,
};
const OpDef op_StackPop = {
    .name = "StackPop",
    .inputs = "handle: Ref(string)",
    .outputs = "elem: elem_type",
    .attrs = "elem_type: type",
    .traits = kTakes,
    .infer = infer_pop,
    .kernels = kPopKernels,
};
const OpDef op_StackPopV2 = {
    .name = "StackPopV2",
    .inputs = "handle: resource",
    .outputs = "elem: elem_type",
    .attrs = "elem_type: type",
    .traits = kTakes,
    .infer = infer_pop,
    .kernels = kPopKernels,
};
const OpDef op_StackClose = {
    .name = "StackClose",
    .inputs = "handle: Ref(string)",
    .traits = kTakes,
    .infer = infer_no_outputs,
    .kernels = kCloseKernels,
};
const OpDef op_StackCloseV2 = {
    .name = "StackCloseV2",
    .inputs = "handle: resource",
    .traits = kTakes,
    .infer = infer_no_outputs,
    .kernels = kCloseKernels,
};

TARN_OP_FILE(stack, {&op_Stack, kStackDoc, nullptr, kReason}, {&op_StackV2, kStackDoc, nullptr, kReason},
             {&op_StackPush, kPushDoc, nullptr, kReason}, {&op_StackPushV2, kPushDoc, nullptr, kReason},
             {&op_StackPop, kPopDoc, nullptr, kReason}, {&op_StackPopV2, kPopDoc, nullptr, kReason},
             {&op_StackClose, kCloseDoc, nullptr, kReason}, {&op_StackCloseV2, kCloseDoc, nullptr, kReason})

}  // namespace tarn
