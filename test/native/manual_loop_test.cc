#include "loop/manual_loop.h"

#include <doctest/doctest.h>

#include <vector>

using namespace kist;

TEST_CASE("manual loop: the clock stops at each deadline on the way") {
  ManualLoop loop(100);
  std::vector<TimeNs> seen;
  Timer a(loop.timers(), [&] { seen.push_back(loop.now()); });
  Timer b(loop.timers(), [&] {
    seen.push_back(loop.now());
    a.arm(loop.now() + 5);
  });
  b.arm(150);
  CHECK(loop.nextWake() == 150);
  CHECK(loop.advanceTo(140));
  CHECK(seen.empty());
  CHECK(loop.advance(60));
  CHECK(seen == std::vector<TimeNs>{150, 155});
  CHECK(loop.now() == 200);
  CHECK(loop.nextWake() == kNever);
  CHECK(loop.refreshNow() == 200);
}

TEST_CASE("manual loop: never goes back, and late timers fire at the present time") {
  ManualLoop loop(100);
  TimeNs seen = 0;
  Timer timer(loop.timers(), [&] { seen = loop.now(); });
  timer.arm(10);
  CHECK(loop.advanceTo(50));
  CHECK(loop.now() == 100);
  CHECK(seen == 100);
}

TEST_CASE("manual loop: tasks posted before time moves run before it does") {
  ManualLoop loop(0);
  TimeNs ranAt = -1;
  loop.post([&] { ranAt = loop.now(); });
  CHECK(loop.nextWake() == 0);
  loop.advance(kSecond);
  CHECK(ranAt == 0);
}

TEST_CASE("manual loop: a moment that never comes to rest is reported, not endless") {
  ManualLoop loop(0);
  Timer timer(loop.timers(), [&] { timer.arm(loop.now()); });
  timer.arm(10);
  CHECK(!loop.advanceTo(20));
  CHECK(loop.now() == 10);
  CHECK(!loop.runUntilQuiet(50));
  timer.cancel();
  CHECK(loop.runUntilQuiet(50));
}

TEST_CASE("manual loop: a wake asks for one more turn; descriptors are not to be had") {
  struct Ear final : EventLoop::FdListener {
    void onFdEvents(uint32_t) override {}
  } ear;
  ManualLoop loop(7);
  CHECK(loop.nextWake() == kNever);
  loop.wake();
  CHECK(loop.nextWake() == 7);
  CHECK(!loop.step());
  CHECK(loop.nextWake() == kNever);
  CHECK(loop.watch(0, 1, ear) == Status::kUnsupported);
}
