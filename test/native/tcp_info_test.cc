#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "registry/tcp_info_sources.h"
#include "sim/scripted_clock.h"
#include "tcpinfo/kernel_tcp_info.h"
#include "tcpinfo/mock_tcp_info.h"

using namespace kist;

namespace {

struct Fd {
  int fd;
  explicit Fd(int number) : fd(number) { REQUIRE(fd >= 0); }
  ~Fd() { close(fd); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
};

/// A connected pair over loopback; the accepting side reads nothing by itself.
struct Loopback {
  Fd listener{socket(AF_INET, SOCK_STREAM, 0)};
  Fd client{socket(AF_INET, SOCK_STREAM, 0)};
  int server = -1;

  Loopback() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int mss = 1448;
    setsockopt(listener.fd, IPPROTO_TCP, 2 /* TCP_MAXSEG */, &mss, sizeof mss);
    socklen_t length = sizeof address;
    REQUIRE(bind(listener.fd, reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(listen(listener.fd, 1) == 0);
    REQUIRE(getsockname(listener.fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    REQUIRE(connect(client.fd, reinterpret_cast<sockaddr*>(&address), length) == 0);
    server = accept(listener.fd, nullptr, nullptr);
    REQUIRE(server >= 0);
  }
  ~Loopback() { close(server); }
};

}  // namespace

TEST_CASE("every TCP_INFO source: found by the name it gives itself") {
  sim::ScriptedClock clock;
  for (const TcpInfoSourceEntry& entry : tcpInfoSources()) {
    CHECK(std::string(entry.make(clock)->name()) == entry.name);
    CHECK(findTcpInfoSource(entry.name) == &entry);
  }
  CHECK(findTcpInfoSource("none") == nullptr);
}

TEST_CASE("the kernel's figures of a TCP socket") {
  Loopback pair;
  KernelTcpInfo source;
  TcpInfo info;
  REQUIRE(source.read({pair.client.fd, 0}, info) == Status::kOk);
  CHECK(source.calls() == 1);
  CHECK(info.cwnd >= 1);
  CHECK(info.mss >= 500);
  CHECK(info.mss <= 1448);
  CHECK(info.notsent == 0);
}

TEST_CASE("unsent bytes are seen with the same call") {
  Loopback pair;
  REQUIRE(fcntl(pair.client.fd, F_SETFL, O_NONBLOCK) == 0);
  const std::vector<char> block(1 << 16);
  while (send(pair.client.fd, block.data(), block.size(), MSG_NOSIGNAL) > 0) {
  }
  KernelTcpInfo source;
  TcpInfo info;
  REQUIRE(source.read({pair.client.fd, 0}, info) == Status::kOk);
  CHECK(info.notsent > 0);
  CHECK(source.calls() == 1);
}

TEST_CASE("what is no TCP socket has no figures, ever") {
  KernelTcpInfo source;
  TcpInfo info;
  CHECK(source.read({-1, 0}, info) == Status::kUnsupported);
  CHECK(source.calls() == 0);
  Fd file(open("/dev/null", O_RDWR));
  CHECK(source.read({file.fd, 0}, info) == Status::kUnsupported);
  Fd udp(socket(AF_INET, SOCK_DGRAM, 0));
  CHECK(source.read({udp.fd, 0}, info) == Status::kUnsupported);
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  CHECK(source.read({pair[0], 0}, info) == Status::kUnsupported);
  close(pair[0]);
  close(pair[1]);
}

TEST_CASE("a descriptor that is closed is an error of this time only") {
  const int fd = open("/dev/null", O_RDWR);
  close(fd);
  KernelTcpInfo source;
  TcpInfo info;
  CHECK(source.read({fd, 0}, info) == Status::kError);
}

TEST_CASE("the mock follows its script per channel and time, and logs the calls") {
  sim::ScriptedClock clock;
  MockTcpInfo source(clock);
  TcpInfo info;
  REQUIRE(source.read({-1, 1}, info) == Status::kOk);
  CHECK(info.cwnd == 10);
  CHECK(info.mss == 1448);
  // Given out of order; the later entry for 10 replaces the earlier one.
  source.setAnswer(1, 20, {Status::kError, {}});
  source.setAnswer(1, 10, {Status::kOk, TcpInfo{1, 1, 1, 1, 1}});
  source.setAnswer(1, 10, {Status::kOk, TcpInfo{5, 4, 3, 2, 1}});
  source.setAnswer(1, 30, {Status::kUnsupported, {}});
  source.setDefault({Status::kOk, TcpInfo{7, 0, 7, 0, 0}});
  const auto cwndAt = [&](TimeNs time, uint64_t channel) {
    clock.set(time);
    TcpInfo read;
    const Status status = source.read({-1, channel}, read);
    return isOk(status) ? static_cast<int>(read.cwnd) : -static_cast<int>(status);
  };
  CHECK(cwndAt(9, 1) == 7);
  CHECK(cwndAt(10, 1) == 5);
  CHECK(cwndAt(19, 1) == 5);
  CHECK(cwndAt(20, 1) == -static_cast<int>(Status::kError));
  CHECK(cwndAt(31, 1) == -static_cast<int>(Status::kUnsupported));
  CHECK(cwndAt(31, 2) == 7);
  REQUIRE(source.calls().size() == 7);
  CHECK(source.calls()[4].at == 20);
  CHECK(source.calls()[4].status == Status::kError);
  CHECK(source.calls()[6].channel == 2);
}
