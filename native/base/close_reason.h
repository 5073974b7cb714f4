#pragma once

#include <cstdint>

namespace kist {

/// Why a channel, circuit or stream ended. In the order of CLOSE_REASONS in src/native/binding-types.ts.
enum class CloseReason : uint8_t {
  kNone,
  kRequested,
  kPeer,
  kError,
  kMalformed,
  kStalled,
  kQueueFull,
  kHeldTooMany,
  kMemory,
  kIdle,
  kChannelClosed,
  kExhausted,
  kTimeout,
  kShutdown,
};

constexpr size_t kCloseReasons = 14;

}  // namespace kist
