// AttrValue <-> pb::AttrValue (declared in graph/graph_def.h).
#include <algorithm>

#include "graph/graph_def.h"
#include "graph/tensor_proto.h"

namespace tarn {
namespace {

// What turns the elements of an attr into ours; one object an attr.
class AttrReader {
 public:
  explicit AttrReader(int64_t& tensor_bytes) : tensor_bytes_(tensor_bytes) {}

  Result<AttrValue> value(const pb::AttrValue& proto, int depth) {
    switch (proto.value_case()) {
      case pb::AttrValue::kS: return AttrValue(proto.s());
      case pb::AttrValue::kI: return AttrValue(proto.i());
      case pb::AttrValue::kF: return AttrValue(proto.f());
      case pb::AttrValue::kB: return AttrValue(proto.b());
      case pb::AttrValue::kType: return wrap(type(proto.type()));
      case pb::AttrValue::kShape: return wrap(shape_from_proto(proto.shape()));
      case pb::AttrValue::kTensor: return wrap(tensor(proto.tensor()));
      case pb::AttrValue::kPlaceholder: return AttrValue(AttrValue::Placeholder{proto.placeholder()});
      case pb::AttrValue::kFunc: return wrap(function(proto.func(), depth));
      case pb::AttrValue::kList: return list(proto.list(), depth);
      case pb::AttrValue::VALUE_NOT_SET: break;
    }
    return AttrValue();
  }

 private:
  template <class T>
  static Result<AttrValue> wrap(Result<T> value) {
    if (!value.ok()) return value.status();
    return AttrValue(*std::move(value));
  }

  // DT_INVALID passes: whether it may stand there is the op's business.
  static Result<DType> type(int number) {
    if (number == 0) return DType::kInvalid;
    return dtype_from_proto(number);
  }

  Result<Tensor> tensor(const pb::TensorProto& proto) {
    // No constant alone may be larger than the engine takes, nor all together than the graph's limit.
    int64_t most = std::min(tensor_bytes_, TensorProtoOptions().max_bytes);
    TARN_ASSIGN_OR_RETURN(Tensor tensor, tensor_from_proto(proto, {.max_bytes = most}));
    tensor_bytes_ -= static_cast<int64_t>(tensor.byte_size());
    return tensor;
  }

  Result<FunctionAttr> function(const pb::NameAttrList& proto, int depth) {
    if (depth <= 0) return invalid_argument("function attrs are nested too deeply");
    FunctionAttr function{proto.name(), nullptr};
    AttrMap attrs;
    for (const auto& [name, attr] : proto.attr()) {
      Result<AttrValue> value = this->value(attr, depth - 1);
      if (!value.ok()) return value.status().with_context(str_cat("attr ", quoted(name)));
      attrs.set(name, *std::move(value));
    }
    if (!attrs.empty()) function.attrs = std::make_shared<const AttrMap>(std::move(attrs));
    return function;
  }

  template <class T, class Protos, class Convert>
  static Result<AttrValue> elements(const Protos& protos, Convert convert) {
    std::vector<T> values;
    values.reserve(static_cast<size_t>(protos.size()));
    for (const auto& proto : protos) {
      Result<T> value = convert(proto);
      if (!value.ok()) return value.status().with_context(str_cat("element ", values.size()));
      values.push_back(*std::move(value));
    }
    return AttrValue(std::move(values));
  }

  Result<AttrValue> list(const pb::AttrValue::ListValue& proto, int depth) {
    int kinds = (proto.s_size() > 0) + (proto.i_size() > 0) + (proto.f_size() > 0) + (proto.b_size() > 0) +
                (proto.type_size() > 0) + (proto.shape_size() > 0) + (proto.tensor_size() > 0) +
                (proto.func_size() > 0);
    if (kinds > 1) return invalid_argument("the list has elements of ", kinds, " kinds");
    if (proto.s_size() > 0) return AttrValue(std::vector<std::string>(proto.s().begin(), proto.s().end()));
    if (proto.i_size() > 0) return AttrValue(std::vector<int64_t>(proto.i().begin(), proto.i().end()));
    if (proto.f_size() > 0) return AttrValue(std::vector<float>(proto.f().begin(), proto.f().end()));
    if (proto.b_size() > 0) return AttrValue(std::vector<bool>(proto.b().begin(), proto.b().end()));
    if (proto.type_size() > 0) return elements<DType>(proto.type(), type);
    if (proto.shape_size() > 0) return elements<Shape>(proto.shape(), shape_from_proto);
    if (proto.tensor_size() > 0) {
      return elements<Tensor>(proto.tensor(), [&](const pb::TensorProto& element) { return tensor(element); });
    }
    if (proto.func_size() > 0) {
      return elements<FunctionAttr>(proto.func(),
                                    [&](const pb::NameAttrList& element) { return function(element, depth); });
    }
    return AttrValue(AttrValue::EmptyList());
  }

  int64_t& tensor_bytes_;
};

void write(const FunctionAttr& value, pb::NameAttrList& proto) {
  proto.set_name(value.name);
  if (value.attrs == nullptr) return;
  for (const auto& [name, attr] : *value.attrs) (*proto.mutable_attr())[name] = attr_to_proto(attr);
}

// One overload a kind.
struct AttrWriter {
  pb::AttrValue& proto;

  void operator()(const AttrValue::Nothing&) const {}
  void operator()(const std::string& value) const { proto.set_s(value); }
  void operator()(int64_t value) const { proto.set_i(value); }
  void operator()(float value) const { proto.set_f(value); }
  void operator()(bool value) const { proto.set_b(value); }
  void operator()(DType value) const { proto.set_type(dtype_to_proto(value)); }
  void operator()(const Shape& value) const { *proto.mutable_shape() = shape_to_proto(value); }
  void operator()(const Tensor& value) const { *proto.mutable_tensor() = tensor_to_proto(value); }
  void operator()(const FunctionAttr& value) const { write(value, *proto.mutable_func()); }
  void operator()(const AttrValue::Placeholder& value) const { proto.set_placeholder(value.name); }
  void operator()(const AttrValue::EmptyList&) const { proto.mutable_list(); }
  void operator()(const std::vector<std::string>& values) const {
    proto.mutable_list();
    for (const std::string& value : values) proto.mutable_list()->add_s(value);
  }
  void operator()(const std::vector<int64_t>& values) const {
    proto.mutable_list();
    for (int64_t value : values) proto.mutable_list()->add_i(value);
  }
  void operator()(const std::vector<float>& values) const {
    proto.mutable_list();
    for (float value : values) proto.mutable_list()->add_f(value);
  }
  void operator()(const std::vector<bool>& values) const {
    proto.mutable_list();
    for (bool value : values) proto.mutable_list()->add_b(value);
  }
  void operator()(const std::vector<DType>& values) const {
    proto.mutable_list();
    for (DType value : values) proto.mutable_list()->add_type(dtype_to_proto(value));
  }
  void operator()(const std::vector<Shape>& values) const {
    proto.mutable_list();
    for (const Shape& value : values) *proto.mutable_list()->add_shape() = shape_to_proto(value);
  }
  void operator()(const std::vector<Tensor>& values) const {
    proto.mutable_list();
    for (const Tensor& value : values) *proto.mutable_list()->add_tensor() = tensor_to_proto(value);
  }
  void operator()(const std::vector<FunctionAttr>& values) const {
    proto.mutable_list();
    for (const FunctionAttr& value : values) write(value, *proto.mutable_list()->add_func());
  }
};

}  // namespace

Result<AttrValue> attr_from_proto(const pb::AttrValue& proto, int depth, int64_t& tensor_bytes) {
  return AttrReader(tensor_bytes).value(proto, depth);
}

pb::AttrValue attr_to_proto(const AttrValue& value) {
  pb::AttrValue proto;
  value.visit(AttrWriter{proto});
  return proto;
}

}  // namespace tarn
