// What builder functions take and give: Operation and Output name nodes and their outputs; Input is an Output or a
// constant written in place.
//
//   Output y = ops::MatMul(scope, x, {{1.0f, 2.0f}, {3.0f, 4.0f}});   // nested lists become a Const
//   y.name() == "MatMul:0";   y.dtype() == DType::kFloat;   y.shape().to_string() == "[?,2]"
//
// A literal (number, bool, string, list of them) takes the dtype its op needs: Add(scope, x_double, 1) just works. A
// Tensor keeps its dtype. Operations and Outputs point into the graph of their Scope and are good as long as it lives.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/tensor.h"
#include "graph/graph.h"

namespace tarn {

class Output;

// A node of a graph. A default Operation, and what a builder returns after an error, is none.
class Operation {
 public:
  Operation() = default;
  Operation(const Graph* graph, NodeId id) : graph_(graph), id_(id) {}

  bool is_none() const { return graph_ == nullptr; }
  const Graph* graph() const { return graph_; }
  NodeId id() const { return id_; }
  // The rest gives empty things for none.
  const Node& node() const;
  const std::string& name() const { return node().name; }
  const std::string& type() const { return node().op; }
  int num_outputs() const { return static_cast<int>(node().outputs.size()); }
  Output output(int i) const;
  bool operator==(const Operation&) const = default;

 private:
  const Graph* graph_ = nullptr;
  NodeId id_ = -1;
};

class Output {
 public:
  Output() = default;
  Output(const Operation& operation, int index) : operation_(operation), index_(index) {}
  Output(const Graph* graph, Wire wire) : operation_(graph, wire.node), index_(wire.slot) {}
  operator Operation() const { return operation_; }  // NOLINT: a control dependency on a value is one on its node

  bool is_none() const { return operation_.is_none(); }
  Operation op() const { return operation_; }
  int index() const { return index_; }
  Wire wire() const { return {operation_.id(), index_}; }
  // "node:index", as TensorFlow names tensors.
  std::string name() const;
  const Fact& fact() const;
  DType dtype() const { return fact().dtype; }
  const Shape& shape() const { return fact().shape; }
  bool operator==(const Output&) const = default;

 private:
  Operation operation_;
  int index_ = 0;
};

using OutputList = std::vector<Output>;

namespace internal {
template <class T>
concept Number = std::is_arithmetic_v<T>;
// int, long and long long become int32 or int64 by their size; char types stay 8 bits wide.
template <class T>
Tensor literal_tensor(T value) {
  if constexpr (std::is_same_v<T, bool> || std::is_floating_point_v<T>) {
    return Tensor::scalar(value);
  } else if constexpr (std::is_signed_v<T>) {
    using Int = std::conditional_t<
        sizeof(T) == 8, int64_t,
        std::conditional_t<sizeof(T) == 4, int32_t, std::conditional_t<sizeof(T) == 2, int16_t, int8_t>>>;
    return Tensor::scalar(static_cast<Int>(value));
  } else {
    using Int = std::conditional_t<
        sizeof(T) == 8, uint64_t,
        std::conditional_t<sizeof(T) == 4, uint32_t, std::conditional_t<sizeof(T) == 2, uint16_t, uint8_t>>>;
    return Tensor::scalar(static_cast<Int>(value));
  }
}
}  // namespace internal

class Input {
 public:
  // A constant in the making: 1, 2.5f, "text", {1, 2}, {{1, 2}, {3, 4}}, a Tensor.
  class Initializer {
   public:
    template <internal::Number T>
    Initializer(T value) : tensor_(internal::literal_tensor(value)), is_literal_(true) {}  // NOLINT
    Initializer(const char* text) : Initializer(std::string(text)) {}                      // NOLINT
    Initializer(std::string text)                                                          // NOLINT
        : tensor_(Tensor::scalar<std::string>(std::move(text))), is_literal_(true) {}
    Initializer(const Tensor& tensor) : tensor_(tensor) {}  // NOLINT
    template <internal::Number T>
    Initializer(const std::vector<T>& values)  // NOLINT
        : tensor_(Tensor::vector<T>(values)), is_literal_(true) {}
    // Elements must have equal shapes; numbers of several kinds become the widest of them.
    Initializer(std::initializer_list<Initializer> elements);  // NOLINT

    const Status& status() const { return status_; }
    const Tensor& tensor() const { return tensor_; }
    // Written as numbers, so that it may take another dtype.
    bool is_literal() const { return is_literal_; }

   private:
    Tensor tensor_;
    Status status_;
    bool is_literal_ = false;
  };

  Input(const Output& output) : output_(output) {}                                         // NOLINT: implicit by design
  Input(const Tensor& tensor) : is_constant_(true), constant_(tensor) {}                   // NOLINT
  Input(const Initializer& constant) : is_constant_(true), constant_(constant) {}          // NOLINT
  Input(std::initializer_list<Initializer> list) : is_constant_(true), constant_(list) {}  // NOLINT
  template <class T>
  requires internal::Number<T> || std::is_convertible_v<T, std::string> Input(const T& value)  // NOLINT
      : is_constant_(true), constant_(value) {}
  template <internal::Number T>
  Input(const std::vector<T>& values) : is_constant_(true), constant_(values) {}  // NOLINT

  bool is_constant() const { return is_constant_; }
  const Output& output() const { return output_; }
  const Initializer& constant() const { return constant_; }

 private:
  Output output_;
  bool is_constant_ = false;
  Initializer constant_ = Tensor();
};

class InputList {
 public:
  InputList(std::initializer_list<Input> inputs) : inputs_(inputs) {}                         // NOLINT
  InputList(std::vector<Input> inputs) : inputs_(std::move(inputs)) {}                        // NOLINT
  InputList(const std::vector<Output>& outputs) : inputs_(outputs.begin(), outputs.end()) {}  // NOLINT
  const std::vector<Input>& inputs() const { return inputs_; }

 private:
  std::vector<Input> inputs_;
};

// The same numbers as `dtype`. Errors: a number that `dtype` cannot hold (fractions in integers, 300 in uint8), text
// where numbers are needed. Floating values are rounded.
Result<Tensor> cast_literal(const Tensor& tensor, DType dtype);

// TensorFlow's spellings of the dtypes.
inline constexpr DType DT_FLOAT = DType::kFloat, DT_DOUBLE = DType::kDouble, DT_INT32 = DType::kInt32,
                       DT_UINT8 = DType::kUInt8, DT_INT16 = DType::kInt16, DT_INT8 = DType::kInt8,
                       DT_STRING = DType::kString, DT_INT64 = DType::kInt64, DT_BOOL = DType::kBool,
                       DT_QINT8 = DType::kQInt8, DT_QUINT8 = DType::kQUInt8, DT_QINT32 = DType::kQInt32,
                       DT_BFLOAT16 = DType::kBFloat16, DT_QINT16 = DType::kQInt16, DT_QUINT16 = DType::kQUInt16,
                       DT_UINT16 = DType::kUInt16, DT_HALF = DType::kHalf, DT_UINT32 = DType::kUInt32,
                       DT_UINT64 = DType::kUInt64, DT_COMPLEX64 = DType::kComplex64, DT_COMPLEX128 = DType::kComplex128,
                       DT_RESOURCE = DType::kResource, DT_VARIANT = DType::kVariant;

}  // namespace tarn
