#include "tests/property/op_samples.h"

#include <map>

#include "core/file.h"
#include "tests/ops/golden_file.h"

namespace tarn::testing {
namespace {

using golden::Json;

std::optional<OpSample> sample_of(const Json& recorded) {
  OpSample sample{recorded.at("op").get<std::string>(), {}, {}};
  for (const auto& [key, value] : recorded.at("attrs").items()) sample.attrs.set(key, golden::read_attr(value));
  for (const Json& input : recorded.at("inputs")) {
    if (input.contains("ref")) return std::nullopt;  // a variable
    sample.inputs.push_back(golden::read_tensor(input));
  }
  const OpRegistry::Op* op = all_ops().find(sample.op);
  if (op == nullptr || (op->def->traits & kStateful) != 0 || sample.inputs.empty()) return std::nullopt;
  return sample;
}

std::vector<std::vector<OpSample>> read_all() {
  std::map<std::string, std::vector<OpSample>> by_op;
  std::string dir = path_join(TARN_SOURCE_DIR, "tests/goldens/ops");
  Result<std::vector<std::string>> names = list_dir(dir);
  for (const std::string& name : names.value_or({})) {
    Result<std::string> text = read_file(path_join(dir, name));
    if (!text.ok()) continue;
    const Json goldens = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
    if (goldens.is_discarded()) continue;
    for (const Json& recorded : goldens) {
      if (std::optional<OpSample> sample = sample_of(recorded)) by_op[sample->op].push_back(*std::move(sample));
    }
  }
  std::vector<std::vector<OpSample>> ops;
  for (auto& [op, samples] : by_op) ops.push_back(std::move(samples));
  return ops;
}

}  // namespace

SampleSource golden_samples() {
  return [](Random& random) -> std::optional<OpSample> {
    static const std::vector<std::vector<OpSample>> kOps = read_all();
    if (kOps.empty()) return std::nullopt;
    return random.pick(random.pick(kOps));
  };
}

}  // namespace tarn::testing
