#include "tests/ops/golden_cases.h"

#include <algorithm>
#include <fstream>
#include <map>

#include "tests/ops/golden_file.h"

namespace tarn::testing {

OpCases golden_cases(const std::string& family, const std::vector<std::string>& dynamic) {
  std::ifstream file(std::string(TARN_SOURCE_DIR) + "/tests/goldens/ops/" + family + ".json");
  const golden::Json goldens = golden::Json::parse(file, nullptr, /*allow_exceptions=*/false);
  OpCases cases;
  std::map<std::string, int> count;
  for (const golden::Json& recorded : goldens) {
    OpCase op_case;
    op_case.op = recorded.at("op").get<std::string>();
    op_case.label = recorded.value("note", "golden " + std::to_string(++count[op_case.op]));
    for (const auto& [key, value] : recorded.at("attrs").items()) op_case.attrs.set(key, golden::read_attr(value));
    for (const golden::Json& input : recorded.at("inputs")) op_case.inputs.push_back(golden::read_tensor(input));
    Tensors outputs;
    for (const golden::Json& output : recorded.at("outputs")) outputs.push_back(golden::read_tensor(output));
    op_case.reference = [outputs](const Tensors&, const AttrMap&) { return outputs; };
    // Equal where nothing is rounded; else each side rounds every term.
    const int terms = recorded.at("terms");
    op_case.sum_length = terms;
    op_case.tolerance_factor = terms == 0 ? 0 : 4;
    op_case.dynamic_shape = std::find(dynamic.begin(), dynamic.end(), op_case.op) != dynamic.end();
    op_case.check_gradient = false;  // checked in double, by cases that are not recorded
    cases.push_back(std::move(op_case));
  }
  return cases;
}

}  // namespace tarn::testing
