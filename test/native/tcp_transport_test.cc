#include "transport/tcp_transport.h"

#include <doctest/doctest.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "transport_rig.h"

using namespace kist;

namespace {

TransportRig makeRig(const SocketOptions& options = {}) {
  return TransportRig(*findTransport("tcp"), options, {});
}

int notsent(int fd) {
  int bytes = 0;
  ioctl(fd, SIOCOUTQNSD, &bytes);
  return bytes;
}

int intOption(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  getsockopt(fd, level, name, &value, &length);
  return value;
}

/// A listening socket whose backlog is full, so that the kernel does not answer one more SYN.
struct FullListener {
  FullListener() {
    SocketOptions options;
    options.backlog = 0;
    int error = 0;
    SocketAddress any;
    SocketAddress::parse("127.0.0.1", 0, any);
    REQUIRE(isOk(openListening(any, options, listening, error)));
    REQUIRE(isOk(localAddress(listening, address)));
    for (int& fd : fillers) {
      REQUIRE(isOk(openStream(AF_INET, {}, fd, error)));
      beginConnect(fd, address, error);
    }
  }
  ~FullListener() {
    for (const int fd : fillers) close(fd);
    close(listening);
  }
  int listening = -1;
  int fillers[6];
  SocketAddress address;
};

}  // namespace

TEST_CASE("tcp: a connect that nobody answers fails at its deadline") {
  FullListener full;
  TransportRig rig = makeRig();
  Status status = Status::kOk;
  int error = 0;
  const TimeNs deadline = rig.loop().refreshNow() + 30 * kMillisecond;
  rig.client.take(TcpTransport::connect(rig.loop(), full.address, {}, deadline, status, error));
  REQUIRE(rig.client.hasTransport());
  REQUIRE(isOk(rig.client.start()));
  uint8_t byte = 0;
  CHECK(rig.client.write({&byte, 1}).status == Status::kWouldBlock);
  CHECK(rig.client.readInto({&byte, 1}).status == Status::kWouldBlock);
  REQUIRE(rig.until([&] { return rig.client.failed == 1; }));
  CHECK(rig.client.failure == ETIMEDOUT);
  CHECK(rig.loop().now() >= deadline);
  rig.turns(3);
  CHECK(rig.client.calls() == 1);
}

TEST_CASE("tcp: a socket that is bound but does not listen refuses") {
  TransportRig rig = makeRig();
  int fd = -1;
  int error = 0;
  REQUIRE(isOk(openStream(AF_INET, {}, fd, error)));
  SocketAddress address;
  SocketAddress::parse("127.0.0.1", 0, address);
  REQUIRE(bind(fd, address.native(), address.nativeLength()) == 0);
  REQUIRE(isOk(localAddress(fd, address)));
  Status status = Status::kOk;
  rig.client.take(TcpTransport::connect(rig.loop(), address, {}, kNever, status, error));
  if (rig.client.hasTransport()) {
    REQUIRE(isOk(rig.client.start()));
    REQUIRE(rig.until([&] { return rig.client.failed == 1; }));
    error = rig.client.failure;
  }
  CHECK(error == ECONNREFUSED);
  close(fd);
}

TEST_CASE("tcp: options reach the sockets of both sides") {
  SocketOptions options;
  options.maxSegment = 1448;
  options.congestion = "reno";
  options.userTimeoutMs = 12'345;
  options.maxPacingRate = 5'000'000;
  TransportRig rig = makeRig(options);
  rig.listen();
  rig.connect();
  for (TransportProbe* end : {&rig.client, &rig.server}) {
    const int fd = end->transport().fd();
    CHECK(intOption(fd, IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK(intOption(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(intOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 12'345);
    CHECK(intOption(fd, SOL_SOCKET, SO_MAX_PACING_RATE) == 5'000'000);
    CHECK(intOption(fd, IPPROTO_TCP, TCP_MAXSEG) <= 1448);
    char name[16] = "";
    socklen_t length = sizeof name;
    getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length);
    CHECK(std::string(name) == "reno");
  }
}

TEST_CASE("tcp: an unknown congestion control is refused with its error") {
  SocketOptions options;
  options.congestion = "no-such-control";
  TransportRig rig = makeRig(options);
  Status status = Status::kOk;
  int error = 0;
  CHECK(findTransport("tcp")->connect(rig.context(), "127.0.0.1", 1, kNever, status, error) == nullptr);
  CHECK(status == Status::kInvalid);
  CHECK(error == ENOENT);
  CHECK(findTransport("tcp")->connect(rig.context(), "localhost", 1, kNever, status, error) == nullptr);
  CHECK(status == Status::kInvalid);
}

TEST_CASE("tcp: the low-water mark bounds what the kernel holds unsent, and tells at half of it") {
  SocketOptions options;
  options.maxSegment = 1448;
  TransportRig rig = makeRig(options);
  rig.listen();
  rig.connect();
  rig.server.setReading(false);
  constexpr int kLowat = 64 * 1024;
  REQUIRE(rig.client.transport().setNotsentLowat(kLowat));
  const std::vector<uint8_t> bytes = testBytes(256 * 1024);
  // Fill until the window and the mark are both full.
  uint64_t sent = 0;
  for (int still = 0; still < 30; ++still) {
    const IoResult result = rig.client.write(bytes);
    if (result.status == Status::kOk) still = 0;
    sent += result.bytes;
    rig.turn();
    REQUIRE(sent < 64u << 20);
  }
  const int fd = rig.client.transport().fd();
  CHECK(notsent(fd) >= kLowat / 2);
  CHECK(notsent(fd) < kLowat + 64 * 1024);  // A send may overshoot by one kernel buffer.
  rig.client.watchWritable();
  rig.turns(5);
  CHECK(rig.client.writable == 0);
  int unsentWhenTold = -1;
  rig.client.whenWritable = [&] { unsentWhenTold = notsent(fd); };
  rig.server.setReading(true);
  REQUIRE(rig.until([&] { return rig.client.writable == 1; }));
  CHECK(unsentWhenTold < kLowat / 2);
  REQUIRE(rig.until([&] { return rig.server.received.size() == sent; }));
}

TEST_CASE("tcp: a write under the low-water mark takes more than one send would") {
  SocketOptions options;
  options.maxSegment = 1448;
  TransportRig rig = makeRig(options);
  rig.listen();
  rig.connect();
  REQUIRE(rig.client.transport().setNotsentLowat(4096));
  // Many parts, the short send ending somewhere inside one of them: nothing doubled, nothing left out.
  const std::vector<uint8_t> bytes = testBytes(512 * 1024, 9);
  size_t sent = 0;
  REQUIRE(rig.until([&] {
    iovec parts[50];
    size_t from = sent;
    int count = 0;
    for (; count < 50 && from < bytes.size(); ++count) {
      const size_t size = std::min<size_t>(bytes.size() - from, 1000 + static_cast<size_t>(count) * 37);
      parts[count] = {const_cast<uint8_t*>(bytes.data()) + from, size};
      from += size;
    }
    sent += rig.client.transport().write(parts, count).bytes;
    return sent == bytes.size();
  }));
  REQUIRE(rig.until([&] { return rig.server.received.size() == bytes.size(); }));
  CHECK(rig.server.received == bytes);
}

TEST_CASE("tcp: writing to a peer that is gone gives an error, no signal") {
  TransportRig rig = makeRig();
  rig.listen();
  rig.connect();
  rig.server.close(true);
  std::vector<uint8_t> bytes = testBytes(1000);
  int error = 0;
  REQUIRE(rig.until([&] {
    const IoResult result = rig.client.write(bytes);
    if (result.status == Status::kError) error = result.error;
    return error != 0;
  }));
  CHECK((error == EPIPE || error == ECONNRESET));
}

TEST_CASE("tcp: needs a loop with descriptors") {
  int error = 0;
  int fd = -1;
  REQUIRE(isOk(openStream(AF_INET, {}, fd, error)));
  ManualLoop loop;
  TransportProbe probe;
  probe.take(TcpTransport::accept(loop, fd, {}));
  CHECK(probe.start() == Status::kUnsupported);
}

TEST_CASE("socket address: literals are read, everything else is refused") {
  SocketAddress address;
  CHECK(isOk(SocketAddress::parse("192.168.1.2", 443, address)));
  CHECK(address.toString() == "192.168.1.2:443");
  CHECK(address.isPrivate());
  CHECK(!address.isLoopback());
  CHECK(isOk(SocketAddress::parse("::1", 80, address)));
  CHECK(address.toString() == "[::1]:80");
  CHECK(address.isLoopback());
  CHECK(isOk(SocketAddress::parse("::ffff:10.0.0.1", 80, address)));
  CHECK(address.isPrivate());
  CHECK(isOk(SocketAddress::parse("2001:db8::1", 80, address)));
  CHECK(!address.isPrivate());
  using namespace std::string_view_literals;
  for (const std::string_view bad :
       {""sv, "localhost"sv, "[::1]"sv, "1.2.3"sv, "1.2.3.4 "sv, "127.0.0.1\0x"sv, "fe80::1%lo"sv,
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111"sv}) {
    CAPTURE(bad);
    CHECK(SocketAddress::parse(bad, 1, address) == Status::kInvalid);
  }
  for (const std::string_view shared :
       {"10.1.1.1"sv, "172.31.0.1"sv, "169.254.1.1"sv, "100.64.0.1"sv, "fd00::1"sv, "fe80::1"sv}) {
    CAPTURE(shared);
    CHECK(isOk(SocketAddress::parse(shared, 1, address)));
    CHECK(address.isPrivate());
  }
  for (const std::string_view open : {"172.32.0.1"sv, "100.128.0.1"sv, "8.8.8.8"sv, "127.0.0.1"sv}) {
    CAPTURE(open);
    CHECK(isOk(SocketAddress::parse(open, 1, address)));
    CHECK(!address.isPrivate());
  }
}
