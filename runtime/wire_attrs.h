// Decoding of one AttrValue of a GraphDef. Private to runtime/wire*.cc.
#pragma once

#include <memory>
#include <string_view>

#include "core/attr.h"
#include "runtime/wire.h"

namespace protozero {
class pbf_reader;
}

namespace tarn {

// reader.next(), but a field number of more than 32 bits is damage: protozero drops the upper ones.
bool next_field(protozero::pbf_reader& reader);

// Decodes an entry of a map<string, AttrValue>; `key` is set as soon as it is known. May throw protozero's exceptions:
// callers are in files that catch them.
Result<AttrValue> decode_attr_entry(std::string_view entry, const std::shared_ptr<const void>& owner,
                                    const WireLimits& limits, int depth, std::string_view& key);

}  // namespace tarn
