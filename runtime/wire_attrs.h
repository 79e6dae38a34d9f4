// Decoding of one AttrValue of a GraphDef. Private to runtime/wire*.cc.
#pragma once

#include <memory>
#include <string_view>

#include "core/attr.h"
#include "runtime/wire.h"

namespace tarn {

// Decodes an entry of a map<string, AttrValue>; `key` is set as soon as it is known. DataLoss: the bytes are damaged.
Status decode_attr_entry(std::string_view entry, const std::shared_ptr<const void>& owner, const WireLimits& limits,
                         std::string_view& key, AttrValue& result);

}  // namespace tarn
