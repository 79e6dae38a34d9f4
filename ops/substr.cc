// Substr, StringLength, StringLower, StringUpper, StringStrip.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// Where character `position` of UTF-8 text begins, in bytes; a stray byte is a character. text.size() just past the
// last; npos beyond that.
bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}
size_t next_character(std::string_view text, size_t at) {
  ++at;
  while (at < text.size() && is_continuation(text[at])) ++at;
  return at;
}
int64_t character_count(std::string_view text) {
  int64_t count = 0;
  for (char c : text) count += is_continuation(c) ? 0 : 1;
  return count;
}

// The part of `text` from `position` (negative: from the end) on, of at most `length`; false if that is outside. As in
// TensorFlow, a negative length takes all bytes there are, but no characters, and those only counted from the start.
bool part_of(std::string_view text, int64_t position, int64_t length, bool utf8, std::string_view& part) {
  int64_t size = utf8 ? character_count(text) : static_cast<int64_t>(text.size());
  if (position < -size || position > size || (utf8 && position < 0 && length < 0)) return false;
  if (position < 0) position += size;
  bool takes_rest = length > size - position || (!utf8 && length < 0);
  int64_t end = takes_rest ? size : position + std::max<int64_t>(length, 0);
  if (!utf8) {
    part = text.substr(static_cast<size_t>(position), static_cast<size_t>(end - position));
    return true;
  }
  size_t at = 0, begin_at = text.size(), end_at = text.size();
  // Leading stray continuation bytes belong to no character.
  while (at < text.size() && is_continuation(text[at])) ++at;
  for (int64_t i = 0; at <= text.size(); ++i) {
    if (i == position) begin_at = at;
    if (i == end) {
      end_at = at;
      break;
    }
    if (at == text.size()) break;
    at = next_character(text, at);
  }
  part = text.substr(begin_at, end_at - begin_at);
  return true;
}

Status infer_substr(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Shape positions, c.shape(1).merge(c.shape(2)));
  if (c.shape(0).has_rank() && positions.has_rank() && positions.rank() == 0) return c.set_output(0, c.shape(0));
  return c.set_output(0, broadcast_shapes(c.shape(0), positions));
}

class SubstrKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    utf8_ = c.attr<std::string>("unit") == "UTF8_CHAR";
    return {};
  }
  Status run(RunContext& c) const override {
    if (!(*c.input(1).shape == *c.input(2).shape)) {
      return invalid_argument("pos and len should have the same shape, got: ", c.input(1).shape->to_string(), " vs. ",
                              c.input(2).shape->to_string());
    }
    TARN_ASSIGN_OR_RETURN(BroadcastPlan plan, BroadcastPlan::make(*c.input(0).shape, *c.input(1).shape));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, plan.output));
    if (y.count == 0) return {};
    IntList positions = IntList::of(c.input(1)), lengths = IntList::of(c.input(2));
    Status status;
    int64_t rows = y.count / plan.dims[plan.rank - 1];
    walk_rows(plan, 0, rows, [&](int64_t a, int64_t b, int64_t out, int64_t a_step, int64_t b_step, int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        const std::string& text = c.input(0).as<std::string>()[a + i * a_step];
        int64_t position = positions[b + i * b_step], length = lengths[b + i * b_step];
        std::string_view part;
        if (!part_of(text, position, length, utf8_, part)) {
          status.update(invalid_argument("pos ", position, " out of range for string ", quoted(text)));
          return;
        }
        y.as<std::string>()[out + i] = part;
      }
    });
    return status;
  }

 private:
  bool utf8_ = false;
};

class LengthKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    utf8_ = c.attr<std::string>("unit") == "UTF8_CHAR";
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *c.input(0).shape));
    for (int64_t i = 0; i < y.count; ++i) {
      const std::string& text = c.input(0).as<std::string>()[i];
      y.as<int32_t>()[i] = static_cast<int32_t>(utf8_ ? character_count(text) : static_cast<int64_t>(text.size()));
    }
    return {};
  }

 private:
  bool utf8_ = false;
};

std::string stripped(const std::string& text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}
std::string lowered(const std::string& text) {
  std::string result = text;
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}
std::string raised(const std::string& text) {
  std::string result = text;
  for (char& c : result) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return result;
}

template <std::string (*kChange)(const std::string&)>
class ChangeKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    if (c.attrs().get_or<std::string>("encoding", "") == "") return {};
    return unimplemented("attr 'encoding' ", quoted(c.attr<std::string>("encoding")),
                         ": letters beyond ASCII have no lower and upper case here");
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *c.input(0).shape));
    for (int64_t i = 0; i < y.count; ++i) y.as<std::string>()[i] = kChange(c.input(0).as<std::string>()[i]);
    return {};
  }
};

constexpr KernelDef kSubstrKernels[] = {portable_kernel<SubstrKernel>()};
constexpr KernelDef kLengthKernels[] = {portable_kernel<LengthKernel>()};
constexpr KernelDef kStripKernels[] = {portable_kernel<ChangeKernel<stripped>>()};
constexpr KernelDef kLowerKernels[] = {portable_kernel<ChangeKernel<lowered>>()};
constexpr KernelDef kUpperKernels[] = {portable_kernel<ChangeKernel<raised>>()};

constexpr std::string_view kNoGradient = "strings have no gradient";
constexpr std::string_view kSubstrDoc = R"(Parts of strings.
  input  string[...]   pos, len  T, of one shape that broadcasts with the input's
  returns  string: `len` bytes from `pos` on (negative: from the end), fewer where the string ends, all for a negative len
  unit UTF8_CHAR counts characters instead of bytes; a negative len takes none of them.
  Errors: InvalidArgument for a position outside of its string.   Source: TensorFlow string_ops Substr.)";
constexpr std::string_view kLengthDoc = R"(How long strings are.
  input  string[...]   returns  int32, of the same shape: bytes, or characters with unit UTF8_CHAR
  Source: TensorFlow string_ops StringLength.)";
constexpr std::string_view kStripDoc = R"(Strings without the white space at both ends.
  input  string[...]   returns  string, of the same shape.   Source: TensorFlow string_ops StringStrip.)";
constexpr std::string_view kLowerDoc = R"(Strings with the letters A to Z as small ones.
  input  string[...]   returns  string, of the same shape.   Source: TensorFlow string_ops StringLower.)";
constexpr std::string_view kUpperDoc = R"(Strings with the letters a to z as capitals.
  input  string[...]   returns  string, of the same shape.   Source: TensorFlow string_ops StringUpper.)";

}  // namespace

extern const OpDef op_Substr, op_StringLength, op_StringStrip, op_StringLower, op_StringUpper;
const OpDef op_Substr = {
    .name = "Substr",
    .inputs = "input: string, pos: T, len: T",
    .outputs = "output: string",
    .attrs = "T: {int32, int64}; unit: {'BYTE', 'UTF8_CHAR'} = 'BYTE'",
    .infer = infer_substr,
    .kernels = kSubstrKernels,
};
const OpDef op_StringLength = {
    .name = "StringLength",
    .inputs = "input: string",
    .outputs = "output: int32",
    .attrs = "unit: {'BYTE', 'UTF8_CHAR'} = 'BYTE'",
    .infer = infer_unchanged,
    .kernels = kLengthKernels,
};
const OpDef op_StringStrip = {
    .name = "StringStrip",
    .inputs = "input: string",
    .outputs = "output: string",
    .infer = infer_unchanged,
    .kernels = kStripKernels,
};
const OpDef op_StringLower = {
    .name = "StringLower",
    .inputs = "input: string",
    .outputs = "output: string",
    .attrs = "encoding: string = ''",
    .infer = infer_unchanged,
    .kernels = kLowerKernels,
};
const OpDef op_StringUpper = {
    .name = "StringUpper",
    .inputs = "input: string",
    .outputs = "output: string",
    .attrs = "encoding: string = ''",
    .infer = infer_unchanged,
    .kernels = kUpperKernels,
};

TARN_OP_FILE(substr, {&op_Substr, kSubstrDoc, nullptr, kNoGradient},
             {&op_StringLength, kLengthDoc, nullptr, kNoGradient}, {&op_StringStrip, kStripDoc, nullptr, kNoGradient},
             {&op_StringLower, kLowerDoc, nullptr, kNoGradient}, {&op_StringUpper, kUpperDoc, nullptr, kNoGradient})

}  // namespace tarn
