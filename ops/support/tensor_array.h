// TensorArray: tensors by index, written once each, that live as long as a run. What the TensorArray ops share.
//
//   TARN_ASSIGN_OR_RETURN(TensorArray * array, TensorArray::of(c, 0));
//   TARN_RETURN_IF_ERROR(array->write(index, value));
//
// begin() makes it new for another run; the memory of its elements is used again. One per run, so nothing locks.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/kernel.h"

namespace tarn {

class TensorArray : public Resource {
 public:
  static constexpr char kKind[] = "TensorArray";
  const char* kind() const override { return kKind; }

  struct Options {
    std::string name;  // for messages
    DType dtype = DType::kInvalid;
    Shape element_shape = Shape::unknown();
    bool is_dynamic = false;
    bool clear_after_read = true;
    bool identical_shapes = false;
    bool aggregates = false;  // of gradients: what is written to an index again is added
  };
  // What input i of a running op is a handle on.
  static Result<TensorArray*> of(RunContext& c, int i);

  Status begin(const Options& options, int64_t size);
  const Options& options() const { return options_; }
  Result<int64_t> size() const;
  void close();

  Status write(int64_t index, const TensorView& value);
  // `count` elements of a larger tensor.
  Status write(int64_t index, const Shape& shape, const void* data);
  // The shape of an element about to be read. Errors: outside of the array, read and cleared before, never written
  // where the shape is not known either.
  Result<Shape> shape_to_read(int64_t index) const;
  // Reads it into memory for its elements, and clears it if that is what a read does.
  void read(int64_t index, void* to);
  // Room for indices < size: grows, or says that it may not.
  Status make_room(int64_t size);

  // The array of the gradients of this one's elements, made on first use: zeros of the elements' shapes, with the dims
  // of `prefix` in front, to be added to.
  Result<std::shared_ptr<TensorArray>> gradient(std::string_view source, const Shape& prefix = Shape());

 private:
  struct Element {
    Shape shape;
    std::shared_ptr<Buffer> buffer;
    bool is_written = false;
    bool is_zero = false;  // written, but with zeros that nobody spelt out
    bool is_read = false, is_cleared = false;
  };
  Status judge_open() const;
  Element& element(int64_t index);
  const Element* find(int64_t index) const;
  Status add(Element& element, const void* data, int64_t count) const;

  Options options_;
  int64_t size_ = 0;
  bool is_closed_ = false, was_added_to_ = false;
  std::vector<Element> elements_;  // as far as they were written or read
  std::map<std::string, std::shared_ptr<TensorArray>, std::less<>> gradients_;
};

// Adds n elements to those at `sum`. Null: a type that has no sum.
using AddElements = void (*)(void* sum, const void* x, int64_t n);
AddElements adder_of(DType dtype);

// The flow that comes in goes on; 0 where it begins (input -1).
Status pass_flow(RunContext& c, int input, int output);

}  // namespace tarn
