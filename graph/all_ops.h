// The registry of every op in this binary, built on first use from the generated table.
#pragma once

#include "core/op_schema.h"

namespace tarn {

const OpRegistry& all_ops();

}  // namespace tarn
