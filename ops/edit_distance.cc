// EditDistance.
#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

#include "core/op.h"
#include "ops/support/array.h"
#include "ops/support/element_key.h"

namespace tarn {
namespace {

constexpr std::string_view kNames[] = {"hypothesis", "truth"};

Status judge_shapes(const Shape& indices, const Shape& values, const Shape& shape, std::string_view name) {
  if (indices.has_rank() && indices.rank() != 2) {
    return invalid_argument(name, "_indices should be a matrix, but got shape: ", indices.to_string());
  }
  if (values.has_rank() && values.rank() != 1) {
    return invalid_argument(name, "_values should be a vector, but got shape: ", values.to_string());
  }
  if (shape.has_rank() && shape.rank() != 1) {
    return invalid_argument(name, "_shape should be a vector, but got shape: ", shape.to_string());
  }
  int64_t count = values.has_rank() ? values.dim(0) : kUnknownDim, rank = shape.has_rank() ? shape.dim(0) : kUnknownDim;
  if (!indices.is_compatible_with(Shape{count, rank})) {
    return invalid_argument(name, "_indices ", indices.to_string(), " do not fit ", name, "_values ",
                            values.to_string(), " and ", name, "_shape ", shape.to_string());
  }
  return {};
}

// Of all but the last dim, the larger size.
Result<Shape> output_shape(const IntList& a, const IntList& b) {
  if (a.size() != b.size() || a.size() < 2) {
    return invalid_argument("hypothesis_shape and truth_shape must have the same length, 2 or more: ", a.to_string(),
                            " and ", b.to_string());
  }
  std::vector<int64_t> dims;
  for (int64_t d = 0; d + 1 < a.size(); ++d) dims.push_back(std::max(a[d], b[d]));
  TARN_ASSIGN_OR_RETURN(Shape shape, Shape::make(dims));
  if (!shape.is_fully_known())
    return invalid_argument("sizes must not be negative: ", a.to_string(), ", ", b.to_string());
  TARN_RETURN_IF_ERROR(shape.element_count().status());
  return shape;
}

Status infer_distance(InferContext& c) {
  for (int i = 0; i < 2; ++i) {
    TARN_RETURN_IF_ERROR(judge_shapes(c.shape(3 * i), c.shape(3 * i + 1), c.shape(3 * i + 2), kNames[i]));
  }
  std::optional<IntList> a = IntList::known(c, 2), b = IntList::known(c, 5);
  if (a && b) return c.set_output(0, output_shape(*a, *b));
  for (int i : {2, 5}) {
    if (c.shape(i).has_rank() && c.shape(i).dim(0) >= 2 && c.shape(i).dim(0) <= kMaxRank) {
      return c.set_output(0, Shape::unknown_of_rank(static_cast<int>(c.shape(i).dim(0)) - 1));
    }
  }
  return {};
}

using Sequence = std::vector<std::string>;

int64_t levenshtein(const Sequence& a, const Sequence& b) {
  std::vector<int64_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    int64_t corner = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      int64_t above = row[j + 1];
      row[j + 1] = a[i] == b[j] ? corner : 1 + std::min({corner, above, row[j]});
      corner = above;
    }
  }
  return row[b.size()];
}

class DistanceKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    normalize_ = c.attr<bool>("normalize");
    return {};
  }

  Status run(RunContext& c) const override {
    for (int i = 0; i < 2; ++i) {
      TARN_RETURN_IF_ERROR(
          judge_shapes(*c.input(3 * i).shape, *c.input(3 * i + 1).shape, *c.input(3 * i + 2).shape, kNames[i]));
    }
    TARN_ASSIGN_OR_RETURN(Shape shape, output_shape(IntList::of(c.input(2)), IntList::of(c.input(5))));
    TARN_ASSIGN_OR_RETURN(TensorView output, c.output(0, shape));
    std::fill_n(output.as<float>(), output.count, 0.0f);
    std::map<int64_t, std::pair<Sequence, Sequence>> pairs;  // by place in the output
    for (int i = 0; i < 2; ++i) {
      const TensorView& indices = c.input(3 * i);
      ElementKeys keys(c.input(3 * i + 1));
      for (int64_t row = 0; row < indices.shape->dim(0); ++row) {
        int64_t place = 0;
        for (int d = 0; d < shape.rank(); ++d) {
          int64_t index = indices.as<int64_t>()[row * (shape.rank() + 1) + d];
          if (index < 0 || index >= shape.dim(d)) {
            return invalid_argument(kNames[i], "_indices[", row, ",", d, "] = ", index, " is not in [0, ", shape.dim(d),
                                    ")");
          }
          place = place * shape.dim(d) + index;
        }
        auto& pair = pairs[place];
        (i == 0 ? pair.first : pair.second).push_back(keys.at(row));
      }
    }
    for (const auto& [place, pair] : pairs) {
      const auto& [hypothesis, truth] = pair;
      auto distance = static_cast<float>(levenshtein(truth, hypothesis));
      if (normalize_) {
        distance = truth.empty() ? std::numeric_limits<float>::infinity() : distance / static_cast<float>(truth.size());
      }
      output.as<float>()[place] = distance;
    }
    return {};
  }

 private:
  bool normalize_ = true;
};

constexpr KernelDef kKernels[] = {portable_kernel<DistanceKernel>()};

constexpr std::string_view kDoc = R"(How many insertions, deletions and replacements turn one sequence into another.
  hypothesis_indices  int64[n, rank], hypothesis_values  T[n], hypothesis_shape  int64[rank]: sequences along the last
  dim of a sparse tensor; truth_… likewise
  returns  float, of the larger of both shapes without the last dim
  normalize divides by the length of the truth; something in place of nothing is infinitely far.
  Errors: InvalidArgument for shapes that do not fit and indices outside.   Source: TensorFlow array_ops EditDistance.)";

}  // namespace

extern const OpDef op_EditDistance;
const OpDef op_EditDistance = {
    .name = "EditDistance",
    .inputs =
        "hypothesis_indices: int64, hypothesis_values: T, hypothesis_shape: int64, truth_indices: int64, "
        "truth_values: T, truth_shape: int64",
    .outputs = "output: float",
    .attrs = "normalize: bool = true; T: type",
    .infer = infer_distance,
    .kernels = kKernels,
};

TARN_OP_FILE(edit_distance, {&op_EditDistance, kDoc, nullptr, "counting edits is not smooth"})

}  // namespace tarn
