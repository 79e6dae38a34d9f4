// tf.train.Example read into tensors: what ParseExample, ParseExampleV2 and ParseSingleExample share.
//
//   ExampleSpec spec = …;                                  // which features, dense or sparse, of which dtype
//   TARN_ASSIGN_OR_RETURN(ParsedExamples parsed, parse_examples(spec, serialized, names));
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/kernel.h"

namespace tarn {

struct ExampleSpec {
  struct Dense {
    std::string_view key;
    DType dtype;
    Shape shape;          // of one example; the first dim may be unknown: as long as the longest, filled up
    TensorView fallback;  // where the feature is missing; no elements: it must be there
    bool is_variable() const { return shape.rank() > 0 && shape.dim(0) == kUnknownDim; }
  };
  struct Sparse {
    std::string_view key;
    DType dtype;
  };
  std::vector<Dense> dense;
  std::vector<Sparse> sparse;
};

// Attrs 'Tdense', 'dense_shapes', 'sparse_types' judged: float, int64 and string; only the first dim unknown.
Status judge_example_attrs(std::span<const DType> dense_types, std::span<const Shape> dense_shapes,
                           std::span<const DType> sparse_types);
// A default must have the shape of its feature, or one element if that is of variable length, or none.
Status judge_fallback(const ExampleSpec::Dense& dense);

struct ParsedExamples {
  std::vector<Tensor> dense;                                         // [batch, shape]
  std::vector<Tensor> sparse_indices, sparse_values, sparse_shapes;  // [n, 2], [n], [2]
};

// `names` (none, or one an example) are for messages. With `is_single` the batch is one example and has no dim of its
// own in what comes out.
Result<ParsedExamples> parse_examples(const ExampleSpec& spec, std::span<const std::string> serialized,
                                      std::span<const std::string> names, bool is_single);

}  // namespace tarn
