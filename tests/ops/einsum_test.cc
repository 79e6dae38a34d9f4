#include <gtest/gtest.h>

#include <map>

#include "runtime/evaluate.h"
#include "tests/ops/golden_cases.h"
#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// One label a dim; those under an ellipsis are digits, '0' for the last.
std::string labels_of(std::string subscripts, int rank) {
  size_t dots = subscripts.find("...");
  if (dots == std::string::npos) return subscripts;
  std::string digits;
  for (int i = rank - static_cast<int>(subscripts.size()) + 2; i >= 0; --i) digits += static_cast<char>('0' + i);
  return subscripts.replace(dots, 3, digits);
}

// Every output element by its definition: the sum over all values of all labels that fit it.
Tensors reference(const Tensors& in, const AttrMap& attrs) {
  std::string equation = attrs.get<std::string>("equation");
  size_t arrow = equation.find("->");
  std::vector<std::string> texts = str_split(equation.substr(0, arrow), ',');
  if (texts.empty()) texts.emplace_back();
  std::vector<std::string> labels;
  std::map<char, int64_t> sizes;
  int most = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    labels.push_back(labels_of(texts[i], in[i].shape().rank()));
    if (texts[i].find("...") != std::string::npos)
      most = std::max(most, in[i].shape().rank() - static_cast<int>(texts[i].size()) + 3);
    for (size_t d = 0; d < labels[i].size(); ++d) {
      int64_t& size = sizes.emplace(labels[i][d], 1).first->second;
      if (in[i].shape().dim(static_cast<int>(d)) != 1) size = in[i].shape().dim(static_cast<int>(d));
    }
  }
  std::string out_text = equation.substr(arrow + 2);
  std::string out = labels_of(out_text, static_cast<int>(out_text.size()) - 3 + most);
  Shape shape, all;
  for (char c : out) shape.add_dim(sizes[c]);
  std::string every;
  for (const auto& [label, size] : sizes) {
    every += label;
    all.add_dim(size);
  }
  Tensor y = *Tensor::zeros(DType::kDouble, shape);
  std::vector<Tensor> x;
  for (const Tensor& tensor : in) x.push_back(to_double(tensor));
  Tensor terms = by_index(all, [&](const Index& index) {
    double product = 1;
    for (size_t i = 0; i < x.size(); ++i) {
      Index from;
      for (size_t d = 0; d < labels[i].size(); ++d) {
        bool stretched = x[i].shape().dim(static_cast<int>(d)) == 1;
        from.push_back(stretched ? 0 : index[every.find(labels[i][d])]);
      }
      product *= at(x[i], from);
    }
    int64_t to = 0;
    for (size_t d = 0; d < out.size(); ++d) to = to * shape.dim(static_cast<int>(d)) + index[every.find(out[d])];
    y.mutable_flat<double>()[static_cast<size_t>(to)] += product;
    return product;
  });
  return {y};
}

TARN_OP_CASES(einsum) {
  struct Sample {
    const char* equation;
    std::vector<Shape> shapes;
    double terms;
  };
  const Sample samples[] = {
      {"ab->ba", {{2, 3}}, 1},
      {"abc->b", {{2, 3, 2}}, 4},
      {"aab->b", {{2, 2, 3}}, 2},
      {"a->aa", {{3}}, 1},
      {"...ab->b...", {{2, 3, 2}}, 2},
      {"ab,bc->ac", {{2, 3}, {3, 4}}, 3},
      {"abc,cde->abde", {{2, 3, 4}, {4, 2, 2}}, 4},
      {"aecd,abcd->acbe", {{2, 2, 2, 3}, {2, 3, 2, 3}}, 3},
      {"ab,cd->db", {{2, 3}, {3, 2}}, 6},
      {"aab,b->ab", {{2, 2, 3}, {3}}, 1},
      {"...ij,...jk->...ik", {{3, 1, 2, 4}, {2, 4, 2}}, 4},
      {"i...,...j->j...i", {{2, 1}, {3, 4}}, 1},
      {"abc...,c->ab...", {{2, 2, 3, 2}, {3}}, 3},
      {"ab,ba->", {{2, 3}, {3, 2}}, 6},
      {"zab,zcb->zac", {{9, 2, 5}, {9, 3, 5}}, 5},
  };
  OpCases cases = golden_cases("einsum");
  for (const Sample& sample : samples) {
    OpCase one{.op = "Einsum", .label = sample.equation, .attrs = {{"equation", std::string(sample.equation)}}};
    for (const Shape& shape : sample.shapes)
      one.inputs.push_back(uniform(shape, -1, 1, static_cast<int>(one.inputs.size()) + 1));
    one.reference = reference;
    one.sum_length = sample.terms;
    cases.push_back(std::move(one));
  }
  return cases;
}

TEST(Einsum, SaysWhatIsWrongWithTheEquationOrTheOperands) {
  struct Wrong {
    const char* equation;
    std::vector<Shape> shapes;
    const char* says;
  };
  const Wrong wrongs[] = {
      {"ab,bc", {{2, 3}, {3, 4}}, "must have one '->'"},
      {"ab->c", {{2, 3}}, "output label 'c'"},
      {"ab,bc->ac", {{2, 3}}, "has 2 operands, the op 1"},
      {"a b->ab", {{2, 3}}, "subscripts are letters"},
      {"......->", {{2, 3}}, "at most one '...'"},
      {"abc->a", {{2, 3}}, "must have rank 3"},
      {"ab,bc->ac", {{2, 3}, {4, 2}}, "of label 'b' was 3"},
      {"...a,...a->...a", {{2, 3}, {4, 3}}, "under the ellipsis was 2"},
      {"...a->a", {{2, 3}}, "no ellipsis in the output"},
      {"a,b,c->abc", {{2}, {2}, {2}}, "one and two are supported"},
  };
  for (const Wrong& wrong : wrongs) {
    std::vector<Tensor> inputs;
    for (const Shape& shape : wrong.shapes) inputs.push_back(*Tensor::zeros(DType::kFloat, shape));

    Result<Tensors> y = evaluate_op(op_table(), "Einsum", {{"equation", std::string(wrong.equation)}}, inputs);

    ASSERT_FALSE(y.ok()) << wrong.equation;
    EXPECT_NE(y.status().message().find(wrong.says), std::string::npos) << y.status().to_string();
  }
}

}  // namespace
}  // namespace tarn::testing
