// Which ops an engine must have to run a model, and for which element types: what a lean build links.
//
//   TARN_ASSIGN_OR_RETURN(RequiredOps ops, required_ops(*graph, linked_ops()));
//   ops.add(required_ops of another model);
//   std::string list = list_text(ops);      // "Conv2D T=float\n…", for cmake -DTARN_OPS_FROM=
//
// That is every op which the engine looks up when it loads and runs the model: of the nodes its outputs need, as they
// are in the file and as the compiler writes them out (Switch, Merge, Enter for control flow and calls of functions),
// of all nodes of functions that are called, and of what fills its tables.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/op_schema.h"
#include "runtime/node_source.h"

namespace tarn {

struct RequiredOp {
  struct Types {
    std::string attr;           // "T"
    std::vector<DType> dtypes;  // without repeats, in the order of their numbers
  };
  std::string op;
  int nodes = 0;             // as the compiler has them; 0: calls that are written out
  std::vector<Types> types;  // a type attr each, the one that chooses the kernel first if there is one
};

class RequiredOps {
 public:
  void add(const RequiredOps& other);
  const std::vector<RequiredOp>& ops() const { return ops_; }  // by name
  // Parts of the compiler that many models do without.
  bool calls_functions() const { return calls_functions_; }
  bool has_control_flow() const { return has_control_flow_; }  // branches, loops, TensorArrays and stacks
  // Of kernels: images with the channels first (data_format NCHW, NCDHW).
  bool has_channels_first() const { return has_channels_first_; }
  // Products in 8 bits, which the model asks for.
  bool wants_dynamic8() const { return wants_dynamic8_; }
  // Constants laid out in its file (optimize_for_mobile --prepack).
  bool has_laid_out() const { return has_laid_out_; }
  // Ways of computing its layers that were measured (the tool tune).
  bool is_tuned() const { return is_tuned_; }

 private:
  friend class RequiredOpsFinder;
  RequiredOp& entry(const OpRegistry::Op& op);
  std::vector<RequiredOp> ops_;
  bool calls_functions_ = false, has_control_flow_ = false, has_channels_first_ = false, wants_dynamic8_ = false,
       has_laid_out_ = false, is_tuned_ = false;
};

struct RequiredOpsOptions {
  std::vector<std::string> inputs = {}, outputs = {};  // as EngineOptions has them
};

// Errors: names every op that `ops` lacks; an input or output that is not there; functions that cannot be written out.
Result<RequiredOps> required_ops(const NodeSource& source, const OpRegistry& ops,
                                 const RequiredOpsOptions& options = {});

// A line an op: its name, then each type attr and the types.  "Cast SrcT=uint8 DstT=float,int32". Before those a line
// for each part that is needed: "@functions", "@control_flow", "@channels_first", "@dynamic8",
// "@laid_out", "@tuning".
std::string list_text(const RequiredOps& ops);

}  // namespace tarn
