// What layers are made of besides their product: for motifs of convolutions and of matrix products.
#pragma once

#include "tests/property/motif_parts.h"

namespace tarn::testing {

// One of the batch norms, over the last axis of `x` (of `channels`); an axis in front where channels_first.
std::string batch_norm(Piece& piece, Lines& lines, std::string x, DType dtype, int64_t channels, int rank,
                       bool channels_first);
// What stands between a layer and its batch norm, or behind it: x itself, perhaps.
std::string perhaps_bias(Piece& piece, Lines& lines, std::string x, DType dtype, int64_t channels, bool channels_first);
std::string perhaps_activation(Piece& piece, Lines& lines, std::string x);
std::string perhaps_identity(Piece& piece, Lines& lines, std::string x);
std::string perhaps_scaled(Piece& piece, Lines& lines, std::string x, DType dtype, int64_t channels);

}  // namespace tarn::testing
