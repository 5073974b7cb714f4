#include "sched/write_limit.h"

#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>
#include <limits>

using namespace kist;

namespace {

struct Vector {
  const char* what;
  TcpInfo info;
  uint64_t outbuf;
  double factor;
  int64_t tcpSpace;
  int64_t reserve;
  uint64_t limit;
};

constexpr uint32_t kMaxU32 = std::numeric_limits<uint32_t>::max();
constexpr int64_t kMaxI64 = std::numeric_limits<int64_t>::max();

}  // namespace

TEST_CASE("the write limit, worked by hand") {
  const Vector vectors[] = {
      {"idle socket: two windows", {10, 0, 1448, 0, 0}, 0, 1, 14480, 14480, 28960},
      {"window in flight: the reserve alone", {10, 10, 1448, 0, 0}, 0, 1, 0, 14480, 14480},
      {"in flight and unsent: nothing", {10, 10, 1448, 14480, 0}, 0, 1, 0, 0, 0},
      {"half in flight", {20, 10, 1000, 3000, 0}, 0, 1, 10000, 17000, 27000},
      {"outbuf counts as unsent", {20, 10, 1000, 3000, 0}, 1234, 1, 10000, 15766, 25766},
      {"negative reserve eats into the space", {10, 5, 1000, 12000, 0}, 500, 1, 5000, -2500, 2500},
      {"negative reserve beyond the space", {10, 5, 1000, 20000, 0}, 0, 1, 5000, -10000, 0},
      {"shrunken window: unacked over cwnd is ignored", {2, 50, 1000, 0, 0}, 0, 1, 0, 2000, 2000},
      {"shrunken window with leftovers", {2, 50, 1000, 60000, 0}, 0, 1, 0, -58000, 0},
      {"factor 0: no reserve", {10, 4, 1448, 0, 0}, 0, 0, 8688, 0, 8688},
      {"factor 0 with unsent bytes", {10, 4, 1448, 1000, 0}, 0, 0, 8688, -1000, 7688},
      {"factor 0.5 is rounded down", {3, 3, 1447, 0, 0}, 0, 0.5, 0, 2170, 2170},
      {"factor 2", {10, 10, 1448, 0, 0}, 0, 2, 0, 28960, 28960},
      {"all zero", {0, 0, 0, 0, 0}, 0, 1, 0, 0, 0},
      {"no window but an outbuf", {0, 0, 1448, 0, 0}, 32768, 1, 0, -32768, 0},
      {"past 32 bits", {100000, 0, 65483, 0, 0}, 0, 1, 6548300000, 6548300000, 13096600000},
  };
  for (const Vector& v : vectors) {
    CAPTURE(v.what);
    const WriteLimit limit = kistLimit(v.info, v.outbuf, v.factor);
    CHECK(limit.tcpSpace == v.tcpSpace);
    CHECK(limit.reserve == v.reserve);
    CHECK(limit.limit == v.limit);
  }
}

TEST_CASE("with factor 1, all in one window, the limit is the paper's 2*cwnd*mss - una*mss - notsent") {
  for (uint32_t cwnd = 0; cwnd < 40; cwnd += 3) {
    for (uint32_t unacked = 0; unacked <= cwnd; unacked += 5) {
      const uint32_t notsent = 777;
      const int64_t paper = 2 * int64_t{cwnd} * 1448 - int64_t{unacked} * 1448 - notsent;
      const uint64_t expected = paper < 0 ? 0 : static_cast<uint64_t>(paper);
      CHECK(kistLimit({cwnd, unacked, 1448, notsent, 0}, 0, 1).limit == expected);
    }
  }
}

TEST_CASE("figures of any size saturate") {
  const TcpInfo huge{kMaxU32, 0, kMaxU32, 0, 0};
  CHECK(kistLimit(huge, 0, 1).limit == static_cast<uint64_t>(kMaxI64));
  CHECK(kistLimit(huge, 0, 1000).limit == static_cast<uint64_t>(kMaxI64));
  CHECK(kistLimit(huge, UINT64_MAX, 0).limit == 0);
  CHECK(kistLimit({0, kMaxU32, kMaxU32, kMaxU32, 0}, UINT64_MAX, 1).limit == 0);
  CHECK(kistLimit({10, 0, 1448, kMaxU32, 0}, 0, 1).limit == 0);
  CHECK(kistLimit({10, 0, 1448, 0, 0}, UINT64_MAX, 1).limit == 0);
}

TEST_CASE("a factor that is no sensible number is clamped") {
  const TcpInfo info{10, 10, 1000, 0, 0};
  CHECK(kistLimit(info, 0, std::nan("")).limit == 10000);
  CHECK(kistLimit(info, 0, -3).limit == 0);
  CHECK(kistLimit(info, 0, -std::numeric_limits<double>::infinity()).limit == 0);
  CHECK(kistLimit(info, 0, std::numeric_limits<double>::infinity()).limit == 10'000'000);
  CHECK(kistLimit(info, 0, 1e300).limit == 10'000'000);
}

TEST_CASE("the pacing rate caps the space where asked, when it is known") {
  TcpInfo info{100, 0, 1000, 0, 2'000'000};
  // 2 MB/s for 10 ms.
  CHECK(kistLimit(info, 0, 0, 10'000'000).limit == 20'000);
  CHECK(kistLimit(info, 0, 1, 10'000'000).limit == 120'000);
  CHECK(kistLimit(info, 0, 0, 0).limit == 100'000);
  CHECK(kistLimit(info, 0, 0, 1'000'000'000).limit == 100'000);
  for (const uint64_t unknown : {uint64_t{0}, UINT64_MAX}) {
    info.pacingRate = unknown;
    CHECK(kistLimit(info, 0, 0, 10'000'000).limit == 100'000);
  }
  info.pacingRate = UINT64_MAX - 1;
  CHECK(kistLimit(info, 0, 0, INT64_MAX).limit == 100'000);
}

TEST_CASE("the outbuf's room never underflows") {
  CHECK(outbufRoom(0) == 32768);
  CHECK(outbufRoom(32767) == 1);
  CHECK(outbufRoom(32768) == 0);
  CHECK(outbufRoom(33311) == 0);
  CHECK(outbufRoom(UINT64_MAX) == 0);
  CHECK(outbufRoom(100, 50) == 0);
}
