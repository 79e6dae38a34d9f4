// What simplify_shapes does with tensors that are joined and taken apart: Concat, Pack and Unpack.
#pragma once

#include "passes/support/simplify.h"

namespace tarn {

// At a Concat or ConcatV2: without what is empty; one with another along the same dim that it alone reads.
Status simplify_concat(Simplifier& s, NodeId id);
// Unpack(Pack(a, b, c)) along the same dim.
Status unpack_packed(Simplifier& s, NodeId id);
// Pack of all outputs of an Unpack along the same dim, in order.
Status pack_unpacked(Simplifier& s, NodeId id);
// At what takes element `at` (-1: the last) of its first input along dim 0: of a Pack, that is what was packed there.
Status take_packed(Simplifier& s, NodeId id, int64_t at);

}  // namespace tarn
