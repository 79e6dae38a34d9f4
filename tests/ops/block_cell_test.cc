// LSTMBlockCell, BlockLSTM, BlockLSTMV2 and GRUBlockCell, cell by cell from their equations.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

// b[column] + x[row] * w[:, column] + h[row] * w[inputs:, column]
double gate(const Tensor& x, const Tensor& h, const Tensor& w, const Tensor& b, int64_t row, int64_t column) {
  double sum = at(b, {column});
  int64_t inputs = x.shape().dim(1);
  for (int64_t k = 0; k < inputs; ++k) sum += at(x, {row, k}) * at(w, {k, column});
  for (int64_t k = 0; k < h.shape().dim(1); ++k) sum += at(h, {row, k}) * at(w, {inputs + k, column});
  return sum;
}

// in: x, cs_prev, h_prev, w, wci, wcf, wco, b. `order`: where the columns of i, ci, f and o begin, in cells.
Tensors lstm_step(const Tensors& in, const AttrMap& attrs, std::array<int64_t, 4> order) {
  const Shape& shape = in[1].shape();
  int64_t cells = shape.dim(1);
  bool peephole = attrs.get<bool>("use_peephole");
  double bias = attrs.contains("forget_bias") ? attrs.get<float>("forget_bias") : 0.0,
         clip = attrs.get<float>("cell_clip");
  Tensors out;
  for (int i = 0; i < 7; ++i) out.push_back(*Tensor::zeros(DType::kDouble, shape));
  for (int64_t row = 0; row < shape.dim(0); ++row) {
    for (int64_t k = 0; k < cells; ++k) {
      auto g = [&](size_t which) { return gate(in[0], in[2], in[3], in[7], row, order[which] * cells + k); };
      double cs_prev = at(in[1], {row, k});
      double i = sigmoid(g(0) + (peephole ? cs_prev * at(in[4], {k}) : 0)), ci = std::tanh(g(1));
      double f = sigmoid(g(2) + bias + (peephole ? cs_prev * at(in[5], {k}) : 0));
      double cs = ci * i + cs_prev * f;
      if (clip > 0) cs = std::fmin(std::fmax(cs, -clip), clip);
      double o = sigmoid(g(3) + (peephole ? cs * at(in[6], {k}) : 0)), co = std::tanh(cs);
      double values[] = {i, cs, f, o, ci, co, o * co};
      for (size_t v = 0; v < 7; ++v) out[v].mutable_flat<double>()[static_cast<size_t>(row * cells + k)] = values[v];
    }
  }
  return out;
}

Tensors lstm_cell(const Tensors& in, const AttrMap& attrs) {
  return lstm_step(in, attrs, {0, 1, 2, 3});
}

Tensors lstm(const Tensors& in, const AttrMap& attrs, std::array<int64_t, 4> order) {
  int64_t time = in[1].shape().dim(0), batch = in[1].shape().dim(1), steps = in[0].item<int64_t>();
  int64_t cells = in[2].shape().dim(1);
  Tensors out;
  for (int i = 0; i < 7; ++i) out.push_back(*Tensor::zeros(DType::kDouble, Shape{time, batch, cells}));
  Tensors step(in.begin() + 1, in.end());
  for (int64_t t = 0; t < steps; ++t) {
    step[0] = by_index({batch, in[1].shape().dim(2)}, [&](const Index& i) { return at(in[1], {t, i[0], i[1]}); });
    Tensors now = lstm_step(step, attrs, order);
    for (size_t v = 0; v < 7; ++v) {
      for (size_t k = 0; k < static_cast<size_t>(batch * cells); ++k) {
        out[v].mutable_flat<double>()[static_cast<size_t>(t * batch * cells) + k] = now[v].flat<double>()[k];
      }
    }
    step[1] = now[1];
    step[2] = now[6];
  }
  return out;
}

Tensors block_lstm(const Tensors& in, const AttrMap& attrs) {
  return lstm(in, attrs, {0, 1, 2, 3});
}
Tensors block_lstm_v2(const Tensors& in, const AttrMap& attrs) {
  return lstm(in, attrs, {0, 2, 1, 3});
}

Tensors gru(const Tensors& in, const AttrMap&) {
  const Tensor &x = in[0], &h_prev = in[1];
  const Shape& shape = h_prev.shape();
  int64_t cells = shape.dim(1);
  auto each = [&](const std::function<double(int64_t, int64_t)>& f) {
    return by_index(shape, [&](const Index& i) { return f(i[0], i[1]); });
  };
  Tensor r = each([&](int64_t row, int64_t k) { return sigmoid(gate(x, h_prev, in[2], in[4], row, k)); });
  Tensor u = each([&](int64_t row, int64_t k) { return sigmoid(gate(x, h_prev, in[2], in[4], row, cells + k)); });
  Tensor reset = map2(r, h_prev, [](double a, double b) { return a * b; });
  Tensor c = each([&](int64_t row, int64_t k) { return std::tanh(gate(x, reset, in[3], in[5], row, k)); });
  Tensor h = each([&](int64_t row, int64_t k) {
    double keep = at(u, {row, k});
    return keep * at(h_prev, {row, k}) + (1 - keep) * at(c, {row, k});
  });
  return {r, u, c, h};
}

TARN_OP_CASES(block_cell) {
  OpCases cases;
  struct Sizes {
    const char* label;
    int64_t batch, inputs, cells;
    bool peephole;
    double clip;
  };
  for (const Sizes& s :
       {Sizes{"plain", 2, 3, 4, false, 0}, Sizes{"peephole", 3, 2, 5, true, 3}, Sizes{"clipped", 1, 4, 2, true, 0.1},
        Sizes{"no inputs", 2, 0, 3, false, 3}, Sizes{"empty batch", 0, 2, 3, false, 3}}) {
    Tensors step = {uniform({s.batch, s.inputs}),          uniform({s.batch, s.cells}, -1, 1, 2),
                    uniform({s.batch, s.cells}, -1, 1, 3), uniform({s.inputs + s.cells, 4 * s.cells}, -1, 1, 4),
                    uniform({s.cells}, -1, 1, 5),          uniform({s.cells}, -1, 1, 6),
                    uniform({s.cells}, -1, 1, 7),          uniform({4 * s.cells}, -1, 1, 8)};
    AttrMap attrs{{"use_peephole", s.peephole}, {"cell_clip", s.clip}, {"forget_bias", 0.5}}, attrs_v2 = attrs;
    attrs_v2.erase("forget_bias");
    auto terms = static_cast<double>(s.inputs + s.cells + 1);
    cases.push_back({.op = "LSTMBlockCell",
                     .label = s.label,
                     .attrs = attrs,
                     .inputs = step,
                     .reference = lstm_cell,
                     .sum_length = terms});
    for (int64_t steps : {3, 2}) {
      Tensors sequence = step;
      sequence[0] = uniform({3, s.batch, s.inputs});
      sequence.insert(sequence.begin(), Tensor::scalar<int64_t>(steps));
      for (bool v2 : {false, true}) {
        cases.push_back({.op = v2 ? "BlockLSTMV2" : "BlockLSTM",
                         .label = str_cat(s.label, ", ", steps, " of 3 steps"),
                         .attrs = v2 ? attrs_v2 : attrs,
                         .inputs = sequence,
                         .reference = v2 ? block_lstm_v2 : block_lstm,
                         .sum_length = 3 * terms});
      }
    }
    cases.push_back({.op = "GRUBlockCell",
                     .label = s.label,
                     .inputs = {step[0], step[1], uniform({s.inputs + s.cells, 2 * s.cells}, -1, 1, 4),
                                uniform({s.inputs + s.cells, s.cells}, -1, 1, 5), uniform({2 * s.cells}, -1, 1, 6),
                                uniform({s.cells}, -1, 1, 7)},
                     .reference = gru,
                     .sum_length = 2 * terms});
  }
  return cases;
}

TEST(BlockLSTM, RefusesMoreStepsThanThereAre) {
  Tensors in = {Tensor::scalar<int64_t>(3),
                uniform({2, 1, 1}),
                uniform({1, 1}),
                uniform({1, 1}),
                uniform({2, 4}),
                uniform({1}),
                uniform({1}),
                uniform({1}),
                uniform({4})};
  for (size_t i = 1; i < in.size(); ++i) in[i] = to_dtype(in[i], DType::kFloat);

  auto y = evaluate_op(op_table(), "BlockLSTM", {}, in);

  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.status().message(),
            "BlockLSTM 'evaluate': seq_len_max must be a scalar in [0, 2], the steps of x; it is [3]");
}

TEST(LSTMBlockCell, NamesWeightsOfTheWrongSize) {
  Tensors in = {uniform({1, 2}), uniform({1, 3}), uniform({1, 3}), uniform({4, 12}),
                uniform({3}),    uniform({3}),    uniform({3}),    uniform({12})};
  for (Tensor& x : in) x = to_dtype(x, DType::kFloat);

  auto y = evaluate_op(op_table(), "LSTMBlockCell", {}, in);

  ASSERT_FALSE(y.ok());
  EXPECT_NE(y.status().message().find("w must be [2 + 3, 4 * 3] and b [4 * 3], they are [4,12] and [12]"),
            std::string_view::npos)
      << y.status().to_string();
}

}  // namespace
}  // namespace tarn::testing
