// StringSplit and StringSplitV2.
#include <array>

#include "core/op.h"
#include "ops/support/arguments.h"

namespace tarn {
namespace {

Status infer_split(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 1, "input"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 0, "delimiter"));
  TARN_RETURN_IF_ERROR(c.set_output(0, Shape{kUnknownDim, 2}));
  TARN_RETURN_IF_ERROR(c.set_output(1, Shape{kUnknownDim}));
  return c.set_output(2, Shape{2});
}

using Pieces = std::vector<std::string_view>;

// Any character of `delimiters` splits; without one, every byte is a piece of its own.
Pieces split_at_any(std::string_view text, std::string_view delimiters, bool skip_empty) {
  Pieces pieces;
  if (text.empty()) return pieces;  // no piece, not even an empty one
  if (delimiters.empty()) {
    for (size_t i = 0; i < text.size(); ++i) pieces.push_back(text.substr(i, 1));
    return pieces;
  }
  std::array<bool, 256> splits = {};
  for (char c : delimiters) splits.at(static_cast<unsigned char>(c)) = true;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && !splits.at(static_cast<unsigned char>(text[i]))) continue;
    if (!skip_empty || i > begin) pieces.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  return pieces;
}

// Python's str.split: at `separator`, at most `most` times (-1: any); without one, at runs of white space.
Pieces split_like_python(std::string_view text, std::string_view separator, int64_t most) {
  Pieces pieces;
  if (most == 0) return {text};
  if (!separator.empty()) {
    size_t begin = 0;
    while (most < 0 || static_cast<int64_t>(pieces.size()) < most) {
      size_t at = text.find(separator, begin);
      if (at == std::string_view::npos) break;
      pieces.push_back(text.substr(begin, at - begin));
      begin = at + separator.size();
    }
    pieces.push_back(text.substr(begin));
    return pieces;
  }
  auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  size_t i = 0;
  auto skip_spaces = [&] {
    while (i < text.size() && is_space(text[i])) ++i;
  };
  skip_spaces();
  while (i < text.size()) {
    size_t begin = i;
    while (i < text.size() && !is_space(text[i])) ++i;
    pieces.push_back(text.substr(begin, i - begin));
    skip_spaces();
    if (static_cast<int64_t>(pieces.size()) != most) continue;
    pieces.push_back(text.substr(i));  // the rest, unlike Python's also where it is empty
    break;
  }
  return pieces;
}

template <bool kIsV2>
class SplitKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    skip_empty_ = c.attrs().get_or<bool>("skip_empty", true);
    most_ = c.attrs().get_or<int64_t>("maxsplit", -1);
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(expect_rank(c.input(0), 1, "input"));
    TARN_RETURN_IF_ERROR(expect_scalar(c.input(1), "delimiter"));
    std::span<const std::string> rows = c.input(0).flat<std::string>();
    const std::string& delimiter = *c.input(1).as<std::string>();
    std::vector<Pieces> split;
    int64_t count = 0, widest = 0;
    for (const std::string& row : rows) {
      split.push_back(kIsV2 ? split_like_python(row, delimiter, most_) : split_at_any(row, delimiter, skip_empty_));
      auto pieces = static_cast<int64_t>(split.back().size());
      count += pieces;
      widest = std::max(widest, pieces);
    }
    TARN_ASSIGN_OR_RETURN(TensorView indices, c.output(0, Shape{count, 2}));
    TARN_ASSIGN_OR_RETURN(TensorView values, c.output(1, Shape{count}));
    TARN_ASSIGN_OR_RETURN(TensorView shape, c.output(2, Shape{2}));
    auto* index = indices.as<int64_t>();
    auto* value = values.as<std::string>();
    for (size_t row = 0; row < split.size(); ++row) {
      for (size_t k = 0; k < split[row].size(); ++k) {
        *index++ = static_cast<int64_t>(row);
        *index++ = static_cast<int64_t>(k);
        *value++ = split[row][k];
      }
    }
    shape.as<int64_t>()[0] = static_cast<int64_t>(rows.size());
    shape.as<int64_t>()[1] = widest;
    return {};
  }

 private:
  bool skip_empty_ = true;
  int64_t most_ = -1;
};

constexpr KernelDef kKernels[] = {portable_kernel<SplitKernel<false>>()};
constexpr KernelDef kV2Kernels[] = {portable_kernel<SplitKernel<true>>()};

constexpr std::string_view kDoc = R"(Strings in pieces, as a sparse matrix: a row a string.
  input  string[n]   delimiter  string: each of its bytes splits; empty: every byte is a piece
  returns  indices  int64[m, 2], values  string[m], shape  int64[2].  skip_empty leaves empty pieces out.
  Source: TensorFlow string_ops StringSplit.)";
constexpr std::string_view kV2Doc = R"(Strings in pieces as Python's str.split makes them, as a sparse matrix.
  input  string[n]   sep  string: splits as a whole; empty: runs of white space do
  returns  indices  int64[m, 2], values  string[m], shape  int64[2].  maxsplit: at most so many splits; -1: any.
  Source: TensorFlow string_ops StringSplitV2.)";

}  // namespace

extern const OpDef op_StringSplit, op_StringSplitV2;
const OpDef op_StringSplit = {
    .name = "StringSplit",
    .inputs = "input: string, delimiter: string",
    .outputs = "indices: int64, values: string, shape: int64",
    .attrs = "skip_empty: bool = true",
    .infer = infer_split,
    .kernels = kKernels,
};
const OpDef op_StringSplitV2 = {
    .name = "StringSplitV2",
    .inputs = "input: string, sep: string",
    .outputs = "indices: int64, values: string, shape: int64",
    .attrs = "maxsplit: int = -1",
    .infer = infer_split,
    .kernels = kV2Kernels,
};

TARN_OP_FILE(string_split, {&op_StringSplit, kDoc, nullptr, "strings have no gradient"},
             {&op_StringSplitV2, kV2Doc, nullptr, "strings have no gradient"})

}  // namespace tarn
