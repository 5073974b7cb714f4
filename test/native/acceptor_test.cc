#include "transport/acceptor.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "loop/epoll_loop.h"

using namespace kist;

namespace {

struct Receiver final : Acceptor::Listener, LogSink {
  void onAccepted(int fd, const SocketAddress& peer) override {
    fds.push_back(fd);
    last = peer;
    if (drop != nullptr) drop->reset();
  }
  void log(LogLevel, std::string_view text) override {
    ++lines;
    line = text;
  }
  ~Receiver() {
    for (const int fd : fds) close(fd);
  }
  std::vector<int> fds;
  SocketAddress last;
  int lines = 0;
  std::string line;
  std::unique_ptr<Acceptor>* drop = nullptr;
};

int listening(const SocketOptions& options = {}) {
  SocketAddress any;
  SocketAddress::parse("127.0.0.1", 0, any);
  int fd = -1;
  int error = 0;
  openListening(any, options, fd, error);
  return fd;
}

int connectTo(const SocketAddress& address) {
  int fd = -1;
  int error = 0;
  if (!isOk(openStream(address.family(), {}, fd, error))) return -1;
  beginConnect(fd, address, error);
  return fd;
}

std::unique_ptr<EpollLoop> makeLoop() {
  int error = 0;
  return EpollLoop::create(error);
}

/// Turns until `condition` holds, at most `most` of them, 10 ms each.
template <typename F>
bool until(EpollLoop& loop, F&& condition, int most = 300) {
  for (int i = 0; i < most && !condition(); ++i) loop.runOnce(10 * kMillisecond);
  return condition();
}

/// Runs in a child of its own, as it uses up every descriptor. Returns the number of the step that failed, 0
/// if none.
int runOutOfDescriptors() {
  auto loop = makeLoop();
  Receiver receiver;
  Acceptor acceptor(*loop, listening(), receiver, &receiver);
  if (!isOk(acceptor.start())) return 1;
  int clients[3];
  for (int& client : clients) client = connectTo(acceptor.address());
  const int late = openat(AT_FDCWD, "/dev/null", O_RDONLY);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = static_cast<rlim_t>(late) + 8;
  setrlimit(RLIMIT_NOFILE, &limit);
  std::vector<int> fillers;
  for (int fd = dup(late); fd >= 0; fd = dup(late)) fillers.push_back(fd);
  if (errno != EMFILE) return 2;
  if (!until(*loop, [&] { return acceptor.shedConnections() == 3; })) return 3;
  if (receiver.lines != 1 || !receiver.fds.empty()) return 4;
  for (const int client : clients) {
    char byte;
    ssize_t count = -1;
    if (!until(*loop,
               [&] { return (count = recv(client, &byte, 1, MSG_DONTWAIT)) >= 0 || errno == ECONNRESET; }))
      return 5;
    close(client);
  }
  // The clients' descriptors are free now: the next connection is accepted, and a new episode is told again.
  const int again = connectTo(acceptor.address());
  if (!until(*loop, [&] { return receiver.fds.size() == 1; })) return 6;
  const uint64_t events = loop->stats().fdEvents;
  for (int i = 0; i < 5; ++i) loop->runOnce(kMillisecond);
  if (loop->stats().fdEvents != events) return 7;
  const int last = connectTo(acceptor.address());
  for (int fd = dup(late); fd >= 0; fd = dup(late)) fillers.push_back(fd);
  if (!until(*loop, [&] { return acceptor.shedConnections() == 4; })) return 8;
  if (receiver.lines != 2) return 9;
  close(last);
  close(again);
  close(late);
  for (const int fd : fillers) close(fd);
  return 0;
}

/// No reserve to be had either: pauses instead of spinning, and goes on later.
int pauseWithoutReserve() {
  auto loop = makeLoop();
  Receiver receiver;
  Acceptor acceptor(*loop, listening(), receiver, &receiver);
  const int client = connectTo(acceptor.address());
  const int late = dup(client);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = static_cast<rlim_t>(late) + 1;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (!isOk(acceptor.start())) return 1;
  for (int i = 0; i < 5; ++i) loop->runOnce(5 * kMillisecond);
  if (loop->stats().fdEvents != 1 || receiver.lines != 1) return 2;
  limit.rlim_cur = before;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (!until(*loop, [&] { return receiver.fds.size() == 1; })) return 3;
  close(client);
  close(late);
  return 0;
}

int runInChild(int (*work)()) {
  const pid_t child = fork();
  if (child == 0) _exit(work());
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

}  // namespace

TEST_CASE("acceptor: hands out connections with the address of their peer, a bounded number per turn") {
  auto loop = makeLoop();
  Receiver receiver;
  Acceptor acceptor(*loop, listening(), receiver, nullptr);
  REQUIRE(isOk(acceptor.start()));
  CHECK(acceptor.address().port() != 0);
  std::vector<int> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(connectTo(acceptor.address()));
  loop->runOnce(kSecond);
  CHECK(receiver.fds.size() <= static_cast<size_t>(Acceptor::kAcceptsPerTurn));
  CHECK(until(*loop, [&] { return receiver.fds.size() == 100; }));
  CHECK(receiver.last.isLoopback());
  CHECK((fcntl(receiver.fds[0], F_GETFL) & O_NONBLOCK) != 0);
  CHECK((fcntl(receiver.fds[0], F_GETFD) & FD_CLOEXEC) != 0);
  for (const int fd : clients) close(fd);
}

TEST_CASE("acceptor: may be destroyed while it hands out a connection") {
  auto loop = makeLoop();
  Receiver receiver;
  auto acceptor = std::make_unique<Acceptor>(*loop, listening(), receiver, nullptr);
  REQUIRE(isOk(acceptor->start()));
  receiver.drop = &acceptor;
  const int clients[2] = {connectTo(acceptor->address()), connectTo(acceptor->address())};
  CHECK(until(*loop, [&] { return acceptor == nullptr; }));
  CHECK(receiver.fds.size() == 1);
  for (const int fd : clients) close(fd);
}

TEST_CASE("acceptor: connections wait while it does not accept") {
  auto loop = makeLoop();
  Receiver receiver;
  Acceptor acceptor(*loop, listening(), receiver, nullptr);
  REQUIRE(isOk(acceptor.start()));
  acceptor.setAccepting(false);
  const int client = connectTo(acceptor.address());
  for (int i = 0; i < 5; ++i) loop->runOnce(kMillisecond);
  CHECK(receiver.fds.empty());
  acceptor.setAccepting(true);
  CHECK(until(*loop, [&] { return receiver.fds.size() == 1; }));
  close(client);
}

TEST_CASE("acceptor: out of descriptors it ends connections instead of spinning, and says so once") {
  CHECK(runInChild(runOutOfDescriptors) == 0);
}

TEST_CASE("acceptor: without even a reserve it pauses, then goes on") {
  CHECK(runInChild(pauseWithoutReserve) == 0);
}

TEST_CASE("listening: a taken address is told, unless the port is shared on purpose") {
  SocketOptions shared;
  shared.reusePort = true;
  const int first = listening(shared);
  SocketAddress address;
  REQUIRE(isOk(localAddress(first, address)));
  int fd = -1;
  int error = 0;
  CHECK(openListening(address, {}, fd, error) == Status::kInUse);
  CHECK(error == EADDRINUSE);
  CHECK(fd == -1);
  CHECK(isOk(openListening(address, shared, fd, error)));
  close(fd);
  close(first);
}

TEST_CASE("descriptors: the soft limit is raised to the hard one") {
  const auto raise = [] {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 256;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
    if (raiseDescriptorLimit() != limit.rlim_max) return 2;
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur == limit.rlim_max ? 0 : 3;
  };
  CHECK(runInChild(raise) == 0);
}
