#include <doctest/doctest.h>

#include <string>

#include "registry/muxes.h"
#include "registry/schedulers.h"
#include "scheduler_kit.h"

using namespace kist;
using sim::ScriptedChannelOptions;
using sim::ScriptedScheduler;

namespace {

/// Runs `test` with every policy and every mux.
template <typename Test>
void forEach(Test test) {
  for (const SchedulerEntry& policy : schedulers()) {
    for (const MuxEntry& mux : muxes()) {
      CAPTURE(policy.name);
      CAPTURE(mux.name);
      ScriptedChannelOptions options;
      options.mux = mux.name;
      test(policy.name, options);
    }
  }
}

}  // namespace

TEST_CASE("every policy: found by the name it gives itself") {
  for (const SchedulerEntry& entry : schedulers()) {
    CHECK(std::string(entry.make()->name()) == entry.name);
    CHECK(findScheduler(entry.name) == &entry);
    CHECK(entry.make()->interval(SchedulerConfig{}) >= 0);
  }
  CHECK(findScheduler("none") == nullptr);
}

TEST_CASE("every policy: all cells leave, each once, and then nothing is due") {
  forEach([](const char* policy, const ScriptedChannelOptions& options) {
    ScriptedScheduler kit(policy);
    uint64_t expected = 0;
    for (uint32_t c = 1; c <= 7; ++c) {
      const uint32_t channel = kit.addChannel(options);
      for (uint32_t i = 0; i < c; ++i) {
        const uint32_t cells = 10 + c * i * 7;
        kit.queueCells(kit.addCircuit(channel), cells);
        expected += cells;
      }
      kit.queueDestroy(channel);
    }
    kit.advance(kSecond);
    CHECK(kit.stats().cellsWritten == expected);
    CHECK(kit.stats().destroysWritten == 7);
    CHECK(kit.stats().bytesWritten == (expected + 7) * 512);
    uint64_t wire = 0;
    for (const auto& write : kit.trace().writes) wire += write.bytes;
    CHECK(wire == kit.stats().bytesWritten);
    CHECK(kit.nextWake() == kNever);
    CHECK(kit.scheduler().pendingChannels() == 0);
    for (uint32_t c = 1; c <= 7; ++c) CHECK(kit.stateOf(c) == "waiting-for-cells");
  });
}

TEST_CASE("every policy: a channel that closes itself inside a flush or a write harms no other") {
  for (const bool whileWriting : {false, true}) {
    CAPTURE(whileWriting);
    forEach([&](const char* policy, const ScriptedChannelOptions& options) {
      ScriptedScheduler kit(policy);
      for (int i = 0; i < 3; ++i) kit.queueCells(kit.addCircuit(kit.addChannel(options)), 20);
      auto& hook = whileWriting ? kit.channel(2)->duringWrite : kit.channel(2)->duringFlush;
      hook = [&] { kit.closeChannel(2); };
      kit.advance(kSecond);
      CHECK(kit.isClosed(2));
      CHECK(kit.sentOf(1) == 20);
      CHECK(kit.sentOf(3) == 20);
      CHECK(kit.nextWake() == kNever);
    });
  }
}

TEST_CASE("every policy: a channel that closes another one inside a flush or a write") {
  for (const uint32_t closer : {1u, 2u, 3u}) {
    for (const bool whileWriting : {false, true}) {
      CAPTURE(closer);
      CAPTURE(whileWriting);
      forEach([&](const char* policy, const ScriptedChannelOptions& options) {
        ScriptedScheduler kit(policy);
        for (int i = 0; i < 3; ++i) kit.queueCells(kit.addCircuit(kit.addChannel(options)), 20);
        const uint32_t victim = closer % 3 + 1;
        auto& hook = whileWriting ? kit.channel(closer)->duringWrite : kit.channel(closer)->duringFlush;
        hook = [&] { kit.closeChannel(victim); };
        kit.advance(kSecond);
        CHECK(kit.isClosed(victim));
        CHECK(kit.sentOf(closer) == 20);
        CHECK(kit.sentOf(6 - closer - victim) == 20);
        CHECK(kit.nextWake() == kNever);
      });
    }
  }
}

TEST_CASE("every policy: a channel that stops being writable inside a run keeps its cells") {
  forEach([](const char* policy, const ScriptedChannelOptions& options) {
    ScriptedScheduler kit(policy);
    kit.queueCells(kit.addCircuit(kit.addChannel(options)), 20);
    kit.queueCells(kit.addCircuit(kit.addChannel(options)), 20);
    kit.channel(1)->duringFlush = [&] { kit.setWritable(1, false); };
    kit.advance(kSecond);
    CHECK(kit.sentOf(2) == 20);
    CHECK(kit.nextWake() == kNever);
    const uint64_t sent = kit.sentOf(1);
    CHECK(kit.queuedOf(1) == 20 - sent);
    kit.channel(1)->duringFlush = nullptr;
    kit.setWritable(1, true);
    kit.advance(kSecond);
    CHECK(kit.sentOf(1) == 20);
  });
}

TEST_CASE("every policy: a transport that takes a little at a time gets everything in the end") {
  forEach([](const char* policy, ScriptedChannelOptions options) {
    options.kernelTakes = 1000;
    options.recordOverhead = 22;
    ScriptedScheduler kit(policy);
    const uint32_t channel = kit.addChannel(options);
    const uint32_t circuit = kit.addCircuit(channel);
    kit.queueCells(circuit, 300);
    for (int i = 0; i < 5000 && kit.outbufOf(channel) + kit.queuedOf(circuit) > 0; ++i) {
      kit.advance(kMillisecond);
      // What a real channel does by itself when its socket is writable.
      kit.drainOutbuf(channel, 1000);
      kit.drained(channel);
      CHECK(kit.outbufOf(channel) <= 64 * 512 + 3 * 22);
    }
    CHECK(kit.sentOf(circuit) == 300);
    CHECK(kit.outbufOf(channel) == 0);
  });
}

TEST_CASE("every policy: a run of DESTROY cells alone") {
  forEach([](const char* policy, const ScriptedChannelOptions& options) {
    ScriptedScheduler kit(policy);
    const uint32_t channel = kit.addChannel(options);
    for (int i = 0; i < 30; ++i) kit.queueDestroy(channel);
    CHECK(kit.nextWake() <= kit.now());
    kit.scheduler().run();
    CHECK(kit.stats().destroysWritten == 30);
    CHECK(kit.trace().writes.size() == 1);
    CHECK(kit.nextWake() == kNever);
  });
}
