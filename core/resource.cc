#include "core/resource.h"

namespace tarn {

std::string variable_name(const AttrMap& attrs, std::string_view node_name) {
  auto name = attrs.get_or<std::string>("shared_name", "");
  auto container = attrs.get_or<std::string>("container", "");
  if (name.empty()) name = node_name;
  return container.empty() ? name : str_cat(container, "/", name);
}

Resource* ResourceMap::find_impl(const char* kind, std::string_view name) const {
  std::lock_guard lock(mutex_);
  auto of_kind = resources_.find(std::string_view(kind));
  if (of_kind == resources_.end()) return nullptr;
  auto it = of_kind->second.find(name);
  return it == of_kind->second.end() ? nullptr : it->second.get();
}

Resource* ResourceMap::find_or_create_impl(const char* kind, std::string_view name,
                                           const std::function<std::unique_ptr<Resource>()>& make) {
  if (Resource* found = find_impl(kind, name)) return found;
  std::lock_guard lock(mutex_);
  auto of_kind = resources_.try_emplace(kind).first;
  auto it = of_kind->second.find(name);
  if (it == of_kind->second.end()) it = of_kind->second.emplace(std::string(name), make()).first;
  return it->second.get();
}

std::vector<std::string> ResourceMap::names(std::string_view kind) const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> result;
  if (auto of_kind = resources_.find(kind); of_kind != resources_.end()) {
    for (const auto& [name, resource] : of_kind->second) result.push_back(name);
  }
  return result;
}

void ResourceMap::clear() {
  std::lock_guard lock(mutex_);
  resources_.clear();
}

}  // namespace tarn
