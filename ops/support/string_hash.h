// The hash functions of strings that TensorFlow's files rely on: a model's buckets are these, bit for bit.
//
//   string_hash::fingerprint64("hello") % buckets     // StringToHashBucketFast, tables with buckets for unknown words
//
// They are written here from their published definitions rather than taken from libraries: the engine links nothing but
// the standard library, and a service that an app has to offer is too much for functions of a screen each.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tarn::string_hash {

// FarmHash's Fingerprint64 (Google, G. Pike 2014), which never changes.
uint64_t fingerprint64(std::string_view text);
// MurmurHash64A (A. Appleby) with TensorFlow's seed 0xDECAFCAFFE: its Hash64.
uint64_t hash64(std::string_view text);
// SipHash-2-4 (Aumasson and Bernstein 2012) under a key of 128 bits.
uint64_t strong_hash64(std::string_view text, const std::array<uint64_t, 2>& key);

}  // namespace tarn::string_hash
