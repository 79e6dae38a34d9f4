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

TrainCase train_of(const json& object, const std::string& folder) {
  TrainCase train;
  train.train_op = object.at("train_op").get<std::string>();
  train.loss = object.at("loss").get<std::string>();
  train.losses = object.at("losses").get<std::vector<double>>();
  train.feeds = tensors_of(object.at("feeds"), folder);
  train.variables_after = tensors_of(object.at("variables_after"), folder);
  return train;
}

ModelCase case_of(const json& object, const std::string& dir) {
  ModelCase model;
  model.name = object.at("name").get<std::string>();
  model.kind = object.at("kind").get<std::string>();
  std::string folder = path_join(path_join(dir, "models"), model.name);
  model.atol = object.at("tolerance").at("atol").get<double>();
  model.rtol = object.at("tolerance").at("rtol").get<double>();
  auto existing = [&](std::string_view name) { return first_existing(folder, {name}); };
  if (model.kind == "ckpt_v2" || model.kind == "ckpt_v1") {
    auto prefix = object.at("prefix").get<std::string>();
    model.checkpoint = path_join(folder, prefix);
    model.graph = first_existing(folder, {prefix + ".meta", "graph.pb", "graph.pbtxt"});
    if (model.graph.empty() && object.contains("sets")) model.graph = path_join(folder, prefix + ".meta");
  } else if (model.kind == "saved_model") {
    model.graph = folder;
    model.checkpoint = path_join(path_join(folder, "variables"), "variables");
    if (object.contains("tags")) model.tags = object.at("tags").get<std::vector<std::string>>();
  } else {
    model.graph = first_existing(folder, {"graph.pb", "graph.pb.gz", "graph.pbtxt"});
    if (model.graph.empty()) model.graph = path_join(folder, "graph.pb");
  }
  model.taps = existing("taps.npz");
  if (object.contains("golden_frozen")) model.golden_frozen = existing("golden_frozen.pb");
  if (object.contains("tensors")) {
    for (const auto& [name, info] : object.at("tensors").items()) {
      if (info.contains("sha256")) model.hashes.emplace_back(name, info.at("sha256").get<std::string>());
    }
  }
  if (object.contains("train")) model.train = train_of(object.at("train"), folder);
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
