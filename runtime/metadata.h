// What a model's file tells of the model: who made it, how pictures become inputs, what the scores mean. Whatever an
// app is written in gets it as text, by key:
//
//   Result<std::string> labels = metadata_text(engine->model_info(), "labels");             // a line each
//   Result<std::string> mean = metadata_text(engine->model_info(), "inputs/image/mean");    // "123.7,116.8,103.9"
//   Result<std::string> all = metadata_text(engine->model_info(), "json");
//
// Keys are "name", "description", "author", "license", "version", "quantize"; "inputs" and "outputs", the names of
// those that something is told of, a line each; "inputs/NAME/FIELD" and "outputs/NAME/FIELD" with the fields below; a
// field of them alone ("labels", "mean"), which is the first input's or output's that has it; "json", all of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace tarn {

// The fields are those of the message (proto/model_info.proto); what is empty, or 0, is not told.
struct Metadata {
  struct Input {
    std::string name = {};
    std::string kind = {};           // "image", "audio", …
    std::string layout = {};         // "NHWC"
    std::string color_order = {};    // "RGB", "BGR" or "gray"
    std::vector<double> range = {};  // the lowest and the highest value fed
    std::vector<double> mean = {};   // value fed = (pixel - mean) / std of pixels from 0 to 255,
    std::vector<double> std = {};    // by channel or one for all
    uint32_t sample_rate = 0;        // of audio, in Hz
  };
  struct Output {
    std::string name = {};
    std::string kind = {};  // "probabilities", "logits", "scores", …
    std::vector<std::string> labels = {};
  };
  std::string name = {}, description = {}, author = {}, license = {}, version = {};
  std::string quantize = {};  // "dynamic8": how an engine is to compute it (runtime/quantize.h)
  std::vector<Input> inputs = {};
  std::vector<Output> outputs = {};
};

// A field of one of the structs above: its name in keys, its number in the message, and where its value lies (one of
// the pointers). The one list of them, for whoever reads, writes, prints or changes metadata.
struct MetadataField {
  std::string_view name;
  uint32_t number = 0;
  std::string* text = nullptr;
  std::vector<double>* numbers = nullptr;
  std::vector<std::string>* lines = nullptr;
  uint32_t* count = nullptr;

  bool is_set() const;
  std::string value() const;  // as text: "1,2.5", a line each
  void clear() const;
  void take(const MetadataField& other) const;  // the value of the same field elsewhere
};
std::vector<MetadataField> metadata_fields(Metadata& metadata);
std::vector<MetadataField> metadata_fields(Metadata::Input& input);
std::vector<MetadataField> metadata_fields(Metadata::Output& output);

// A key taken apart. Names may hold slashes: "inputs/tower/x/mean".
struct MetadataKey {
  enum class Of { kModel, kInput, kOutput };
  Of of = Of::kModel;
  std::string_view tensor = {};  // the name of the input or output; empty: the first that has the field
  std::string_view field = {};
};
// NotFound, with the keys there are, of one that can belong to no model.
Result<MetadataKey> parse_metadata_key(std::string_view key);

// What there is to ask for: "author", "inputs", "inputs/x/mean", …
std::vector<std::string> metadata_keys(const Metadata& metadata);

// What every metadata holds to: text is UTF-8, names are unique, stds are above 0, a range is one.
Status check_metadata(const Metadata& metadata);

// NotFound says what is there instead; `key` as above.
Result<std::string> metadata_text(const Metadata& metadata, std::string_view key);
// The same of the bytes that lie in the file (Engine::model_info()).
Result<std::string> metadata_text(std::string_view model_info, std::string_view key);
// {"name": "…", "inputs": [{"name": "x", "mean": [127.5]}], "outputs": [{"name": "y", "labels": ["cat", "dog"]}]}
std::string metadata_json(const Metadata& metadata);

}  // namespace tarn
