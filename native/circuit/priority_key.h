#pragma once

#include <cstdint>

namespace kist {

/// Total order of circuits, the same on every machine: lower EWMA count first, then least recently served,
/// then lower handle. No two circuits of one reactor compare equal.
struct PriorityKey {
  double count = 0;
  uint64_t lastServed = 0;  ///< Sequence number of its last service on this reactor; 0 = never.
  uint64_t handle = 0;

  friend bool operator<(const PriorityKey& a, const PriorityKey& b) {
    if (a.count != b.count) return a.count < b.count;
    if (a.lastServed != b.lastServed) return a.lastServed < b.lastServed;
    return a.handle < b.handle;
  }
  bool operator==(const PriorityKey&) const = default;
};

}  // namespace kist
