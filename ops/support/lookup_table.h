// A table from keys to values that outlives a run: what HashTableV2 makes and LookupTableFindV2 reads.
//
//   TARN_ASSIGN_OR_RETURN(LookupTable * table, table_of(c, 0));
//   const std::string* value = table->find(key);      // the element's bytes, or the string itself
//
// It is kept, and referred to on wires, as variables are: runs that change it have it to themselves.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "core/kernel.h"
#include "core/resource.h"

namespace tarn {

class LookupTable : public Variable {
 public:
  static constexpr char kKind[] = "lookup table";
  LookupTable(std::string name, DType key_dtype, DType value_dtype, bool is_mutable);
  const char* kind() const override { return kKind; }

  DType key_dtype() const { return key_dtype_; }
  DType value_dtype() const { return value_dtype_; }
  bool is_mutable() const { return is_mutable_; }  // if not, it is filled once
  bool is_filled() const { return is_mutable_ || is_filled_; }
  void set_filled() { is_filled_ = true; }

  int64_t size() const { return static_cast<int64_t>(keys_.size()); }
  const std::string* find(const std::string& key) const;
  void insert(std::string key, std::string value);
  void remove(const std::string& key);
  void clear();
  // In the order they came.
  const std::vector<std::string>& keys() const { return keys_; }
  const std::vector<std::string>& values() const { return values_; }

 private:
  DType key_dtype_, value_dtype_;
  bool is_mutable_, is_filled_ = false;
  std::unordered_map<std::string, size_t> places_;
  std::vector<std::string> keys_, values_;
};

// The table that input i refers to; an error if it refers to something else.
Result<LookupTable*> table_of(RunContext& c, int input);
// FailedPrecondition if the table has not been filled.
Status expect_filled(const LookupTable& table);
// InvalidArgument naming all four dtypes if they differ.
Status expect_dtypes(const LookupTable& table, DType keys, DType values);

// An element as a table keeps it, and back.
std::string element_bytes(const TensorView& view, int64_t i);
void store_element(const TensorView& view, int64_t i, const std::string& bytes);

}  // namespace tarn
