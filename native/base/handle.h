#pragma once

#include <cstdint>

namespace kist {

/// Names a channel or a circuit across threads and in JavaScript: {reactor, slot, generation}. Packed in 52
/// bits, so that it is exact as a JavaScript number:  generation (24) | slot (22) | reactor (6).  A
/// generation is never 0, so no valid handle is 0. A command that carries an old generation is ignored.
struct Handle {
  uint64_t bits = 0;

  static constexpr uint32_t kMaxReactors = 1u << 6;
  static constexpr uint32_t kMaxSlots = 1u << 22;
  static constexpr uint32_t kMaxGeneration = (1u << 24) - 1;

  static Handle make(uint32_t reactor, uint32_t slot, uint32_t generation) {
    return Handle{static_cast<uint64_t>(generation) << 28 | static_cast<uint64_t>(slot) << 6 | reactor};
  }
  uint32_t reactor() const { return static_cast<uint32_t>(bits & 0x3f); }
  uint32_t slot() const { return static_cast<uint32_t>(bits >> 6 & 0x3fffff); }
  uint32_t generation() const { return static_cast<uint32_t>(bits >> 28); }
  explicit operator bool() const { return bits != 0; }
  bool operator==(const Handle&) const = default;
};

}  // namespace kist
