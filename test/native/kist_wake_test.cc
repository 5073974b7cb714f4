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

TEST_CASE("the first cell after a quiet time is served at once, then the interval is the period") {
  ScriptedScheduler kit("kist", plainConfig(), 30 * kSecond, 5 * kSecond);
  const uint32_t circuit = kit.addCircuit(kit.addChannel());
  CHECK(kit.nextWake() == kNever);
  kit.queueCells(circuit, 1);
  CHECK(kit.nextWake() <= kit.now());
  kit.scheduler().run();
  CHECK(kit.sentOf(circuit) == 1);
  CHECK(kit.nextWake() == kNever);
  // 3 ms later the next one has to wait for the interval, 30 ms later not.
  kit.advance(3 * kMs);
  kit.queueCells(circuit, 1);
  CHECK(kit.nextWake() == 5 * kSecond + 10 * kMs);
  kit.scheduler().run();
  CHECK(kit.sentOf(circuit) == 1);
  kit.advance(30 * kMs);
  CHECK(kit.sentOf(circuit) == 2);
  kit.queueCells(circuit, 1);
  CHECK(kit.nextWake() <= kit.now());
}

TEST_CASE("a long run does not put off the next timed one") {
  ScriptedScheduler kit("kist", plainConfig());
  kit.setDefaultTcpInfo(roomFor(10));
  kit.queueCells(kit.addCircuit(kit.addChannel()), 1000);
  kit.setClockStep(kMs);
  kit.tick();
  const TimeNs start = kit.tcpInfoCalls().empty() ? 0 : kit.tcpInfoCalls()[0].at - kMs;
  kit.setClockStep(0);
  CHECK(kit.now() > start);
  CHECK(kit.nextWake() == start + 10 * kMs);
}

TEST_CASE("a drain wake leads to an early run over all channels, with limits read anew") {
  SchedulerConfig config = plainConfig();
  config.drainWake = true;
  ScriptedScheduler kit("kist", config);
  const uint32_t one = kit.addChannel();
  const uint32_t two = kit.addChannel();
  const uint32_t a = kit.addCircuit(one);
  const uint32_t b = kit.addCircuit(two);
  kit.setDefaultTcpInfo(roomFor(4));
  kit.queueCells(a, 100);
  kit.queueCells(b, 100);
  REQUIRE(kit.tick());
  CHECK(kit.channel(one)->isWatched());
  CHECK(kit.stats().drainWatches == 2);
  CHECK(kit.nextWake() == 10 * kMs);
  kit.setTime(300 * kMicrosecond);
  REQUIRE(kit.drained(one));
  // At least minRunGap after the last run.
  CHECK(kit.nextWake() == kMs);
  kit.clearTrace();
  REQUIRE(kit.tick());
  CHECK(letters(kit.trace()) == "abababab");
  CHECK(kit.trace().flushes[0].kind == RunKind::kDrain);
  CHECK(kit.stats().drainRuns == 1);
  CHECK(kit.stats().timedRuns == 1);
  CHECK(kit.stats().tcpInfoCalls == 4);
  // The timed runs stay where they were.
  CHECK(kit.nextWake() == 10 * kMs);
  // The gap after the last run is long over.
  kit.setTime(9'500 * kMicrosecond);
  REQUIRE(kit.drained(one));
  CHECK(kit.nextWake() == 2 * kMs);
  REQUIRE(kit.tick());
  CHECK(kit.stats().drainRuns == 2);
  CHECK(kit.nextWake() == 10 * kMs);
}

TEST_CASE("a channel is watched once, and not when it has room or no cells left") {
  SchedulerConfig config = plainConfig();
  config.drainWake = true;
  ScriptedScheduler kit("kist", config);
  const uint32_t one = kit.addChannel();
  const uint32_t two = kit.addChannel();
  kit.setDefaultTcpInfo(roomFor(4));
  kit.queueCells(kit.addCircuit(one), 100);
  kit.queueCells(kit.addCircuit(two), 4);
  kit.advance(50 * kMs);
  CHECK(kit.stats().drainWatches == 1);
  CHECK(kit.channel(one)->isWatched());
  CHECK_FALSE(kit.channel(two)->isWatched());
}

TEST_CASE("with drain wakes off nothing is watched and nothing is early") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t channel = kit.addChannel();
  kit.setDefaultTcpInfo(roomFor(4));
  kit.queueCells(kit.addCircuit(channel), 100);
  REQUIRE(kit.tick());
  CHECK_FALSE(kit.drained(channel));
  kit.scheduler().onDrained(*kit.channel(channel));
  CHECK(kit.nextWake() == 10 * kMs);
}

TEST_CASE("TCP_NOTSENT_LOWAT is the window share, set when it doubles, halves or is outgrown") {
  SchedulerConfig config = plainConfig();
  config.drainWake = true;
  ScriptedScheduler kit("kist", config);
  const uint32_t channel = kit.addChannel();
  kit.queueCells(kit.addCircuit(channel), 100'000);
  const auto lowatWith = [&](const MockTcpInfo::Answer& answer) {
    kit.setTcpInfo(channel, kit.now(), answer);
    REQUIRE(kit.tick());
    kit.setTime(kit.now() + 1);
    return kit.channel(channel)->lowat();
  };
  CHECK(lowatWith(figures(10, 0, 1000, 0)) == 10'000);
  // A reserve that fits: nothing to do, though the window grew.
  CHECK(lowatWith(figures(15, 15, 1000, 6000)) == 10'000);
  CHECK(lowatWith(figures(6, 0, 1000, 0)) == 10'000);
  CHECK(kit.stats().lowatCalls == 1);
  // A reserve of 12,000 would be cut short by 10,000.
  CHECK(lowatWith(figures(12, 12, 1000, 0)) == 15'000);
  CHECK(lowatWith(figures(14, 14, 1000, 0)) == 15'000);
  CHECK(lowatWith(figures(30, 30, 1000, 25'000)) == 30'000);
  CHECK(lowatWith(figures(15, 15, 1000, 0)) == 15'000);
  // Never under two segments.
  CHECK(lowatWith(figures(1, 0, 1000, 0)) == 2'000);
  CHECK(kit.stats().lowatCalls == 5);
}

TEST_CASE("a policy without kernel figures takes the bound on unsent bytes off again") {
  SchedulerConfig config = plainConfig();
  config.drainWake = true;
  ScriptedScheduler kit("kist", config);
  const uint32_t channel = kit.addChannel();
  kit.queueCells(kit.addCircuit(channel), 10'000);
  REQUIRE(kit.tick());
  CHECK(kit.channel(channel)->lowat() == 14'480);
  REQUIRE(kit.setPolicy("vanilla"));
  REQUIRE(kit.tick());
  CHECK(kit.channel(channel)->lowat() == UINT32_MAX);
}

TEST_CASE("where a transport cannot tell, a timer at the pacing rate stands in for the drain wake") {
  SchedulerConfig config = plainConfig();
  config.drainWake = true;
  for (const bool lowat : {true, false}) {
    CAPTURE(lowat);
    ScriptedScheduler kit("kist", config);
    ScriptedChannelOptions options;
    options.canWatch = !lowat;
    options.canLowat = lowat;
    const uint32_t channel = kit.addChannel(options);
    kit.queueCells(kit.addCircuit(channel), 1000);
    // Limit 10,240 = 20 cells, none of which can leave at once; 2.56 MB/s: 4 ms.
    kit.setTcpInfo(channel, 0, figures(20, 20, 512, 0, 2'560'000));
    REQUIRE(kit.tick());
    CHECK(kit.nextWake() == 4 * kMs);
    REQUIRE(kit.tick());
    CHECK(kit.stats().drainRuns == 1);
    // Without a known rate the next timed run has to do.
    kit.setTcpInfo(channel, 5 * kMs, figures(20, 20, 512, 0, UINT64_MAX));
    kit.setTime(9 * kMs);
    REQUIRE(kit.tick());
    CHECK(kit.stats().drainRuns == 2);
    CHECK(kit.nextWake() == 10 * kMs);
  }
}

TEST_CASE("a light circuit that becomes active asks for an early run") {
  SchedulerConfig config = plainConfig();
  config.lightWake = true;
  ScriptedScheduler kit("kist", config);
  const uint32_t busy = kit.addChannel();
  const uint32_t idle = kit.addChannel();
  const uint32_t bulk = kit.addCircuit(busy);
  const uint32_t quiet = kit.addCircuit(idle);
  kit.setTcpInfo(busy, 0, roomFor(10));
  kit.setTcpInfo(busy, 1, full());
  kit.queueCells(bulk, 1000);
  REQUIRE(kit.tick());
  kit.setTime(2 * kMs);
  kit.queueCells(quiet, 1);
  CHECK(kit.nextWake() <= kit.now());
  kit.clearTrace();
  kit.scheduler().run();
  CHECK(letters(kit.trace()) == "b");
  CHECK(kit.stats().lightRuns == 1);
  CHECK(kit.nextWake() == 10 * kMs);
  // Again within the gap: not before it is over.
  kit.setTime(2'400 * kMicrosecond);
  kit.queueCells(quiet, 1);
  CHECK(kit.nextWake() == 3 * kMs);
}

TEST_CASE("a circuit that is not lighter than the others of the last run waits for the timed one") {
  SchedulerConfig config = plainConfig();
  config.lightWake = true;
  ScriptedScheduler kit("kist", config);
  const uint32_t one = kit.addChannel();
  const uint32_t two = kit.addChannel();
  const uint32_t a = kit.addCircuit(one);
  const uint32_t b = kit.addCircuit(two);
  const uint32_t c = kit.addCircuit(two);
  kit.queueCells(a, 3);
  kit.queueCells(b, 5);
  REQUIRE(kit.tick());
  // a's 3 cells are not fewer than its own, but fewer than b's 5; b's are not fewer than a's.
  kit.queueCells(b, 1);
  CHECK(kit.nextWake() == 10 * kMs);
  kit.queueCells(a, 1);
  CHECK(kit.nextWake() == kMs);
  REQUIRE(kit.tick());
  // That run served a (now 4) and b (now 6).
  kit.queueCells(c, 1);
  CHECK(kit.nextWake() == 2 * kMs);
}

TEST_CASE("a lone circuit never waits longer than the gap; with light wakes off it waits for the interval") {
  for (const bool on : {true, false}) {
    SchedulerConfig config = plainConfig();
    config.lightWake = on;
    ScriptedScheduler kit("kist", config);
    const uint32_t circuit = kit.addCircuit(kit.addChannel());
    kit.queueCells(circuit, 1);
    REQUIRE(kit.tick());
    kit.queueCells(circuit, 1);
    CHECK(kit.nextWake() == (on ? 1 : 10) * kMs);
  }
}

TEST_CASE("a light circuit on a channel at its limit asks for nothing") {
  SchedulerConfig config = plainConfig();
  config.lightWake = true;
  ScriptedScheduler kit("kist", config);
  const uint32_t channel = kit.addChannel();
  const uint32_t bulk = kit.addCircuit(channel);
  const uint32_t quiet = kit.addCircuit(channel);
  kit.setDefaultTcpInfo(roomFor(4));
  kit.queueCells(bulk, 1000);
  REQUIRE(kit.tick());
  kit.queueCells(quiet, 1);
  CHECK(kit.nextWake() == 10 * kMs);
}

TEST_CASE("a timed run that is due counts as such, whatever else was asked for") {
  SchedulerConfig config = plainConfig();
  config.lightWake = config.drainWake = true;
  ScriptedScheduler kit("kist", config);
  const uint32_t channel = kit.addChannel();
  kit.setDefaultTcpInfo(roomFor(4));
  kit.queueCells(kit.addCircuit(channel), 1000);
  REQUIRE(kit.tick());
  kit.setTime(10 * kMs);
  REQUIRE(kit.drained(channel));
  kit.scheduler().run();
  CHECK(kit.stats().timedRuns == 2);
  CHECK(kit.stats().drainRuns == 0);
  CHECK(kit.nextWake() == 20 * kMs);
}

TEST_CASE("a full queue on a channel with room is served at once, without the gap") {
  SchedulerConfig config = plainConfig();
  config.fullWake = true;
  config.minRunGap = kMs;
  ScriptedScheduler kit("kist", config, 30 * kSecond, 5 * kSecond);
  const uint32_t channel = kit.addChannel();
  const uint32_t circuit = kit.addCircuit(channel);
  kit.queueCells(circuit, 1);
  kit.tick();
  kit.queueCells(circuit, 8);
  CHECK(kit.nextWake() == kit.now() + 10 * kMs);
  kit.scheduler().onQueueHigh(*kit.channel(channel));
  CHECK(kit.nextWake() <= kit.now());
  kit.scheduler().run();
  CHECK(kit.sentOf(circuit) == 9);
  CHECK(kit.stats().fullRuns == 1);
  CHECK(kit.stats().timedRuns == 1);
}

TEST_CASE("a full queue asks for no run when its channel has no room, or when that is switched off") {
  SchedulerConfig config = plainConfig();
  config.fullWake = true;
  ScriptedScheduler kit("kist", config, 30 * kSecond, 5 * kSecond);
  const uint32_t channel = kit.addChannel();
  const uint32_t circuit = kit.addCircuit(channel);
  kit.setDefaultTcpInfo(roomFor(4));
  kit.queueCells(circuit, 100);
  kit.tick();
  CHECK(kit.sentOf(circuit) == 4);
  kit.scheduler().onQueueHigh(*kit.channel(channel));
  CHECK(kit.nextWake() == kit.now() + 10 * kMs);
  kit.setDefaultTcpInfo(roomFor(200));
  kit.advance(10 * kMs);
  CHECK(kit.sentOf(circuit) == 100);
  config.fullWake = false;
  kit.setConfig(config);
  kit.queueCells(circuit, 1);
  kit.scheduler().onQueueHigh(*kit.channel(channel));
  CHECK(kit.nextWake() > kit.now());
}
