#include "sched/scheduler.h"

#include <doctest/doctest.h>

#include "scheduler_kit.h"

using namespace kist;
using sim::ScriptedChannelOptions;
using sim::ScriptedScheduler;

TEST_CASE("the four states follow cells and writability") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t channel = kit.addChannel();
  const uint32_t circuit = kit.addCircuit(channel);
  CHECK(kit.stateOf(channel) == "waiting-for-cells");
  kit.setWritable(channel, false);
  CHECK(kit.stateOf(channel) == "idle");
  kit.queueCells(circuit, 1);
  CHECK(kit.stateOf(channel) == "waiting-to-write");
  CHECK(kit.nextWake() == kNever);
  kit.setWritable(channel, true);
  CHECK(kit.stateOf(channel) == "pending");
  kit.setWritable(channel, true);
  CHECK(kit.scheduler().pendingChannels() == 1);
  kit.setWritable(channel, false);
  CHECK(kit.stateOf(channel) == "waiting-to-write");
  CHECK(kit.nextWake() == kNever);
  kit.dropCells(circuit);
  CHECK(kit.stateOf(channel) == "idle");
  kit.setWritable(channel, true);
  kit.queueCells(circuit, 1);
  kit.dropCells(circuit);
  CHECK(kit.stateOf(channel) == "waiting-for-cells");
  CHECK(kit.nextWake() == kNever);
}

TEST_CASE("a channel can be released in any state, any number of times") {
  ScriptedScheduler kit("kist");
  const uint32_t pending = kit.addChannel();
  const uint32_t parked = kit.addChannel();
  const uint32_t waiting = kit.addChannel();
  kit.setTcpInfo(parked, 0, figures(1, 1, 100, 0));
  kit.queueCells(kit.addCircuit(parked), 5);
  REQUIRE(kit.tick());
  kit.queueCells(kit.addCircuit(pending), 5);
  CHECK(kit.stateOf(parked) == "parked");
  for (const uint32_t channel : {pending, parked, waiting}) {
    kit.closeChannel(channel);
    kit.scheduler().release(*kit.channel(channel));
    kit.scheduler().release(*kit.channel(channel));
  }
  CHECK(kit.scheduler().pendingChannels() == 0);
  CHECK(kit.nextWake() == kNever);
}

TEST_CASE("a channel released inside a run is not written any more") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t one = kit.addChannel();
  const uint32_t two = kit.addChannel();
  kit.queueCells(kit.addCircuit(one), 10);
  kit.queueCells(kit.addCircuit(two), 10);
  kit.channel(two)->duringFlush = [&] { kit.scheduler().release(*kit.channel(one)); };
  REQUIRE(kit.tick());
  CHECK(letters(kit.trace()) == "abbbbbbbbbb");
  REQUIRE(kit.trace().writes.size() == 1);
  CHECK(kit.trace().writes[0].channel == two);
}

TEST_CASE("a run that is not due does nothing") {
  ScriptedScheduler kit("kist", plainConfig());
  kit.scheduler().run();
  CHECK(kit.runNumber() == 0);
  kit.queueCells(kit.addCircuit(kit.addChannel()), 1000);
  kit.scheduler().run();
  kit.scheduler().run();
  CHECK(kit.runNumber() == 1);
}

TEST_CASE("a channel that becomes pending during a run waits for the next") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t one = kit.addChannel();
  const uint32_t two = kit.addChannel();
  const uint32_t a = kit.addCircuit(one);
  const uint32_t b = kit.addCircuit(two);
  kit.queueCells(a, 3);
  kit.channel(one)->duringFlush = [&] { kit.queueCells(b, 1); };
  REQUIRE(kit.tick());
  CHECK(letters(kit.trace()) == "aaa");
  CHECK(kit.stateOf(two) == "pending");
  kit.clearTrace();
  REQUIRE(kit.tick());
  CHECK(letters(kit.trace()) == "bbb");
}

TEST_CASE("a queue refilled while its last cell leaves goes on in the same run") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t channel = kit.addChannel();
  const uint32_t circuit = kit.addCircuit(channel);
  kit.setDefaultTcpInfo(roomFor(6));
  kit.queueCells(circuit, 1);
  kit.channel(channel)->duringFlush = [&] { kit.queueCells(circuit, 1); };
  REQUIRE(kit.tick());
  CHECK(kit.sentOf(circuit) == 6);
  CHECK(kit.queuedOf(circuit) == 1);
  CHECK(kit.stateOf(channel) == "pending");
}

TEST_CASE("a run is bounded in time and goes on at once, timed runs staying where they were") {
  SchedulerConfig config = plainConfig();
  config.maxRun = 500 * kMicrosecond;
  ScriptedScheduler kit("kist", config);
  kit.setDefaultTcpInfo(figures(4000, 0, 512, 0));
  // Two equal circuits: each flush moves one cell, so 64 turns are 64 cells.
  const uint32_t a = kit.addCircuit(kit.addChannel());
  const uint32_t b = kit.addCircuit(kit.addChannel());
  kit.queueCells(a, 100);
  kit.queueCells(b, 100);
  kit.setClockStep(kMillisecond);
  kit.scheduler().run();
  kit.setClockStep(0);
  CHECK(kit.stats().cellsWritten == 63);
  CHECK(kit.stats().runsCutShort == 1);
  CHECK(kit.trace().writes.size() == 2);
  CHECK(kit.nextWake() <= kit.now());
  kit.scheduler().run();
  CHECK(kit.stats().cellsWritten == 200);
  CHECK(kit.stats().runsCutShort == 1);
  CHECK(kit.stats().timedRuns == 2);
  kit.queueCells(a, 1);
  // The first part began at 1 ms.
  CHECK(kit.nextWake() == 11 * kMillisecond);
}

TEST_CASE("the policy can change while channels are pending or parked, also inside a run") {
  ScriptedScheduler kit("kist");
  const uint32_t one = kit.addChannel();
  const uint32_t two = kit.addChannel();
  const uint32_t a = kit.addCircuit(one);
  const uint32_t b = kit.addCircuit(two);
  kit.setTcpInfo(one, 0, roomFor(2));
  kit.setTcpInfo(two, 0, figures(1, 1, 100, 0));
  kit.queueCells(a, 50);
  kit.queueCells(b, 50);
  kit.channel(one)->duringFlush = [&] { kit.setPolicy("vanilla"); };
  REQUIRE(kit.tick());
  CHECK(kit.sentOf(a) == 2);
  CHECK(std::string(kit.scheduler().policy().name()) == "vanilla");
  CHECK(kit.nextWake() <= kit.now());
  kit.channel(one)->duringFlush = nullptr;
  REQUIRE(kit.tick());
  CHECK(kit.sentOf(a) == 50);
  CHECK(kit.sentOf(b) == 50);
  CHECK_FALSE(kit.setPolicy("none"));
  REQUIRE(kit.setPolicy("kist-lite"));
  kit.queueCells(a, 1);
  CHECK(kit.nextWake() == 10 * kMillisecond);
}

TEST_CASE("a half-life change inside a run keeps the order right") {
  ScriptedScheduler kit("kist", plainConfig(), kSecond);
  const uint32_t one = kit.addChannel();
  const uint32_t two = kit.addChannel();
  const uint32_t a = kit.addCircuit(one);
  const uint32_t b = kit.addCircuit(two);
  kit.queueCells(a, 8);
  REQUIRE(kit.tick());
  kit.setTime(2 * kSecond);
  kit.clearTrace();
  kit.queueCells(a, 4);
  kit.queueCells(b, 6);
  int left = 2;
  kit.channel(two)->duringFlush = [&] {
    if (--left == 0) kit.setHalflife(10 * kSecond);
  };
  REQUIRE(kit.tick());
  // a stands at 8 / 4 = 2 throughout: b goes first until it has sent two, then they take turns.
  CHECK(letters(kit.trace()) == "bbabababab");
}

TEST_CASE("counts that fall together at zero in the middle of a run put the older service first") {
  ScriptedScheduler kit("kist", plainConfig(), kSecond);
  const uint32_t a = kit.addCircuit(kit.addChannel());
  const uint32_t b = kit.addCircuit(kit.addChannel());
  const uint32_t c = kit.addCircuit(kit.addChannel());
  const uint32_t d = kit.addCircuit(kit.addChannel());
  const uint32_t fresh = kit.addChannel();
  kit.queueCells(a, 5);
  REQUIRE(kit.tick());
  kit.queueCells(b, 3);
  REQUIRE(kit.tick());
  // Two rescales, half a thousand half-lives each.
  for (const TimeNs time : {510 * kSecond, 1020 * kSecond}) {
    kit.setTime(time);
    kit.queueCells(c, 1);
    kit.queueCells(d, 1);
    REQUIRE(kit.tick());
  }
  CHECK(kit.base().rescales() == 2);
  kit.setTime(1400 * kSecond);
  kit.clearTrace();
  // In this order b stands above a in the heap of the run, c and d beside and below.
  kit.queueCells(kit.addCircuit(fresh), 1);
  for (const uint32_t circuit : {b, c, a, d}) kit.queueCells(circuit, 1);
  kit.channel(fresh)->duringFlush = [&] { kit.setHalflife(2 * kSecond); };
  REQUIRE(kit.tick());
  CHECK(letters(kit.trace()) == "eabcd");
}

TEST_CASE("counts are as of now, and survive a change of half-life") {
  ScriptedScheduler kit("kist", plainConfig(), kSecond);
  const uint32_t circuit = kit.addCircuit(kit.addChannel());
  kit.queueCells(circuit, 8);
  REQUIRE(kit.tick());
  CHECK(kit.countOf(circuit) == doctest::Approx(8));
  kit.advance(2 * kSecond);
  CHECK(kit.countOf(circuit) == doctest::Approx(2));
  kit.setHalflife(100 * kSecond);
  CHECK(kit.countOf(circuit) == doctest::Approx(2));
  kit.advance(100 * kSecond);
  CHECK(kit.countOf(circuit) == doctest::Approx(1));
}

TEST_CASE("the waiting time of cells is counted") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t circuit = kit.addCircuit(kit.addChannel());
  kit.queueCells(circuit, 2);
  REQUIRE(kit.tick());
  kit.setTime(4 * kMillisecond);
  kit.queueCells(circuit, 1);
  REQUIRE(kit.tick());
  CHECK(kit.stats().queueDelayNs.total == 3);
  CHECK(kit.stats().queueDelayNs.max == 6 * kMillisecond);
  CHECK(kit.stats().pendingPerRun.total == 2);
  CHECK(kit.stats().runNs.total == 2);
}

TEST_CASE("a clock that goes back neither stops nor floods the scheduler") {
  ScriptedScheduler kit("kist", plainConfig(), kSecond, 100 * kSecond);
  const uint32_t circuit = kit.addCircuit(kit.addChannel());
  kit.setDefaultTcpInfo(roomFor(1));
  kit.queueCells(circuit, 100);
  REQUIRE(kit.tick());
  kit.setTime(99 * kSecond);
  kit.scheduler().run();
  CHECK(kit.sentOf(circuit) == 1);
  CHECK(kit.nextWake() == 100 * kSecond + 10 * kMillisecond);
  REQUIRE(kit.tick());
  CHECK(kit.sentOf(circuit) == 2);
}
