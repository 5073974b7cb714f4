#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "registry/muxes.h"

using namespace kist;

namespace {

/// Any mux with a few circuits; compares it with a plain search for the lowest key.
struct Bench {
  PriorityBase base{0, kSecond};
  std::unique_ptr<CircuitMux> mux;
  CellPool pool;
  std::vector<std::unique_ptr<CircuitQueue>> queues;

  explicit Bench(const MuxEntry& entry) : mux(entry.make(base)) {}
  ~Bench() {
    for (auto& queue : queues) {
      drop(*queue);
      mux->detach(*queue);
    }
  }
  CircuitQueue& add() {
    queues.push_back(std::make_unique<CircuitQueue>());
    mux->attach(*queues.back(), queues.size());
    return *queues.back();
  }
  void push(CircuitQueue& queue) {
    queue.push(pool.take());
    if (queue.size() == 1) mux->activate(queue);
  }
  void drop(CircuitQueue& queue) {
    while (!queue.isEmpty()) pool.giveBack(queue.pop());
  }
  void send(CircuitQueue& queue, uint32_t cells) {
    for (uint32_t i = 0; i < cells && !queue.isEmpty(); ++i) {
      pool.giveBack(queue.pop());
      mux->onCellSent(queue);
      mux->onDataCellSent();
    }
    mux->settle(queue);
  }
  /// Active circuits by key.
  std::vector<CircuitQueue*> sorted() const {
    std::vector<CircuitQueue*> active;
    for (const auto& queue : queues) {
      if (queue->isAttached() && !queue->isEmpty()) active.push_back(queue.get());
    }
    std::sort(active.begin(), active.end(), [](auto* a, auto* b) { return a->key() < b->key(); });
    return active;
  }
  void check() const {
    const auto active = sorted();
    REQUIRE(mux->activeCircuits() == active.size());
    REQUIRE(mux->best() == (active.empty() ? nullptr : active[0]));
    PriorityKey second;
    REQUIRE(mux->secondBestKey(second) == (active.size() > 1));
    if (active.size() > 1) REQUIRE(second == active[1]->key());
  }
};

}  // namespace

TEST_CASE("every mux: found by the name it gives itself") {
  PriorityBase base(0);
  for (const MuxEntry& entry : muxes()) {
    CHECK(std::string(entry.make(base)->name()) == entry.name);
    CHECK(findMux(entry.name) == &entry);
  }
  CHECK(findMux("none") == nullptr);
  CHECK(findMux("") == nullptr);
}

TEST_CASE("every mux: nothing to serve while no circuit is active") {
  for (const MuxEntry& entry : muxes()) {
    CAPTURE(entry.name);
    Bench bench(entry);
    CircuitQueue& queue = bench.add();
    CHECK(bench.mux->best() == nullptr);
    CHECK_FALSE(bench.mux->hasCells());
    CHECK_FALSE(bench.mux->key().has_value());
    bench.push(queue);
    CHECK(bench.mux->best() == &queue);
    CHECK(*bench.mux->key() == queue.key());
    bench.drop(queue);
    bench.mux->deactivate(queue);
    CHECK(bench.mux->best() == nullptr);
    CHECK_FALSE(bench.mux->hasCells());
    // Both are harmless twice.
    bench.mux->deactivate(queue);
    bench.push(queue);
    bench.mux->activate(queue);
    CHECK(bench.mux->activeCircuits() == 1);
  }
}

TEST_CASE("every mux: best and second best are those with the lowest keys, whatever happened") {
  for (const MuxEntry& entry : muxes()) {
    CAPTURE(entry.name);
    std::mt19937 random(7);
    const auto roll = [&](uint32_t sides) { return static_cast<uint32_t>(random() % sides); };
    Bench bench(entry);
    TimeNs now = 0;
    for (int step = 0; step < 20'000; ++step) {
      const uint32_t choice = roll(100);
      CircuitQueue* some = bench.queues.empty()
                               ? nullptr
                               : bench.queues[roll(static_cast<uint32_t>(bench.queues.size()))].get();
      if (choice < 3 && bench.queues.size() < 200) {
        bench.add();
      } else if (choice < 40 && some != nullptr) {
        for (uint32_t i = roll(5); i > 0 && some->isAttached(); --i) bench.push(*some);
      } else if (choice < 70 && bench.mux->best() != nullptr) {
        bench.send(*bench.mux->best(), 1 + roll(2));
      } else if (choice < 82 && some != nullptr && some->isAttached()) {
        bench.drop(*some);
        bench.mux->deactivate(*some);
      } else if (choice < 84 && some != nullptr && some->isAttached()) {
        bench.mux->detach(*some);
        bench.drop(*some);
        bench.mux->attach(*some, some->key().handle);
      } else if (choice < 87) {
        now += static_cast<TimeNs>(roll(40)) * kSecond;
        bench.base.beginRun(now);
      } else if (choice == 87) {
        bench.base.setHalflife(now, static_cast<TimeNs>(1 + roll(20)) * kSecond);
      }
      bench.check();
    }
    CHECK(bench.base.rescales() > 0);
  }
}

TEST_CASE("every mux: after a DESTROY seven cells pass before the next while a circuit is active") {
  for (const MuxEntry& entry : muxes()) {
    CAPTURE(entry.name);
    Bench bench(entry);
    CircuitQueue& queue = bench.add();
    for (int i = 0; i < 20; ++i) bench.push(queue);
    for (uint32_t id = 1; id <= 5; ++id) bench.mux->queueDestroy(id, 3);
    std::string order;
    while (bench.mux->hasCells()) {
      if (bench.mux->isDestroyNext()) {
        CHECK(bench.mux->takeDestroy().reason == 3);
        order += 'D';
      } else {
        bench.send(*bench.mux->best(), 1);
        order += '.';
      }
    }
    CHECK(order == "D.......D.......D......DD");
  }
}

TEST_CASE(
    "every mux: a waiting DESTROY gives a channel the key of an unserved circuit queued at that moment") {
  for (const MuxEntry& entry : muxes()) {
    CAPTURE(entry.name);
    Bench bench(entry);
    CircuitQueue& queue = bench.add();
    for (int i = 0; i < 3; ++i) bench.push(queue);
    bench.base.beginRun(0);
    bench.send(queue, 1);
    bench.mux->queueDestroy(9, 0);
    const PriorityKey key = *bench.mux->key();
    CHECK(key.count == 0);
    CHECK(key.handle == 0);
    CHECK(key.lastServed == queue.key().lastServed + 1);
    CHECK(bench.mux->takeDestroy().circId == 9);
    CHECK(*bench.mux->key() == queue.key());
  }
}

TEST_CASE("every mux: 10,000 circuits are served once each before any is served again") {
  for (const MuxEntry& entry : muxes()) {
    CAPTURE(entry.name);
    Bench bench(entry);
    for (int i = 0; i < 10'000; ++i) {
      CircuitQueue& queue = bench.add();
      bench.push(queue);
      bench.push(queue);
    }
    bench.base.beginRun(0);
    uint64_t mismatches = 0;
    for (uint64_t i = 0; i < 20'000; ++i) {
      CircuitQueue& best = *bench.mux->best();
      if (best.key().handle != i % 10'000 + 1) ++mismatches;
      bench.send(best, 1);
    }
    CHECK(mismatches == 0);
    CHECK_FALSE(bench.mux->hasCells());
  }
}

TEST_CASE("every mux: circuits outlive it") {
  for (const MuxEntry& entry : muxes()) {
    CircuitQueue queue;
    CellPool pool;
    {
      PriorityBase base(0);
      const auto mux = entry.make(base);
      const auto other = entry.make(base);
      mux->attach(queue, 1);
      queue.push(pool.take());
      mux->activate(queue);
    }
    CHECK_FALSE(queue.isAttached());
    CHECK_FALSE(queue.isActive());
    pool.giveBack(queue.pop());
  }
}
