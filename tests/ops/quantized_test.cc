// QuantizeV2, QuantizeAndDequantize*, Requantize and the Quantized* ops: TensorFlow's goldens are their reference.
// Beside them: sizes that need all threads, tiles and instruction sets, the one op and the one version that TensorFlow
// 2 cannot run, ranges that are none, and gradients.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "ops/kernels/code_product.h"
#include "ops/kernels/float_codes.h"
#include "tests/ops/eager_gradient.h"
#include "tests/ops/golden_cases.h"
#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

constexpr const char* kStraightThrough = "it passes straight through the rounding, where differences see steps";
TARN_OP_GRADIENT_TESTED_APART(QuantizeAndDequantize, kStraightThrough);
TARN_OP_GRADIENT_TESTED_APART(QuantizeAndDequantizeV2, kStraightThrough);
TARN_OP_GRADIENT_TESTED_APART(QuantizeAndDequantizeV3, kStraightThrough);
TARN_OP_GRADIENT_TESTED_APART(QuantizeAndDequantizeV4, kStraightThrough);

// Every golden is a case of the golden test; the table test tries each case in many ways, so it gets the first few of
// an op, and one in nine of the others.
TARN_OP_CASES(quantized_goldens) {
  OpCases all = golden_cases("quantized"), chosen;
  std::map<std::string, int> count;
  for (OpCase& op_case : all) {
    const int i = count[op_case.op]++;
    if (i < 3 || i % 9 == 0) chosen.push_back(std::move(op_case));
  }
  return chosen;
}

// Codes from a fixed generator.
Tensor codes(const Shape& shape, DType dtype, uint64_t seed) {
  return to_dtype(map(uniform(shape, 0, 256, seed), [](double x) { return std::floor(x); }), dtype);
}
Tensor one(float x) {
  return Tensor::scalar(x);
}

// The code of 0 in [low, high], of 8 bits.
int64_t zero_point(double low, double high) {
  return std::llround(-std::round(low * 255 / (high - low)));
}
Tensor wrapped(int64_t x, Tensor y, size_t i) {
  y.mutable_flat<int32_t>()[i] = static_cast<int32_t>(static_cast<uint32_t>(static_cast<uint64_t>(x)));
  return y;
}
// What an int32 stands for where products have this step.
Tensors with_range(Tensor y, double step) {
  return {y, one(static_cast<float>(step * -2147483648.0)), one(static_cast<float>(step * 2147483648.0))};
}
double step_of(const Tensors& in, size_t i) {
  return static_cast<double>((in[i + 1].item<float>() - in[i].item<float>()) / 255.0f);
}

Tensors matmul(const Tensors& in, const AttrMap& attrs) {
  const bool ta = attrs.get<bool>("transpose_a"), tb = attrs.get<bool>("transpose_b");
  Tensor a = to_double(in[0]), b = to_double(in[1]);
  const int64_t m = a.shape().dim(ta ? 1 : 0), k = a.shape().dim(ta ? 0 : 1), n = b.shape().dim(tb ? 0 : 1);
  const auto a_zero = static_cast<double>(zero_point(in[2].item<float>(), in[3].item<float>()));
  const auto b_zero = static_cast<double>(zero_point(in[4].item<float>(), in[5].item<float>()));
  Tensor y = *Tensor::zeros(DType::kQInt32, Shape{m, n});
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;  // whole numbers below 2^53
      for (int64_t l = 0; l < k; ++l) {
        sum += (at(a, ta ? Index{l, i} : Index{i, l}) - a_zero) * (at(b, tb ? Index{j, l} : Index{l, j}) - b_zero);
      }
      y = wrapped(static_cast<int64_t>(sum), std::move(y), static_cast<size_t>(i * n + j));
    }
  }
  return with_range(y, step_of(in, 2) * step_of(in, 4));
}

// With stride 1 and SAME padding, where windows lie as Conv2D's do.
Tensors convolution(const Tensors& in, const AttrMap&) {
  Tensor x = to_double(in[0]), w = to_double(in[1]);
  const auto x_zero = static_cast<double>(zero_point(in[2].item<float>(), in[3].item<float>()));
  const auto w_zero = static_cast<double>(zero_point(in[4].item<float>(), in[5].item<float>()));
  const Shape &xs = x.shape(), &ws = w.shape();
  Shape shape = xs;
  shape.set_dim(3, ws.dim(3));
  Tensor y = *Tensor::zeros(DType::kQInt32, shape);
  size_t place = 0;
  for (int64_t n = 0; n < xs.dim(0); ++n) {
    for (int64_t i = 0; i < xs.dim(1); ++i) {
      for (int64_t j = 0; j < xs.dim(2); ++j) {
        for (int64_t k = 0; k < ws.dim(3); ++k, ++place) {
          double sum = 0;
          for (int64_t h = 0; h < ws.dim(0); ++h) {
            for (int64_t v = 0; v < ws.dim(1); ++v) {
              const int64_t row = i + h - (ws.dim(0) - 1) / 2, column = j + v - (ws.dim(1) - 1) / 2;
              if (row < 0 || row >= xs.dim(1) || column < 0 || column >= xs.dim(2)) continue;
              for (int64_t c = 0; c < xs.dim(3); ++c) {
                sum += (at(x, {n, row, column, c}) - x_zero) * (at(w, {h, v, c, k}) - w_zero);
              }
            }
          }
          y = wrapped(static_cast<int64_t>(sum), std::move(y), place);
        }
      }
    }
  }
  return with_range(y, step_of(in, 2) * step_of(in, 4));
}

TARN_OP_CASES(quantized_products) {
  OpCases cases;
  struct Case {
    int64_t m, k, n;
    bool transpose_a, transpose_b;
  };
  // Several tiles and panels with rests, in each instruction set; an odd and an empty depth.
  for (const Case& c : {Case{101, 67, 75, false, false}, Case{40, 300, 16, true, false}, Case{3, 5, 130, false, true},
                        Case{25, 1, 33, true, true}, Case{4, 0, 3, false, false}}) {
    cases.push_back({.op = "QuantizedMatMul",
                     .label = str_cat(c.m, " x ", c.k, " x ", c.n),
                     .attrs = {{"transpose_a", c.transpose_a}, {"transpose_b", c.transpose_b}},
                     .inputs = {codes(c.transpose_a ? Shape{c.k, c.m} : Shape{c.m, c.k}, DType::kQUInt8, 1),
                                codes(c.transpose_b ? Shape{c.n, c.k} : Shape{c.k, c.n}, DType::kQUInt8, 2), one(-1),
                                one(3), one(-2.5f), one(2)},
                     .reference = matmul});
  }
  const std::pair<Shape, Shape> images[] = {
      {{1, 9, 11, 19}, {3, 3, 19, 35}}, {{2, 7, 6, 5}, {1, 1, 5, 13}}, {{1, 5, 40, 2}, {5, 3, 2, 4}}};
  for (const auto& [image, filter] : images) {
    cases.push_back({.op = "QuantizedConv2D",
                     .label = str_cat(image.to_string(), " by ", filter.to_string()),
                     .attrs = {{"strides", std::vector<int64_t>{1, 1, 1, 1}}, {"padding", "SAME"}},
                     .inputs = {codes(image, DType::kQUInt8, 3), codes(filter, DType::kQUInt8, 4), one(-1), one(3),
                                one(-2), one(2.5f)},
                     .reference = convolution});
  }
  return cases;
}

// TensorFlow 2 registers no kernel for it.
Tensors relu_x(const Tensors& in, const AttrMap&) {
  const double low = in[2].item<float>(), high = in[3].item<float>();
  const auto code = [&](double value) {
    return std::clamp(std::round(value * 255 / (high - low)) - std::round(low * 255 / (high - low)), 0.0, 255.0);
  };
  const double least = code(0), most = code(in[1].item<float>());
  return {to_dtype(map(to_double(in[0]), [&](double x) { return std::clamp(x, least, most); }), DType::kQUInt8), in[2],
          in[3]};
}

TARN_OP_CASES(quantized_relu_x) {
  OpCases cases;
  for (auto [low, high, ceiling] : {std::tuple(-1.0f, 3.0f, 2.0f), std::tuple(0.0f, 6.0f, 6.0f),
                                    std::tuple(-4.0f, 1.0f, 5.0f), std::tuple(-4.0f, 10.0f, 0.0f)}) {
    cases.push_back({.op = "QuantizedReluX",
                     .label = str_cat(low, " to ", high, " up to ", ceiling),
                     .inputs = {codes({5, 21}, DType::kQUInt8, 5), one(ceiling), one(low), one(high)},
                     .reference = relu_x});
  }
  return cases;
}

// The first version needs a graph of TensorFlow 0.x.
Tensors simulated(const Tensors& in, const AttrMap& attrs) {
  const bool is_signed = attrs.get<bool>("signed_input");
  const auto bits = static_cast<double>(attrs.get<int64_t>("num_bits"));
  const double lowest = is_signed ? -std::exp2(bits - 1) : 0, highest = std::exp2(is_signed ? bits - 1 : bits) - 1;
  double low = attrs.get<float>("input_min"), high = attrs.get<float>("input_max");
  if (!attrs.get<bool>("range_given")) {
    const auto x = in[0].flat<double>();
    low = *std::min_element(x.begin(), x.end());
    high = *std::max_element(x.begin(), x.end());
  }
  double scale = 1e300;
  if (lowest * low > 0) scale = std::min(scale, lowest / low);
  if (highest * high > 0) scale = std::min(scale, highest / high);
  return {map(in[0], [&](double x) {
    const double code = std::nearbyint(x * scale);
    return (attrs.get<bool>("range_given") ? std::clamp(code, lowest, highest) : code) / scale;
  })};
}

TARN_OP_CASES(quantize_and_dequantize_v1) {
  OpCases cases;
  for (const AttrMap& attrs :
       {AttrMap(), AttrMap{{"num_bits", int64_t{5}}}, AttrMap{{"signed_input", false}},
        AttrMap{{"range_given", true}, {"input_min", -0.75f}, {"input_max", 1.25f}, {"num_bits", int64_t{6}}}}) {
    cases.push_back({.op = "QuantizeAndDequantize",
                     .label = attrs.contains("num_bits") ? attrs.find("num_bits")->to_string() : "8 bits",
                     .attrs = attrs,
                     .inputs = {uniform({4, 9}, -1, 2, 6)},  // none lies halfway between two codes
                     .reference = simulated});
  }
  return cases;
}

Result<Tensors> run(const char* op, const AttrMap& attrs, Tensors inputs) {
  return evaluate_op(op_table(), op, attrs, inputs);
}

// Row 90 of the list of bad inputs: a range is two numbers, or as many as there are channels.
TEST(Quantized, EveryOpRefusesRangesThatAreNone) {
  std::set<std::string> tried;
  for (const OpCase& op_case : golden_cases("quantized")) {
    if (op_case.op.starts_with("QuantizeAndDequantize") || !tried.insert(op_case.op).second) continue;
    for (size_t i = 0; i < op_case.inputs.size(); ++i) {
      if (op_case.inputs[i].dtype() != DType::kFloat || op_case.inputs[i].element_count() != 1) continue;
      const Tensor broken[] = {Tensor::from<float>({0}, {}), Tensor::from<float>({2}, {0, 1}),
                               Tensor::from<float>({1, 1}, {0}), one(NAN), one(INFINITY)};
      for (const Tensor& limit : broken) {
        Tensors inputs = op_case.inputs;
        inputs[i] = limit;
        Status status = run(op_case.op.c_str(), op_case.attrs, inputs).status();
        EXPECT_EQ(status.code(), Code::kInvalidArgument)
            << op_case.op << ", input " << i << " = " << limit.to_string() << ": " << status.to_string();
      }
    }
  }
  EXPECT_GE(tried.size(), 18u);

  Tensor x = codes({1, 2, 2, 1}, DType::kQUInt8, 1);
  auto code = [](const Result<Tensors>& result) { return result.status().code(); };
  EXPECT_EQ(code(run("QuantizedRelu", {}, {x, one(3), one(1)})), Code::kInvalidArgument);  // min above max
  EXPECT_EQ(code(run("QuantizeV2", {{"T", DType::kQUInt8}}, {one(1), one(3), one(1)})), Code::kInvalidArgument);
  EXPECT_EQ(code(run("QuantizedAdd", {}, {x, x, one(1), one(1), one(0), one(1)})), Code::kInvalidArgument);
  EXPECT_EQ(code(run("QuantizedMul", {}, {x, x, one(0), one(1), one(2), one(2)})), Code::kInvalidArgument);
  EXPECT_EQ(code(run("QuantizedInstanceNorm", {}, {x, one(1), one(1)})), Code::kInvalidArgument);
}

TEST(Quantized, NamesTheInputThatIsNoRange) {
  Tensor x = codes({1, 2, 2, 1}, DType::kQUInt8, 1);

  Status status = run("QuantizedRelu", {}, {x, one(-1), Tensor::from<float>({0}, {})}).status();

  EXPECT_NE(status.message().find("'max_features' must have one element, has shape [0]"), std::string::npos)
      << status.to_string();
}

TEST(Quantized, RefusesAxesBitsAndTypesWithoutAKernel) {
  Tensor x = Tensor::from<float>({2, 2}, {1, 2, 3, 4}), two = Tensor::from<float>({2}, {-1, -2});
  Tensor image = codes({1, 3, 3, 1}, DType::kQUInt8, 1);
  auto code = [](const Result<Tensors>& result) { return result.status().code(); };
  AttrMap to_codes = {{"T", DType::kQUInt8}, {"axis", int64_t{9}}};

  EXPECT_EQ(code(run("QuantizeV2", to_codes, {x, two, one(1)})), Code::kInvalidArgument);
  to_codes.set("axis", int64_t{1});
  EXPECT_EQ(code(run("QuantizeV2", to_codes, {x, two, Tensor::from<float>({3}, {1, 1, 1})})), Code::kInvalidArgument);
  to_codes.set("mode", "MIN_FIRST");
  EXPECT_EQ(code(run("QuantizeV2", to_codes, {x, two, Tensor::from<float>({2}, {1, 1})})), Code::kUnimplemented);
  EXPECT_EQ(code(run("QuantizeAndDequantizeV2", {{"num_bits", int64_t{99}}}, {x, one(0), one(1)})),
            Code::kInvalidArgument);
  EXPECT_EQ(code(run("QuantizeAndDequantizeV2", {{"axis", int64_t{5}}}, {x, one(0), one(1)})), Code::kInvalidArgument);
  EXPECT_EQ(code(run("QuantizeAndDequantizeV3", {}, {x, one(0), one(1), Tensor::scalar(int32_t{0})})),
            Code::kInvalidArgument);
  EXPECT_EQ(code(run("QuantizeAndDequantizeV3", {}, {x, one(2), one(1), Tensor::scalar(int32_t{8})})),
            Code::kInvalidArgument);
  AttrMap conv = {{"strides", std::vector<int64_t>{1, 1, 1, 1}}, {"padding", "SAME"}};
  Tensors inputs = {image, codes({1, 1, 1, 1}, DType::kQInt8, 1), one(0), one(1), one(0), one(1)};
  EXPECT_EQ(code(run("QuantizedConv2D", conv, inputs)), Code::kUnimplemented);
  inputs[1] = codes({1, 1, 1, 1}, DType::kQUInt8, 1);
  conv.set("dilations", std::vector<int64_t>{1, 2, 2, 1});
  EXPECT_EQ(code(run("QuantizedConv2D", conv, inputs)), Code::kUnimplemented);
}

TEST(Quantized, ArithmeticBroadcastsWhereTensorFlowDoesNot) {
  Tensor x = to_dtype(doubles({2, 3}, {1, 2, 3, 4, 5, 6}), DType::kQUInt8);
  Tensor y = to_dtype(doubles({2, 1}, {10, 20}), DType::kQUInt8);

  Result<Tensors> z = run("QuantizedMul", {}, {x, y, one(0), one(255), one(0), one(255)});

  ASSERT_TRUE(z.ok()) << z.status().to_string();
  EXPECT_EQ(difference((*z)[0], to_dtype(doubles({2, 3}, {10, 20, 30, 80, 100, 120}), DType::kQInt32), 0), "");
}

// The same bytes as another dtype of the size.
Tensor as_dtype(const Tensor& x, DType dtype) {
  Tensor y = *Tensor::zeros(dtype, x.shape());
  std::memcpy(y.mutable_data(), x.data(), static_cast<size_t>(x.element_count()) * dtype_size(dtype));
  return y;
}

// Ops that only move elements do with codes what they do with plain integers. These are the dtypes that TensorFlow
// registers kernels for, or any.
TEST(Quantized, CodesPassThroughOpsThatMoveElements) {
  using enum DType;
  const std::pair<DType, DType> all[] = {
      {kUInt8, kQUInt8}, {kInt8, kQInt8}, {kUInt16, kQUInt16}, {kInt16, kQInt16}, {kInt32, kQInt32}};
  const auto vector = [](std::vector<int32_t> values) {
    return Tensor::from<int32_t>({static_cast<int64_t>(values.size())}, values);
  };
  const auto scalar = [](int32_t value) { return Tensor::scalar(value); };
  struct Case {
    const char* op;
    std::vector<Tensor> inputs;  // double: codes
    AttrMap attrs = {};
  };
  const Tensor x = iota({2, 3, 4}), matrix = iota({4, 4});
  const Tensor one_code = doubles({}, {7});
  const Case cases[] = {
      {"Identity", {x}},
      {"Reshape", {x, vector({4, 6})}},
      {"ExpandDims", {x, scalar(1)}},
      {"Squeeze", {iota({2, 1, 3})}},
      {"Concat", {scalar(1), x, x}},
      {"ConcatV2", {x, x, scalar(0)}},
      {"Pack", {x, x}},
      {"Unpack", {x}, {{"num", int64_t{2}}}},
      {"Gather", {x, vector({1, 0, 1})}},
      {"GatherV2", {x, vector({2, 0}), scalar(1)}},
      {"GatherNd", {x, Tensor::from<int32_t>({2, 2}, {0, 1, 1, 2})}},
      {"Slice", {x, vector({0, 1, 1}), vector({2, 2, -1})}},
      {"StridedSlice", {x, vector({0, 2}), vector({2, 0}), vector({1, -1})}},
      {"Split", {scalar(2), x}, {{"num_split", int64_t{2}}}},
      {"SplitV", {x, vector({1, 3}), scalar(2)}, {{"num_split", int64_t{2}}}},
      {"Transpose", {x, vector({2, 0, 1})}},
      {"Pad", {matrix, Tensor::from<int32_t>({2, 2}, {1, 0, 2, 1})}},
      {"PadV2", {matrix, Tensor::from<int32_t>({2, 2}, {1, 0, 2, 1}), one_code}},
      {"MirrorPad", {matrix, Tensor::from<int32_t>({2, 2}, {1, 0, 2, 1})}, {{"mode", "REFLECT"}}},
      {"Fill", {vector({2, 3}), one_code}},
      {"Equal", {matrix, matrix}},
      {"NotEqual", {matrix, one_code}},
      {"DynamicStitch", {vector({1, 0}), vector({2}), iota({2, 3}), iota({1, 3})}, {{"N", int64_t{2}}}},
      {"SparseToDense", {vector({1, 3}), vector({5}), iota({2}), one_code}},
      {"ZerosLike", {x}},
      {"BroadcastTo", {one_code, vector({2, 2})}},
      {"Tile", {x, vector({1, 2, 1})}},
      {"SpaceToDepth", {iota({1, 2, 2, 4})}, {{"block_size", int64_t{2}}}},
      {"DepthToSpace", {iota({1, 2, 2, 4})}, {{"block_size", int64_t{2}}}},
  };
  for (const Case& c : cases) {
    for (const auto& [plain, quantized] : all) {
      Result<Tensors> results[2] = {invalid_argument("not run"), invalid_argument("not run")};
      for (int i = 0; i < 2; ++i) {
        Tensors inputs = c.inputs;
        for (Tensor& input : inputs) {
          if (input.dtype() != kDouble) continue;
          input = to_dtype(input, plain);
          if (i == 1) input = as_dtype(input, quantized);
        }
        results[i] = run(c.op, c.attrs, inputs);
      }
      EXPECT_TRUE(results[0].ok()) << c.op << ": " << results[0].status().to_string();
      if (!results[0].ok()) continue;
      EXPECT_TRUE(results[1].ok()) << c.op << " " << dtype_name(quantized) << ": " << results[1].status().to_string();
      for (size_t i = 0; results[1].ok() && i < results[0]->size(); ++i) {
        const Tensor& want = (*results[0])[i];
        EXPECT_TRUE((*results[1])[i].identical_to(want.dtype() == plain ? as_dtype(want, quantized) : want))
            << c.op << " " << dtype_name(quantized);
      }
    }
  }
}

// A float range goes through codes and back within half a step, in every mode and type.
TEST(Quantized, DequantizeUndoesQuantize) {
  Tensor x = to_dtype(uniform({200}, -1.5, 2.5, 8), DType::kFloat);
  for (DType type : {DType::kQUInt8, DType::kQInt8, DType::kQUInt16, DType::kQInt16}) {
    for (const char* mode : {"MIN_COMBINED", "MIN_FIRST", "SCALED"}) {
      AttrMap attrs = {{"T", type}, {"mode", mode}};
      float low = type == DType::kQUInt8 || type == DType::kQUInt16 ? 0.0f : -1.5f;  // SCALED has no negative ones
      Result<Tensors> q = run("QuantizeV2", attrs, {x, one(low), one(2.5f)});
      ASSERT_TRUE(q.ok()) << q.status().to_string();
      Result<Tensors> y = run("Dequantize", attrs, *q);
      ASSERT_TRUE(y.ok()) << y.status().to_string();
      const double step = static_cast<double>((*q)[2].item<float>() - (*q)[1].item<float>()) /
                          (std::exp2(8 * static_cast<double>(dtype_size(type))) - 1);
      for (size_t i = 0; i < 200; ++i) {
        // MIN_FIRST moves all values by up to half a step more: its min is a step. Then float's own rounding.
        const double half = std::string_view(mode) == "MIN_FIRST" ? 1.0 : 0.5;
        const double want = std::max<double>(low, x.flat<float>()[i]);
        EXPECT_NEAR((*y)[0].flat<float>()[i], want, half * step + 1e-6) << mode << " " << dtype_name(type);
      }
    }
  }
}

// For a panel with a rest, a whole one with a rest, and so few columns that they are taken one by one.
TEST(CodeProduct, GivesTheSameOnEveryInstructionSet) {
  using namespace kernels;
  constexpr int64_t kRows = 29, kDepth = 153, kZero = 300, kOtherZero = -20;
  for (int64_t columns : {int64_t{71}, int64_t{33}, int64_t{7}, int64_t{2}}) {
    const Tensor a = codes({kRows, kDepth}, DType::kUInt8, 1), b = codes({kDepth, columns}, DType::kUInt8, 2);
    const uint8_t *a_codes = a.flat<uint8_t>().data(), *b_codes = b.flat<uint8_t>().data();
    std::vector<int32_t> want;
    for (int64_t row = 0; row < kRows; ++row) {
      for (int64_t column = 0; column < columns; ++column) {
        int64_t sum = 0;
        for (int64_t k = 0; k < kDepth; ++k) {
          sum += (a_codes[row * kDepth + k] - kZero) * (b_codes[k * columns + column] - kOtherZero);
        }
        want.push_back(static_cast<int32_t>(sum));
      }
    }
    const int64_t depth = code_depth(kDepth);
    for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
      if (!isa_available(isa)) continue;
      std::vector<int16_t> rows(static_cast<size_t>(kRows * depth));
      std::vector<int16_t> packed(packed_codes_bytes(kDepth, columns, isa) / sizeof(int16_t));
      std::vector<int32_t> c(want.size());

      for (int64_t row = 0; row < kRows; ++row) {
        code_differences(isa)(a_codes + row * kDepth, kDepth, kZero, rows.data() + row * depth);
      }
      pack_codes(false, kDepth, columns, b_codes, columns, kOtherZero, packed.data(), isa);
      code_product(kRows, kDepth, columns, rows.data(), packed.data(), c.data(), columns, isa);

      EXPECT_EQ(c, want) << isa_name(isa) << ", " << columns << " columns";
    }
  }
}

TEST(FloatCodes, GivesTheSameOnEveryInstructionSet) {
  using namespace kernels;
  std::vector<float> x = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f, -0.4f, 0.5f, 1.5f, 2.5f, 254.5f, 255.5f, 300};
  for (int i = 0; i < 61; ++i) x.push_back(static_cast<float>(i) * 4.37f - 3);
  std::vector<uint8_t> want;
  for (float value : x) {
    want.push_back(static_cast<uint8_t>(std::isnan(value) ? 0 : std::nearbyint(std::clamp(value, 0.0f, 255.0f))));
  }
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (!isa_available(isa)) continue;
    std::vector<uint8_t> got(x.size());
    float_codes(x.data(), static_cast<int64_t>(x.size()), 0, 1, got.data(), isa);
    EXPECT_EQ(got, want) << isa_name(isa);
  }
}

TEST(QuantizeAndDequantize, GradientsPassStraightThroughAndStopAtTheRangeInV4) {
  Tensor x = doubles({4}, {-3, -0.5, 0.5, 3}), dy = doubles({4}, {1, 2, 3, 4});
  Tensor low = doubles({}, {-1}), high = doubles({}, {1});
  for (const char* name :
       {"QuantizeAndDequantize", "QuantizeAndDequantizeV2", "QuantizeAndDequantizeV3", "QuantizeAndDequantizeV4"}) {
    OpCase op_case{.op = name, .label = "", .inputs = {x, low, high}};
    const bool is_v4 = op_case.op.ends_with("V4");
    if (op_case.op.ends_with("V3")) op_case.inputs.push_back(Tensor::scalar(int32_t{8}));
    if (op_case.op.ends_with("e")) op_case.inputs.resize(1);
    const OpRegistry::Op& op = *op_table().find(name);
    Result<BoundCase> bound = bind_case(op, op_case, DType::kDouble);
    ASSERT_TRUE(bound.ok()) << bound.status().to_string();
    Result<Tensors> y = run(name, bound->attrs, bound->inputs);
    ASSERT_TRUE(y.ok()) << y.status().to_string();

    Result<Tensors> dx = eager_gradient(op, *bound, *y, {dy}, Known::kShapes);

    ASSERT_TRUE(dx.ok()) << name << ": " << dx.status().to_string();
    EXPECT_EQ(difference((*dx)[0], is_v4 ? doubles({4}, {0, 2, 3, 0}) : dy, 0), "") << name;
    if (is_v4) {
      EXPECT_EQ((*dx)[1].item<double>(), 0.0);
    }
  }
}

}  // namespace
}  // namespace tarn::testing
