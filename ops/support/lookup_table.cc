#include "ops/support/lookup_table.h"

#include <cstring>

namespace tarn {

LookupTable::LookupTable(std::string name, DType key_dtype, DType value_dtype, bool is_mutable)
    : Variable(name), key_dtype_(key_dtype), value_dtype_(value_dtype), is_mutable_(is_mutable) {
  // TensorFlow's reference handle: a container and a name.
  set_value(Tensor::from<std::string>({2}, {"", std::move(name)}));
}

const std::string* LookupTable::find(const std::string& key) const {
  auto at = places_.find(key);
  return at == places_.end() ? nullptr : &values_[at->second];
}

void LookupTable::insert(std::string key, std::string value) {
  auto [at, is_new] = places_.try_emplace(key, keys_.size());
  if (!is_new) {
    values_[at->second] = std::move(value);
    return;
  }
  keys_.push_back(std::move(key));
  values_.push_back(std::move(value));
}

void LookupTable::remove(const std::string& key) {
  auto at = places_.find(key);
  if (at == places_.end()) return;
  size_t place = at->second;
  places_.erase(at);
  if (place + 1 != keys_.size()) {
    keys_[place] = std::move(keys_.back());
    values_[place] = std::move(values_.back());
    places_[keys_[place]] = place;
  }
  keys_.pop_back();
  values_.pop_back();
}

void LookupTable::clear() {
  places_.clear();
  keys_.clear();
  values_.clear();
}

Result<LookupTable*> table_of(RunContext& c, int input) {
  Variable* variable = c.variable(input);
  if (variable == nullptr) return failed_precondition("input ", input, " refers to no table");
  if (variable->kind() != LookupTable::kKind) {
    return invalid_argument("input ", input, " refers to ", quoted(variable->name()), ", a ", variable->kind(),
                            ", not to a table");
  }
  return static_cast<LookupTable*>(variable);
}

Status expect_filled(const LookupTable& table) {
  if (table.is_filled()) return {};
  return failed_precondition("Table not initialized: ", quoted(table.name()), "; run its initializer first");
}

Status expect_dtypes(const LookupTable& table, DType keys, DType values) {
  if (table.key_dtype() == keys && table.value_dtype() == values) return {};
  return invalid_argument("Conflicting key/value dtypes ", dtype_name(keys), "->", dtype_name(values), " with ",
                          dtype_name(table.key_dtype()), "->", dtype_name(table.value_dtype()), " for table ",
                          quoted(table.name()));
}

std::string element_bytes(const TensorView& view, int64_t i) {
  if (view.dtype == DType::kString) return view.as<std::string>()[i];
  size_t size = dtype_size(view.dtype);
  return {static_cast<const char*>(view.data) + static_cast<size_t>(i) * size, size};
}

void store_element(const TensorView& view, int64_t i, const std::string& bytes) {
  if (view.dtype == DType::kString) {
    view.as<std::string>()[i] = bytes;
    return;
  }
  size_t size = dtype_size(view.dtype);
  if (bytes.size() == size)
    std::memcpy(static_cast<char*>(view.data) + static_cast<size_t>(i) * size, bytes.data(), size);
}

}  // namespace tarn
