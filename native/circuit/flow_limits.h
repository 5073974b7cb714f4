#pragma once

#include <cstdint>

#include "base/clock.h"

namespace kist {

/// Marks of queues and buffers; the same for all channels of a reactor.
struct FlowLimits {
  uint32_t cellqHigh = 256;
  uint32_t cellqLow = 10;
  uint32_t cellqMax = 2500;
  uint64_t streamHigh = 1u << 20;  ///< Undelivered or unwritten bytes of one stream.
  TimeNs circuitStall = 30 * kSecond;
  TimeNs streamStall = 30 * kSecond;
  TimeNs circuitIdle = 3600 * kSecond;
  TimeNs halfOpenIdle = 60 * kSecond;
};

}  // namespace kist
