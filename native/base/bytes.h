#pragma once

#include <cstdint>
#include <cstring>
#include <span>

namespace kist {

using ByteSpan = std::span<const uint8_t>;
using MutableByteSpan = std::span<uint8_t>;

/// Big-endian loads and stores; all wire numbers are in network order.
inline uint16_t loadU16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }
inline uint32_t loadU32(const uint8_t* at) {
  return static_cast<uint32_t>(at[0]) << 24 | static_cast<uint32_t>(at[1]) << 16 |
         static_cast<uint32_t>(at[2]) << 8 | static_cast<uint32_t>(at[3]);
}
inline void storeU16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}
inline void storeU32(uint8_t* at, uint32_t value) {
  storeU16(at, static_cast<uint16_t>(value >> 16));
  storeU16(at + 2, static_cast<uint16_t>(value));
}

}  // namespace kist
