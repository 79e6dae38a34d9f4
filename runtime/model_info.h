// What is stored with a model beside its nodes (GraphDef.model_info; proto/model_info.proto says how).
//
//   Result<ModelInfo> info = parse_model_info(engine->model_info());
//   if (info.ok() && info->self_test) …
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"
#include "core/shape.h"
#include "core/status.h"
#include "runtime/metadata.h"
#include "runtime/tuning.h"

namespace tarn {

// What the model gave for made-up inputs. The fields are those of the message.
struct SelfTest {
  struct Input {
    std::string name = {};
    DType dtype = DType::kInvalid;
    Shape shape = {};
    uint64_t seed = 0;  // of sample_tensor()
  };
  struct Output {
    std::string name = {};
    DType dtype = DType::kInvalid;
    Shape shape = {};
    int64_t step = 1;         // `values` holds elements 0, step, 2 * step, …
    std::string values = {};  // little-endian; none of strings
    double range = 0;         // the largest finite magnitude of all elements, of floating-point numbers
  };
  std::vector<Input> inputs = {};
  std::vector<Output> outputs = {};
  double tolerance = 0;           // relative to an output's range
  uint32_t constants_crc32c = 0;  // of the bytes of all constants but strings, in the order of the file
};

struct ModelInfo {
  std::optional<SelfTest> self_test = {};
  std::optional<Metadata> metadata = {};
  std::vector<Tuning> tunings = {};  // a processor, instruction set and number of threads each
};

// DataLoss says what is wrong with the bytes; metadata passed check_metadata(). Nothing: an empty ModelInfo.
Result<ModelInfo> parse_model_info(std::string_view bytes);

}  // namespace tarn
