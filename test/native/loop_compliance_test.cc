#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "loop/epoll_loop.h"
#include "loop/manual_loop.h"

// What both event loops promise alike.

using namespace kist;

namespace {

/// Notes the parts of each turn; asks for another one while `left` lasts.
struct TurnEar final : EventLoop::TurnListener {
  explicit TurnEar(std::string& into) : order(into) {}
  bool onTurnEnd() override {
    order += '|';
    return left-- > 0;
  }
  bool onBeforeSleep() override {
    ++asked;
    return !refuse;
  }
  std::string& order;
  int left = 0;
  int asked = 0;
  bool refuse = false;
};

void forEachLoop(void (*check)(EventLoop&, const std::function<void()>&)) {
  {
    CAPTURE("manual");
    ManualLoop loop(5);
    check(loop, [&] { loop.step(); });
  }
  int error = 0;
  auto loop = EpollLoop::create(error);
  REQUIRE(loop != nullptr);
  CAPTURE("epoll");
  check(*loop, [&] { loop->runOnce(0); });
}

}  // namespace

TEST_CASE("loop: a turn fires due timers, then runs tasks, then tells the end of the turn") {
  forEachLoop([](EventLoop& loop, const std::function<void()>& turn) {
    std::string order;
    TurnEar ear(order);
    loop.setTurnListener(&ear);
    Timer timer(loop.timers(), [&] { order += 't'; });
    timer.arm(loop.now());
    loop.post([&] { order += 'a'; });
    loop.post([&] { order += 'b'; });
    turn();
    CHECK(order == "tab|");
    turn();
    CHECK(order == "tab||");
  });
}

TEST_CASE("loop: what a task posts runs in the next turn") {
  forEachLoop([](EventLoop& loop, const std::function<void()>& turn) {
    std::string order;
    loop.post([&] {
      order += '1';
      loop.post([&] { order += '2'; });
    });
    turn();
    CHECK(order == "1");
    turn();
    CHECK(order == "12");
  });
}

TEST_CASE("loop: tasks of a thread keep their order, also posted from outside") {
  forEachLoop([](EventLoop& loop, const std::function<void()>& turn) {
    int next = 0;
    bool ordered = true;
    std::thread poster([&] {
      for (int i = 0; i < 1000; ++i) loop.post([&, i] { ordered = ordered && i == next++; });
    });
    poster.join();
    turn();
    CHECK(ordered);
    CHECK(next == 1000);
  });
}

TEST_CASE("loop: knows its own thread") {
  forEachLoop([](EventLoop& loop, const std::function<void()>&) {
    CHECK(loop.isInLoop());
    bool elsewhere = true;
    std::thread other([&] { elsewhere = loop.isInLoop(); });
    other.join();
    CHECK(!elsewhere);
  });
}

TEST_CASE("loop: what a task holds is freed with the task") {
  forEachLoop([](EventLoop& loop, const std::function<void()>& turn) {
    auto held = std::make_shared<int>(1);
    loop.post([held] {});
    CHECK(held.use_count() == 2);
    turn();
    CHECK(held.use_count() == 1);
  });
}

TEST_CASE("epoll loop: while work is left it does not sleep, then asks once before it does") {
  int error = 0;
  auto loop = EpollLoop::create(error);
  REQUIRE(loop != nullptr);
  std::string order;
  TurnEar ear(order);
  ear.left = 3;
  loop->setTurnListener(&ear);
  loop->runOnce(0);
  for (int i = 0; i < 3; ++i) loop->runOnce(kNever);
  CHECK(ear.asked == 0);
  ear.refuse = true;
  loop->runOnce(kNever);  // Would hang if the refusal did not count.
  CHECK(ear.asked == 1);
  CHECK(loop->stats().sleeps == 0);
}
