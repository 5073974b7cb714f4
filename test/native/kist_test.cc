#include "sched/kist.h"

#include <doctest/doctest.h>

#include "scheduler_kit.h"

using namespace kist;
using sim::ScriptedChannelOptions;
using sim::ScriptedScheduler;

TEST_CASE("a channel writes as many whole cells as its limit holds, and no more") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t channel = kit.addChannel();
  const uint32_t circuit = kit.addCircuit(channel);
  kit.setTcpInfo(channel, 0, figures(20, 10, 1000, 3000));
  kit.queueCells(circuit, 1000);
  REQUIRE(kit.tick());
  // 10,000 + 20,000 - 3,000 = 27,000 bytes = 52 cells of 512 and 376 bytes.
  CHECK(kit.limitOf(channel) == 27'000);
  CHECK(kit.writtenOf(channel) == 52 * 512);
  CHECK(kit.sentOf(circuit) == 52);
  CHECK(kit.stateOf(channel) == "pending");
  REQUIRE(kit.trace().writes.size() == 1);
  CHECK(kit.trace().writes[0].bytes == 52 * 512);
}

TEST_CASE("what waits in the outbuf is taken off the limit, records included") {
  ScriptedScheduler kit("kist", plainConfig());
  ScriptedChannelOptions options;
  options.kernelTakes = 0;
  options.recordOverhead = 22;
  const uint32_t channel = kit.addChannel(options);
  const uint32_t circuit = kit.addCircuit(channel);
  kit.setTcpInfo(channel, 0, figures(10, 10, 1448, 0));
  kit.queueCells(circuit, 100);
  REQUIRE(kit.tick());
  // 14,480 bytes: 28 cells of 512 are 14,336, and one record adds 22.
  CHECK(kit.sentOf(circuit) == 28);
  CHECK(kit.outbufOf(channel) == 14'358);
  kit.advance(10 * kMillisecond);
  CHECK(kit.limitOf(channel) == 122);
  CHECK(kit.sentOf(circuit) == 28);
}

TEST_CASE("over all channels the best circuit goes first") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t one = kit.addChannel();
  const uint32_t two = kit.addChannel();
  const uint32_t a = kit.addCircuit(one);
  const uint32_t b = kit.addCircuit(two);
  const uint32_t c = kit.addCircuit(two);
  kit.queueCells(a, 4);
  kit.queueCells(b, 2);
  kit.queueCells(c, 3);
  REQUIRE(kit.tick());
  // Equal counts: least recently served, at first the lower number.
  CHECK(letters(kit.trace()) == "abcabcaca");
  CHECK(kit.trace().writes.size() == 2);
  CHECK(kit.trace().writes[0].channel == one);
  CHECK(kit.stateOf(one) == "waiting-for-cells");
}

TEST_CASE("a quiet circuit overtakes bulk on its own and on another channel within one run") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t one = kit.addChannel();
  const uint32_t two = kit.addChannel();
  const uint32_t bulk = kit.addCircuit(one);
  const uint32_t quietHere = kit.addCircuit(one);
  const uint32_t quietThere = kit.addCircuit(two);
  for (const uint32_t channel : {one, two}) kit.setTcpInfo(channel, 0, roomFor(8));
  kit.queueCells(bulk, 1000);
  REQUIRE(kit.tick());
  kit.clearTrace();
  kit.queueCells(quietThere, 3);
  kit.queueCells(quietHere, 2);
  REQUIRE(kit.tick());
  CHECK(letters(kit.trace()) == "bcbccaaaaaa");
}

TEST_CASE("no channel with room starves, however light the others are") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t heavy = kit.addChannel();
  const uint32_t bulk = kit.addCircuit(heavy);
  kit.setDefaultTcpInfo(roomFor(4));
  kit.queueCells(bulk, 400);
  kit.advance(100 * kMillisecond);
  const uint64_t before = kit.sentOf(bulk);
  const uint32_t light = kit.addChannel();
  for (int i = 0; i < 50; ++i) kit.queueCells(kit.addCircuit(light), 50);
  kit.advance(100 * kMillisecond);
  CHECK(kit.sentOf(bulk) == before + 10 * 4);
}

TEST_CASE("a quieter circuit that becomes active in a run on a waiting channel is served next") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t one = kit.addChannel();
  const uint32_t two = kit.addChannel();
  const uint32_t a = kit.addCircuit(one);
  const uint32_t b = kit.addCircuit(two);
  const uint32_t c = kit.addCircuit(two);
  // b has sent much, c nothing.
  kit.queueCells(b, 20);
  REQUIRE(kit.tick());
  kit.clearTrace();
  kit.queueCells(a, 6);
  kit.queueCells(b, 2);
  int left = 3;
  kit.channel(one)->duringFlush = [&] {
    if (--left == 0) kit.queueCells(c, 2);
  };
  REQUIRE(kit.tick());
  // Without a re-sift channel two would stand where b put it, behind all of a.
  CHECK(letters(kit.trace()) == "aaaccaaabb");
}

TEST_CASE("a quieter circuit that becomes active on the channel being served is served next") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t channel = kit.addChannel();
  const uint32_t a = kit.addCircuit(channel);
  const uint32_t b = kit.addCircuit(channel);
  kit.queueCells(a, 8);
  int left = 3;
  kit.channel(channel)->duringFlush = [&] {
    if (--left == 0) kit.queueCells(b, 2);
  };
  REQUIRE(kit.tick());
  CHECK(letters(kit.trace()) == "aaabbaaaaa");
}

TEST_CASE("a circuit whose cells are dropped in a run leaves its channel in the right place") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t one = kit.addChannel();
  const uint32_t two = kit.addChannel();
  const uint32_t a = kit.addCircuit(one);
  const uint32_t b = kit.addCircuit(two);
  kit.queueCells(a, 3);
  kit.queueCells(b, 3);
  kit.channel(one)->duringFlush = [&] { kit.dropCells(b); };
  REQUIRE(kit.tick());
  CHECK(letters(kit.trace()) == "aaa");
  CHECK(kit.stateOf(two) == "waiting-for-cells");
  CHECK(kit.nextWake() == kNever);
}

TEST_CASE("a lone DESTROY wakes the scheduler, and many have a bounded share") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t channel = kit.addChannel();
  CHECK(kit.nextWake() == kNever);
  kit.queueDestroy(channel);
  REQUIRE(kit.tick());
  CHECK(letters(kit.trace()) == "D");
  CHECK(kit.stats().destroysWritten == 1);
  CHECK(kit.stats().cellsWritten == 0);
  CHECK(kit.trace().writes.size() == 1);
  CHECK(kit.nextWake() == kNever);
  kit.clearTrace();
  const uint32_t circuit = kit.addCircuit(channel);
  kit.queueCells(circuit, 16);
  for (int i = 0; i < 4; ++i) kit.queueDestroy(channel);
  REQUIRE(kit.tick());
  CHECK(letters(kit.trace()) == "aaaaaaaDaaaaaaaDaaDD");
}

TEST_CASE("a DESTROY goes before circuits of other channels that were served since it was queued") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t one = kit.addChannel();
  const uint32_t two = kit.addChannel();
  const uint32_t a = kit.addCircuit(one);
  kit.queueCells(a, 1);
  REQUIRE(kit.tick());
  kit.queueCells(a, 3);
  kit.queueDestroy(two);
  kit.clearTrace();
  REQUIRE(kit.tick());
  CHECK(letters(kit.trace()) == "Daaa");
}

TEST_CASE("without TCP_INFO a channel gets the outbuf's room, and the source is not asked again") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t channel = kit.addChannel();
  const uint32_t other = kit.addChannel();
  const uint32_t circuit = kit.addCircuit(channel);
  kit.setTcpInfo(channel, 0, {Status::kUnsupported, {}});
  kit.queueCells(circuit, 1000);
  kit.queueCells(kit.addCircuit(other), 1000);
  REQUIRE(kit.tick());
  CHECK(kit.limitOf(channel) == 32768);
  CHECK(kit.sentOf(circuit) == 64);
  CHECK(kit.limitOf(other) == 28960);
  kit.setTcpInfo(channel, 1, roomFor(1));
  REQUIRE(kit.tick());
  CHECK(kit.limitOf(channel) == 32768);
  CHECK(kit.stats().fallbacks == 2);
  CHECK(kit.stats().tcpInfoErrors == 0);
  CHECK(kit.stats().tcpInfoCalls == 3);
  CHECK(kit.tcpInfoCalls().size() == 3);
}

TEST_CASE("an error of the source is a fallback for that run only") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t channel = kit.addChannel();
  kit.queueCells(kit.addCircuit(channel), 1000);
  kit.setTcpInfo(channel, 0, {Status::kError, {}});
  kit.setTcpInfo(channel, 5 * kMillisecond, roomFor(3));
  REQUIRE(kit.tick());
  CHECK(kit.limitOf(channel) == 32768);
  CHECK(kit.stats().tcpInfoErrors == 1);
  REQUIRE(kit.tick());
  CHECK(kit.limitOf(channel) == 3 * 512);
}

TEST_CASE("only pending channels are asked for their figures") {
  ScriptedScheduler kit("kist", plainConfig());
  for (int i = 0; i < 50; ++i) kit.addCircuit(kit.addChannel());
  kit.queueCells(7, 1);
  kit.queueCells(9, 1);
  REQUIRE(kit.tick());
  REQUIRE(kit.tcpInfoCalls().size() == 2);
  CHECK(kit.tcpInfoCalls()[0].channel == 7);
  CHECK(kit.tcpInfoCalls()[1].channel == 9);
}

TEST_CASE("factor and interval apply from the next run on") {
  ScriptedScheduler kit("kist", plainConfig());
  const uint32_t channel = kit.addChannel();
  kit.queueCells(kit.addCircuit(channel), 10'000);
  kit.setDefaultTcpInfo(figures(10, 10, 1448, 0));
  REQUIRE(kit.tick());
  CHECK(kit.limitOf(channel) == 14'480);
  CHECK(kit.nextWake() == 10 * kMillisecond);
  SchedulerConfig config = plainConfig();
  config.sockBufSizeFactor = 0.5;
  config.interval = 2 * kMillisecond;
  kit.setConfig(config);
  CHECK(kit.nextWake() == 2 * kMillisecond);
  REQUIRE(kit.tick());
  CHECK(kit.limitOf(channel) == 7'240);
  config.interval = 0;
  kit.setConfig(config);
  CHECK(kit.nextWake() == 12 * kMillisecond);
}

TEST_CASE("leftovers of an outbuf are tried again by the next run, also without room for a cell") {
  ScriptedScheduler kit("kist", plainConfig());
  ScriptedChannelOptions options;
  options.kernelTakes = 100;
  const uint32_t channel = kit.addChannel(options);
  kit.queueCells(kit.addCircuit(channel), 100);
  kit.setTcpInfo(channel, 0, roomFor(2));
  REQUIRE(kit.tick());
  REQUIRE(kit.tick());
  REQUIRE(kit.tick());
  CHECK(kit.trace().flushes.size() == 1);
  CHECK(kit.trace().writes.size() == 3);
  CHECK(kit.outbufOf(channel) == 2 * 512 - 300);
}

TEST_CASE("10,000 circuits on 100 channels: all served, evenly, in one run") {
  ScriptedScheduler kit("kist", plainConfig());
  kit.setDefaultTcpInfo(roomFor(250));
  for (int i = 0; i < 100; ++i) {
    const uint32_t channel = kit.addChannel();
    for (int n = 0; n < 100; ++n) kit.queueCells(kit.addCircuit(channel), 3);
  }
  REQUIRE(kit.tick());
  CHECK(kit.stats().cellsWritten == 25'000);
  bool even = true;
  for (uint32_t circuit = 1; circuit <= 10'000; ++circuit) {
    if (kit.sentOf(circuit) < 2) even = false;
  }
  CHECK(even);
}

TEST_CASE("KISTLite takes the outbuf's room and asks nobody") {
  ScriptedScheduler kit("kist-lite", plainConfig());
  ScriptedChannelOptions options;
  options.kernelTakes = 10'000;
  const uint32_t channel = kit.addChannel(options);
  const uint32_t circuit = kit.addCircuit(channel);
  kit.queueCells(circuit, 1000);
  REQUIRE(kit.tick());
  CHECK(kit.sentOf(circuit) == 64);
  REQUIRE(kit.tick());
  // 22,768 bytes were left, so there was room for 10,000: 19 cells.
  CHECK(kit.limitOf(channel) == 10'000);
  CHECK(kit.sentOf(circuit) == 64 + 19);
  CHECK(kit.tcpInfoCalls().empty());
  CHECK(kit.stats().fallbacks == 0);
  CHECK(kit.now() == 10 * kMillisecond);
}
