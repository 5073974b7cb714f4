#pragma once

#include <cstdint>
#include <cstring>

#include "base/clock.h"
#include "cell/tor61_dialect.h"

namespace kist {

/// The DATA cells of the benches. Body, in machine order (both ends are on one machine), 8 bytes each:
///
///   circuit number and flags | sequence | time written (CLOCK_MONOTONIC, ns) | checksum | 58 words of a
///   pattern
///
/// The checksum covers all other words, so that a byte changed, a cell of another circuit, and a cell lost or
/// out of order each show at the sink.
class BenchCell {
 public:
  static constexpr uint32_t kLength = Tor61Dialect::kCellLength;
  static constexpr uint32_t kFlagTimed = 1;  ///< The sink records the delay.
  static constexpr uint32_t kFlagQuiet = 2;  ///< Of a quiet circuit.

  struct Stamp {
    uint32_t number = 0;
    uint32_t flags = 0;
    uint64_t sequence = 0;
    TimeNs time = 0;
  };

  /// A cell of circuit `number` to copy; returns the sum of its pattern.
  static uint64_t encode(uint8_t* cell, uint32_t circId, uint32_t number) {
    uint8_t body[Tor61Dialect::kBodyCapacity] = {};
    uint64_t word = (number + 1) * 0x9e3779b97f4a7c15u;
    for (uint32_t i = kStampWords; i < kWords; ++i) {
      word ^= word << 13;
      word ^= word >> 7;
      word ^= word << 17;
      std::memcpy(body + 8 * i, &word, 8);
    }
    Tor61Dialect().encodeRelay(cell, circId, 1, Tor61Dialect::kData, body);
    return patternSum(cell + Tor61Dialect::kRelayHeader);
  }

  static void stamp(uint8_t* cell, const Stamp& stamp, uint64_t pattern) {
    const uint64_t words[kStampWords] = {stamp.number | static_cast<uint64_t>(stamp.flags) << 32,
                                         stamp.sequence, static_cast<uint64_t>(stamp.time),
                                         checksum(stamp, pattern)};
    std::memcpy(cell + Tor61Dialect::kRelayHeader, words, sizeof words);
  }

  /// False: something in the body changed on the way.
  static bool read(const uint8_t* cell, Stamp& stamp) {
    const uint8_t* body = cell + Tor61Dialect::kRelayHeader;
    uint64_t words[kStampWords];
    std::memcpy(words, body, sizeof words);
    stamp.number = static_cast<uint32_t>(words[0]);
    stamp.flags = static_cast<uint32_t>(words[0] >> 32);
    stamp.sequence = words[1];
    stamp.time = static_cast<TimeNs>(words[2]);
    return words[3] == checksum(stamp, patternSum(body));
  }

 private:
  static constexpr uint32_t kStampWords = 4;
  static constexpr uint32_t kWords = 62;

  static uint64_t patternSum(const uint8_t* body) {
    uint64_t sum = 0;
    for (uint32_t i = kStampWords; i < kWords; ++i) {
      uint64_t word;
      std::memcpy(&word, body + 8 * i, 8);
      sum += word;
    }
    return sum;
  }

  static uint64_t checksum(const Stamp& stamp, uint64_t pattern) {
    const uint64_t head = stamp.number | static_cast<uint64_t>(stamp.flags) << 32;
    return pattern + head * 3 + stamp.sequence * 0x9e3779b97f4a7c15u + static_cast<uint64_t>(stamp.time) * 5;
  }
};

}  // namespace kist
