// Signatures: what a model takes and gives, by names that do not depend on its nodes (TensorFlow's SignatureDef).
//
//   const Signature& predict = model.signatures.at("serving_default");
//   predict.inputs.at("image").name     // "x:0": what to feed
//   predict.outputs.at("scores").name   // "softmax/Softmax:0": what to fetch
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/dtype.h"
#include "core/shape.h"

namespace tarn {

inline constexpr std::string_view kServingDefault = "serving_default";
inline constexpr std::string_view kPredictMethod = "tensorflow/serving/predict";

struct SignatureTensor {
  std::string name = {};  // "node:0"; empty for sparse and composite tensors, which have no single one
  DType dtype = DType::kInvalid;
  Shape shape = Shape::unknown();
};

struct Signature {
  std::string method = std::string(kPredictMethod);
  std::map<std::string, SignatureTensor> inputs = {}, outputs = {};
};

using Signatures = std::map<std::string, Signature>;

}  // namespace tarn
