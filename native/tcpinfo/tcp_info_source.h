#pragma once

#include <cstdint>

#include "base/status.h"

namespace kist {

/// Kernel figures of one socket, the units as in Linux's struct tcp_info.
struct TcpInfo {
  uint32_t cwnd = 0;        ///< Congestion window, segments.
  uint32_t unacked = 0;     ///< Segments sent and not yet acknowledged.
  uint32_t mss = 0;         ///< Segment size, bytes.
  uint32_t notsent = 0;     ///< Bytes in the socket that were not sent yet.
  uint64_t pacingRate = 0;  ///< Bytes per second; 0 when unknown, UINT64_MAX when unlimited.
};

/// Which socket is meant: the kernel needs the descriptor, a mock or a simulator the channel's number.
struct TcpInfoTarget {
  int fd = -1;
  uint64_t channel = 0;
};

/// Where the figures come from: `kernel`, `mock`, `sim`. A transport without kernel TCP_INFO (µTP) answers
/// for itself. To add one: native/tcpinfo/<name>_tcp_info.{h,cc} and a line in
/// native/registry/tcp_info_sources.cc.
class TcpInfoSource {
 public:
  virtual ~TcpInfoSource() = default;
  virtual const char* name() const = 0;
  /// kOk; kUnsupported (this kernel or transport has none: fall back for good for that channel); kError (this
  /// time only).
  virtual Status read(const TcpInfoTarget& target, TcpInfo& info) = 0;
};

}  // namespace kist
