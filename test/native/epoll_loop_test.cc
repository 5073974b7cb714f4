#include "loop/epoll_loop.h"

#include <doctest/doctest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>

using namespace kist;

namespace {

struct Ear final : EventLoop::FdListener {
  void onFdEvents(uint32_t events) override {
    ++calls;
    last = events;
    if (then) then();
  }
  int calls = 0;
  uint32_t last = 0;
  std::function<void()> then;
};

std::unique_ptr<EpollLoop> makeLoop() {
  int error = 0;
  std::unique_ptr<EpollLoop> loop = EpollLoop::create(error);
  REQUIRE(loop != nullptr);
  return loop;
}

/// Readable from the start.
int readableFd() { return eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC); }

}  // namespace

TEST_CASE("epoll loop: unwatching inside a listener suppresses events of the same batch") {
  auto loop = makeLoop();
  Ear ears[2];
  const int fds[2] = {readableFd(), readableFd()};
  for (int i = 0; i < 2; ++i) {
    REQUIRE(isOk(loop->watch(fds[i], EPOLLIN, ears[i])));
    ears[i].then = [&, other = fds[1 - i]] { loop->unwatch(other); };
  }
  loop->runOnce(0);
  CHECK(ears[0].calls + ears[1].calls == 1);
  for (const int fd : fds) loop->unwatch(fd), close(fd);
}

TEST_CASE("epoll loop: a descriptor number that is reused gets no event of its former owner") {
  auto loop = makeLoop();
  Ear ears[2];
  Ear successor;
  const int fds[2] = {readableFd(), readableFd()};
  for (int i = 0; i < 2; ++i) {
    REQUIRE(isOk(loop->watch(fds[i], EPOLLIN, ears[i])));
    ears[i].then = [&, other = fds[1 - i]] {
      loop->unwatch(other);
      close(other);
      const int quiet = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
      CHECK(quiet == other);
      CHECK(isOk(loop->watch(quiet, EPOLLIN, successor)));
    };
  }
  loop->runOnce(0);
  CHECK(ears[0].calls + ears[1].calls == 1);
  for (Ear& ear : ears) ear.then = nullptr;
  loop->runOnce(0);
  CHECK(successor.calls == 0);
  for (const int fd : fds) loop->unwatch(fd), close(fd);
}

TEST_CASE("epoll loop: events masked out by an earlier listener of the batch are not delivered") {
  auto loop = makeLoop();
  Ear ears[2];
  const int fds[2] = {readableFd(), readableFd()};
  for (int i = 0; i < 2; ++i) {
    REQUIRE(isOk(loop->watch(fds[i], EPOLLIN, ears[i])));
    ears[i].then = [&, i] { loop->modify(fds[1 - i], 0, ears[1 - i]); };
  }
  loop->runOnce(0);
  CHECK(ears[0].calls + ears[1].calls == 1);
  for (const int fd : fds) loop->unwatch(fd), close(fd);
}

TEST_CASE("epoll loop: bad watches are told, not fatal") {
  auto loop = makeLoop();
  Ear ear;
  CHECK(loop->watch(-1, EPOLLIN, ear) == Status::kInvalid);
  CHECK(loop->watch(100'000, EPOLLIN, ear) == Status::kInvalid);
  CHECK(loop->modify(100'000, EPOLLIN, ear) == Status::kInvalid);
  const int fd = readableFd();
  CHECK(isOk(loop->watch(fd, EPOLLIN, ear)));
  CHECK(loop->watch(fd, EPOLLIN, ear) == Status::kInUse);
  loop->unwatch(fd);
  loop->unwatch(fd);
  close(fd);
}

TEST_CASE("epoll loop: a sleep ends at the earliest timer, which never fires early") {
  auto loop = makeLoop();
  TimeNs firedAt = 0;
  Timer timer(loop->timers(), [&] { firedAt = loop->now(); });
  Timer later(loop->timers(), [] {});
  const TimeNs due = loop->refreshNow() + 3 * kMillisecond + 217;
  timer.arm(due);
  later.arm(due + kSecond);
  while (firedAt == 0) loop->runOnce(kNever);
  CHECK(firedAt >= due);
  CHECK(loop->stats().sleeps <= 2);
}

TEST_CASE("epoll loop: a timer that is long overdue fires once") {
  auto loop = makeLoop();
  int fired = 0;
  Timer timer(loop->timers(), [&] { ++fired; });
  timer.arm(loop->now() - 3600 * kSecond);
  loop->runOnce(kNever);
  loop->runOnce(0);
  CHECK(fired == 1);
}

TEST_CASE("epoll loop: the timerfd is set again only when the earliest deadline changed") {
  auto loop = makeLoop();
  Timer far(loop->timers(), [] {});
  far.arm(loop->now() + 1000 * kSecond);
  loop->runOnce(kMillisecond);
  const uint64_t before = loop->stats().systemCalls;
  for (int i = 0; i < 5; ++i) loop->runOnce(kMillisecond);
  CHECK(loop->stats().systemCalls - before == 5);  // One epoll_wait each.
  Timer near(loop->timers(), [] {});
  near.arm(loop->now() + 500 * kSecond);
  loop->runOnce(kMillisecond);
  CHECK(loop->stats().systemCalls - before == 7);
}

TEST_CASE("epoll loop: after its timers fired, an idle loop sleeps") {
  auto loop = makeLoop();
  Timer timer(loop->timers(), [] {});
  timer.arm(loop->now() + kMillisecond);
  while (timer.isArmed()) loop->runOnce(kNever);
  const uint64_t turns = loop->stats().turns;
  const uint64_t calls = loop->stats().systemCalls;
  loop->runOnce(kMillisecond);
  CHECK(loop->stats().systemCalls - calls == 1);  // The expired timerfd needs no attention.
  Timer end(loop->timers(), [] {});
  end.arm(loop->now() + 20 * kMillisecond);
  while (end.isArmed()) loop->runOnce(kNever);
  CHECK(loop->stats().turns - turns <= 3);
}

TEST_CASE("epoll loop: no system call wakes a loop that is awake, one wakes it from a sleep") {
  auto loop = makeLoop();
  for (int i = 0; i < 10; ++i) loop->wake();
  CHECK(loop->stats().wakeWrites == 0);
  std::atomic<int> ran{0};
  std::thread runner([&] { loop->run(); });
  for (int i = 0; i < 2000; ++i) loop->post([&] { ran.fetch_add(1); });
  while (ran < 2000) std::this_thread::yield();
  loop->stop();
  runner.join();
  loop->adopt();
  CHECK(loop->stats().tasks == 2000);
  CHECK(loop->stats().wakeWrites <= loop->stats().turns);  // One per sleep, begun or only announced.
}

TEST_CASE("epoll loop: stopped before it runs, it returns at once") {
  auto loop = makeLoop();
  loop->stop();
  loop->run();
  CHECK(loop->stats().turns == 0);
}
