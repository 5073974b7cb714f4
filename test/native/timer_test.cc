#include "loop/timer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

using namespace kist;

TEST_CASE("timers fire in the order of their times, ties in the order of arming") {
  TimerQueue queue;
  std::string order;
  Timer a(queue, [&] { order += 'a'; });
  Timer b(queue, [&] { order += 'b'; });
  Timer c(queue, [&] { order += 'c'; });
  Timer d(queue, [&] { order += 'd'; });
  c.arm(10);
  b.arm(30);
  a.arm(20);
  d.arm(20);
  CHECK(queue.nextAt() == 10);
  queue.fireDue(9);
  CHECK(order.empty());
  queue.fireDue(20);
  CHECK(order == "cad");
  CHECK(queue.nextAt() == 30);
  CHECK(queue.size() == 1);
}

TEST_CASE("arming again replaces, cancelling and destroying forget") {
  TimerQueue queue;
  int fired = 0;
  Timer a(queue, [&] { ++fired; });
  a.arm(10);
  a.arm(50);
  CHECK(queue.size() == 1);
  queue.fireDue(20);
  CHECK(fired == 0);
  CHECK(a.isArmed());
  a.cancel();
  a.cancel();
  {
    Timer b(queue, [&] { ++fired; });
    b.arm(5);
  }
  queue.fireDue(100);
  CHECK(fired == 0);
  CHECK(queue.nextAt() == kNever);
}

TEST_CASE("a timer armed by a callback for a time already due waits for the next call") {
  TimerQueue queue;
  int fired = 0;
  std::unique_ptr<Timer> timer;
  timer = std::make_unique<Timer>(queue, [&] {
    ++fired;
    timer->arm(1);
  });
  Timer later(queue, [&] { CHECK(fired == 1); });
  timer->arm(5);
  later.arm(7);
  queue.fireDue(10);
  CHECK(fired == 1);
  CHECK(!later.isArmed());
  CHECK(queue.nextAt() == 1);
  queue.fireDue(10);
  CHECK(fired == 2);
  timer->cancel();
  CHECK(queue.size() == 0);
}

TEST_CASE("a callback may cancel, arm and destroy timers that are due with it") {
  TimerQueue queue;
  std::string order;
  auto victim = std::make_unique<Timer>(queue, [&] { order += 'v'; });
  Timer cancelled(queue, [&] { order += 'c'; });
  Timer twice(queue, [&] { order += 't'; });
  Timer first(queue, [&] {
    order += 'f';
    victim.reset();
    cancelled.cancel();
    twice.arm(3);
    twice.cancel();
    twice.arm(4);
  });
  first.arm(1);
  victim->arm(2);
  cancelled.arm(2);
  queue.fireDue(10);
  CHECK(order == "f");
  CHECK(queue.size() == 1);
  queue.fireDue(10);
  CHECK(order == "ft");
}

TEST_CASE("a callback may destroy its own timer") {
  TimerQueue queue;
  std::vector<int> seen;
  std::unique_ptr<Timer> timer;
  timer = std::make_unique<Timer>(queue, [&timer, &seen, value = std::vector<int>(100, 7)] {
    timer.reset();
    seen = value;  // What the callback captured is still there.
  });
  timer->arm(1);
  queue.fireDue(1);
  CHECK(seen.size() == 100);
}

TEST_CASE("many timers, armed and cancelled at random, fire like a sorted list") {
  TimerQueue queue;
  std::vector<TimeNs> fired;
  std::vector<std::unique_ptr<Timer>> timers;
  uint32_t seed = 11;
  const auto random = [&] { return seed = seed * 1664525u + 1013904223u, seed >> 8; };
  for (int i = 0; i < 500; ++i) {
    const size_t index = timers.size();
    timers.push_back(
        std::make_unique<Timer>(queue, [&fired, &timers, index] { fired.push_back(timers[index]->at()); }));
  }
  for (int i = 0; i < 5000; ++i) {
    Timer& timer = *timers[random() % timers.size()];
    if (random() % 4 == 0) {
      timer.cancel();
    } else {
      timer.arm(random() % 1000);
    }
  }
  const size_t armed = queue.size();
  queue.fireDue(1000);
  CHECK(fired.size() == armed);
  CHECK(std::is_sorted(fired.begin(), fired.end()));
}
