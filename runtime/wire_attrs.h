// Decoding of one AttrValue of a GraphDef. Private to runtime/wire*.cc.
#pragma once

#include <memory>
#include <string_view>

#include "core/attr.h"
#include "runtime/wire.h"

namespace tarn {

// Decodes an AttrValue message. May throw protozero's exceptions: callers are in files that catch them.
Result<AttrValue> decode_attr_value(std::string_view message, const std::shared_ptr<const void>& owner,
                                    const WireLimits& limits, int depth);

}  // namespace tarn
