#include <doctest/doctest.h>

#include "scheduler_kit.h"

using namespace kist;
using sim::ScriptedChannelOptions;
using sim::ScriptedScheduler;

namespace {

constexpr TimeNs kMs = kMillisecond;

/// No room at all: a window in flight and one unsent.
MockTcpInfo::Answer full() { return figures(10, 10, 512, 5120); }

}  // namespace

TEST_CASE("a channel without room is parked: 1, 2, 4, 8, 16, 16 intervals") {
  SchedulerConfig config = plainConfig();
  config.parking = true;
  ScriptedScheduler kit("kist", config);
  const uint32_t stalled = kit.addChannel();
  kit.setTcpInfo(stalled, 0, full());
  kit.queueCells(kit.addCircuit(stalled), 10);
  kit.advance(700 * kMs);
  std::vector<TimeNs> asked;
  for (const auto& call : kit.tcpInfoCalls()) asked.push_back(call.at / kMs);
  CHECK(asked == std::vector<TimeNs>{0, 10, 30, 70, 150, 310, 470, 630});
  CHECK(kit.stateOf(stalled) == "parked");
  CHECK(kit.scheduler().pendingChannels() == 1);
  CHECK(kit.nextWake() == 790 * kMs);
  CHECK(kit.stats().limitsAtZero == 8);
}

TEST_CASE("others do not make a parked channel be asked; its drain event does, and resets the back-off") {
  SchedulerConfig config = plainConfig();
  config.parking = config.drainWake = true;
  ScriptedScheduler kit("kist", config);
  const uint32_t stalled = kit.addChannel();
  const uint32_t busy = kit.addChannel();
  const uint32_t circuit = kit.addCircuit(stalled);
  kit.setTcpInfo(stalled, 0, full());
  kit.setTcpInfo(busy, 0, roomFor(2));
  kit.queueCells(circuit, 100);
  kit.queueCells(kit.addCircuit(busy), 1000);
  kit.advance(105 * kMs);
  uint64_t asked = 0;
  for (const auto& call : kit.tcpInfoCalls()) asked += call.channel == stalled;
  CHECK(asked == 4);
  kit.setTcpInfo(stalled, kit.now(), roomFor(3));
  REQUIRE(kit.drained(stalled));
  CHECK(kit.nextWake() <= kit.now());
  kit.scheduler().run();
  CHECK(kit.sentOf(circuit) == 3);
  kit.setTcpInfo(stalled, kit.now() + 1, full());
  // Timed run at 110: parked again, for one interval.
  kit.advance(6 * kMs);
  CHECK(kit.stateOf(stalled) == "parked");
  kit.clearTrace();
  kit.setTcpInfo(stalled, kit.now() + 1, roomFor(3));
  kit.advance(10 * kMs);
  CHECK(kit.sentOf(circuit) == 6);
}

TEST_CASE(
    "a parked channel is woken by its drain event without TCP_NOTSENT_LOWAT and with drain wakes off too") {
  for (const bool lowat : {false, true}) {
    CAPTURE(lowat);
    SchedulerConfig config = plainConfig();
    config.parking = true;
    ScriptedScheduler kit("kist", config);
    ScriptedChannelOptions options;
    options.canLowat = lowat;
    const uint32_t channel = kit.addChannel(options);
    const uint32_t circuit = kit.addCircuit(channel);
    kit.setTcpInfo(channel, 0, full());
    kit.queueCells(circuit, 10);
    kit.advance(35 * kMs);
    CHECK(kit.nextWake() == 70 * kMs);
    kit.setTcpInfo(channel, kit.now(), roomFor(10));
    REQUIRE(kit.drained(channel));
    // Not an early run: the timed one, as if it had not been parked.
    CHECK(kit.nextWake() == 40 * kMs);
    REQUIRE(kit.tick());
    CHECK(kit.sentOf(circuit) == 10);
  }
}

TEST_CASE("a parked channel that cannot tell is asked when its pacing timer says so, once") {
  SchedulerConfig config = plainConfig();
  config.parking = config.drainWake = true;
  ScriptedScheduler kit("kist", config);
  ScriptedChannelOptions options;
  options.canWatch = false;
  const uint32_t channel = kit.addChannel(options);
  // 5,120 unsent bytes at 1.28 MB/s: 4 ms.
  kit.setTcpInfo(channel, 0, figures(10, 10, 512, 5120, 1'280'000));
  kit.queueCells(kit.addCircuit(channel), 10);
  kit.advance(100 * kMs);
  std::vector<TimeNs> asked;
  for (const auto& call : kit.tcpInfoCalls()) asked.push_back(call.at / kMs);
  // The back-off of two intervals begins there.
  CHECK(asked == std::vector<TimeNs>{0, 4, 24, 64});
  CHECK(kit.stats().drainRuns == 1);
}

TEST_CASE("a drain event that brings no room does not lead to a run every millisecond") {
  SchedulerConfig config;
  ScriptedScheduler kit("kist", config);
  const uint32_t channel = kit.addChannel();
  kit.setTcpInfo(channel, 0, full());
  kit.queueCells(kit.addCircuit(channel), 10);
  for (int i = 0; i < 1000; ++i) {
    kit.advance(kMs);
    kit.drained(channel);
  }
  // Back-off alone would make 9 in a second.
  CHECK(kit.tcpInfoCalls().size() <= 20);
}

TEST_CASE("with parking off every run asks, and switching it off wakes what is parked") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t channel = kit.addChannel();
  kit.setTcpInfo(channel, 0, full());
  kit.queueCells(kit.addCircuit(channel), 10);
  kit.advance(95 * kMs);
  CHECK(kit.tcpInfoCalls().size() == 10);
  SchedulerConfig parking = plainConfig();
  parking.parking = true;
  kit.setConfig(parking);
  kit.advance(100 * kMs);
  CHECK(kit.stateOf(channel) == "parked");
  kit.setConfig(plainConfig());
  CHECK(kit.stateOf(channel) == "pending");
}
