// Types, attr values and constants of Tarn's text form, both ways. Used by text_read.cc and text_write.cc.
#pragma once

#include <string>
#include <vector>

#include "graph/text.h"
#include "graph/text_lexer.h"

namespace tarn {

// Reads values at a lexer's place.
class ValueReader {
 public:
  // `tensor_bytes`: how much memory constants may still take.
  ValueReader(TextLexer& lexer, int64_t& tensor_bytes) : lexer_(lexer), tensor_bytes_(tensor_bytes) {}

  // f32[?,28], f32? (any rank), ref(f32[10]), ? (nothing known).
  Result<Fact> type();
  // A constant's elements: {1, 2}, zeros, fill(3), random(seed=7), base64"…", hex"…"; with `scalar_allowed` also 3.
  Result<Tensor> tensor_body(DType dtype, const Shape& shape, bool scalar_allowed);
  // f32[2]{1, 2}.
  Result<Tensor> tensor();
  // `kind`: what the op declares the attr to be, "" if it does not.
  Result<AttrValue> attr(std::string_view kind);
  // {name=value, …} behind the brace, the closing one included. `schema` may be null.
  Result<AttrMap> attrs(const OpSchema* schema);

 private:
  Result<DType> dtype();
  Result<Shape> shape_behind_bracket();
  Result<int64_t> integer(std::string_view what);
  Result<Tensor> allocate(DType dtype, const Shape& shape, const TextToken& at);
  Status element(Tensor& tensor, int64_t index);
  Status float_parts(DType dtype, void* out);
  Status elements(Tensor& tensor);
  Status fill(Tensor& tensor);
  Status random(Tensor& tensor);
  Result<Tensor> raw(DType dtype, const Shape& shape, bool is_hex);
  Result<AttrValue> word_value(const TextToken& word);
  Result<AttrValue> list(std::string_view kind);
  Result<FunctionAttr> function();

  TextLexer& lexer_;
  int64_t& tensor_bytes_;
  int depth_ = 0;
};

// The line that holds a graph's model_info.
std::string model_info_line(std::string_view model_info);
// "f32[?,28]"; "?" if nothing is known.
std::string type_text(const Fact& fact);
// The elements of a constant: "{1, 2}" …
std::string tensor_body_text(const Tensor& tensor, const TextWriteOptions& options);
// `kind`: what the op declares, "" if it does not.
std::string attr_text(const AttrValue& value, std::string_view kind, const TextWriteOptions& options);
// "{a=1, b=2}"; `schema` may be null.
std::string attrs_text(const AttrMap& attrs, const OpSchema* schema, const TextWriteOptions& options);

// Type attrs (and the shape of a Placeholder or variable) that are missing in `attrs` but follow from the types of the
// outputs.
void infer_attrs_from_types(const OpSchema& schema, const std::vector<Fact>& outputs, AttrMap& attrs);

}  // namespace tarn
