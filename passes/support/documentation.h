// docs/ops.md, docs/compatibility.md and docs/passes.md, written from the tables: what is in them is what is in this
// binary.
#pragma once

#include <string>

#include "core/op_schema.h"

namespace tarn {

// One section an op: signature, dtypes with kernels, gradient, doc text.
std::string ops_markdown(const OpRegistry& ops);
// Formats, limits and differences (compatibility_notes()), then one row an op, one column a dtype: where it runs
// (session, engine) and whether it has a gradient.
std::string compatibility_markdown(const OpRegistry& ops);
std::string compatibility_notes();
// One section a pass: contract and doc text.
std::string passes_markdown();

}  // namespace tarn
