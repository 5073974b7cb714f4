#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "cell/tor61_dialect.h"
#include "support_args.h"
#include "transport/socket.h"
#include "transport/socket_address.h"

namespace kist {

/// What the set-up of a bench may take; nothing waits longer.
constexpr TimeNs kSetUpTime = 20 * kSecond;

/// --cc, --mss, --sndbuf and --rcvbuf, the same in every program.
inline SocketOptions socketOptions(Args& args) {
  SocketOptions options;
  options.congestion = args.text("cc");
  options.maxSegment = static_cast<int>(args.number("mss", 0, 0, 65535));
  options.sendBuffer = static_cast<int>(args.number("sndbuf", 0, 0, 1 << 28));
  options.receiveBuffer = static_cast<int>(args.number("rcvbuf", 0, 0, 1 << 28));
  return options;
}

inline SocketAddress parseAddress(const std::string& host, uint16_t port) {
  SocketAddress address;
  if (!isOk(SocketAddress::parse(host, port, address))) fail("not an address: " + host);
  return address;
}

/// A non-blocking listening socket on a free port, which is stored.
inline int listenOn(const std::string& host, const SocketOptions& options, uint16_t& port) {
  int fd = -1;
  int error = 0;
  if (!isOk(openListening(parseAddress(host, port), options, fd, error))) {
    fail("cannot listen on " + host + ": " + std::strerror(error));
  }
  SocketAddress bound;
  if (!isOk(localAddress(fd, bound))) fail("no local address");
  port = bound.port();
  return fd;
}

inline void waitFor(int fd, short events, TimeNs deadline) {
  pollfd entry{fd, events, 0};
  const TimeNs left = (deadline - SystemClock().now()) / kMillisecond;
  if (left <= 0 || poll(&entry, 1, static_cast<int>(left)) == 0) fail("no answer within the set-up time");
}

/// Connected and non-blocking; waits.
inline int connectTo(const std::string& host, uint16_t port, const SocketOptions& options) {
  const SocketAddress address = parseAddress(host, port);
  int fd = -1;
  int error = 0;
  if (!isOk(openStream(address.family(), options, fd, error)) || !isOk(beginConnect(fd, address, error))) {
    fail("cannot connect to " + address.toString() + ": " + std::strerror(error));
  }
  waitFor(fd, POLLOUT, SystemClock().now() + kSetUpTime);
  error = takeSocketError(fd);
  if (error != 0) fail("cannot connect to " + address.toString() + ": " + std::strerror(error));
  return fd;
}

inline void sendWhole(int fd, ByteSpan bytes, TimeNs deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes = bytes.subspan(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      waitFor(fd, POLLOUT, deadline);
    } else {
      fail(std::string("send during set-up: ") + std::strerror(errno));
    }
  }
}

inline void receiveCell(int fd, uint8_t* cell, TimeNs deadline) {
  for (size_t have = 0; have < Tor61Dialect::kCellLength;) {
    const ssize_t count = recv(fd, cell + have, Tor61Dialect::kCellLength - have, MSG_DONTWAIT);
    if (count > 0) {
      have += static_cast<size_t>(count);
    } else if (count < 0 && errno == EAGAIN) {
      waitFor(fd, POLLIN, deadline);
    } else {
      fail("the peer closed the channel during set-up");
    }
  }
}

/// Sends `cell` and waits for an answer with `command` (and relay command `relay`, unless 0) on the same
/// circuit ID.
inline void ask(int fd, uint8_t* cell, uint8_t command, uint8_t relay, const char* what) {
  const TimeNs deadline = SystemClock().now() + kSetUpTime;
  const uint16_t circId = loadU16(cell);
  sendWhole(fd, ByteSpan(cell, Tor61Dialect::kCellLength), deadline);
  receiveCell(fd, cell, deadline);
  const bool answered = cell[2] == command && loadU16(cell) == circId && (relay == 0 || cell[13] == relay);
  if (!answered) fail(std::string(what) + " was answered with command " + std::to_string(cell[2]));
}

inline void encodeLink(uint8_t* cell, uint8_t command, uint32_t opener, uint32_t opened) {
  std::memset(cell, 0, Tor61Dialect::kCellLength);
  cell[2] = command;
  storeU32(cell + 3, opener);
  storeU32(cell + 7, opened);
}

/// OPEN in the name of `self`.
inline void openChannelOn(int fd, uint32_t self, uint32_t peer) {
  uint8_t cell[Tor61Dialect::kCellLength];
  encodeLink(cell, Tor61Dialect::kOpen, self, peer);
  ask(fd, cell, Tor61Dialect::kOpened, 0, "OPEN");
}

inline void createCircuitOn(int fd, uint16_t circId) {
  uint8_t cell[Tor61Dialect::kCellLength];
  Tor61Dialect().encodeCreate(cell, circId, {});
  ask(fd, cell, Tor61Dialect::kCreated, 0, "CREATE");
}

constexpr uint8_t kRelayExtend = 6;
constexpr uint8_t kRelayExtended = 7;

/// EXTEND to host:port with the agent ID in 4 bytes.
inline void extendCircuitOn(int fd, uint16_t circId, const std::string& host, uint16_t port, uint32_t agent) {
  std::string body = host + ":" + std::to_string(port);
  body.push_back('\0');
  uint8_t id[4];
  storeU32(id, agent);
  body.append(reinterpret_cast<const char*>(id), sizeof id);
  uint8_t cell[Tor61Dialect::kCellLength];
  const ByteSpan bytes(reinterpret_cast<const uint8_t*>(body.data()), body.size());
  Tor61Dialect().encodeRelay(cell, circId, 0, kRelayExtend, bytes);
  ask(fd, cell, Tor61Dialect::kRelay, kRelayExtended, "EXTEND");
}

}  // namespace kist
