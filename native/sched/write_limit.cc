#include "sched/write_limit.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/clock.h"

namespace kist {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr double kMaxFactor = 1000;

int64_t saturated(uint64_t value) {
  return value > static_cast<uint64_t>(kMax) ? kMax : static_cast<int64_t>(value);
}

/// a - b for b >= 0.
int64_t minus(int64_t a, int64_t b) {
  int64_t difference = 0;
  return __builtin_sub_overflow(a, b, &difference) ? std::numeric_limits<int64_t>::min() : difference;
}

int64_t plus(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a > 0 ? kMax : std::numeric_limits<int64_t>::min();
}

int64_t scaled(uint64_t window, double factor) {
  if (std::isnan(factor) || factor == 1) return saturated(window);
  const double share = std::floor(static_cast<double>(window) * std::clamp(factor, 0.0, kMaxFactor));
  return share >= static_cast<double>(kMax) ? kMax : static_cast<int64_t>(share);
}

int64_t pacedBytes(uint64_t rate, int64_t nanoseconds) {
  __extension__ using Wide = unsigned __int128;
  const Wide bytes = static_cast<Wide>(rate) * static_cast<Wide>(nanoseconds) / static_cast<Wide>(kSecond);
  return bytes > static_cast<Wide>(kMax) ? kMax : static_cast<int64_t>(bytes);
}

}  // namespace

WriteLimit kistLimit(const TcpInfo& info, uint64_t outbufLength, double sockBufSizeFactor,
                     int64_t pacingCapNs) {
  WriteLimit result;
  const uint64_t free = info.cwnd > info.unacked ? info.cwnd - info.unacked : 0;
  result.tcpSpace = saturated(free * info.mss);
  const bool knowsRate = info.pacingRate != 0 && info.pacingRate != UINT64_MAX;
  if (pacingCapNs > 0 && knowsRate) {
    result.tcpSpace = std::min(result.tcpSpace, pacedBytes(info.pacingRate, pacingCapNs));
  }
  result.share = scaled(static_cast<uint64_t>(info.cwnd) * info.mss, sockBufSizeFactor);
  result.reserve = minus(minus(result.share, info.notsent), saturated(outbufLength));
  result.limit = static_cast<uint64_t>(std::max<int64_t>(plus(result.tcpSpace, result.reserve), 0));
  return result;
}

}  // namespace kist
