#include "loop/spsc_ring.h"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <thread>

#include "loop/reactor_thread.h"

using namespace kist;

namespace {

struct Message {
  uint64_t number = 0;
  std::array<uint64_t, 64> body{};
};

/// Drains a ring on its loop as a reactor does.
struct Consumer final : EventLoop::TurnListener {
  explicit Consumer(SpscRing<Message>& source) : ring(source) {}
  bool onTurnEnd() override {
    bool any = false;
    while (Message* message = ring.front()) {
      if (message->number != taken.load(std::memory_order_relaxed) || message->body[63] != message->number) {
        faults.fetch_add(1);
      }
      ring.pop();
      taken.fetch_add(1, std::memory_order_release);
      any = true;
    }
    if (any && ring.finishBatch() && producer != nullptr) producer->wake();
    return false;
  }
  bool onBeforeSleep() override { return ring.isEmpty(); }

  SpscRing<Message>& ring;
  EventLoop* producer = nullptr;
  std::atomic<uint64_t> taken{0};
  std::atomic<uint64_t> faults{0};
};

bool push(SpscRing<Message>& ring, uint64_t number) {
  Message* message = ring.beginPush();
  if (message == nullptr) return false;
  message->number = number;
  message->body[63] = number;
  ring.commit();
  return true;
}

/// Hangs are failures: gives up after far more time than the work takes.
template <typename F>
bool waitFor(F&& condition) {
  const TimeNs limit = SystemClock().now() + 60 * kSecond;
  while (!condition()) {
    if (SystemClock().now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

std::unique_ptr<ReactorThread> startThread() {
  int error = 0;
  std::unique_ptr<ReactorThread> thread = ReactorThread::create(error);
  REQUIRE(thread != nullptr);
  return thread;
}

}  // namespace

TEST_CASE("ring: what is committed is seen only once published, in order, up to the capacity") {
  SpscRing<Message> ring(5);
  CHECK(ring.capacity() == 8);
  CHECK(ring.room() == 8);
  CHECK(!ring.publish());
  for (uint64_t i = 0; i < 8; ++i) CHECK(push(ring, i));
  CHECK(ring.beginPush() == nullptr);
  CHECK(ring.isEmpty());
  CHECK(ring.front() == nullptr);
  CHECK(ring.publish());
  CHECK(!ring.publish());
  CHECK(!ring.isEmpty());
  for (uint64_t i = 0; i < 3; ++i) {
    CHECK(ring.front()->number == i);
    ring.pop();
  }
  CHECK(ring.room() == 3);
  CHECK(push(ring, 8));
}

TEST_CASE("ring: a producer that asked for room is told once") {
  SpscRing<Message> ring(4);
  for (uint64_t i = 0; i < 4; ++i) push(ring, i);
  ring.publish();
  CHECK(ring.askForRoom(2));
  ring.front();
  ring.pop();
  CHECK(ring.finishBatch());
  CHECK(!ring.finishBatch());
  CHECK(!ring.askForRoom(1));
  CHECK(!ring.finishBatch());
}

TEST_CASE("ring: two threads, everything arrives once and in order") {
  SpscRing<Message> ring(64);
  constexpr uint64_t kCount = 200'000;
  Consumer consumer(ring);
  auto thread = startThread();
  thread->loop().setTurnListener(&consumer);
  int error = 0;
  REQUIRE(isOk(thread->start("consumer", error)));
  uint64_t sent = 0;
  const bool inTime = waitFor([&] {
    for (int i = 0; i < 16 && sent < kCount && push(ring, sent); ++i) ++sent;
    if (ring.publish()) thread->loop().wake();
    return consumer.taken.load(std::memory_order_acquire) == kCount;
  });
  CHECK(inTime);
  thread->stop();
  CHECK(consumer.faults == 0);
  CHECK(thread->loop().stats().wakeWrites <= thread->loop().stats().turns);
}

TEST_CASE("ring: no wake-up is lost, whichever moment a message comes") {
  SpscRing<Message> ring(8);
  Consumer consumer(ring);
  auto thread = startThread();
  thread->loop().setTurnListener(&consumer);
  int error = 0;
  REQUIRE(isOk(thread->start("consumer", error)));
  // One message at a time, each awaited, with a pause of changing length: a lost wake-up leaves it in the
  // ring for good.
  bool inTime = true;
  std::atomic<uint32_t> spin{0};
  for (uint64_t i = 0; i < 30'000 && inTime; ++i) {
    for (uint32_t pause = static_cast<uint32_t>(i * 7919 % 1500); pause > 0; --pause) spin = pause;
    push(ring, i);
    ring.publish();
    thread->loop().wake();
    inTime = waitFor([&] { return consumer.taken.load(std::memory_order_acquire) == i + 1; });
  }
  CHECK(inTime);
  thread->stop();
  CHECK(consumer.faults == 0);
}

TEST_CASE("ring: a full ring pauses its producer, which is woken when there is room") {
  SpscRing<Message> ring(4);
  constexpr uint64_t kCount = 20'000;
  /// Pushes until the ring is full, then sleeps until told.
  struct Producer final : EventLoop::TurnListener {
    bool onTurnEnd() override {
      while (sent < kCount && push(*ring, sent)) ++sent;
      if (ring->publish()) consumer->wake();
      return sent < kCount && !ring->askForRoom(1);
    }
    bool onBeforeSleep() override { return sent >= kCount || ring->askForRoom(1); }
    SpscRing<Message>* ring = nullptr;
    EventLoop* consumer = nullptr;
    uint64_t sent = 0;
  };
  auto first = startThread();
  auto second = startThread();
  Producer producer;
  producer.ring = &ring;
  producer.consumer = &second->loop();
  Consumer consumer(ring);
  consumer.producer = &first->loop();
  first->loop().setTurnListener(&producer);
  second->loop().setTurnListener(&consumer);
  int error = 0;
  REQUIRE(isOk(second->start("consumer", error)));
  REQUIRE(isOk(first->start("producer", error)));
  first->loop().wake();
  CHECK(waitFor([&] { return consumer.taken.load(std::memory_order_acquire) == kCount; }));
  first->stop();
  second->stop();
  CHECK(consumer.faults == 0);
}
