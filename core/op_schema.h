// OpSchema: an op's signature, parsed from its OpDef; OpRegistry: all ops of a table, by name.
//
//   const OpRegistry::Op* op = registry.find("Conv2D");
//   NodeTypes types;
//   Status s = op->schema.resolve("conv1", attrs, inputs, {.infer_from_inputs = true}, types);
//
// resolve() is the one place where attrs and input types of a node are judged, for builders, files and the engine
// alike.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/op.h"

namespace tarn {

// Names are of the text that was parsed, which lives as long: the OpDef's, or a file's.
struct ArgSpec {
  std::string_view name;
  DType dtype = DType::kInvalid;    // fixed dtype, or
  std::string_view type_attr;       // the attr that holds it, or
  std::string_view type_list_attr;  // the attr that holds one dtype an element
  std::string_view number_attr;     // N of "N * T"; empty: one tensor
  bool is_ref = false;
};

struct AttrSpec {
  std::string_view name;
  std::string_view kind;  // "int", "list(type)" …: the words of AttrValue::kind()
  bool has_default = false;
  AttrValue default_value;
  std::vector<DType> allowed_types;
  std::vector<std::string_view> allowed_strings;
  std::optional<int64_t> minimum;  // of an int, or of a list's length
};

struct ArgType {
  DType dtype = DType::kInvalid;
  bool is_ref = false;
};

// What comes in at one input.
struct InputInfo {
  DType dtype = DType::kInvalid;  // kInvalid: not known (made by an op we do not have); not judged
  bool is_ref = false;
  std::string_view producer;  // "conv1:0", for messages
};

struct NodeTypes {
  std::vector<ArgType> inputs, outputs;
};

struct ResolveOptions {
  // Builders: missing type and number attrs follow from the inputs. Files: a missing attr without a default is an
  // error.
  bool infer_from_inputs = false;
};

class OpSchema {
 public:
  static Result<OpSchema> parse(const OpDef& def);

  const std::vector<ArgSpec>& inputs() const { return inputs_; }
  const std::vector<ArgSpec>& outputs() const { return outputs_; }
  const std::vector<AttrSpec>& attrs() const { return attrs_; }
  const AttrSpec* find_attr(std::string_view name) const;
  // The attr whose dtype chooses the kernel; empty if none.
  std::string_view kernel_attr() const { return kernel_attr_; }

  // Checks a node's attrs and inputs against the signature; fills defaults (and, on request, what follows from the
  // inputs) into `attrs`, so that afterwards every attr of the signature is present with its type. Attrs that begin
  // with
  // '_' pass through. An attr the op does not know is dropped if its value looks like a default, else an error.
  // Errors: all problems of the node at once, each starting "Conv2D 'conv1': ".
  Status resolve(std::string_view node, AttrMap& attrs, std::span<const InputInfo> inputs, ResolveOptions options,
                 NodeTypes& types) const;
  // Output types alone, from attrs already resolved.
  std::vector<ArgType> output_types(const AttrMap& attrs) const;
  // Position of the first tensor of output arg `arg`, and how many tensors it has.
  std::pair<int, int> output_range(const AttrMap& attrs, int arg) const;

 private:
  std::string_view op_;
  std::vector<ArgSpec> inputs_, outputs_;
  std::vector<AttrSpec> attrs_;
  std::string_view kernel_attr_;
};

// "Conv2D 'conv1'": how messages name a node.
std::string node_label(std::string_view op, std::string_view node);
// " (input f32[?,28,28,1], filter f32[5,5,3,32])": the inputs of a node, for messages.
std::string input_facts_text(const OpSchema& schema, const AttrMap& attrs, std::span<const Fact> inputs);

class OpRegistry {
 public:
  struct Op {
    const OpDef* def;
    const OpEntry* entry;  // null in a lean table
    OpSchema schema;
  };
  // A signature that does not parse is a defect of the op's file: it is left out and named by errors().
  explicit OpRegistry(std::span<const OpFile* const> files);
  explicit OpRegistry(std::span<const OpDef* const> defs);
  OpRegistry(const OpRegistry& base, std::span<const OpDef* const> more);

  const Op* find(std::string_view name) const;
  // All ops, sorted by name.
  const std::vector<Op>& ops() const { return ops_; }
  std::vector<std::string> names() const;
  const std::vector<std::string>& errors() const { return errors_; }

 private:
  struct Row {
    const OpDef* def;
    const OpEntry* entry;
  };
  void add(std::vector<Row>& rows);
  std::vector<Op> ops_;
  std::vector<std::string> errors_;
};

// Which kernel runs a node: the first of `backends` that has one for the node's dtype. The error names op, dtype attr,
// dtype and the dtypes there are.
Result<const KernelDef*> find_kernel(const OpRegistry::Op& op, const AttrMap& attrs, std::span<const Backend> backends);

std::unique_ptr<Kernel> make_kernel(const OpDef& op, const KernelDef& kernel);

// Runs an op's infer function on facts: outputs get dtypes from `types` and shapes from infer. The error carries
// "Conv2D 'conv1': …" and the facts of the inputs.
Status infer_node(const OpRegistry::Op& op, std::string_view node, const AttrMap& attrs, const NodeTypes& types,
                  std::span<const Fact> inputs, std::vector<Fact>& outputs);

}  // namespace tarn
