#include "circuit/ewma_mux.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

using namespace kist;

namespace {

/// Circuits on one EWMA mux.
struct Fixture {
  PriorityBase base{0, kSecond};
  EwmaMux mux{base};
  CellPool pool;
  std::vector<std::unique_ptr<CircuitQueue>> queues;

  CircuitQueue& add(uint32_t cells) {
    queues.push_back(std::make_unique<CircuitQueue>());
    mux.attach(*queues.back(), queues.size());
    fill(*queues.back(), cells);
    return *queues.back();
  }
  void fill(CircuitQueue& queue, uint32_t cells) {
    const bool wasEmpty = queue.isEmpty();
    for (uint32_t i = 0; i < cells; ++i) queue.push(pool.take());
    if (wasEmpty && cells > 0) mux.activate(queue);
  }
  void send(CircuitQueue& queue, uint32_t cells = 1) {
    for (uint32_t i = 0; i < cells; ++i) {
      pool.giveBack(queue.pop());
      mux.onCellSent(queue);
    }
    mux.settle(queue);
  }
  ~Fixture() {
    for (auto& queue : queues) {
      while (!queue->isEmpty()) pool.giveBack(queue->pop());
      mux.detach(*queue);
    }
  }
};

}  // namespace

TEST_CASE("a sent cell counts half after one half-life") {
  Fixture f;
  CircuitQueue& circuit = f.add(8);
  f.base.beginRun(0);
  f.send(circuit, 4);
  CHECK(f.base.countAt(0, circuit.key().count) == doctest::Approx(4));
  CHECK(f.base.countAt(kSecond, circuit.key().count) == doctest::Approx(2));
  CHECK(f.base.countAt(2 * kSecond, circuit.key().count) == doctest::Approx(1));
  // One more cell at two half-lives: 1 + 1.
  f.base.beginRun(2 * kSecond);
  CHECK(f.base.weight() == 4);
  f.send(circuit);
  CHECK(f.base.countAt(2 * kSecond, circuit.key().count) == doctest::Approx(2));
}

TEST_CASE("a weight is two to the power of time over half-life, between whole half-lives too") {
  PriorityBase base(5 * kSecond, 30 * kSecond);
  for (const double halflives : {0.0, 0.25, 0.5, 1.0, 1.75, 7.3, 100.01, 499.9}) {
    base.beginRun(5 * kSecond + static_cast<TimeNs>(halflives * 30e9));
    CHECK(base.weight() == doctest::Approx(std::exp2(halflives)).epsilon(1e-7));
  }
}

TEST_CASE("the circuit that sent least lately is best") {
  Fixture f;
  CircuitQueue& bulk = f.add(100);
  CircuitQueue& quiet = f.add(100);
  f.base.beginRun(0);
  f.send(bulk, 10);
  CHECK(f.mux.best() == &quiet);
  f.base.beginRun(4 * kSecond);
  // One fresh cell outweighs ten of four half-lives ago (10 / 16).
  f.send(quiet);
  CHECK(f.mux.best() == &bulk);
}

TEST_CASE("ties go to the least recently served, then to the lower handle") {
  Fixture f;
  CircuitQueue& first = f.add(10);
  CircuitQueue& second = f.add(10);
  CircuitQueue& third = f.add(10);
  f.base.beginRun(0);
  CHECK(f.mux.best() == &first);
  f.send(first);
  CHECK(f.mux.best() == &second);
  f.send(second);
  f.send(third);
  CHECK(f.mux.best() == &first);
  f.send(first);
  CHECK(f.mux.best() == &second);
  PriorityKey key;
  REQUIRE(f.mux.secondBestKey(key));
  CHECK(key == third.key());
}

TEST_CASE("an exponent past 500 multiplies all counts down once and keeps their order and ratio") {
  Fixture f;
  CircuitQueue& bulk = f.add(100);
  CircuitQueue& quiet = f.add(100);
  f.base.beginRun(500 * kSecond);
  CHECK(f.base.rescales() == 0);
  f.send(bulk, 8);
  f.send(quiet, 2);
  const double bulkBefore = f.base.countAt(501 * kSecond, bulk.key().count);
  f.base.beginRun(501 * kSecond);
  CHECK(f.base.rescales() == 1);
  CHECK(f.base.weight() == 1);
  CHECK(bulk.key().count == doctest::Approx(bulkBefore));
  CHECK(bulk.key().count == doctest::Approx(4));
  CHECK(quiet.key().count == doctest::Approx(1));
  CHECK(f.mux.best() == &quiet);
}

TEST_CASE("after an absence of any length counts are finite and order holds") {
  Fixture f;
  CircuitQueue& a = f.add(100);
  CircuitQueue& b = f.add(100);
  f.base.beginRun(499 * kSecond);
  f.send(a, 50);
  f.send(b, 3);
  for (const TimeNs later : {TimeNs{1600} * kSecond, TimeNs{1'000'000} * kSecond, INT64_MAX / 2}) {
    f.base.beginRun(later);
    CHECK(std::isfinite(a.key().count));
    CHECK(std::isfinite(f.base.weight()));
    CHECK(a.key().count >= b.key().count);
  }
  // Both counts fell to 0: b, served last, is now behind a.
  CHECK(a.key().count == 0);
  CHECK(f.mux.best() == &a);
}

TEST_CASE("rescaling reaches circuits that are not active") {
  Fixture f;
  CircuitQueue& gone = f.add(4);
  f.base.beginRun(0);
  f.send(gone, 4);
  CHECK_FALSE(gone.isActive());
  f.base.beginRun(600 * kSecond);
  CHECK(gone.key().count < 1e-100);
}

TEST_CASE("a change of half-life keeps the decay so far and applies from then on") {
  Fixture f;
  CircuitQueue& circuit = f.add(8);
  f.base.beginRun(0);
  f.send(circuit, 8);
  f.base.setHalflife(kSecond, 10 * kSecond);
  CHECK(circuit.key().count == doctest::Approx(4));
  CHECK(f.base.countAt(kSecond, circuit.key().count) == doctest::Approx(4));
  CHECK(f.base.countAt(11 * kSecond, circuit.key().count) == doctest::Approx(2));
}

TEST_CASE("a half-life is clamped to 100 ms, and to the largest that the network can set") {
  for (const TimeNs tiny : {INT64_MIN, TimeNs{-1}, TimeNs{0}, TimeNs{1}, 99 * kMillisecond}) {
    PriorityBase base(0, tiny);
    CHECK(base.halflife() == 100 * kMillisecond);
    base.setHalflife(0, 2 * kSecond);
    CHECK(base.halflife() == 2 * kSecond);
    base.setHalflife(0, tiny);
    CHECK(base.halflife() == 100 * kMillisecond);
    base.beginRun(kSecond);
    CHECK(base.weight() == 1024);
  }
  PriorityBase endless(0, INT64_MAX);
  endless.beginRun(INT64_MAX / 2);
  CHECK(std::isfinite(endless.weight()));
}

TEST_CASE("a clock that goes back changes no weight") {
  PriorityBase base(0, kSecond);
  base.beginRun(3 * kSecond);
  CHECK(base.weight() == 8);
  base.beginRun(kSecond);
  CHECK(base.weight() == 8);
  base.setHalflife(0, kSecond);
  base.beginRun(4 * kSecond);
  CHECK(base.weight() == 2);
}

TEST_CASE("counts of muxes that sent at different times compare as they stand") {
  PriorityBase base(0, kSecond);
  EwmaMux early(base);
  EwmaMux late(base);
  CellPool pool;
  CircuitQueue quietSince;
  CircuitQueue busyNow;
  early.attach(quietSince, 1);
  late.attach(busyNow, 2);
  const auto send = [&](EwmaMux& mux, CircuitQueue& queue, int cells) {
    for (int i = 0; i <= cells; ++i) queue.push(pool.take());
    mux.activate(queue);
    for (int i = 0; i < cells; ++i) {
      pool.giveBack(queue.pop());
      mux.onCellSent(queue);
    }
    mux.settle(queue);
  };
  base.beginRun(0);
  send(early, quietSince, 10);
  base.beginRun(10 * kSecond);
  send(late, busyNow, 1);
  // Ten cells of ten half-lives ago weigh less than one of now.
  CHECK(*early.key() < *late.key());
  for (auto* queue : {&quietSince, &busyNow}) pool.giveBack(queue->pop());
}

TEST_CASE("a circuit that becomes active inside a run of cells finds its place") {
  Fixture f;
  CircuitQueue& a = f.add(20);
  CircuitQueue& b = f.add(20);
  CircuitQueue& c = f.add(3);
  f.base.beginRun(0);
  f.send(a, 1);
  f.send(b, 2);
  f.send(c, 3);
  // a is in the middle of a run and the heaviest already when c, lighter than a and heavier than b, joins.
  for (int i = 0; i < 5; ++i) {
    f.pool.giveBack(a.pop());
    f.mux.onCellSent(a);
  }
  f.fill(c, 2);
  f.mux.settle(a);
  CHECK(f.mux.best() == &b);
  f.send(b, 2);
  CHECK(f.mux.best() == &c);
  f.send(c, 2);
  CHECK(f.mux.best() == &b);
}
