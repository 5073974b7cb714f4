// Circuit handshakes off the reactors: order, bounds, closing. The handshake itself is replaced where only
// the pool is looked at.
#include "dataplane/onion_pool.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace kist {
namespace {

using Bytes = std::vector<uint8_t>;
using Outcome = OnionPool::Outcome;

Handle circuitOf(uint32_t number) { return Handle::make(0, number, 1); }

/// Collects results of any thread.
class Results final : public OnionPool::Listener {
 public:
  void onOnionResult(OnionPool::Result&& result) override {
    const std::lock_guard lock(mutex_);
    results_.push_back(std::move(result));
    changed_.notify_all();
  }
  /// All so far, once there are `count`; all that came within a minute otherwise.
  std::vector<OnionPool::Result> take(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::minutes(1), [&] { return results_.size() >= count; });
    return std::exchange(results_, {});
  }
  size_t size() {
    const std::lock_guard lock(mutex_);
    return results_.size();
  }
  /// Of what is not taken.
  size_t answered() {
    const std::lock_guard lock(mutex_);
    return static_cast<size_t>(std::count_if(results_.begin(), results_.end(), [](const auto& result) {
      return result.outcome == Outcome::kAnswered;
    }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<OnionPool::Result> results_;
};

/// Holds the threads that come to it until it is opened.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void waitForArrivals(uint32_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint32_t arrived_ = 0;
  bool open_ = false;
};

/// Answers with the skin and the identity's first byte; an empty skin is malformed.
bool echo(uint16_t, ByteSpan skin, const OnionIdentity& identity, OnionAnswer& out) {
  if (skin.empty()) return false;
  out.reply.assign(skin.begin(), skin.end());
  out.reply.push_back(identity.rsaDigest[0]);
  return true;
}

std::shared_ptr<const OnionIdentity> identityOf(uint8_t mark) {
  auto identity = std::make_shared<OnionIdentity>();
  identity->rsaDigest[0] = mark;
  return identity;
}

OnionPool::Config configOf(uint32_t threads, OnionPool::Answer answer = echo) {
  OnionPool::Config config;
  config.threads = threads;
  config.answer = std::move(answer);
  return config;
}

}  // namespace

TEST_CASE("onion pool: without threads the answer comes within the request, in CREATED's form") {
  Results results;
  OnionPool pool(configOf(1), true, results);
  pool.setIdentity(3, identityOf(77));
  pool.submit(circuitOf(1), 3, kOnionNtor, Bytes{1, 2});
  pool.submit(circuitOf(2), 3, kOnionFast, Bytes{4});
  pool.submit(circuitOf(3), 9, kOnionNtorV3, Bytes{5});
  pool.submit(circuitOf(4), 3, kOnionNtor, Bytes{});
  const auto got = results.take(4);
  REQUIRE(got.size() == 4);
  CHECK(got[0].payload == Bytes{0, 3, 1, 2, 77});  // CREATED2: length, then the answer.
  CHECK(got[1].payload == Bytes{4, 77});           // CREATED_FAST: the answer alone.
  CHECK(got[2].payload == Bytes{0, 2, 5, 0});      // An owner without keys has an empty identity.
  for (size_t i = 0; i < 3; ++i) {
    CHECK(got[i].circuit == circuitOf(static_cast<uint32_t>(i + 1)));
    CHECK(got[i].outcome == Outcome::kAnswered);
    CHECK(got[i].crypto != nullptr);
  }
  CHECK(got[3].outcome == Outcome::kMalformed);
  CHECK(got[3].crypto == nullptr);
  const OnionStats stats = pool.stats();
  CHECK(stats.processed == std::array<uint64_t, kOnionTypes>{0, 1, 2, 1, 0});
  CHECK(stats.queueDelay.total == 4);
  CHECK(stats.queueDelay.max == 0);
}

TEST_CASE("onion pool: one thread answers in the order of the requests, with the keys of their time") {
  Results results;
  Gate gate;
  OnionPool pool(configOf(1,
                          [&](uint16_t type, ByteSpan skin, const OnionIdentity& identity, OnionAnswer& out) {
                            gate.pass();
                            return echo(type, skin, identity, out);
                          }),
                 false, results);
  for (uint8_t i = 0; i < 100; ++i) {
    if (i % 50 == 0) pool.setIdentity(1, identityOf(i));
    pool.submit(circuitOf(i), 1, kOnionFast, Bytes{i});
  }
  gate.waitForArrivals(1);
  CHECK(pool.stats().queued == 99);
  gate.open();
  const auto got = results.take(100);
  REQUIRE(got.size() == 100);
  for (uint8_t i = 0; i < 100; ++i) {
    CHECK(got[i].circuit == circuitOf(i));
    CHECK(got[i].payload == Bytes{i, static_cast<uint8_t>(i / 50 * 50)});
  }
}

TEST_CASE("onion pool: each of 10,000 requests of several threads is answered once") {
  constexpr uint32_t kEach = 2500;
  Results results;
  OnionPool::Config config = configOf(2);
  config.maxQueueDelay = config.maxAge = 3600 * kSecond;  // A busy machine is no reason to refuse here.
  OnionPool pool(config, false, results);
  std::vector<std::thread> askers;
  for (uint32_t asker = 0; asker < 4; ++asker) {
    askers.emplace_back([&pool, asker] {
      for (uint32_t i = 0; i < kEach; ++i) {
        if (i % 100 == 0) pool.setIdentity(asker, identityOf(static_cast<uint8_t>(i / 100)));
        pool.submit(circuitOf(asker * kEach + i), asker, kOnionNtor, Bytes{1});
        if (i % 500 == 0) static_cast<void>(pool.stats());
      }
    });
  }
  for (std::thread& asker : askers) asker.join();
  const auto got = results.take(4 * kEach);
  REQUIRE(got.size() == 4 * kEach);
  std::vector<bool> seen(4 * kEach);
  for (const OnionPool::Result& result : got) {
    CHECK(result.outcome == Outcome::kAnswered);
    CHECK_FALSE(seen[result.circuit.slot()]);
    seen[result.circuit.slot()] = true;
  }
  CHECK(pool.stats().processed[kOnionNtor] == 4 * kEach);
  CHECK(pool.stats().queued == 0);
}

TEST_CASE("onion pool: closing under load stops at once, and nothing comes afterwards") {
  for (int round = 0; round < 20; ++round) {
    Results results;
    OnionPool pool(configOf(2), false, results);
    std::atomic<bool> stop{false};
    std::thread asker([&] {
      for (uint32_t i = 0; !stop; ++i) pool.submit(circuitOf(i % 1000), 1, kOnionNtor, Bytes(64, 1));
    });
    static_cast<void>(results.take(static_cast<size_t>(round) * 10));
    pool.close();
    const size_t after = results.answered();
    pool.close();
    stop = true;
    asker.join();
    pool.submit(circuitOf(1), 1, kOnionNtor, Bytes{1});
    CHECK(results.answered() == after);
    CHECK(pool.stats().queued == 0);
  }
}

TEST_CASE("onion pool: what would wait too long is refused, and the bound can be changed") {
  Results results;
  Gate gate;
  OnionPool::Config config =
      configOf(1, [&](uint16_t type, ByteSpan skin, const OnionIdentity& identity, OnionAnswer& out) {
        gate.pass();
        return echo(type, skin, identity, out);
      });
  config.maxQueueDelay = 10 * kMillisecond;
  OnionPool pool(config, false, results);
  uint32_t asked = 0;
  while (results.size() == 0 && asked < 100'000) pool.submit(circuitOf(asked++), 1, kOnionNtor, Bytes{1});
  const auto refused = results.take(1);
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].outcome == Outcome::kRefused);
  CHECK(refused[0].circuit == circuitOf(asked - 1));
  // 0.1 ms each is what a handshake is thought to cost before one was measured.
  CHECK(asked >= 100);
  CHECK(asked <= 110);
  CHECK(pool.stats().dropped[kOnionNtor] == 1);

  pool.setMaxQueueDelay(kSecond);
  pool.submit(circuitOf(asked), 1, kOnionNtor, Bytes{1});
  gate.open();
  const auto answered = results.take(asked);
  CHECK(answered.size() == asked);  // All but the refused one, and the last.
  for (const OnionPool::Result& result : answered) CHECK(result.outcome == Outcome::kAnswered);
}

TEST_CASE("onion pool: a request that waited too long all the same is not answered") {
  Results results;
  OnionPool::Config config = configOf(1, [](uint16_t, ByteSpan, const OnionIdentity&, OnionAnswer&) {
    FAIL("computed for nobody");
    return false;
  });
  config.maxAge = -1;
  OnionPool pool(config, false, results);
  pool.submit(circuitOf(1), 1, kOnionNtorV3, Bytes{1});
  const auto got = results.take(1);
  REQUIRE(got.size() == 1);
  CHECK(got[0].outcome == Outcome::kTooOld);
  CHECK(pool.stats().dropped[kOnionNtorV3] == 1);
  CHECK(pool.stats().processed[kOnionNtorV3] == 0);
}

TEST_CASE("onion queue: the expected wait follows what handshakes lately cost, not one that was slow") {
  OnionQueue queue(2, kSecond);
  for (int i = 0; i < 10; ++i) CHECK(queue.push(OnionRequest{{}, kOnionNtor, {}, {}, 0}));
  const TimeNs first = queue.stats().cost[kOnionNtor];
  CHECK(queue.expectedWait() == 10 * first / 2);
  queue.noteProcessed(kOnionNtor, 0, kSecond);  // Its thread lost the processor.
  CHECK(queue.stats().cost[kOnionNtor] < 2 * first);
  for (int i = 0; i < 2000; ++i) queue.noteProcessed(kOnionNtor, 0, 40 * kMicrosecond);
  CHECK(queue.stats().cost[kOnionNtor] == doctest::Approx(40 * kMicrosecond).epsilon(0.01));
  CHECK(queue.stats().cost[kOnionNtorV3] > 100 * kMicrosecond);  // Each type has its own.
  for (int i = 0; i < 10; ++i) static_cast<void>(queue.pop());
  CHECK(queue.expectedWait() == 0);
}

TEST_CASE("onion queue: cheap requests are bounded by number, unknown types are counted together") {
  OnionQueue queue(1, 3600 * kSecond);
  size_t taken = 0;
  while (queue.push(OnionRequest{{}, static_cast<uint16_t>(100 + taken % 7), {}, {}, 0})) ++taken;
  CHECK(taken == OnionQueue::kMaxQueued);
  CHECK(queue.stats().dropped[kOnionTypes - 1] == 1);
  CHECK(queue.clear().size() == taken);
  CHECK(queue.isEmpty());
  CHECK(queue.expectedWait() == 0);
}

}  // namespace kist
