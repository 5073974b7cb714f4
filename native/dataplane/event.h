#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kist {

/// Event kinds in the order of EVENT in src/native/binding-types.ts, which says what handle, a, b and data
/// are.
enum class EventKind : uint8_t {
  kChannelAccepted = 1,
  kChannelConnected,
  kChannelConnectFailed,
  kLinkCell,
  kChannelClosed,
  kCircuitCreate,
  kCircuitAttached,
  kCircuitCreated,
  kCircuitCreateFailed,
  kCircuitClosed,
  kRelayMessage,
  kStreamData,
  kStreamEnd,
  kStreamConnected,
  kStreamConnectFailed,
  kStreamClosed,
  kStreamWritten,
  kUnknownCell,
  kListenerFailed,
  kLog,
  kLinkExported,
  kCircuitAnswered,
};

/// One thing that the control plane is told.
struct Event {
  EventKind kind;
  uint64_t handle = 0;
  int64_t a = 0;
  int64_t b = 0;
  std::vector<uint8_t> bytes = {};
  std::string text = {};
  bool hasBytes = false;
};

}  // namespace kist
