#pragma once

#include <cstdint>

#include "tcpinfo/tcp_info_source.h"

namespace kist {

/// Outbuf high-water mark of KISTLite, Vanilla and KIST's fallback, bytes (C tor's orconn_high).
constexpr uint64_t kOutbufHigh = 32768;

/// KIST's write limit and its two terms, bytes, signed 64 bit: a shrunken window makes `reserve` negative.
struct WriteLimit {
  int64_t share = 0;     ///< Window share: floor(cwnd * mss * factor).
  int64_t tcpSpace = 0;  ///< What the kernel could send now.
  int64_t reserve = 0;   ///< One more window (times the factor) less what already waits.
  uint64_t limit = 0;    ///< max(tcpSpace + reserve, 0).
};

/// limit = max(max(cwnd - unacked, 0) * mss + floor(cwnd * mss * factor) - notsent - outbufLength, 0). With
/// factor 1 and an empty outbuf the paper's 2*cwnd*mss - unacked*mss - notsent ("Tor's Been KIST", 3.2.1).
/// `pacingCapNs` > 0 also caps tcpSpace at pacingRate * pacingCapNs. Saturates instead of overflowing. The
/// factor is clamped to 0..1000, NaN to 1.
WriteLimit kistLimit(const TcpInfo& info, uint64_t outbufLength, double sockBufSizeFactor,
                     int64_t pacingCapNs = 0);

/// Room left under the outbuf's high-water mark: KISTLite, and KIST's fallback when the kernel gives no
/// figures.
inline uint64_t outbufRoom(uint64_t outbufLength, uint64_t high = kOutbufHigh) {
  return outbufLength >= high ? 0 : high - outbufLength;
}

}  // namespace kist
