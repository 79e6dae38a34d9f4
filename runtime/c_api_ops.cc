// Ops that an app adds through the C API.
#include <algorithm>
#include <cstring>

#include "runtime/c_api_state.h"

// What a shape or compute function sees: of the two contexts one is set.
struct tarn_op_context {
  std::string node;
  const tarn::AttrMap& attrs;
  tarn::InferContext* infer = nullptr;
  tarn::RunContext* run = nullptr;
  std::vector<tarn::DType> output_dtypes = {};
  std::vector<tarn::TensorView> outputs = {};  // that were made
  tarn::Status failed = {};                    // the last call that did

  tarn_code fail(const tarn::Status& status) {
    failed = status;
    return tarn::c_api::report(status);
  }
  int input_count() const { return infer != nullptr ? infer->input_count() : run->input_count(); }
};

namespace tarn::c_api {
namespace {

// An attr's or input's error belongs to the call: the context may be const to the caller.
tarn_code fail(const tarn_op_context* context, const Status& status) {
  return const_cast<tarn_op_context*>(context)->fail(status);
}

bool has_input(const tarn_op_context* context, int index) {
  if (context == nullptr) return report(null_argument("context")), false;
  if (index >= 0 && index < context->input_count()) return true;
  fail(context, out_of_range("input ", index, ": there are ", context->input_count()));
  return false;
}

bool has_output(const tarn_op_context* context, int index) {
  if (context == nullptr) return report(null_argument("context")), false;
  if (index >= 0 && index < static_cast<int>(context->output_dtypes.size())) return true;
  fail(context, out_of_range("output ", index, ": there are ", context->output_dtypes.size()));
  return false;
}

// Null: reported.
const AttrValue* find_attr(const tarn_op_context* context, const char* name) {
  if (context == nullptr || name == nullptr)
    return report(null_argument(context == nullptr ? "context" : "name")), nullptr;
  const AttrValue* value = context->attrs.find(name);
  if (value == nullptr) fail(context, not_found("there is no attr ", in_quotes(name)));
  return value;
}

Status wrong_kind(const char* name, const AttrValue& value, std::string_view wanted) {
  return invalid_argument("attr ", in_quotes(name), " is ", value.kind(), ", not ", wanted);
}

// What a callback's code and the texts given to the context make of it.
Status callback_status(const tarn_op_context& context, tarn_code code, std::string_view function) {
  if (code == TARN_OK) return {};
  if (!context.failed.ok() && static_cast<int>(context.failed.code()) == static_cast<int>(code)) return context.failed;
  bool is_known = code > TARN_OK && code <= TARN_DATA_LOSS;
  Code known = is_known ? static_cast<Code>(code) : Code::kUnknown;
  return Status(known,
                str_cat("its ", function, " function returned ", static_cast<int>(code), " (", code_name(known), ")"));
}

class Op : public CustomOp {
 public:
  explicit Op(const tarn_custom_op& op)
      : op_(op), name_(op.name), inputs_(text_of(op.inputs)), outputs_(text_of(op.outputs)), attrs_(text_of(op.attrs)) {
    static constexpr KernelDef kAny[] = {{DType::kInvalid, Backend::kPortable, nullptr}};
    def_.name = name_;
    def_.inputs = inputs_;
    def_.outputs = outputs_;
    def_.attrs = attrs_;
    def_.traits = op.is_stateful != 0 ? kStateful : kPure;
    def_.kernels = kAny;
    def_.custom = this;
  }
  ~Op() override {
    if (op_.release != nullptr) op_.release(op_.user_data);
  }
  Op(const Op&) = delete;
  Op& operator=(const Op&) = delete;

  const OpDef& def() const override { return def_; }
  std::unique_ptr<Kernel> make_kernel() const override;

  Status infer(std::string_view node, InferContext& c) const override {
    if (op_.shape == nullptr) return c.input_count() > 0 ? infer_unchanged(c) : infer_unknown(c);
    tarn_op_context context{.node = std::string(node), .attrs = c.attrs(), .infer = &c};
    for (int i = 0; i < c.output_count(); ++i) context.output_dtypes.push_back(c.output(i).dtype);
    return callback_status(context, op_.shape(op_.user_data, &context), "shape");
  }

  Status compute(RunContext& c, const AttrMap& attrs, const std::vector<DType>& output_dtypes) const {
    tarn_op_context context{
        .node = std::string(c.node_name()), .attrs = attrs, .run = &c, .output_dtypes = output_dtypes};
    context.outputs.resize(output_dtypes.size());
    TARN_RETURN_IF_ERROR(callback_status(context, op_.compute(op_.user_data, &context), "compute"));
    if (c.threads().is_stopped()) return {};
    for (size_t i = 0; i < context.outputs.size(); ++i) {
      if (context.outputs[i].shape == nullptr) return internal_error("its compute function made no output ", i);
    }
    return {};
  }

 private:
  static std::string text_of(const char* text) { return text == nullptr ? "" : text; }

  tarn_custom_op op_;
  std::string name_, inputs_, outputs_, attrs_;
  OpDef def_;
};

class OpKernel : public Kernel {
 public:
  explicit OpKernel(std::shared_ptr<const Op> op) : op_(std::move(op)) {}

  Status prepare(PrepareContext& c) override {
    attrs_ = c.attrs();
    for (int i = 0; i < c.output_count(); ++i) output_dtypes_.push_back(c.output(i).dtype);
    return {};
  }
  Status run(RunContext& c) const override { return op_->compute(c, attrs_, output_dtypes_); }

 private:
  std::shared_ptr<const Op> op_;
  AttrMap attrs_;
  std::vector<DType> output_dtypes_;
};

std::unique_ptr<Kernel> Op::make_kernel() const {
  return std::make_unique<OpKernel>(std::static_pointer_cast<const Op>(shared_from_this()));
}

}  // namespace

Result<std::vector<std::shared_ptr<const CustomOp>>> make_custom_ops(const tarn_custom_op* const* ops, int count) {
  std::vector<std::shared_ptr<const CustomOp>> made;
  if (count < 0 || (count > 0 && ops == nullptr)) {
    return invalid_argument("tarn_options.custom_ops: ", count, " of them, at ",
                            ops == nullptr ? "NULL" : "an address");
  }
  Problems problems;
  for (int i = 0; i < count; ++i) {
    auto here = [&](const auto&... what) { return invalid_argument("tarn_options.custom_ops[", i, "]", what...); };
    if (ops[i] == nullptr || ops[i]->struct_size < sizeof(tarn_custom_op)) {
      problems.add(ops[i] == nullptr
                       ? here(" is NULL")
                       : here(".struct_size is ", ops[i]->struct_size, ", expected ", sizeof(tarn_custom_op)));
      continue;
    }
    if (ops[i]->name == nullptr || *ops[i]->name == 0) {
      problems.add(here(" has no name"));
      continue;
    }
    made.push_back(std::make_shared<Op>(*ops[i]));  // releases what it has, also where something is wrong
    if (ops[i]->compute == nullptr) problems.add(here(" (", quoted(ops[i]->name), ") has no compute function"));
  }
  TARN_RETURN_IF_ERROR(problems.to_status());
  return made;
}

}  // namespace tarn::c_api

using tarn::Status;
using tarn::c_api::fail;
using tarn::c_api::find_attr;
using tarn::c_api::has_input;
using tarn::c_api::has_output;
using tarn::c_api::null_argument;
using tarn::c_api::report;
using tarn::c_api::wrong_kind;

const char* tarn_op_node_name(const tarn_op_context* context) {
  if (context == nullptr) return report(null_argument("context")), nullptr;
  return context->node.c_str();
}

int tarn_op_input_count(const tarn_op_context* context) {
  return context == nullptr ? (report(null_argument("context")), -1) : context->input_count();
}

int tarn_op_output_count(const tarn_op_context* context) {
  return context == nullptr ? (report(null_argument("context")), -1) : static_cast<int>(context->output_dtypes.size());
}

int tarn_op_input_dtype(const tarn_op_context* context, int index) {
  if (!has_input(context, index)) return 0;
  return static_cast<int>(context->infer != nullptr ? context->infer->input(index).dtype
                                                    : context->run->input(index).dtype);
}

int tarn_op_output_dtype(const tarn_op_context* context, int index) {
  return has_output(context, index) ? static_cast<int>(context->output_dtypes[static_cast<size_t>(index)]) : 0;
}

int tarn_op_input_shape(const tarn_op_context* context, int index, int64_t* dims, int capacity) {
  if (!has_input(context, index)) return -1;
  const tarn::Shape& shape =
      context->infer != nullptr ? context->infer->shape(index) : *context->run->input(index).shape;
  return tarn::c_api::write_shape(shape, dims, capacity);
}

const void* tarn_op_input_data(const tarn_op_context* context, int index, size_t* bytes) {
  if (!has_input(context, index)) return nullptr;
  tarn::TensorView view;
  if (context->run != nullptr) {
    view = context->run->input(index);
  } else if (const tarn::Fact& fact = context->infer->input(index); fact.has_value()) {
    view = {fact.value.dtype(), &fact.value.shape(), const_cast<void*>(fact.value.data()), fact.value.element_count()};
  }
  size_t element = tarn::dtype_size(view.dtype);
  if (bytes != nullptr) *bytes = static_cast<size_t>(view.count) * element;
  return element == 0 ? nullptr : view.data;
}

const char* tarn_op_input_string(const tarn_op_context* context, int index, int64_t element, size_t* length) {
  if (!has_input(context, index)) return nullptr;
  std::span<const std::string> texts;
  if (context->run != nullptr && context->run->input(index).dtype == tarn::DType::kString) {
    texts = context->run->input(index).flat<std::string>();
  } else if (context->infer != nullptr && context->infer->input(index).has_value()) {
    texts = context->infer->input(index).value.flat<std::string>();
  }
  if (element < 0 || element >= static_cast<int64_t>(texts.size())) {
    fail(context, tarn::out_of_range("input ", index, ": string ", element, " of ", texts.size()));
    return nullptr;
  }
  const std::string& text = texts[static_cast<size_t>(element)];
  if (length != nullptr) *length = text.size();
  return text.c_str();
}

tarn_code tarn_op_attr_int(const tarn_op_context* context, const char* name, int64_t* value) {
  const tarn::AttrValue* attr = find_attr(context, name);
  if (attr == nullptr) return tarn_op_status(context);
  if (value == nullptr) return fail(context, null_argument("value"));
  if (attr->is<int64_t>()) {
    *value = attr->as<int64_t>();
  } else if (attr->is<bool>()) {
    *value = attr->as<bool>() ? 1 : 0;
  } else if (attr->is<tarn::DType>()) {
    *value = static_cast<int64_t>(attr->as<tarn::DType>());
  } else {
    return fail(context, wrong_kind(name, *attr, "int, bool or type"));
  }
  return TARN_OK;
}

tarn_code tarn_op_attr_float(const tarn_op_context* context, const char* name, double* value) {
  const tarn::AttrValue* attr = find_attr(context, name);
  if (attr == nullptr) return tarn_op_status(context);
  if (value == nullptr) return fail(context, null_argument("value"));
  if (!attr->is<float>()) return fail(context, wrong_kind(name, *attr, "float"));
  *value = static_cast<double>(attr->as<float>());
  return TARN_OK;
}

const char* tarn_op_attr_string(const tarn_op_context* context, const char* name, size_t* length) {
  const tarn::AttrValue* attr = find_attr(context, name);
  if (attr == nullptr) return nullptr;
  if (!attr->is<std::string>()) return fail(context, wrong_kind(name, *attr, "string")), nullptr;
  const std::string& text = attr->as<std::string>();
  if (length != nullptr) *length = text.size();
  return text.c_str();
}

namespace {

template <class From, class To>
int write_list(const std::vector<From>& from, To* values, int capacity) {
  for (size_t i = 0; values != nullptr && i < from.size() && static_cast<int>(i) < capacity; ++i)
    values[i] = static_cast<To>(from[i]);
  return static_cast<int>(from.size());
}

}  // namespace

int tarn_op_attr_ints(const tarn_op_context* context, const char* name, int64_t* values, int capacity) {
  const tarn::AttrValue* attr = find_attr(context, name);
  if (attr == nullptr) return -1;
  if (attr->is<std::vector<int64_t>>()) return write_list(attr->as<std::vector<int64_t>>(), values, capacity);
  if (attr->is<std::vector<bool>>()) return write_list(attr->as<std::vector<bool>>(), values, capacity);
  if (attr->is<std::vector<tarn::DType>>()) return write_list(attr->as<std::vector<tarn::DType>>(), values, capacity);
  if (attr->is<tarn::Shape>()) return tarn::c_api::write_shape(attr->as<tarn::Shape>(), values, capacity);
  fail(context, wrong_kind(name, *attr, "list(int), list(bool), list(type) or shape"));
  return -1;
}

int tarn_op_attr_floats(const tarn_op_context* context, const char* name, double* values, int capacity) {
  const tarn::AttrValue* attr = find_attr(context, name);
  if (attr == nullptr) return -1;
  if (attr->is<std::vector<float>>()) return write_list(attr->as<std::vector<float>>(), values, capacity);
  fail(context, wrong_kind(name, *attr, "list(float)"));
  return -1;
}

tarn_code tarn_op_set_shape(tarn_op_context* context, int index, const int64_t* dims, int rank) {
  if (!has_output(context, index)) return context == nullptr ? TARN_INVALID_ARGUMENT : tarn_op_status(context);
  if (context->infer == nullptr)
    return context->fail(tarn::failed_precondition("tarn_op_set_shape() is for shape functions"));
  auto shape = tarn::c_api::make_shape(dims, rank, true);
  if (!shape.ok()) return context->fail(shape.status().with_context(tarn::str_cat("output ", index)));
  (void)context->infer->set_output(index, *shape);
  return TARN_OK;
}

void* tarn_op_output_data(tarn_op_context* context, int index, const int64_t* dims, int rank, size_t* bytes) {
  if (!has_output(context, index)) return nullptr;
  if (context->run == nullptr)
    return context->fail(tarn::failed_precondition("tarn_op_output_data() is for compute functions")), nullptr;
  auto shape = tarn::c_api::make_shape(dims, rank);
  if (!shape.ok()) return context->fail(shape.status().with_context(tarn::str_cat("output ", index))), nullptr;
  auto view = context->run->output(index, *shape);
  if (!view.ok()) return context->fail(view.status()), nullptr;
  context->outputs[static_cast<size_t>(index)] = *view;
  size_t element = tarn::dtype_size(view->dtype);
  if (bytes != nullptr) *bytes = static_cast<size_t>(view->count) * element;
  return element == 0 ? nullptr : view->data;
}

tarn_code tarn_op_set_output_string(tarn_op_context* context, int index, int64_t element, const char* text,
                                    size_t length) {
  if (!has_output(context, index)) return context == nullptr ? TARN_INVALID_ARGUMENT : tarn_op_status(context);
  if (text == nullptr && length > 0) return context->fail(null_argument("text"));
  const tarn::TensorView view =
      context->run == nullptr ? tarn::TensorView() : context->outputs[static_cast<size_t>(index)];
  if (view.shape == nullptr || view.dtype != tarn::DType::kString)
    return context->fail(tarn::failed_precondition("output ", index, ": ask tarn_op_output_data() for strings first"));
  if (element < 0 || element >= view.count)
    return context->fail(tarn::out_of_range("output ", index, ": string ", element, " of ", view.count));
  view.as<std::string>()[element].assign(text == nullptr ? "" : text, length);
  return TARN_OK;
}

void* tarn_op_scratch(tarn_op_context* context, size_t bytes) {
  if (context == nullptr) return report(null_argument("context")), nullptr;
  if (context->run == nullptr)
    return context->fail(tarn::failed_precondition("tarn_op_scratch() is for compute functions")), nullptr;
  auto memory = context->run->scratch(std::max<size_t>(bytes, 1));
  if (!memory.ok()) return context->fail(memory.status()), nullptr;
  return *memory;
}

void tarn_op_parallel_for(tarn_op_context* context, int64_t n, int64_t min_range,
                          void (*body)(void* data, int64_t begin, int64_t end, int thread), void* data) {
  if (context == nullptr || body == nullptr) {
    report(null_argument(context == nullptr ? "context" : "body"));
    return;
  }
  if (context->run == nullptr) {
    context->fail(tarn::failed_precondition("tarn_op_parallel_for() is for compute functions"));
    return;
  }
  context->run->threads().parallel_for(n, min_range,
                                       [&](int64_t begin, int64_t end, int thread) { body(data, begin, end, thread); });
}

int tarn_op_is_stopped(const tarn_op_context* context) {
  return context != nullptr && context->run != nullptr && context->run->threads().is_stopped() ? 1 : 0;
}

tarn_code tarn_op_error(tarn_op_context* context, tarn_code code, const char* text) {
  if (context == nullptr) return report(null_argument("context"));
  bool is_error = code > TARN_OK && code <= TARN_DATA_LOSS;
  context->fail(Status(is_error ? static_cast<tarn::Code>(code) : tarn::Code::kUnknown, text == nullptr ? "" : text));
  return tarn_op_status(context);
}

tarn_code tarn_op_status(const tarn_op_context* context) {
  return context == nullptr ? TARN_INVALID_ARGUMENT : static_cast<tarn_code>(context->failed.code());
}
