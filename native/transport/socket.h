#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "transport/socket_address.h"

namespace kist {

/// What is set on stream and listening sockets. Zero or empty: the system's own value.
struct SocketOptions {
  bool noDelay = true;
  bool keepalive = true;
  /// After how long without an acknowledgement, or with a closed window, the kernel gives the connection up.
  uint32_t userTimeoutMs = 60'000;
  std::string congestion;      ///< TCP_CONGESTION by name; the system's is kept when empty.
  int maxSegment = 0;          ///< TCP_MAXSEG, so that loopback has a network's segment size in tests.
  uint64_t maxPacingRate = 0;  ///< SO_MAX_PACING_RATE, bytes per second.
  int sendBuffer = 0;          ///< SO_SNDBUF, bytes; switches the kernel's own tuning off.
  int receiveBuffer = 0;       ///< SO_RCVBUF, likewise.
  bool reusePort = false;      ///< Listening: one socket per reactor on the same port.
  int backlog = 1024;          ///< Listening: connections waiting to be accepted.
};

/// All sockets made here are non-blocking and close on exec. `error` is an errno, 0 on success.

/// Sets `options` on a stream socket. kInvalid: the named congestion control does not exist or is not
/// allowed, or a value is out of range; kError otherwise.
Status applyStreamOptions(int fd, const SocketOptions& options, int& error);
/// A stream socket of `family` with `options` set.
Status openStream(int family, const SocketOptions& options, int& fd, int& error);
/// A bound, listening socket. kInUse: the address is taken.
Status openListening(const SocketAddress& address, const SocketOptions& options, int& fd, int& error);
/// Begins to connect; kOk when it is under way or done.
Status beginConnect(int fd, const SocketAddress& address, int& error);

/// Takes the error that the kernel holds for `fd`; 0 if none.
int takeSocketError(int fd);
Status localAddress(int fd, SocketAddress& address);
Status peerAddress(int fd, SocketAddress& address);
/// A socket whose two ends are the same address: on loopback a connect to a free port can meet itself.
bool isConnectedToItself(int fd);
/// close() that discards unsent bytes and sends RST.
void closeWithReset(int fd);

/// Raises the soft limit of open descriptors to the hard one; returns the soft limit that then holds.
uint64_t raiseDescriptorLimit();

}  // namespace kist
