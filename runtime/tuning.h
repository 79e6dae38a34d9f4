// What the tool tune measured to be the fastest way to compute a layer, kept with the model for one processor.
//
//   std::unique_ptr<LayerWays> ways = tuned_ways(source->model_info(), threads);      // null: nothing for this
//   processor
//
// Where no model of a lean build has any, left_out/tuning.cc is in place of tuning.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/layer_ways.h"
#include "core/status.h"

namespace tarn {

// The fields are those of the message (proto/model_info.proto).
struct Tuning {
  struct Choice {
    std::string node = {};
    std::string way = {};
  };
  std::string cpu = {};  // cpu_name()
  std::string isa = {};  // widest_isa()
  int threads = 0;       // that each run had
  std::vector<Choice> choices = {};
};

// Of the bytes of such a message.
Result<Tuning> read_tuning(std::string_view message);

// Those for this processor and instruction set: for as many threads, or for the next number. Damage is not told here
// (parse_model_info does): the graph is not concerned.
std::unique_ptr<LayerWays> tuned_ways(std::string_view model_info, int threads);

}  // namespace tarn
