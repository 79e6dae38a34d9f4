// Which nodes call functions, which ones, and whether a library's calls may be written out. Private to
// runtime/inline_calls.cc.
//
//   LibraryJudge judge(library, ops);
//   TARN_ASSIGN_OR_RETURN(int64_t nodes, judge.judge("cond_true_12"));   // with all that it calls
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "runtime/wire_functions.h"

namespace tarn {

constexpr int kMostCallDepth = 100;              // of functions that call functions
constexpr int64_t kMostCalledNodes = 1'000'000;  // written out, in all

enum class Call { kNone, kPartitioned, kIf, kWhile, kByName };

Call call_of(std::string_view op, const FunctionLibrary& library, const OpRegistry& ops);
// The functions that a call names, with their attrs: f; else_branch, then_branch; cond, body.
Result<std::vector<FunctionAttr>> functions_of(Call call, std::string_view op, const AttrMap& attrs);
// How many tensors an argument is, with the attrs of a node or call.
Result<int64_t> arg_count(const ArgSpec& arg, const AttrMap& attrs);

// Judges the functions that calls lead to, before any is written out. No recursion.
class LibraryJudge {
 public:
  LibraryJudge(const FunctionLibrary& library, const OpRegistry& ops) : library_(library), ops_(ops) {}

  // How many nodes the function makes, with all that it calls. Errors: a function that is missing or calls itself, one
  // that returns nothing or what it has not, calls too deep, too many nodes.
  Result<int64_t> judge(std::string_view name);

 private:
  using Function = FunctionLibrary::Function;
  struct Size {
    int64_t nodes;
    int depth;
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
  std::map<std::string_view, Size> size_of_;
};

}  // namespace tarn
