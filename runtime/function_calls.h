// Which nodes call functions, which ones, and whether a library's calls may be written out. Private to
// runtime/inline*.cc.
//
//   LibraryJudge judge(library, ops, limits);
//   TARN_ASSIGN_OR_RETURN(int64_t nodes, judge.judge("cond_true_12"));   // with all that it calls
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "runtime/wire_functions.h"

namespace tarn {

constexpr int64_t kMostTensorsOfArg = 1'000'000;

enum class Call { kNone, kPartitioned, kIf, kCase, kWhile, kByName };

// Of the ops that are calls whatever the library holds.
Call call_of(std::string_view op);
Call call_of(std::string_view op, const FunctionLibrary& library, const OpRegistry& ops);
// The functions that a call names, with their attrs: f; else_branch, then_branch; branches; cond, body.
Result<std::vector<FunctionAttr>> functions_of(Call call, std::string_view op, const AttrMap& attrs);
// How many tensors an argument is, with the attrs of a node or call.
Result<int64_t> arg_count(const ArgSpec& arg, const AttrMap& attrs);

// Whether a node of this op does more than give its outputs; an op that is not known here may.
bool has_effect(const OpRegistry::Op* op);

struct CallLimits {
  int64_t max_nodes = 1'000'000;  // written out, in all
  int max_depth = 100;            // of functions that call functions
};

// Judges the functions that calls lead to, before any is written out. No recursion.
class LibraryJudge {
 public:
  LibraryJudge(const FunctionLibrary& library, const OpRegistry& ops, const CallLimits& limits)
      : library_(library), ops_(ops), limits_(limits) {}

  // How many nodes the function makes at least, with all that it calls. Errors: a function that is missing or calls
  // itself, one that returns nothing or what it has not, calls too deep, too many nodes.
  Result<int64_t> judge(std::string_view name);
  // Of a function that was judged: whether it, or what it calls, does more than give its outputs.
  bool has_effect(std::string_view function) const;

 private:
  using Function = FunctionLibrary::Function;
  struct Size {
    int64_t nodes;
    int depth;
    bool has_effect;
  };
  struct Place {
    const Function* function;
    std::vector<const Function*> calls;
    size_t next = 0;
  };
  Status open(std::string_view name, std::vector<Place>& stack) const;
  Result<const Function*> find(std::string_view name) const;
  Result<std::vector<const Function*>> calls_of(const Function& function) const;

  const FunctionLibrary& library_;
  const OpRegistry& ops_;
  CallLimits limits_;
  std::map<std::string_view, Size> size_of_;
};

}  // namespace tarn
