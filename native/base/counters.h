#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace kist {

/// Counters of one account (one relay of possibly many on a data plane).
struct OwnerCounters {
  uint64_t cellsIn = 0, cellsOut = 0;
  uint64_t relayedForward = 0, relayedBackward = 0, dataForward = 0, dataBackward = 0;
  uint64_t dataUnpacked = 0, dataPacked = 0;
  uint64_t circuitsCreated = 0, streamsOpened = 0;
};

/// Counters of one reactor, touched on its thread only.
struct ReactorCounters {
  uint64_t readCalls = 0, writeCalls = 0, bytesIn = 0, bytesOut = 0;
  uint64_t cellsCrossed = 0, ringFull = 0, channelPauses = 0;
  uint64_t unknownCells = 0, droppedCells = 0;
  std::array<uint64_t, 16> channelsClosed{}, circuitsClosed{}, streamsClosed{};
  std::vector<OwnerCounters> owners;

  OwnerCounters& of(uint32_t owner) {
    if (owner >= owners.size()) owners.resize(owner + 1);
    return owners[owner];
  }
};

}  // namespace kist
