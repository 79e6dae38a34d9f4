// read_manifest(): the only place that parses JSON. nlohmann-json throws; nothing leaves this file but a Status.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "tools/support/case_check.h"

namespace tarn {
namespace {

using nlohmann::json;

std::vector<CaseTensor> tensors_of(const json& object, const std::string& folder) {
  std::vector<CaseTensor> tensors;
  for (const auto& [name, info] : object.items()) {
    tensors.push_back({name, path_join(folder, info.at("file").get<std::string>())});
  }
  return tensors;
}

// The first of the files that is there, "" if none is.
std::string first_existing(const std::string& folder, std::initializer_list<std::string_view> names) {
  for (std::string_view name : names) {
    if (std::string path = path_join(folder, name); file_exists(path)) return path;
  }
  return {};
}

ModelCase case_of(const json& object, const std::string& dir) {
  ModelCase model;
  model.name = object.at("name").get<std::string>();
  model.kind = object.at("kind").get<std::string>();
  std::string folder = path_join(path_join(dir, "models"), model.name);
  model.atol = object.at("tolerance").at("atol").get<double>();
  model.rtol = object.at("tolerance").at("rtol").get<double>();
  if (model.kind == "ckpt_v2") {
    auto prefix = object.at("prefix").get<std::string>();
    model.checkpoint = path_join(folder, prefix);
    model.graph = first_existing(folder, {prefix + ".meta", "graph.pb", "graph.pbtxt"});
    if (model.graph.empty()) model.graph = path_join(folder, prefix + ".meta");
  } else {
    model.graph = first_existing(folder, {"graph.pb", "graph.pb.gz", "graph.pbtxt"});
    if (model.graph.empty()) model.graph = path_join(folder, "graph.pb");
  }
  if (!object.contains("sets")) return model;
  for (const json& set : object.at("sets")) {
    model.sets.push_back({tensors_of(set.at("inputs"), folder), tensors_of(set.at("outputs"), folder)});
  }
  return model;
}

}  // namespace

Result<std::vector<ModelCase>> read_manifest(const std::string& dir) {
  std::string path = path_join(dir, "manifest.json");
  TARN_ASSIGN_OR_RETURN(std::string text, read_file(path));
  std::vector<ModelCase> cases;
  try {
    json manifest = json::parse(text);
    for (const json& object : manifest.at("cases")) {
      std::string where = str_cat(path, ": case ", cases.size());
      if (object.contains("name") && object.at("name").is_string()) {
        str_append(where, " ", tarn::quoted(object.at("name").get<std::string>()));
      }
      try {
        cases.push_back(case_of(object, dir));
      } catch (const json::exception& error) {
        return invalid_argument(where, ": ", printable(error.what()));
      }
    }
  } catch (const json::exception& error) {
    return invalid_argument(path, ": ", printable(error.what()));
  }
  if (cases.empty()) return invalid_argument(path, ": it lists no cases");
  return cases;
}

}  // namespace tarn
