#include "sched/vanilla.h"

#include <doctest/doctest.h>

#include "scheduler_kit.h"

using namespace kist;
using sim::ScriptedChannelOptions;
using sim::ScriptedScheduler;

TEST_CASE("Vanilla writes all that a transport takes, at once and again at once") {
  ScriptedScheduler kit("vanilla");
  const uint32_t circuit = kit.addCircuit(kit.addChannel());
  kit.queueCells(circuit, 1000);
  CHECK(kit.nextWake() <= kit.now());
  REQUIRE(kit.tick());
  CHECK(kit.sentOf(circuit) == 1000);
  CHECK(kit.nextWake() == kNever);
  kit.queueCells(circuit, 1);
  CHECK(kit.nextWake() <= kit.now());
  REQUIRE(kit.tick());
  CHECK(kit.sentOf(circuit) == 1001);
  CHECK(kit.now() == 0);
  CHECK(kit.tcpInfoCalls().empty());
  CHECK(kit.stats().timedRuns == 2);
}

TEST_CASE("Vanilla serves channels in the order of becoming pending, whatever their circuits sent") {
  ScriptedScheduler kit("vanilla");
  const uint32_t one = kit.addChannel();
  const uint32_t two = kit.addChannel();
  const uint32_t bulk = kit.addCircuit(one);
  const uint32_t quiet = kit.addCircuit(two);
  kit.queueCells(bulk, 100);
  REQUIRE(kit.tick());
  kit.clearTrace();
  kit.queueCells(bulk, 3);
  kit.queueCells(quiet, 2);
  REQUIRE(kit.tick());
  CHECK(letters(kit.trace()) == "aaabb");
  kit.clearTrace();
  kit.queueCells(quiet, 2);
  kit.queueCells(bulk, 3);
  REQUIRE(kit.tick());
  CHECK(letters(kit.trace()) == "bbaaa");
}

TEST_CASE("within a channel Vanilla keeps the order of the mux") {
  ScriptedScheduler kit("vanilla");
  const uint32_t channel = kit.addChannel();
  const uint32_t bulk = kit.addCircuit(channel);
  const uint32_t quiet = kit.addCircuit(channel);
  kit.queueCells(bulk, 5);
  REQUIRE(kit.tick());
  kit.clearTrace();
  kit.queueCells(bulk, 3);
  kit.queueCells(quiet, 3);
  REQUIRE(kit.tick());
  CHECK(letters(kit.trace()) == "bbbaaa");
}

TEST_CASE("a channel whose outbuf is full waits to write until the outbuf drained") {
  ScriptedScheduler kit("vanilla");
  ScriptedChannelOptions options;
  options.kernelTakes = 0;
  const uint32_t channel = kit.addChannel(options);
  const uint32_t circuit = kit.addCircuit(channel);
  kit.queueCells(circuit, 100);
  REQUIRE(kit.tick());
  CHECK(kit.sentOf(circuit) == 64);
  CHECK(kit.outbufOf(channel) == 32768);
  CHECK(kit.stateOf(channel) == "waiting-to-write");
  CHECK(kit.nextWake() == kNever);
  // Above the low-water mark nothing happens.
  kit.drainOutbuf(channel, 10'000);
  CHECK(kit.nextWake() == kNever);
  kit.drainOutbuf(channel, 10'000);
  CHECK(kit.nextWake() <= kit.now());
  REQUIRE(kit.tick());
  CHECK(kit.sentOf(circuit) == 100);
  CHECK(kit.stateOf(channel) == "waiting-for-cells");
}

TEST_CASE("one channel that takes nothing does not hold up the next") {
  ScriptedScheduler kit("vanilla");
  ScriptedChannelOptions stuck;
  stuck.kernelTakes = 0;
  const uint32_t a = kit.addCircuit(kit.addChannel(stuck));
  const uint32_t b = kit.addCircuit(kit.addChannel());
  kit.queueCells(a, 1000);
  kit.queueCells(b, 1000);
  REQUIRE(kit.tick());
  CHECK(kit.sentOf(a) == 64);
  CHECK(kit.sentOf(b) == 1000);
}
