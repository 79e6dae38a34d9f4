// FunctionLibrary: the functions of a GraphDef (FunctionDefLibrary), read in place.
//
//   TARN_ASSIGN_OR_RETURN(FunctionLibrary library, FunctionLibrary::parse(source.function_library(), owner));
//   const FunctionLibrary::Function* f = library.find("cond_true_12");
//
// Immutable after parse(). Attrs are decoded when asked for.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/attr.h"
#include "core/op_schema.h"

namespace tarn {

class FunctionLibrary {
 public:
  struct Node {
    std::string_view name, op;
    std::vector<std::string_view> inputs;  // "arg", "node:output:0", "^node"
    std::vector<std::string_view> attrs;   // undecoded map entries
  };
  struct Function {
    std::string_view name;
    std::vector<ArgSpec> inputs, outputs;
    std::vector<Node> nodes;
    std::map<std::string_view, std::string_view> returns;  // by output: "node:output:0" or "arg"
    std::vector<std::string_view> control_returns;         // nodes that run for their effect
  };

  // `owner` keeps `bytes` alive. Errors name the function.
  static Result<FunctionLibrary> parse(std::string_view bytes, std::shared_ptr<const void> owner);
  const Function* find(std::string_view name) const;
  std::vector<std::string> names() const;
  Result<AttrMap> attrs(const Function& function, const Node& node) const;

 private:
  std::shared_ptr<const void> owner_;
  std::map<std::string_view, Function> functions_;
};

}  // namespace tarn
