#include "loop/reactor_thread.h"

#include <doctest/doctest.h>
#include <pthread.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>

using namespace kist;

namespace {

std::unique_ptr<ReactorThread> makeThread() {
  int error = 0;
  std::unique_ptr<ReactorThread> thread = ReactorThread::create(error);
  REQUIRE(thread != nullptr);
  return thread;
}

}  // namespace

TEST_CASE("reactor thread: runs tasks on its own named thread with signals blocked") {
  auto thread = makeThread();
  int error = 0;
  REQUIRE(isOk(thread->start("reactor-with-a-long-name", error)));
  CHECK(thread->start("again", error) == Status::kInvalid);
  std::string name;
  bool inLoop = false;
  int blocked = 0;
  std::atomic<bool> done{false};
  thread->post([&] {
    char text[16] = "";
    pthread_getname_np(pthread_self(), text, sizeof text);
    name = text;
    inLoop = thread->loop().isInLoop();
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked = sigismember(&mask, SIGTERM) + sigismember(&mask, SIGINT) + sigismember(&mask, SIGCHLD);
    done = true;
  });
  while (!done) std::this_thread::yield();
  CHECK(name == "reactor-with-a-");
  CHECK(inLoop);
  CHECK(blocked == 3);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  CHECK(sigismember(&mask, SIGTERM) == 0);
}

TEST_CASE("reactor thread: stops when asked, any number of times, started or not") {
  auto idle = makeThread();
  idle->stop();
  idle->stop();
  auto thread = makeThread();
  int error = 0;
  REQUIRE(isOk(thread->start("r", error)));
  CHECK(thread->isRunning());
  thread->stop();
  CHECK(!thread->isRunning());
  thread->stop();
  CHECK(thread->loop().isInLoop());  // The stopping thread may now take down what is bound to the loop.
}

TEST_CASE("reactor thread: a hundred threads start and stop at once") {
  for (int i = 0; i < 100; ++i) {
    auto thread = makeThread();
    int error = 0;
    REQUIRE(isOk(thread->start("r", error)));
    thread->post([] {});
  }
}
